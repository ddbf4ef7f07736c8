"""Pod templates, wherever an object of any kind has them: a Deployment, a CronJob, an Argo Rollout, a JobSet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from holdfast.objects.fields import Object, at, items

_IN_SPEC = ("spec", "template")
_PLACES: Mapping[str, tuple[str, ...]] = {
    "pods": (),
    "podtemplates": ("template",),
    "replicationcontrollers": _IN_SPEC,
    "cronjobs.batch": ("spec", "jobTemplate", *_IN_SPEC),
    "daemonsets.apps": _IN_SPEC,
    "deployments.apps": _IN_SPEC,
    "jobs.batch": _IN_SPEC,
    "replicasets.apps": _IN_SPEC,
    "statefulsets.apps": _IN_SPEC,
}
"""Where the built-in kinds have their pod template; custom kinds are searched for it."""

POD_KINDS = frozenset(_PLACES)


class PodTemplate(NamedTuple):
    labels: Mapping[str, str]
    spec: Object


def pod_templates(kind: str, body: Object, labels: Mapping[str, str]) -> Iterator[PodTemplate]:
    """Those of an object of a built-in kind. A Pod, with these `labels`, counts as its own template."""
    place = _PLACES.get(kind)
    if place is None:
        return
    template = at(body, *place)
    spec = at(template, "spec")
    if spec:
        yield PodTemplate(_labels(template) if place else labels, spec)


def templates_within(value: Any) -> Iterator[PodTemplate]:
    """Every map in a JSON value with a `spec` that has `containers`, with the labels beside it."""
    if isinstance(value, list):
        for item in value:
            yield from templates_within(item)
    elif isinstance(value, dict):
        spec = at(value, "spec")
        is_template = bool(items(spec, "containers"))
        if is_template:
            yield PodTemplate(_labels(value), spec)
        for name, item in value.items():
            if not (is_template and name == "spec"):
                yield from templates_within(item)


def _labels(template: Object) -> Mapping[str, str]:
    return {key: value for key, value in at(template, "metadata", "labels").items() if isinstance(value, str)}
