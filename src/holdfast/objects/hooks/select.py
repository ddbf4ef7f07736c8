"""Which hooks are for which pods.

A pod's own annotations win over what was given, for each time by itself, as in Velero: a pod that says what is done before its
backup is done that and nothing else. Holdfast's annotations win over Velero's.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from holdfast.model.hooks import DEFAULT_DUMP_TIMEOUT, DumpMode, Hook, HookSet, Origin, PodSelection, When
from holdfast.objects.fields import Object, at, items, name_of, namespace_of, text
from holdfast.objects.hooks.annotations import of_pod
from holdfast.objects.hooks.freezing import thaw_of
from holdfast.objects.hooks.recipes import ANY_RECIPE, RECIPES, Recipe, recognise
from holdfast.objects.label_selector import LabelSelector
from holdfast.objects.pod_specs import containers

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodHooks:
    """One pod with its hooks, whose containers are decided."""

    namespace: str
    pod: str
    workload: str = ""  # "statefulset/db"; "" for a pod of its own
    running: frozenset[str] = frozenset()  # its containers that run
    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()
    dumps: tuple[Hook, ...] = ()
    loads: tuple[Hook, ...] = ()  # dumps of a backup that can go back into this pod, by container and name
    after_restore: tuple[Hook, ...] = ()
    notes: tuple[str, ...] = ()  # what people should know: databases without a dump, annotations that are not applied

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.pod}"

    @property
    def has_any(self) -> bool:
        return bool(self.before or self.after or self.dumps or self.loads or self.after_restore or self.notes)


def select_hooks(pods: Iterable[Object], given: HookSet) -> list[PodHooks]:
    """The pods that have hooks or something to say, in the order in which they come. Pods that have finished have none.

    What nobody can run is there too, as an unusable hook, and fails by name.
    """
    if not given.enabled:
        return []
    compiled = [(hook, LabelSelector.parse(hook.pods.selector)) for hook in given.hooks]
    found = [_of_pod(pod, compiled, given.dumps) for pod in pods if at(pod, "status").get("phase") not in _FINISHED]
    return [one for one in found if one.has_any]


def workload_of(pod: Object) -> str:
    """What made the pod, by a name that its successors share: "deployment/web", "statefulset/db"; "" for nothing."""
    for owner in items(pod, "metadata", "ownerReferences"):
        if owner.get("controller"):
            kind, name = text(owner, "kind"), text(owner, "name")
            generation = f"-{text(pod, 'metadata', 'labels', 'pod-template-hash')}"
            if kind == "ReplicaSet" and len(generation) > 1 and name.endswith(generation):
                return f"deployment/{name.removesuffix(generation)}"
            return f"{kind.lower()}/{name}"
    return ""


def _of_pod(pod: Object, given: list[tuple[Hook, LabelSelector]], dumps: DumpMode) -> PodHooks:
    said = of_pod(pod)
    notes = list(said.notes)
    chosen: dict[When, list[Hook]] = {when: [] for when in When}
    for hook, labels in given:
        if not _is_for(hook.pods, labels, pod):
            continue
        if hook.when in said.hooks:
            notes.append(f"the hook {hook.name} is not run: the pod's annotations say what is done {hook.when}")
        else:
            chosen[hook.when].append(hook)
    chosen.update(said.hooks)
    wants_no_dump = When.DUMP in said.hooks and not said.hooks[When.DUMP]
    placed = {when: [_placed(hook, pod) for hook in hooks] for when, hooks in chosen.items()}
    if dumps is DumpMode.NONE:
        placed[When.DUMP] = []
    elif not wants_no_dump:
        more = [hook for hook in _recognised(pod) if all(hook.container != one.container for one in placed[When.DUMP])]
        if dumps is DumpMode.AUTO:
            placed[When.DUMP] += more
        else:
            notes += [
                f"{RECIPES[hook.recipe].title} was recognised in the container {hook.container},"
                " and nothing asks for a dump of it (--dumps auto does)"
                for hook in more
            ]
    return PodHooks(
        namespace=namespace_of(pod),
        pod=name_of(pod),
        workload=workload_of(pod),
        running=frozenset(
            text(status, "name")
            for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
            for status in items(pod, "status", field)
            if "running" in at(status, "state")
        ),
        before=tuple(map(_with_thaw, placed[When.BEFORE_BACKUP])),
        after=tuple(placed[When.AFTER_BACKUP]),
        dumps=tuple(hook for hook in placed[When.DUMP] if hook.command or not hook.load),
        loads=tuple(hook for hook in placed[When.DUMP] if hook.load),
        after_restore=tuple(placed[When.AFTER_RESTORE]),
        notes=tuple(notes),
    )


def _is_for(selection: PodSelection, labels: LabelSelector, pod: Object) -> bool:
    namespace = namespace_of(pod)
    return (
        (not selection.namespaces or _fits(namespace, selection.namespaces))
        and not _fits(namespace, selection.exclude_namespaces)
        and (not selection.pods or _fits(name_of(pod), selection.pods))
        and labels.matches({key: str(value) for key, value in at(pod, "metadata", "labels").items()})
    )


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _placed(hook: Hook, pod: Object) -> Hook:
    """With its container and, of a recipe, its commands."""
    spec = at(pod, "spec")
    known = {text(one, "name"): one for one in containers(spec)}
    if hook.recipe:
        return _of_recipe(hook, known)
    container = hook.container or _default_container(pod, first=hook.origin is Origin.VELERO)
    if container not in known:
        return replace(
            hook, container=container, unusable=hook.unusable or f"the pod has no container {container!r:.80}"
        )
    return replace(hook, container=container)


def _default_container(pod: Object, *, first: bool) -> str:
    named = text(pod, "metadata", "annotations", _DEFAULT_CONTAINER)
    if named and not first:
        return named
    return next((text(one, "name") for one in items(pod, "spec", "containers")), "")


def _of_recipe(hook: Hook, known: dict[str, Object]) -> Hook:
    """The commands of the recipe that is named, in the container that is named, or else in one that is recognised."""
    wanted = RECIPES.get(hook.recipe)
    for name, container in known.items():
        recognised = recognise(container)
        recipe = wanted if wanted and hook.container else recognised
        if recipe is None or hook.container not in ("", name) or wanted not in (None, recipe):
            continue
        return _cooked(hook, recipe, name)
    where = f"the container {hook.container}" if hook.container else "any container"
    what = wanted.title if wanted else "no database that a recipe is known for"
    return replace(
        hook,
        name=hook.name or (wanted.file if wanted else "dump"),
        unusable=hook.unusable or f"{what} was {'not ' if wanted else ''}recognised in {where}",
    )


def _cooked(hook: Hook, recipe: Recipe, container: str) -> Hook:
    return replace(
        hook,
        name=hook.name or recipe.file,
        container=container,
        command=recipe.dump,
        load=hook.load or recipe.load,
        recipe=recipe.name,
    )


def _recognised(pod: Object) -> Iterator[Hook]:
    """A dump of each database in the pod."""
    asked = Hook(name="", when=When.DUMP, origin=Origin.RECIPE, recipe=ANY_RECIPE, timeout=DEFAULT_DUMP_TIMEOUT)
    for container in items(pod, "spec", "containers"):
        if recipe := recognise(container):
            yield _cooked(asked, recipe, text(container, "name"))


def _with_thaw(hook: Hook) -> Hook:
    """A hook that freezes a file system, and says nothing of thawing, is thawed all the same."""
    if hook.thaw or not (thaw := thaw_of(hook.command)):
        return hook
    return replace(hook, thaw=thaw, thaw_is_spare=True)
