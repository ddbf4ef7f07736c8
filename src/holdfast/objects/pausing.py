"""Which objects can be told to hold still for a while, and how: CronJobs, owners in GitOps, workloads.

A pause sets one field, and notes beside it what the field was before: in an annotation, so that the pause of a run that
was killed is recognised and taken back by whoever reads the object next, and as a label, so that one list finds all of
them. What holds still already is never paused: whoever stopped it will know why.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.fields import Object, at, copied, put, remove

NOTE = "holdfast.dev/paused"
"""Annotation: the field's value before the pause as JSON, `null` if it was not there. Label: `true`."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The field at `path` with `value` stops objects of a kind from acting. None: the field is taken away."""

    path: tuple[str, ...]
    value: Any


_SUSPEND = Pause(("spec", "suspend"), value=True)
_SCALE = Pause(("spec", "replicas"), value=0)

GITOPS: Mapping[str, Pause] = {
    "applications.argoproj.io": Pause(("spec", "syncPolicy", "automated"), value=None),
    "helmreleases.helm.toolkit.fluxcd.io": _SUSPEND,
    "kustomizations.kustomize.toolkit.fluxcd.io": _SUSPEND,
}
SCALED: Mapping[str, Pause] = {
    "deployments.apps": _SCALE,
    "statefulsets.apps": _SCALE,
}
HELD_BACK: Mapping[str, Pause] = {"cronjobs.batch": _SUSPEND}
"""Kinds that a restore creates paused, because they start work by themselves."""

PAUSES: Mapping[str, Pause] = {**GITOPS, **SCALED, **HELD_BACK}


_NAMES = {
    "Application": "applications.argoproj.io",
    "CronJob": "cronjobs.batch",
    "Deployment": "deployments.apps",
    "HelmRelease": "helmreleases.helm.toolkit.fluxcd.io",
    "Kustomization": "kustomizations.kustomize.toolkit.fluxcd.io",
    "StatefulSet": "statefulsets.apps",
}


def pause_of(obj: Object) -> Pause | None:
    """How an object is paused, by what it says that it is; None if it cannot be."""
    kind = _NAMES.get(str(obj.get("kind")), "")
    return PAUSES[kind] if kind and str(obj.get("apiVersion")).startswith(f"{kind.partition('.')[2]}/") else None


def is_still(obj: Object, pause: Pause) -> bool:
    """Whether the object does not act anyway."""
    value = at(obj, *pause.path[:-1]).get(pause.path[-1])
    return value is None if pause.value is None else value == pause.value


def is_paused(obj: Object) -> bool:
    """Whether it was Holdfast that stopped it."""
    return NOTE in at(obj, "metadata", "annotations")


def paused(obj: Object, pause: Pause) -> Object:
    """The object as it holds still, with the note of how it was. The argument stays as it is."""
    former = at(obj, *pause.path[:-1]).get(pause.path[-1])
    still: Object = copied(obj)
    _set(still, pause.path, pause.value)
    put(still, "metadata", "annotations", NOTE, value=json.dumps(former))
    put(still, "metadata", "labels", NOTE, value="true")
    return still


def resumed(obj: Object, pause: Pause) -> Object:
    """The paused object as it was before. A field that somebody has set meanwhile keeps what they set."""
    acting: Object = copied(obj)
    if is_still(obj, pause):
        _set(acting, pause.path, _former(obj))
    for place in ("annotations", "labels"):
        remove(acting, "metadata", place, NOTE)
    return acting


def let_go(live: Object, group_resource: str) -> Object:
    """A live object as it is when it acts: `resumed` if we have paused it, else itself."""
    pause = PAUSES.get(group_resource)
    return resumed(live, pause) if pause is not None and is_paused(live) else live


def pausing_patch(live: Object, pause: Pause) -> Object:
    """The JSON merge patch that stops `live`; it is refused as a conflict if `live` was changed since."""
    former = at(live, *pause.path[:-1]).get(pause.path[-1])
    patch: Object = {"metadata": {"annotations": {NOTE: json.dumps(former)}, "labels": {NOTE: "true"}}}
    put(patch, *pause.path, value=pause.value)
    return _versioned(patch, live)


def resuming_patch(live: Object, pause: Pause) -> Object:
    """The JSON merge patch that lets a paused object act again, as `resumed` says."""
    patch: Object = {"metadata": {"annotations": {NOTE: None}, "labels": {NOTE: None}}}
    if is_still(live, pause):
        put(patch, *pause.path, value=_former(live))
    return _versioned(patch, live)


def resuming_command(key: ObjectKey, live: Object, pause: Pause) -> str:
    """The same for people: a kubectl command."""
    patch = resuming_patch(live, pause)
    patch["metadata"].pop("resourceVersion", None)
    where = f" -n {key.namespace}" if key.namespace else ""
    text = shlex.quote(json.dumps(patch, separators=(",", ":")))
    return f"kubectl patch {key.group_resource} {key.name}{where} --type merge -p {text}"


def _former(obj: Object) -> Any:
    """What the note says. Somebody may have written into it: then the field is left to the server's default."""
    try:
        return json.loads(at(obj, "metadata", "annotations")[NOTE])
    except (KeyError, TypeError, ValueError):
        return None


def _set(obj: Object, path: tuple[str, ...], value: Any) -> None:
    if value is None:
        at(obj, *path[:-1]).pop(path[-1], None)
    else:
        put(obj, *path, value=value)


def _versioned(patch: Object, live: Object) -> Object:
    patch["metadata"]["resourceVersion"] = at(live, "metadata").get("resourceVersion")
    return patch
