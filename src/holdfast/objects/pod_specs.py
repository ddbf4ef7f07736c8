"""Where objects hold the specification of pods: in built-in kinds, and in custom ones that are made in the same way."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.objects.fields import Object, at, items

CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
_PLACES = (
    ("spec", "template", "spec"),  # Deployments, Jobs, … and custom kinds with a pod template
    ("spec", "jobTemplate", "spec", "template", "spec"),  # CronJobs
    ("template", "spec"),  # PodTemplates
)


def pod_specs(obj: Object) -> Iterator[Object]:
    """Each specification of pods in the object, to be read or changed in place.

    A custom kind's `spec.template.spec` counts if it has containers.
    """
    if (obj.get("apiVersion"), obj.get("kind")) == ("v1", "Pod"):
        yield at(obj, "spec")
    for place in _PLACES:
        spec = at(obj, *place)
        if items(spec, "containers"):
            yield spec


def containers(spec: Object) -> Iterator[Object]:
    """All containers of a pod, of every sort."""
    for name in CONTAINER_LISTS:
        yield from items(spec, name)
