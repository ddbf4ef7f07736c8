"""What is done with each volume of a backup: pure decisions on what the cluster said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from holdfast.model.kubernetes import ObjectKey
from holdfast.model.placement import Placement
from holdfast.model.run import Problem
from holdfast.model.volume import CLAIM, VolumeOutcome, VolumeRecord, Way, volume_path
from holdfast.objects.storage.claims import ClaimFacts
from holdfast.objects.storage.placement import backup_placement
from holdfast.objects.storage.pod_volumes import PodVolume, pod_volumes
from holdfast.objects.storage.policy import Decision, VolumePolicy
from holdfast.operations.volumes_of_backup.facts import VolumeFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A volume that a mover is to read."""

    facts: ClaimFacts
    placement: Placement
    record: VolumeRecord  # as far as it is known before

    @property
    def name(self) -> str:
        """`shop/data`"""
        return self.facts.full_name


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumePlan:
    """Every volume is in one of the two."""

    moves: Sequence[Move] = ()
    settled: Sequence[VolumeRecord] = ()  # nothing is moved for these

    def without_movers(self, problem: Problem) -> VolumePlan:
        """What remains if there can be no movers: every volume that needs one has failed."""
        return VolumePlan(settled=[*self.settled, *(failed(move.record, problem) for move in self.moves)])


class PlannedVolume(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a dry run."""

    namespace: str
    name: str
    kind: str
    way: Way
    outcome: str  # "" for a volume that would be read
    why: str
    next: str
    node: str  # "" if it may be any
    capacity: str  # "10Gi"


def plan_volumes(facts: VolumeFacts, policy: VolumePolicy) -> VolumePlan:
    moves: list[Move] = []
    settled = [_vanished(key) for key in facts.vanished]
    for claim in facts.claims:
        decided = _decide(claim, policy, facts)
        if isinstance(decided, Move):
            moves.append(decided)
        else:
            settled.append(decided)
    settled += [_of_pod_volume(volume, policy.decide(volume)) for volume in pod_volumes(facts.pods)]
    return VolumePlan(moves=moves, settled=settled)


def leave_out(claims: Iterable[ObjectKey], why: str) -> VolumePlan:
    """Nothing is asked of the cluster."""
    return VolumePlan(
        settled=[VolumeRecord(namespace=key.namespace, name=key.name, saved=False, why=why) for key in sorted(claims)]
    )


def planned_volumes(plan: VolumePlan) -> list[PlannedVolume]:
    """The plan as a dry run shows it, claims first."""
    lines = [_line(move.record, move.placement) for move in plan.moves] + [_line(record) for record in plan.settled]
    return sorted(lines, key=lambda line: (line.namespace, line.kind != CLAIM, line.name))


def _line(record: VolumeRecord, placement: Placement | None = None) -> PlannedVolume:
    return PlannedVolume(
        namespace=record.namespace,
        name=record.name,
        kind=record.kind,
        way=record.way,
        outcome="" if placement else record.outcome.value,
        why=placement.reason if placement else record.why,
        next=record.next,
        node=", ".join(placement.nodes) if placement else "",
        capacity=record.capacity,
    )


def _decide(facts: ClaimFacts, policy: VolumePolicy, all_facts: VolumeFacts) -> Move | VolumeRecord:
    record = VolumeRecord(
        namespace=facts.namespace,
        name=facts.name,
        saved=False,
        storage_class=facts.class_name,
        driver=facts.driver,
        capacity=facts.capacity,
        access_modes=facts.access_modes,
    )
    decision = policy.decide(facts)
    if decision.way is not Way.LIVE or decision.problem is not None:
        return _settled(record, decision)
    record = msgspec.structs.replace(record, way=Way.LIVE, path=volume_path(facts.namespace, facts.name))
    placement = backup_placement(facts, all_facts.nodes)
    if isinstance(placement, Problem):
        return failed(record, placement)
    return Move(facts=facts, placement=placement, record=record)


def failed(record: VolumeRecord, problem: Problem) -> VolumeRecord:
    """The record of a volume that should have been saved and was not."""
    return msgspec.structs.replace(
        record, saved=False, outcome=VolumeOutcome.FAILED, path="", why=problem.why, next=problem.next
    )


def _settled(record: VolumeRecord, decision: Decision) -> VolumeRecord:
    outcome = VolumeOutcome.FAILED if decision.problem else VolumeOutcome.LEFT_OUT
    return msgspec.structs.replace(record, way=decision.way, outcome=outcome, why=decision.why, next=decision.next)


def _of_pod_volume(volume: PodVolume, decision: Decision) -> VolumeRecord:
    record = VolumeRecord(namespace=volume.namespace, name=volume.record_name, kind=volume.kind, saved=False)
    return _settled(record, decision)


def _vanished(key: ObjectKey) -> VolumeRecord:
    return VolumeRecord(
        namespace=key.namespace,
        name=key.name,
        saved=False,
        outcome=VolumeOutcome.FAILED,
        why="the claim was deleted while the backup was made",
        next="Back up again if it was not meant to go.",
    )
