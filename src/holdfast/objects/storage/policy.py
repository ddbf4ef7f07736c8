"""By which way the data of each volume is saved: Velero's volume policies, read as they are, and what holds without one.

The first rule whose conditions all hold decides, as in Velero. Two things are stricter: what Velero would pass over – an unknown
type of volumes, say – is an error when the policy is read; and what an action asks for is never replaced by something else: a
volume that is to be saved by a VolumeSnapshot is not saved by copying its files, and the backup says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from holdfast.model.run import Problem
from holdfast.model.volume import Way
from holdfast.objects.exclusions import OPT_OUT_LABELS
from holdfast.objects.fields import Object, at
from holdfast.objects.patching.reading import Fields, invalid, read_yaml
from holdfast.objects.storage.claims import ClaimFacts, claims_of
from holdfast.objects.storage.pod_volumes import PodVolume
from holdfast.objects.storage.policy_conditions import Conditions, Seen, read_conditions, seen_claim, seen_pod_volume

GUIDE = "docs/volume-policy.md"
EXCLUDES_ANNOTATION = "backup.velero.io/backup-volumes-excludes"
"""On pods: names of their volumes, joined by commas, that are to be left out."""

_ABOUT_OBJECTS = ("includeExcludePolicy", "fineGrainedGlobalFilterPolicy", "namespacedFilterPolicies")
"""Parts of Velero's file that choose objects, not volumes."""


class Action(StrEnum):
    SKIP = "skip"
    COPY_FILES = "fs-backup"
    SNAPSHOT = "snapshot"
    CUSTOM = "custom"


class Decision(NamedTuple):
    """What becomes of a volume. With a problem its outcome is `failed`: it was asked for, and cannot be had."""

    way: Way
    why: str = ""  # of a volume that is left out
    next: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    place: str  # for people: "rule 2 of policy.yaml"
    action: Action
    conditions: Conditions

    @property
    def names_sort(self) -> bool:
        """Whether it speaks of a sort of volumes by name: what it asks for is then meant for just these."""
        return bool(self.conditions.about_sort)


