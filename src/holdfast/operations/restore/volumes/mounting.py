"""Which objects of a restore, and which pods of the target, mount which claims."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.fields import Object, at, items, name_of, namespace_of, text
from holdfast.objects.pod_specs import pod_specs

CLAIMS = "persistentvolumeclaims"
_STATEFUL_SETS = "statefulsets.apps"
_OWNED_KINDS = frozenset(("pods", "replicasets.apps", "jobs.batch"))
"""Kinds that others make: of those that mount one claim, the others say better where its pods run."""

MOUNTING = frozenset(
    (
        *("pods", "replicationcontrollers", "jobs.batch", "cronjobs.batch"),
        *("daemonsets.apps", "deployments.apps", "replicasets.apps", _STATEFUL_SETS),
    )
)
"""Kinds whose pods mount claims, all that Kubernetes has."""


@dataclass(slots=True)
class Mounting:
    """Claims → who mounts them. Names and keys are the target's."""

    _by_claim: dict[tuple[str, str], list[ObjectKey]] = field(default_factory=dict)
    _templates: list[tuple[str, re.Pattern[str], ObjectKey]] = field(default_factory=list)
    _specs: dict[ObjectKey, Object] = field(default_factory=dict)

    def add(self, key: ObjectKey, desired: Object) -> None:
        """An object as it is to be in the target."""
        for spec in pod_specs(desired):
            self._specs[key] = spec
            for volume in items(spec, "volumes"):
                if claim := text(at(volume, "persistentVolumeClaim"), "claimName"):
                    self._by_claim.setdefault((key.namespace, claim), []).append(key)
        if key.group_resource == _STATEFUL_SETS:
            for template in items(desired, "spec", "volumeClaimTemplates"):
                names = re.compile(rf"{re.escape(name_of(template))}-{re.escape(key.name)}-[0-9]+")
                self._templates.append((key.namespace, names, key))

    def of(self, namespace: str, claim: str) -> list[ObjectKey]:
        """Who mounts a claim: by its name, or, for a StatefulSet, by one of its claim templates."""
        by_template = [
            key for place, names, key in self._templates if place == namespace and names.fullmatch(claim) is not None
        ]
        return sorted({*self._by_claim.get((namespace, claim), ()), *by_template})

    def pod_spec(self, namespace: str, claim: str) -> Object | None:
        """The specification of the pods that mount a claim; None if nothing does."""
        mounting = self.of(namespace, claim)
        first = sorted(mounting, key=lambda key: (key.group_resource in _OWNED_KINDS, key))
        return self._specs.get(first[0]) if first else None


def pods_on(pods: Iterable[Object], namespace: str, claim: str) -> list[Object]:
    """Pods that mount a claim and have not finished."""
    return [
        pod
        for pod in pods
        if namespace_of(pod) == namespace
        and at(pod, "status").get("phase") not in ("Succeeded", "Failed")
        and any(
            text(at(volume, "persistentVolumeClaim"), "claimName") == claim for volume in items(pod, "spec", "volumes")
        )
    ]
