"""Carrying out a restore plan: wave by wave, the objects of a wave side by side, each with an outcome that was read back.

A run that is killed is simply run again: what it created is then unchanged, and what it left half done (owners of fields) is
recognised and finished.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from holdfast.errors import ApiRefused, Cancelled, ClusterError, ClusterUnreachable
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey
from holdfast.model.progress import Progress
from holdfast.model.restore import Action, ObjectResult, Result
from holdfast.objects.order import Item, early_and_late, hinders, up_to_claims, waves
from holdfast.operations.restore.held import release, still_held
from holdfast.operations.restore.patience import Patience
from holdfast.operations.restore.plan import CREATING, PlannedObject, RestorePlan, namespaces_of, result_of
from holdfast.operations.restore.quarantine import close_namespace
from holdfast.operations.restore.removal import Remover
from holdfast.operations.restore.target import DEFINITIONS
from holdfast.operations.restore.volumes.withholding import WITHOUT_DATA
from holdfast.operations.restore.writing import Change, ObjectWriter

THREADS = 16
_CHUNK = 256
_IMMUTABLE = "What differs cannot be changed in place. With --on-conflict replace it is deleted and created again."
_ONCE_READY = "Run the restore again once the workloads are ready."
_UNAUTHORIZED = 401
_TO_DO = frozenset((*CREATING, Action.UPDATE, Action.REPLACE, Action.MERGE))
_RESULTS = {
    Action.UNCHANGED: Result.UNCHANGED,
    Action.EXISTS: Result.SKIPPED,
    Action.KEEP: Result.SKIPPED,
    Action.LEFT_OUT: Result.SKIPPED,
    Action.BLOCKED: Result.FAILED,
}


class Data(Protocol):
    """What brings the data of claims back, before what mounts them is made; `volumes.filling.Filling` does."""

    @property
    def claims(self) -> frozenset[ObjectKey]:
        """Those that it makes itself."""
        ...

    @property
    def claim_results(self) -> list[ObjectResult]:
        """Of those, at any time."""
        ...

    @property
    def withheld(self) -> Mapping[ObjectKey, str]:
        """What must not be made because data is missing, and why; empty before `restore`."""
        ...

    @property
    def staying_still(self) -> Mapping[ObjectKey, str]:
        """Workloads that were scaled down for it and must not get pods again, and why."""
        ...

    def restore(self, make: Callable[[PlannedObject, Change], ObjectResult]) -> None:
        """`make` creates a claim, perhaps changed. Raises what ends the run; all else is a result."""
        ...


class Execution:
    """One use of a plan. `results` grows while it runs, so that a cancelled or failed run can still be reported."""

    def __init__(self, plan: RestorePlan, cancel: Cancel, progress: Progress, data: Data | None = None) -> None:
        """`data` brings back what is in claims; without it they are made empty."""
        self._plan = plan
        self._data = data
        self._target = plan.target
        self._cancel = cancel
        self._progress = progress
        self._writer = ObjectWriter(plan)
        self._remover = Remover(plan.target)
        self._patience = Patience(namespaces_of(plan.objects), cancel, progress)
        self._to_do = {item.key: item for item in plan.objects if item.action in _TO_DO}
        self._to_close = namespaces_of([*self._to_do.values()])
        by_data = data.claims if data else frozenset()
        in_order = waves(Item(item.key, item.owners) for item in self._to_do.values() if item.key not in by_data)
        self._early, self._late = early_and_late(in_order)
        self.results: list[ObjectResult] = []

    def run(self) -> None:
        """`write`, and `finish` without waiting."""
        self.write()
        self.finish()

    def write(self) -> None:
        """All but what acts on the workloads. Raises PlanRefused before anything is changed; Cancelled and ClusterUnreachable
        in between.
        """
        self._plan.check()
        self._plan.take()
        for item in self._plan.objects:
            if item.action in _RESULTS:
                self.results.append(result_of(item, _RESULTS[item.action], item.why, item.next))
        deletions = [item for item in self._plan.objects if item.action is Action.DELETE]
        self._progress.phase("restore", len(self._to_do) + len(deletions))
        with self.saying_what_is_held(), self._threads() as pool:
            self._delete([item for item in deletions if hinders(item.key.group_resource)], pool)
            before_data, after_data = up_to_claims(self._early)
            for wave in before_data:
                self._restore_wave([self._to_do[item.key] for item in wave], pool)
            self._restore_data()
            for wave in after_data:
                self._restore_wave([self._to_do[item.key] for item in wave], pool)
            self._link_claims_to_owners()
            self._delete([item for item in deletions if not hinders(item.key.group_resource)], pool)

    def finish(self, unready: str = "") -> None:
        """What acts on the workloads, once they are ready; `unready` says why they are not, and then it is left out."""
        with self.saying_what_is_held(), self._threads() as pool:
            for wave in self._late:
                items = [self._to_do[item.key] for item in wave]
                if unready:
                    self.results += [result_of(item, Result.FAILED, unready, _ONCE_READY) for item in items]
                else:
                    self._restore_wave(items, pool)
            self.results[:] = release(self._target, self._writer.held.values(), self.results, unready)

    def staying_still(self) -> Mapping[ObjectKey, str]:
        """What was scaled down and must not be let go, now that the data of claims was tried, and why."""
        return self._data.staying_still if self._data else {}

    @contextmanager
    def saying_what_is_held(self) -> Iterator[None]:
        """Whatever ends the run early, its results name what is suspended still."""
        try:
            yield
        except BaseException:
            self.results[:] = still_held(self._writer.held.values(), self.results)
            raise

    @staticmethod
    def _threads() -> ThreadPoolExecutor:
        return ThreadPoolExecutor(THREADS, thread_name_prefix="holdfast-restore")

    def _delete(self, deletions: Sequence[PlannedObject], pool: ThreadPoolExecutor) -> None:
        """In the opposite order of a restore: what uses others goes before them."""
        by_key = {item.key: item for item in deletions}
        for wave in reversed(waves(Item(item.key, item.owners) for item in deletions)):
            tasks = [pool.submit(self._do, by_key[item.key], self._remover.delete) for item in wave]
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                for task in tasks:
                    task.cancel()
                raise

    def _restore_data(self) -> None:
        if self._data is None:
            return
        if self._plan.options.quarantine:
            self._close_namespaces()
        try:
            self._data.restore(self._make)
        finally:
            self.results += self._data.claim_results

    def _make(self, item: PlannedObject, also: Change) -> ObjectResult:
        """An object that the data asks for. What the API server says is its result."""
        for _, original in self._plan.source.read_objects([item.path]):
            return self._attempt(item, partial(self._writer.write, original=original, also=also))
        return _damaged(item)

    def _link_claims_to_owners(self) -> None:
        """Claims with data came first, whoever owns them."""
        by_data = self._data.claims if self._data else frozenset()
        places = {(one.kind, one.namespace, one.name): place for place, one in enumerate(self.results)}
        for item in (self._to_do[key] for key in by_data if self._to_do[key].owners):
            place = places[item.key.group_resource, item.key.namespace, item.key.name]
            done = self.results[place]
            if done.result is Result.CREATED:
                for _, original in self._plan.source.read_objects([item.path]):
                    link = partial(self._writer.link_to_owners, original=original, done=done)
                    self.results[place] = self._attempt(item, link)

    def _without_withheld(self, wave: Sequence[PlannedObject]) -> list[PlannedObject]:
        """What of a wave is made, whatever became of the data of claims."""
        withheld = self._data.withheld if self._data else {}
        for item in wave:
            if item.key in withheld:
                self.results.append(result_of(item, Result.FAILED, withheld[item.key], WITHOUT_DATA))
        return [item for item in wave if item.key not in withheld]

    def _restore_wave(self, wave: Sequence[PlannedObject], pool: ThreadPoolExecutor) -> None:
        wave = self._without_withheld(wave)
        if self._plan.options.quarantine and any(item.key.namespace for item in wave):
            self._close_namespaces()
        tasks: deque[Future[None]] = deque()  # at most _CHUNK: each holds its object
        try:
            for start in range(0, len(wave), _CHUNK):
                self._cancel.check()
                by_path = {item.path: item for item in wave[start : start + _CHUNK]}
                for path, original in self._plan.source.read_objects(list(by_path)):
                    if len(tasks) == _CHUNK:
                        tasks.popleft().result()
                    write = partial(self._writer.write, original=original)
                    tasks.append(pool.submit(self._do, by_path.pop(path), write))
                self.results += [_damaged(item) for item in by_path.values()]
            while tasks:
                tasks.popleft().result()
        except BaseException:
            for task in tasks:
                task.cancel()  # those that have not begun: a server that is away would let each one wait
            raise
        definitions = [item for item in wave if item.key.group_resource == DEFINITIONS]
        if definitions:
            self._await(definitions)

    def _close_namespaces(self) -> None:
        """Once they are made, and before anything is in them."""
        while self._to_close:
            open_inside = self._plan.options.open_inside
            self.results.append(close_namespace(self._target.cluster, self._to_close[0], open_inside=open_inside))
            self._to_close.pop(0)

    def _await(self, definitions: Sequence[PlannedObject]) -> None:
        """Objects of a new kind can be made only once it is served."""
        for item in definitions:
            try:
                self._target.cluster.wait_established(item.key.name)
            except ClusterError as error:
                self._progress.warn(str(error))
        self._target.cluster.refresh_surface()

    def _do(self, item: PlannedObject, what: Callable[[PlannedObject], ObjectResult]) -> None:
        """Enters the result as soon as it is known, so that a run that ends early reports all that it did."""
        self.results.append(self._attempt(item, what))
        self._progress.advance()

    def _attempt(self, item: PlannedObject, what: Callable[[PlannedObject], ObjectResult]) -> ObjectResult:
        """What the API server refuses is a result; raises what ends the run."""
        try:
            self._cancel.check()
            return self._patience.attempt(lambda: what(item))
        except ApiRefused as error:
            if error.status == _UNAUTHORIZED:
                raise  # nothing else can be done with this credential either
            next_step = _IMMUTABLE if error.reason == "Invalid" and item.action is Action.UPDATE else error.next
            return result_of(item, Result.FAILED, error.why or error.what, next_step)
        except (Cancelled, ClusterUnreachable):
            if item.key in self._writer.created:  # it ended between the two calls
                why = "its field owners were not brought back yet"
                uid = self._writer.created[item.key]
                self.results.append(result_of(item, Result.CREATED, why, "Run the restore again.", uid))
            raise
        except ClusterError as error:
            return result_of(item, Result.FAILED, error.why or error.what, error.next)


def _damaged(item: PlannedObject) -> ObjectResult:
    why = "its content in the backup is damaged"
    return result_of(item, Result.FAILED, why, "See `holdfast repository check --read-data`.")