@dataclass(frozen=True, slots=True)
class VolumePolicy:
    """Without rules: claims are read live, unless somebody has asked with a label or an annotation to leave them out."""

    rules: tuple[Rule, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for people about what of the file has no effect here."""

    def decide(self, volume: ClaimFacts | PodVolume) -> Decision:
        """The first of these that says something: the label that keeps out of backups, the rules, annotations of pods."""
        if isinstance(volume, PodVolume):
            return self._of_pod_volume(volume)
        label = next((name for name in OPT_OUT_LABELS if volume.labels.get(name) == "true"), None)
        if label is not None:
            return Decision(Way.NONE, f"its label {label}=true asks to stay out of backups")
        if volume.is_ephemeral:
            return Decision(Way.NONE, "an ephemeral volume lives and dies with its pod")
        rule = self._rule(seen_claim(volume))
        if rule is None:
            return _excluded_by_pods(volume) or Decision(Way.LIVE)
        if rule.names_sort and volume.volume_is_unread:
            return _undecided(rule, volume.full_name)
        if rule.action is Action.COPY_FILES:
            return Decision(Way.LIVE)
        return _left_out(rule) if rule.action is Action.SKIP else _impossible(rule, volume.full_name)

    def _of_pod_volume(self, volume: PodVolume) -> Decision:
        rule = self._rule(seen_pod_volume(volume))
        if rule is not None and rule.action is Action.SKIP:
            return _left_out(rule)
        if rule is None or not rule.names_sort:
            return Decision(Way.NONE, volume.why, volume.next)
        why = f"{rule.place} asks for it ({rule.action}), and only claims can be saved: {volume.why}"
        return _failed(f"{volume.namespace}/{volume.record_name}", why, volume.next)

    def _rule(self, seen: Seen) -> Rule | None:
        return next((rule for rule in self.rules if rule.conditions.may_hold(seen)), None)


def _left_out(rule: Rule) -> Decision:
    return Decision(Way.NONE, f"{rule.place} leaves it out")


def _impossible(rule: Rule, name: str) -> Decision:
    is_snapshot = rule.action is Action.SNAPSHOT
    asked = "a VolumeSnapshot, which this version cannot take" if is_snapshot else "a custom action, and there is none"
    return _failed(
        name,
        f"{rule.place} asks for {asked}",
        "Change its action: `fs-backup` reads the files while the application goes on, `skip` leaves the volume out.",
        Way.SNAPSHOT if is_snapshot else Way.NONE,
    )


def _undecided(rule: Rule, name: str) -> Decision:
    return _failed(
        name,
        f"whether {rule.place} is for it cannot be known, because its PersistentVolume may not be read",
        "Ask for the right to list PersistentVolumes, or choose by storageClass, pvcLabels or capacity.",
    )


def _failed(name: str, why: str, next_step: str, way: Way = Way.NONE) -> Decision:
    problem = Problem(what=f"the volume {name} was not saved", why=why, next=next_step)
    return Decision(way, why, next_step, problem)


def _excluded_by_pods(facts: ClaimFacts) -> Decision | None:
    """If all pods that use it leave it out. One that does not is reason enough to save what they share."""
    if facts.pods and all(_excludes(pod, facts.name) for pod in facts.pods):
        return Decision(Way.NONE, f"the annotation {EXCLUDES_ANNOTATION} of the pods that use it leaves it out")
    return None


def _excludes(pod: Object, claim: str) -> bool:
    excluded = {
        name.strip() for name in str(at(pod, "metadata", "annotations").get(EXCLUDES_ANNOTATION, "")).split(",")
    }
    mounted = {volume for volume, name in claims_of(pod) if name == claim}
    return bool(mounted) and mounted <= excluded


# Reading


def parse_policy(document: bytes | str | Mapping[str, Any], name: str = "the volume policy") -> VolumePolicy:
    """A file's content – YAML or JSON, bare or in the ConfigMap that Velero wants – or what is in it. `name` is for messages.

    Raises UsageError that says in which rule something is wrong.
    """
    content = document if isinstance(document, Mapping) else read_policy(document, name)
    fields = Fields(dict(content) if isinstance(content, Mapping) else content, name, GUIDE)
    version, entries = fields.text("version"), fields.items("volumePolicies")
    about_objects = [part for part in _ABOUT_OBJECTS if fields.value(part) is not None]
    notes = [f"{part} of {name} is not applied: flags or a plan say what is selected" for part in about_objects]
    fields.done()
    if version.lower() != "v1":
        raise fields.invalid(f"its version is {version!r:.50}, and v1 is the only one there is")
    rules = [_rule(Fields(entry, f"rule {number} of {name}", GUIDE), notes) for number, entry in enumerate(entries, 1)]
    return VolumePolicy(tuple(rules), tuple(notes))


def read_policy(document: bytes | str, name: str) -> Any:
    """What is in such a file, without the ConfigMap around it, as it is written. Raises UsageError."""
    content = _only(read_yaml(document, name, GUIDE), name)
    if not isinstance(content, Mapping) or content.get("kind") != "ConfigMap":
        return content
    texts = list(at(dict(content), "data").values())
    if len(texts) != 1 or not isinstance(texts[0], str):
        raise invalid(name, "the ConfigMap's data is not exactly one text", GUIDE)
    return _only(read_yaml(texts[0], name, GUIDE), name)


def _only(documents: list[Any], name: str) -> Any:
    if len(documents) != 1:
        raise invalid(name, "it is not one document", GUIDE)
    return documents[0]


def _rule(rule: Fields, notes: list[str]) -> Rule:
    conditions = read_conditions(rule.below("conditions"))
    action = rule.below("action")
    if action is None:
        raise rule.invalid("it has no action")
    rule.done()
    kind, parameters = action.text("type"), action.value("parameters")
    action.done()
    if kind not in tuple(Action):
        raise action.invalid(f"the type {kind!r:.50} is none of {', '.join(Action)}")
    if parameters and kind == Action.COPY_FILES:
        notes.append(f"the parameters in {action.place} have no effect")
    return Rule(rule.place, Action(kind), conditions)
