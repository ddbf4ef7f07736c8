"""Saving the volumes of one backup, after its objects were read and before its tree is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import Cancelled, ClusterError, ClusterUnreachable, DamagedData, HoldfastError, NotFound
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.hooks import HookRecord
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.model.volume import VolumeRecord
from holdfast.objects.hooks.select import PodHooks
from holdfast.operations.catalog import Entry
from holdfast.operations.hooks.attempt import Attempt
from holdfast.operations.hooks.dumps import save_dump
from holdfast.operations.hooks.run import HookRunner
from holdfast.operations.movers.task import MoverEnd, MoverTask
from holdfast.operations.volumes_of_backup.ends import (
    hook_problems,
    lost_part,
    moved_record,
    stopped_by,
    volume_problems,
    with_what,
)
from holdfast.operations.volumes_of_backup.exclude_paths import ExcludedPath, patterns_for
from holdfast.operations.volumes_of_backup.groups import Group, group_volumes
from holdfast.operations.volumes_of_backup.moving import Begun, ReadyMovers
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
    def dumps(self) -> list[HookRecord]:
        """Those that are in the backup."""
        return [record for record in self.hooks if record.path]

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
    movers: ReadyMovers | None = None  # None if no volume needs one


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupInProgress:
    """The backup that is being made."""

    id: str
    repository: Repository
    cluster: Cluster
    writer: BlobWriter
    tree: TreeBuilder
    cancel: Cancel
    progress: Progress


class VolumeSaver:
    """Use once. Parts are grafted into the tree, dumps stored by the writer and entered there."""

    def __init__(self, run: BackupInProgress) -> None:
        self._run = run
        self._hooks = HookRunner(run.cluster, run.id, run.cancel, run.progress)
        self._records: list[VolumeRecord] = []
        self._hook_records: list[HookRecord] = []
        self._parts: list[Summary] = []
        self._stopped: set[str] = set()  # pods that are not what they should be, because a hook before failed

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
        if work.movers is None:
            for group in groups:
                self._save_group(group, None, {})
            return
        self._run.writer.flush()  # nothing waits in memory for the hours that volumes may take
        with ExitStack() as stack:
            begun = self._begin(stack, work.movers, moves)
            for group in groups:
                self._run.cancel.check()
                tasks = self._tasks(group.moves, begun, work.excludes, parents) if begun else {}
                if begun is None and group.moves:
                    continue  # an application is not held still for nothing
                by_name = {move.name: move for move in group.moves}
                ends += [(by_name[end.task.name], end) for end in self._save_group(group, begun, tasks)]
        self._run.writer.look_in(self._run.repository.reload_index())  # which movers have added to
        self._run.repository.forget_lost_packs()
        for move, end in ends:
            self._records.append(self._grafted(move, end))

    def _begin(self, stack: ExitStack, movers: ReadyMovers, moves: Sequence[Move]) -> Begun | None:
        """None if there can be no movers; every volume has failed then."""
        self._run.progress.phase("save volumes")
        try:
            return stack.enter_context(movers.begin(self._run.id, self._run.cancel, self._run.progress))
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
            tasks[move.name] = MoverTask(
                namespace=move.facts.namespace,
                claim=move.facts.name,
                mounted_claim=mounted,
                command=_command(self._run.id, move.name, parent, excludes),
                placement=move.placement,
                node=move.placement.nodes[0] if len(move.placement.nodes) == 1 else "",
                bytes=_expected_bytes(parent),
            )
        return tasks

    def _save_group(self, group: Group, begun: Begun | None, tasks: Mapping[str, MoverTask]) -> list[MoverEnd]:
        """The ends of its movers. What the hooks before began is undone whatever happens."""
        if not group.pods:
            return self._read(group, begun, tasks)
        try:
            before = self._hooks.before(group.pods)
            self._hook_records += before
            stop = next((record for record in before if record.stops), None)
            if stop is not None:
                self._stopped |= {pod.name for pod in group.pods}
                self._records += [failed(move.record, stopped_by(stop)) for move in group.moves if move.name in tasks]
                return []
            return self._read(group, begun, tasks)
        finally:
            self._hook_records += self._hooks.after(group.pods)

    def _read(self, group: Group, begun: Begun | None, tasks: Mapping[str, MoverTask]) -> list[MoverEnd]:
        """What hinders all movers of the group – a right that is missing, a Lease that is gone – fails its volumes."""
        if begun is None or not tasks:
            return []
        try:
            return begun.run(list(tasks.values()))
        except (Cancelled, ClusterUnreachable):
            raise
        except ClusterError as error:
            self._fail((move for move in group.moves if move.name in tasks), error)
            return []

    def _grafted(self, move: Move, end: MoverEnd) -> VolumeRecord:
        """The record of a volume whose mover has ended; its part is in the tree if there is one."""
        record = moved_record(move.record, end)
        if not record.saved or end.moved is None:
            return record
        try:
            part = read_part(self._run.repository, end.moved.part, self._run.id, move.facts.namespace, move.facts.name)
        except (NotFound, DamagedData) as error:
            return failed(msgspec.structs.replace(move.record, node=end.node), lost_part(error))
        self._run.tree.graft(part.path, part.node)
        if part.summary is not None:
            self._parts.append(part.summary)
        return record

    def _save_dumps(self, hooks: Iterable[PodHooks]) -> None:
        dumps = [(pod, hook) for pod in hooks for hook in pod.dumps]
        if dumps:
            self._run.progress.phase("save dumps", len(dumps))
        for pod, hook in dumps:
            self._run.cancel.check()
            if pod.name in self._stopped:
                self._hook_records.append(Attempt(self._run.cluster, pod, hook).left_out("a hook before it failed"))
                continue
            dump = save_dump(
                self._run.cluster, pod, hook, self._run.writer, self._run.repository.chunker, self._run.progress
            )
            self._hook_records.append(dump.record)
            if dump.file is not None:
                self._run.tree.add(dump.record.path.strip("/").split("/"), dump.file)
            self._run.progress.advance()

    def _fail(self, moves: Iterable[Move], error: HoldfastError) -> None:
        problem = Problem.of(error)
        for move in moves:
            self._records.append(failed(move.record, with_what(problem)))


def _expected_bytes(parent: Entry | None) -> int:
    """What the volume had when its parent was made; 0 if only reading it would tell."""
    if parent is None or parent.kind != tags.PART or parent.snapshot.summary is None:
        return 0
    return parent.snapshot.summary.total_bytes_processed


def _command(run: str, volume: str, parent: Entry | None, excludes: Sequence[ExcludedPath]) -> list[str]:
    """`holdfast …` in the mover's pod."""
    command = ["mover", "read", "--run", run, "--volume", volume]
    command += ["--parent", parent.id.hex()] if parent else ["--full"]
    for pattern in patterns_for(volume, excludes):
        command += ["--exclude", pattern]
    return command
