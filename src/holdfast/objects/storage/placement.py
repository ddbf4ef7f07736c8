"""Where the mover of a volume may run, and as whom; or why none can reach the volume.

A mover that reads goes to where the volume is. One that fills a new volume decides where that will be, so it asks for all that
the workload asks for. Labels are never taken over, nor affinities to other pods, which speak of labels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from holdfast.model.placement import Placement
from holdfast.model.run import Problem
from holdfast.objects.fields import Object, at, items, name_of, namespace_of, text
from holdfast.objects.storage.claims import AccessMode, ClaimFacts, claims_of, mounting_containers
from holdfast.objects.storage.nodes import hostnames, is_ready, selects, tolerations_for
from holdfast.objects.storage.pod_parts import (
    identity_number,
    node_affinity,
    node_selector,
    requests,
    scheduler,
    se_linux,
    tolerations,
)


def backup_placement(facts: ClaimFacts, nodes: Mapping[str, Object] | None = None) -> Placement | Problem:
    """Where a mover reaches a claim's volume as it is now. `nodes` are all of the cluster by name; None if nobody could look.

    A Problem if no mover can: the claim has no volume, the volume is a device, is held by one pod alone, or its node is gone.
    """
    return _unreadable(facts) or _at_its_place(facts, nodes)


def restore_placement(pod_spec: Object | None) -> Placement:
    """Where the pods of a workload can run, which is where a new volume must be. None for a claim that no workload uses.

    A volume that exists already draws its mover to its own place. If it is in use, `backup_placement` says where that is.
    """
    spec = pod_spec or {}
    placement = Placement(
        node_selector=node_selector(spec),
        node_affinity=node_affinity(spec),
        tolerations=tolerations(spec),
        requests=requests(spec),
        scheduler=scheduler(spec),
        runtime_class=text(spec, "runtimeClassName"),
        reason="where its workload can run" if pod_spec else "anywhere: no workload uses it",
    )
    return _as(placement, spec, items(spec, "containers"))


# What makes a volume unreadable


def _unreadable(facts: ClaimFacts) -> Problem | None:
    if facts.phase == "Lost":
        return _problem(
            facts,
            "the claim is Lost: the volume that it was bound to is gone",
            f"See `kubectl -n {facts.namespace} describe pvc {facts.name}`. Its data may be in an earlier backup.",
        )
    if facts.phase != "Bound":
        return _problem(
            facts,
            f"the claim is {facts.phase or 'new'} and has no volume yet",
            f"See `kubectl -n {facts.namespace} describe pvc {facts.name}`. A policy with `pvcPhase: Pending` and `skip`"
            " leaves such claims out.",
        )
    if facts.volume is None:
        return _problem(
            facts,
            f"its volume {text(facts.claim, 'spec', 'volumeName')} is gone",
            "Look for it with `kubectl get pv`. Its data may be in an earlier backup.",
        )
    if facts.is_block:
        return _problem(
            facts,
            "it is a block device, and movers read files only",
            "Back it up with the means of the program that writes it, or on its node with `holdfast backup files DEVICE`.",
        )
    if facts.is_in_use and facts.access_modes == [AccessMode.ONE_POD]:
        pod = min(facts.pods, key=name_of)
        return _problem(
            facts,
            f"its access mode is ReadWriteOncePod, and the pod {namespace_of(pod)}/{name_of(pod)} has it",
            "Stop that pod for the time of the backup, dump the data with a hook, or use ReadWriteOnce.",
        )
    return None


def _problem(facts: ClaimFacts, why: str, next_step: str) -> Problem:
    return Problem(what=f"no mover can reach the volume {facts.full_name}", why=why, next=next_step)


# Where it is


def _at_its_place(facts: ClaimFacts, nodes: Mapping[str, Object] | None) -> Placement | Problem:
    """The volume's own node affinity is not copied: the scheduler minds it for every pod that mounts the volume."""
    if facts.nodes and not _is_shared(facts):
        return _on_its_nodes(facts, nodes)
    required = at(facts.volume or {}, "spec", "nodeAffinity", "required")
    if (
        required
        and nodes is not None
        and not any(is_ready(node) and selects(required, node) for node in nodes.values())
    ):
        names = ", ".join(hostnames(required))
        return _problem(
            facts,
            f"it is {f'on the node {names}' if names else 'bound to nodes with certain labels'}, and no such node is ready",
            "Bring the node back; `kubectl get nodes` shows which ones there are.",
        )
    if not facts.pods:
        return Placement(reason="anywhere: no pod uses it")
    pod = min(facts.pods, key=name_of)
    spec = at(pod, "spec")
    placement = Placement(
        node_selector=node_selector(spec),
        node_affinity=node_affinity(spec),
        tolerations=tolerations(spec),
        reason=f"where pod {namespace_of(pod)}/{name_of(pod)}, which shares it, can run",
    )
    return _as(placement, spec, _mounting(pod, facts.name))


def _is_shared(facts: ClaimFacts) -> bool:
    """Whether pods on several nodes may have it at once."""
    modes = facts.access_modes
    return AccessMode.MANY in modes or modes == [AccessMode.MANY_READERS]


def _on_its_nodes(facts: ClaimFacts, nodes: Mapping[str, Object] | None) -> Placement | Problem:
    """A volume for one node can be mounted a second time on that node, and on no other one."""
    usable = [name for name in facts.nodes if nodes is None or (name in nodes and is_ready(nodes[name]))]
    if not usable:
        name = facts.nodes[0]
        return _problem(
            facts,
            f"it is in use on the node {name}, which is {'not ready' if name in (nodes or {}) else 'gone'}",
            "Bring the node back, or delete the pod, so that the volume comes free.",
        )
    pod = min((pod for pod in facts.pods if text(pod, "spec", "nodeName") in usable), key=name_of)
    borne = tolerations(at(pod, "spec"))
    for name in usable:
        borne += [one for one in tolerations_for((nodes or {}).get(name)) if one not in borne]
    placement = Placement(
        nodes=tuple(usable),
        tolerations=borne,
        reason=f"on {', '.join(usable)}, where pod {namespace_of(pod)}/{name_of(pod)} uses it",
    )
    return _as(placement, at(pod, "spec"), _mounting(pod, facts.name))


# As whom


def _as(placement: Placement, spec: Object, containers: list[Object]) -> Placement:
    """With what lets the mover read files of these containers, and lets them read its files."""
    return dataclasses.replace(
        placement,
        se_linux=se_linux(spec, containers),
        user=identity_number(spec, containers, "runAsUser"),
        group=identity_number(spec, containers, "runAsGroup") or identity_number(spec, [], "fsGroup"),
    )


def _mounting(pod: Object, claim: str) -> list[Object]:
    mounted = [volume for volume, name in claims_of(pod) if name == claim]
    return [container for volume in mounted for container in mounting_containers(at(pod, "spec"), volume)]
