"""Which volumes are read together: those of pods that are held still by hooks, from the first hook before to the last after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from holdfast.objects.fields import name_of, namespace_of
from holdfast.objects.hooks.select import PodHooks
from holdfast.operations.volumes_of_backup.plan import Move


@dataclass(frozen=True, slots=True)
class Group:
    """`pods` have hooks before or after the backup and are empty for volumes that nobody has to hold still."""

    pods: tuple[PodHooks, ...]
    moves: tuple[Move, ...]


def group_volumes(moves: Iterable[Move], hooks: Iterable[PodHooks]) -> list[Group]:
    """Pods that share a volume, directly or through others, are in one group with all volumes of theirs.

    A pod that has hooks and no volume to read is a group too. All volumes without hooks are the last one.
    """
    with_hooks = {(pod.namespace, pod.pod): pod for pod in hooks if pod.before or pod.after}
    used = [
        (move, [key for pod in move.facts.pods if (key := (namespace_of(pod), name_of(pod))) in with_hooks])
        for move in moves
    ]
    leader = {key: key for key in with_hooks}
    for _, pods in used:
        for pod in pods[1:]:
            leader[_lead(leader, pod)] = _lead(leader, pods[0])
    groups: dict[tuple[str, str], tuple[list[PodHooks], list[Move]]] = {}
    for key, hooked in with_hooks.items():
        groups.setdefault(_lead(leader, key), ([], []))[0].append(hooked)
    alone: list[Move] = []
    for move, pods in used:
        (groups[_lead(leader, pods[0])][1] if pods else alone).append(move)
    return [*(_group(*members) for members in groups.values()), *([_group([], alone)] if alone else [])]


def _group(pods: Sequence[PodHooks], moves: Sequence[Move]) -> Group:
    return Group(tuple(pods), tuple(moves))


def _lead(leader: dict[tuple[str, str], tuple[str, str]], key: tuple[str, str]) -> tuple[str, str]:
    while leader[key] != key:
        key = leader[key]
    return key
