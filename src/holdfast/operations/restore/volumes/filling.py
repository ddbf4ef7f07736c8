"""The data of a restore's claims: movers write it, side by side, after the objects that claims need and before what mounts them.

What happens to one volume is its own outcome, and the rest goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, Cancelled, ClusterError, ClusterUnreachable
from holdfast.manifests.naming import run_lease
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey
from holdfast.model.progress import Progress
from holdfast.model.restore import ObjectResult, Result, VolumeResult
from holdfast.model.run import Outcome, Problem
from holdfast.model.volume import VolumeOutcome
from holdfast.objects.fields import text
from holdfast.objects.storage.first_users import NewClaim
from holdfast.objects.storage.placement import restore_placement
from holdfast.operations.movers.contract import Moved
from holdfast.operations.movers.exposing import Exposures
from holdfast.operations.movers.first_users import bind_together
from holdfast.operations.movers.kinds import CLAIMS, LEASES
from holdfast.operations.movers.run import Movers
from holdfast.operations.movers.sweep import dead_runs
from holdfast.operations.movers.task import MoverEnd, MoverSettings, MoverTask
from holdfast.operations.restore.plan import CREATING, PlannedVolume, RestorePlan, result_of
from holdfast.operations.restore.volumes.claims import read
from holdfast.operations.restore.volumes.handover import Handover, sweep
from holdfast.operations.restore.volumes.in_place import InPlace
from holdfast.operations.restore.volumes.report import failed, left_out, moved_result
from holdfast.operations.restore.volumes.way import Make, RunOfMovers, Way
from holdfast.operations.restore.volumes.withholding import WITHOUT_DATA, reasons, withheld

_PARALLEL_HANDOVERS = 4
_UNAUTHORIZED = 401

StartMovers = Callable[[Cluster, MoverSettings, str, Cancel, Progress], AbstractContextManager[RunOfMovers]]


class Filling:
    """Of one restore; see `holdfast.operations.restore.execution.Data`. Results grow while it goes on."""

    def __init__(
        self,
        plan: RestorePlan,
        *,
        backup: str,
        run_id: str,
        cancel: Cancel,
        progress: Progress,
        start: StartMovers = Movers,
    ) -> None:
        """`backup` is the id of its snapshot."""
        self._plan = plan
        self._cluster = plan.target.cluster
        self._backup = backup
        self._run_id = run_id
        self._cancel = cancel
        self._progress = progress
        self._start = start
        self._guard = threading.Lock()
        self._to_move = [volume for volume in plan.volumes if volume.moves]
        self._results = {volume.item.key: left_out(volume) for volume in plan.volumes if not volume.moves}
        self._claims: dict[ObjectKey, ObjectResult] = {}
        self._missing: list[tuple[PlannedVolume, str]] = []
        self._begun: list[PlannedVolume] = []
        self.withheld: Mapping[ObjectKey, str] = {}
        self.claims = frozenset(volume.item.key for volume in self._to_move if volume.item.action in CREATING)

    @property
    def results(self) -> list[VolumeResult]:
        """Of all volumes; one that the run did not come to has failed."""
        unreached = Problem("", "the run ended before", "Run the restore again.")
        return sorted(
            [
                *self._results.values(),
                *(failed(each, unreached) for each in self._to_move if each.item.key not in self._results),
            ],
            key=lambda one: (one.namespace, one.name),
        )

    @property
    def claim_results(self) -> list[ObjectResult]:
        return list(self._claims.values())

    @property
    def staying_still(self) -> Mapping[ObjectKey, str]:
        """However the run ended: a volume that a mover was let at, and that is not as it should be."""
        return {
            key: f"the data of its volume {volume.view.name} is not complete"
            for volume in self._begun
            if (result := self._results.get(volume.item.key)) is None or result.outcome is not VolumeOutcome.DONE
            for key in volume.stopped
        }

    def restore(self, make: Make) -> None:
        """Raises Cancelled, ClusterUnreachable, and ApiRefused for a credential that has expired."""
        if not self._to_move:
            if self._plan.volumes:
                self._sweep()
            return
        assert self._plan.movers is not None
        self._progress.phase("restore volumes", len(self._to_move), sum(one.view.bytes for one in self._to_move))
        try:
            with self._start(self._cluster, self._plan.movers, self._run_id, self._cancel, self._progress) as movers:
                self._sweep()
                self._move(movers, make)
        except ClusterError as error:
            if _ends_the_run(error):
                raise
            for volume in self._to_move:
                if volume.item.key not in self._results:
                    self._fail(volume, None, Problem.of(error))
        finally:
            self.withheld = withheld(self._plan.objects, reasons(self._missing))

    def _sweep(self) -> None:
        """What earlier runs that are dead left of handovers."""
        try:
            for name in sweep(self._cluster, self._is_alive):
                self._progress.note(f"the claim {name}, which an interrupted restore had filled, is complete")
        except ClusterError as error:
            if _ends_the_run(error):
                raise
            self._progress.warn(f"what earlier restores may have left of volumes was not looked for: {error}")

    def _is_alive(self, namespace: str, run: str) -> bool:
        lease = read(self._cluster, LEASES, namespace, run_lease(run))
        return lease is not None and not dead_runs([lease], self._cluster.now())

    def _move(self, movers: RunOfMovers, make: Make) -> None:
        exposures = Exposures(self._cluster, movers)
        ways: dict[str, tuple[PlannedVolume, Way]] = {}
        tasks = []
        new: list[NewClaim] = []
        for number, volume in enumerate(self._to_move, start=1):
            self._cancel.check()
            way = self._way(volume, movers, exposures, make, number)
            try:
                mounted = way.begin()
            except ClusterError as error:
                if _ends_the_run(error):
                    raise
                self._fail(volume, way, Problem.of(error))
                continue
            self._begun.append(volume)
            task = self._task(volume, mounted, overwrites=way.overwrites)
            ways[task.name] = volume, way
            tasks.append(task)
            if volume.item.key in self.claims and volume.mounted_by and volume.pod_spec:
                new.append(NewClaim(mounted, volume.view.name, volume.mounted_by[0], volume.pod_spec))
        bind_together(self._cluster, movers, new, self._progress)
        endings: list[Future[None]] = []
        with ThreadPoolExecutor(_PARALLEL_HANDOVERS, thread_name_prefix="holdfast-handover") as pool:
            movers.run(tasks, lambda end: endings.append(pool.submit(self._end, *ways[end.task.name], end)))
        for ending in endings:
            ending.result()

    def _way(self, volume: PlannedVolume, movers: RunOfMovers, exposures: Exposures, make: Make, number: int) -> Way:
        elsewhere = volume.item.key.namespace != movers.settings.namespace
        if elsewhere and volume.item.action in CREATING and not volume.bound_beforehand:
            return Handover(self._cluster, movers, volume, number, make)
        return InPlace(self._cluster, movers, exposures, volume, make)

    def _task(self, volume: PlannedVolume, mounted: str, *, overwrites: bool) -> MoverTask:
        record = volume.record
        assert record is not None
        command = ["mover", "write", "--run", self._run_id, "--backup", self._backup, "--volume", volume.view.original]
        if overwrites:
            command.append("--overwrite")
        if overwrites and record.outcome is not VolumeOutcome.PARTIAL:  # else nobody knows what is not in the backup
            command.append("--exact")
        if self._plan.options.verify:
            command.append("--verify")
        return MoverTask(
            namespace=record.namespace,
            claim=record.name,
            mounted_claim=mounted,
            command=command,
            placement=restore_placement(volume.pod_spec),
            writes=True,
            bytes=volume.view.bytes,
        )

    def _end(self, volume: PlannedVolume, way: Way, end: MoverEnd) -> None:
        """Once its mover has ended."""
        moved = end.moved
        if end.problem is not None or moved is None or moved.outcome not in (Outcome.DONE, Outcome.PARTIAL):
            problem = end.problem or Problem("", "its mover said nothing of how it ended", "Run the restore again.")
            self._fail(volume, way, problem, moved, end.node)
            return
        try:
            claim = way.succeed()
        except ClusterError as error:
            if _ends_the_run(error):
                raise
            self._fail(volume, None, Problem.of(error), moved, end.node)
            return
        if claim is not None and claim.result is Result.FAILED:
            self._fail(volume, None, Problem("", claim.why, claim.next), moved, end.node)
            self._enter_claim(volume, claim)
            return
        self._enter_claim(volume, claim)
        result = moved_result(volume, moved, end.node, self._volume_name(volume))
        with self._guard:
            self._results[volume.item.key] = result
            if result.outcome is VolumeOutcome.PARTIAL:
                self._missing.append((volume, "is not complete"))
        self._progress.advance()

    def _fail(
        self, volume: PlannedVolume, way: Way | None, problem: Problem, moved: Moved | None = None, node: str = ""
    ) -> None:
        """`way` is given if there may be something to take back."""
        why = problem.why or problem.what
        with self._guard:
            self._results[volume.item.key] = failed(volume, problem, moved, node)
            self._missing.append((volume, f"was not restored: {why}"))
        self._progress.warn(f"the data of {volume.view.namespace}/{volume.view.name} was not restored: {why}")
        claim: ObjectResult | None = None
        if way is not None:
            try:
                claim = way.give_up(f"its data was not restored: {why}", problem.next or WITHOUT_DATA)
            except ClusterError as error:
                if _ends_the_run(error):
                    raise
                self._progress.warn(str(error))
        if claim is None and volume.item.key in self.claims:
            claim = result_of(volume.item, Result.FAILED, f"its data was not restored: {why}", problem.next)
        self._enter_claim(volume, claim)

    def _enter_claim(self, volume: PlannedVolume, claim: ObjectResult | None) -> None:
        if claim is not None:
            with self._guard:
                self._claims[volume.item.key] = claim

    def _volume_name(self, volume: PlannedVolume) -> str:
        key = volume.item.key
        return text(read(self._cluster, CLAIMS, key.namespace, key.name) or {}, "spec", "volumeName")


def _ends_the_run(error: ClusterError) -> bool:
    unauthorized = isinstance(error, ApiRefused) and error.status == _UNAUTHORIZED
    return unauthorized or isinstance(error, ClusterUnreachable | Cancelled)
