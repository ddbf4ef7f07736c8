"""Velero's hooks as they are: `spec.hooks` of its Backup, Schedule and Restore, or what stands below `hooks`.

Commands are run without a shell, in the first container if none is named; the time-out is 30 s and an error fails, but after a
restore is passed over, if nothing else is said. Init containers are named as not applied.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from holdfast.model.hooks import DEFAULT_TIMEOUT, DEFAULT_WAIT, Hook, OnError, Origin, PodSelection, When
from holdfast.objects.fields import at
from holdfast.objects.hooks.durations import parse_duration
from holdfast.objects.label_selector import OPERATORS, Expression, LabelSelector
from holdfast.objects.patching.reading import Fields, invalid

_GROUP = "velero.io/"
_PODS = frozenset(("*", "pods", "pod", "po"))
_ON_ERROR = {"Fail": OnError.FAIL, "Continue": OnError.CONTINUE}


class Parsed(NamedTuple):
    hooks: tuple[Hook, ...]
    notes: tuple[str, ...]  # what of the document is not applied


def is_velero(document: Any) -> bool:
    return isinstance(document, dict) and (
        str(document.get("apiVersion", "")).startswith(_GROUP) or "resources" in document
    )


def parse_velero(document: dict[str, Any], name: str) -> Parsed:
    """Raises UsageError that says where something is wrong."""
    found = document
    if "resources" not in document:
        path = ("spec", "template", "hooks") if document.get("kind") == "Schedule" else ("spec", "hooks")
        found = at(document, *path)
    fields = Fields(found, f"{name}, hooks")
    entries = fields.items("resources")
    fields.done()
    hooks: list[Hook] = []
    notes: list[str] = []
    for number, entry in enumerate(entries, 1):
        _resource(Fields(entry, f"{name}, hooks.resources[{number - 1}]"), hooks, notes)
    return Parsed(tuple(hooks), tuple(notes))


def _resource(fields: Fields, hooks: list[Hook], notes: list[str]) -> None:
    place = fields.place
    name = fields.text("name")
    pods = PodSelection(
        namespaces=_texts(fields, "includedNamespaces"),
        exclude_namespaces=_texts(fields, "excludedNamespaces"),
        selector=_selector(fields.value("labelSelector"), place),
    )
    included, excluded = set(_texts(fields, "includedResources")), set(_texts(fields, "excludedResources"))
    lists = (
        ("pre", When.BEFORE_BACKUP),
        ("post", When.AFTER_BACKUP),
        ("postHooks", When.AFTER_RESTORE),
    )
    is_for_pods = not excluded & _PODS and (not included or included & _PODS)
    if not is_for_pods:
        notes.append(f"{place} is for no pods, so its hooks are not run")
    for field, when in lists:
        for number, entry in enumerate(fields.items(field)):
            hook = _hook(Fields(entry, f"{place}.{field}[{number}]"), when, name or place, pods, notes)
            if hook and is_for_pods:
                hooks.append(hook)
    fields.done()


def _hook(fields: Fields, when: When, name: str, pods: PodSelection, notes: list[str]) -> Hook | None:
    place = fields.place
    init, body = fields.value("init"), fields.value("exec")
    fields.done()
    if init is not None:
        notes.append(f"{place}.init is not applied: no containers are added to restored pods")
    if body is None:
        return None
    exec_fields = Fields(body, f"{place}.exec")
    of_restore = when is When.AFTER_RESTORE
    default = OnError.CONTINUE if of_restore else OnError.FAIL
    on_error = exec_fields.text("onError")
    if on_error and on_error not in _ON_ERROR:
        raise invalid(exec_fields.place, f"onError {on_error!r:.60} is neither Fail nor Continue")
    command = _texts(exec_fields, "command")
    if not command or not command[0]:
        raise invalid(exec_fields.place, "it has no command")
    hook = Hook(
        name=name,
        when=when,
        pods=pods,
        origin=Origin.VELERO,
        container=exec_fields.text("container"),
        command=command,
        timeout=_seconds(exec_fields, "execTimeout" if of_restore else "timeout", DEFAULT_TIMEOUT),
        on_error=_ON_ERROR.get(on_error, default),
        wait=_seconds(exec_fields, "waitTimeout", DEFAULT_WAIT) if of_restore else DEFAULT_WAIT,
        wait_for_ready=of_restore and exec_fields.value("waitForReady") is True,
    )
    exec_fields.done()
    return hook


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    values = fields.items(name)
    if not all(isinstance(value, str) for value in values):
        raise invalid(fields.place, f"{name} is not a list of texts")
    return tuple(values)


def _seconds(fields: Fields, name: str, default: float) -> float:
    """Zero is Velero's way to leave the default."""
    text = fields.text(name)
    seconds = parse_duration(text) if text else 0.0
    if seconds is None or seconds < 0:
        raise invalid(fields.place, f"{name} is {text!r:.60}, and no length of time as 30s or 5m")
    return seconds or default


def _selector(value: Any, place: str) -> str:
    if value is None:
        return ""
    fields = Fields(value, f"{place}.labelSelector")
    labels = fields.value("matchLabels") or {}
    if not isinstance(labels, dict) or not all(isinstance(text, str) for text in labels.values()):
        raise invalid(fields.place, "matchLabels is not a map of texts")
    expressions = [_expression(Fields(entry, fields.place)) for entry in fields.items("matchExpressions")]
    fields.done()
    return str(LabelSelector.parse(str(LabelSelector.from_object(labels, expressions))))


def _expression(fields: Fields) -> Expression:
    key, operator, values = fields.text("key"), fields.text("operator"), _texts(fields, "values")
    fields.done()
    if operator not in OPERATORS:
        raise invalid(fields.place, f"the operator {operator!r:.60} is none of {', '.join(OPERATORS)}")
    if bool(values) != (operator in ("In", "NotIn")):
        raise invalid(fields.place, f"the operator {operator} needs {'values' if not values else 'no values'}")
    return Expression(key, operator, values)
