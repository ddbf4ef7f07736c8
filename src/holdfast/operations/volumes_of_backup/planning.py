"""From what was asked for and what was captured to the work on volumes and hooks. Reads the cluster, changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from holdfast.cluster.cluster import Cluster
from holdfast.model.backup import VolumesMode
from holdfast.model.progress import Progress
from holdfast.model.volume import VolumeOutcome, VolumeRecord
from holdfast.objects.hooks.select import PodHooks, select_hooks
from holdfast.operations.back_up_options import BackUpOptions
from holdfast.operations.capture import Captured
from holdfast.operations.volumes_of_backup.facts import read_facts
from holdfast.operations.volumes_of_backup.plan import VolumePlan, leave_out, plan_volumes


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWork:
    plan: VolumePlan
    hooks: Sequence[PodHooks] = ()
    notes: Sequence[str] = ()  # sentences that people should read, whatever becomes of the run


def plan_work(cluster: Cluster, captured: Captured, options: BackUpOptions, progress: Progress) -> PlannedWork:
    """Raises ClusterUnreachable, Cancelled, ApiRefused for anything but a missing right."""
    with_volumes = options.volumes is VolumesMode.AUTO
    claims = captured.claims if with_volumes else []
    pods = captured.pods if with_volumes or options.hooks.enabled else []
    if claims or pods:
        progress.phase("look at the volumes")
    facts = read_facts(cluster, claims, pods)
    for kind in facts.unread:
        tell = progress.warn if kind.startswith("pods") else progress.note
        tell(f"{kind} may not be read by this account; volumes and hooks are planned without")
    if with_volumes:
        plan = plan_volumes(facts, options.volume_policy)
    else:
        plan = leave_out(captured.claims, "left out with --volumes none")
    hooks = select_hooks(facts.pods, options.hooks)
    return PlannedWork(
        plan=plan, hooks=hooks, notes=[*options.volume_policy.notes, *options.hooks.notes, *_notes_on_hooks(hooks)]
    )


def notes_on_volumes(records: Sequence[VolumeRecord]) -> Iterator[str]:
    """What was left out knowingly, so that nobody takes the backup for more than it is."""
    left_out = [record for record in records if record.outcome is VolumeOutcome.LEFT_OUT]
    claims = [f"{record.namespace}/{record.name}" for record in left_out if record.is_claim]
    if claims:
        yield f"The data of {len(claims)} volumes is not in this backup: {', '.join(claims)}"
    others = Counter(record.kind for record in left_out if not record.is_claim)
    if others:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
        yield f"Volumes of pods that are no claims are not in this backup: {kinds}"


def _notes_on_hooks(hooks: Sequence[PodHooks]) -> Iterator[str]:
    for pod in hooks:
        yield from (f"{note} (pod {pod.name})" for note in pod.notes)
