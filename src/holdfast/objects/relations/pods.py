"""Pod templates, wherever an object of any kind has them: a Deployment, a CronJob, an Argo Rollout, a JobSet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from holdfast.objects.fields import Object, at, items

POD_KINDS = frozenset(
    {
        "pods",
        "podtemplates",
        "replicationcontrollers",
        "cronjobs.batch",
        "daemonsets.apps",
        "deployments.apps",
        "jobs.batch",
        "replicasets.apps",
        "statefulsets.apps",
    }
)
"""The built-in kinds that have pod templates; custom kinds are searched for them."""


class PodTemplate(NamedTuple):
    labels: Mapping[str, str]
    spec: Object


def templates_within(value: Any) -> Iterator[PodTemplate]:
    """Every map with a `spec` that has `containers`, with the labels beside it."""
    if isinstance(value, list):
        for item in value:
            yield from templates_within(item)
    elif isinstance(value, dict):
        spec = at(value, "spec")
        is_template = bool(items(spec, "containers"))
        if is_template:
            labels = at(value, "metadata", "labels")
            yield PodTemplate({key: text for key, text in labels.items() if isinstance(text, str)}, spec)
        for name, item in value.items():
            if not (is_template and name == "spec"):
                yield from templates_within(item)
