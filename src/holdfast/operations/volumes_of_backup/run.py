"""Saving the volumes of one backup, after its objects were read and before its tree is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from holdfast.cluster.cluster import Cluster
from holdfast.errors import Cancelled, ClusterUnreachable, HoldfastError
from holdfast.model.cancel import Cancel
from holdfast.model.hooks import Hook, HookOutcome, HookRecord
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.model.volume import VolumeRecord
from holdfast.objects.hooks.select import PodHooks
from holdfast.operations.catalog import Entry
from holdfast.operations.hooks.dumps import save_dump
from holdfast.operations.hooks.run import HookRunner
from holdfast.operations.movers.task import MoverEnd, MoverSettings, MoverTask
from holdfast.operations.volumes_of_backup.ends import hook_problems, moved_record, stopped_by, volume_problems
from holdfast.operations.volumes_of_backup.exclude_paths import ExcludedPath
from holdfast.operations.volumes_of_backup.groups import Group, group_volumes
from holdfast.operations.volumes_of_backup.moving import Begun, VolumeMovers
from holdfast.operations.volumes_of_backup.parts import read_part
from holdfast.operations.volumes_of_backup.plan import Move, VolumePlan, failed
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Summary
from holdfast.repository.tree_builder import TreeBuilder
from holdfast.repository.writer import BlobWriter


@dataclass(slots=True)
class SavedVolumes:
    """What became of all of them."""

    records: list[VolumeRecord] = field(default_factory=list)  # in the order of their names
    hooks: list[HookRecord] = field(default_factory=list)
    parts: list[Summary] = field(default_factory=list)

    @property
    def problems(self) -> list[Problem]:
        of_volumes = [problem for record in self.records for problem in volume_problems(record)]
        return of_volumes + [problem for record in self.hooks for problem in hook_problems(record)]


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeWork:
    """What is to be done, decided before anything is written."""

    plan: VolumePlan
    hooks: Sequence[PodHooks] = ()
    excludes: Sequence[ExcludedPath] = ()
    settings: MoverSettings | None = None  # None if no volume needs a mover


class VolumeSaver:
    """Use once. Parts are grafted into `tree`, dumps stored by `writer` and entered there."""

    def __init__(
        self,
        repository: Repository,
        cluster: Cluster,
        movers: VolumeMovers,
        writer: BlobWriter,
        tree: TreeBuilder,
        run_id: str,
        cancel: Cancel,
        progress: Progress,
    ) -> None:
        self._repository = repository
        self._cluster = cluster
        self._movers = movers
        self._writer = writer
        self._tree = tree
        self._run = run_id
        self._cancel = cancel
        self._progress = progress
        self._hooks = HookRunner(cluster, run_id, cancel, progress)
        self._records: list[VolumeRecord] = []
        self._hook_records: list[HookRecord] = []
        self._parts: list[Summary] = []

    def save(self, work: VolumeWork, parents: Mapping[str, Entry]) -> SavedVolumes:
        """`parents` by the volume's name. What becomes of a single volume, hook or dump is in what it returns.

        Raises Cancelled, ClusterUnreachable, and what the repository raises.
        """
        self._records += work.plan.settled
        self._save_groups(work, parents)
        self._save_dumps(work.hooks)
        self._records.sort(key=lambda record: (record.namespace, record.name, record.kind))
        return SavedVolumes(self._records, self._hook_records, self._parts)

    def _save_groups(self, work: VolumeWork, parents: Mapping[str, Entry]) -> None:
        moves, ends = work.plan.moves, list[tuple[Move, MoverEnd]]()
        groups = group_volumes(moves, work.hooks)
        if not moves:
            for group in groups:
                self._save_group(group, None, {})
            return
        assert work.settings is not None
        self._writer.flush()  # nothing waits in memory for the hours that volumes may take
        with ExitStack() as stack:
            begun = self._begin(stack, work.settings, moves)
            for group in groups:
                self._cancel.check()
                tasks = self._tasks(group.moves, begun, work.excludes, parents) if begun else {}
                by_name = {move.name: move for move in group.moves}
                ends += [(by_name[end.task.name], end) for end in self._save_group(group, begun, tasks)]
        self._writer.look_in(self._repository.reload_index())  # which movers have added to
        for move, end in ends:
            self._records.append(self._grafted(move, end))

    def _begin(self, stack: ExitStack, settings: MoverSettings, moves: Sequence[Move]) -> Begun | None:
        """None if there can be no movers; every volume has failed then."""
        self._progress.phase("save volumes")
        try:
            return stack.enter_context(self._movers.begin(settings, self._run, self._cancel, self._progress))
        except (Cancelled, ClusterUnreachable):
            raise
        except HoldfastError as error:
            self._fail(moves, error)
            return None

    def _tasks(
        self, moves: Iterable[Move], begun: Begun, excludes: Sequence[ExcludedPath], parents: Mapping[str, Entry]
    ) -> dict[str, MoverTask]:
        """One for each volume that can be mounted."""
        tasks: dict[str, MoverTask] = {}
        for move in moves:
            try:
                mounted = begun.expose(move.facts.claim)
            except (Cancelled, ClusterUnreachable):
                raise
            except HoldfastError as error:
                self._fail([move], error)
                continue
            parent = parents.get(move.name)
            summary = parent.snapshot.summary if parent and parent.snapshot.summary else None
            tasks[move.name] = MoverTask(
                namespace=move.facts.namespace,
                claim=move.facts.name,
                mounted_claim=mounted,
                command=_command(self._run, move.name, parent, excludes),
                placement=move.placement,
                node=move.placement.nodes[0] if len(move.placement.nodes) == 1 else "",
                bytes=summary.total_bytes_processed if summary and parent and _is_part(parent) else 0,
            )
        return tasks

    def _save_group(self, group: Group, begun: Begun | None, tasks: Mapping[str, MoverTask]) -> list[MoverEnd]:
        try:
            stopping = {}
            if group.pods:
                before = self._hooks.before(group.pods)
                self._hook_records += before
                stopping = {(record.namespace, record.pod): record for record in before if record.stops}
            waiting = []
            for move in group.moves:
                
        finally:
            if group.pods:
                self._hook_records += self._hooks.after(group.pods)
