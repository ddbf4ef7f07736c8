"""In which order objects are restored: by tiers of kinds, and owners before what they own.

A tier holds kinds that can be created in parallel once everything before them is there. Inside a tier, and across
tiers, an object also waits for its owners, because its reference needs their new UIDs. The result is a list of waves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from holdfast.model.kubernetes import ObjectKey

_HINDERING = (
    "apiservices.apiregistration.k8s.io",
    "mutatingadmissionpolicies.admissionregistration.k8s.io",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "resourcequotas",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
)

TIERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("they define the kinds of all custom resources", ("customresourcedefinitions.apiextensions.k8s.io",)),
    ("they hold everything namespaced", ("namespaces",)),
    (
        "claims, pods and ingresses name them, and they name nothing",
        (
            "csidrivers.storage.k8s.io",
            "deviceclasses.resource.k8s.io",
            "ingressclasses.networking.k8s.io",
            "priorityclasses.scheduling.k8s.io",
            "runtimeclasses.node.k8s.io",
            "storageclasses.storage.k8s.io",
            "volumeattributesclasses.storage.k8s.io",
            "volumesnapshotclasses.snapshot.storage.k8s.io",
        ),
    ),
    (
        "tokens belong to accounts, and bindings need roles",
        ("clusterroles.rbac.authorization.k8s.io", "roles.rbac.authorization.k8s.io", "serviceaccounts"),
    ),
    (
        "rights must be there before the programs that use them",
        ("clusterrolebindings.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io"),
    ),
    ("a claim that names its volume needs it", ("persistentvolumes",)),
    ("pods mount them", ("persistentvolumeclaims",)),
    ("pods read them when they start", ("configmaps", "secrets")),
    (
        "pods get the addresses of services when they start, and are to be fenced and limited from their first moment",
        (
            "endpoints",
            "endpointslices.discovery.k8s.io",
            "limitranges",
            "networkpolicies.networking.k8s.io",
            "resourceclaims.resource.k8s.io",
            "resourceclaimtemplates.resource.k8s.io",
            "services",
        ),
    ),
    ("a Deployment adopts the ReplicaSets that it finds", ("replicasets.apps",)),
    (
        "they run the application",
        (
            "cronjobs.batch",
            "daemonsets.apps",
            "deployments.apps",
            "jobs.batch",
            "pods",
            "podtemplates",
            "replicationcontrollers",
            "statefulsets.apps",
        ),
    ),
    ("custom resources and every kind that is not named here: operators act on them at once", ()),
    (
        "they steer or expose what runs",
        (
            "ingresses.networking.k8s.io",
            "poddisruptionbudgets.policy",
        ),
    ),
    (
        "they can refuse or hold up other objects: webhooks until their service runs, quotas when they are full",
        _HINDERING,
    ),
    (
        "they change how many there are of what runs, so they are made once that is ready",
        (
            "horizontalpodautoscalers.autoscaling",
            "scaledjobs.keda.sh",
            "scaledobjects.keda.sh",
            "verticalpodautoscalers.autoscaling.k8s.io",
        ),
    ),
)
"""(why these come here, kinds). The one tier without kinds is that of all others."""

_TIER_OF = {kind: number for number, (_, kinds) in enumerate(TIERS) for kind in kinds}
_CLAIMS = _TIER_OF["persistentvolumeclaims"]
_LATE = len(TIERS) - 1
_OTHERS = next(number for number, (_, kinds) in enumerate(TIERS) if not kinds)


def hinders(group_resource: str) -> bool:
    """Whether objects of a kind can refuse or hold up others: what is to be deleted of them goes before a restore."""
    return group_resource in _HINDERING or group_resource == "limitranges"


class Item(NamedTuple):
    """An object to be restored. `owners` are those of the desired object, after transforms; strangers are ignored."""

    key: ObjectKey
    owners: tuple[ObjectKey, ...] = ()


def waves(items: Iterable[Item]) -> list[list[Item]]:
    """Items → waves to be restored one after the other; those of one wave may go in parallel.

    The same items give the same waves in any order of the input. Owners that own each other in a circle cannot all
    come first: the circle is cut at its smallest key, and every item is in exactly one wave.
    """
    by_key = {item.key: item for item in sorted(items)}
    levels = _levels(by_key)
    grouped: defaultdict[tuple[int, int], list[Item]] = defaultdict(list)
    for key, item in by_key.items():
        grouped[levels[key]].append(item)
    return [grouped[level] for level in sorted(grouped)]


def early_and_late(in_order: list[list[Item]]) -> tuple[list[list[Item]], list[list[Item]]]:
    """Waves → those before the last tier, and those from there on: what waits until the workloads are ready."""
    for number, wave in enumerate(in_order):
        if any(_TIER_OF.get(item.key.group_resource) == _LATE for item in wave):
            return in_order[:number], in_order[number:]
    return in_order, []


def up_to_claims(in_order: list[list[Item]]) -> tuple[list[list[Item]], list[list[Item]]]:
    """Waves → those before anything can mount a claim, and the rest."""
    for number, wave in enumerate(in_order):
        if any(_TIER_OF.get(item.key.group_resource, _OTHERS) > _CLAIMS for item in wave):
            return in_order[:number], in_order[number:]
    return in_order, []


def _levels(items: dict[ObjectKey, Item]) -> dict[ObjectKey, tuple[int, int]]:
    """Each item's (tier, step in it). An item whose owner has a later tier moves into that one, a step behind."""
    waiting_for = {
        key: {owner for owner in item.owners if owner in items and owner != key} for key, item in items.items()
    }
    owned: defaultdict[ObjectKey, list[ObjectKey]] = defaultdict(list)
    for key, owners in waiting_for.items():
        for owner in owners:
            owned[owner].append(key)
    levels = {key: (_TIER_OF.get(key.group_resource, _OTHERS), 0) for key in items}
    ready = [key for key, owners in waiting_for.items() if not owners]
    while waiting_for:
        key = ready.pop() if ready else _smallest_in_circle(waiting_for)
        del waiting_for[key]
        tier, step = levels[key]
        for dependent in owned[key]:
            if dependent in waiting_for:
                levels[dependent] = max(levels[dependent], (tier, step + 1))
                waiting_for[dependent].discard(key)
                if not waiting_for[dependent]:
                    ready.append(dependent)
    return levels


def _smallest_in_circle(waiting_for: dict[ObjectKey, set[ObjectKey]]) -> ObjectKey:
    """Where to cut, when everything left waits for something: going from owner to owner must come round."""
    path: dict[ObjectKey, None] = {}
    key = min(waiting_for)
    while key not in path:
        path[key] = None
        key = min(waiting_for[key])
    keys = list(path)
    return min(keys[keys.index(key) :])
