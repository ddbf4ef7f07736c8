"""Carrying out a restore plan: wave by wave, the objects of a wave side by side, each with an outcome that was read back.

A run that is killed is simply run again: what it created is then unchanged, and what it left half done (owners of fields) is
recognised and finished.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from holdfast.errors import ApiRefused, Cancelled, ClusterError, ClusterUnreachable
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.restore import Action, ObjectResult, Result
from holdfast.objects.order import Item, hinders, waves
from holdfast.operations.restore.plan import CREATING, PlannedObject, RestorePlan, result_of
from holdfast.operations.restore.removal import Remover
from holdfast.operations.restore.target import DEFINITIONS
from holdfast.operations.restore.writing import ObjectWriter

THREADS = 16
_CHUNK = 256
_IMMUTABLE = "What differs cannot be changed in place. With --on-conflict replace it is deleted and created again."
_UNAUTHORIZED = 401
_TO_DO = frozenset((*CREATING, Action.UPDATE, Action.REPLACE, Action.MERGE))
_RESULTS = {
    Action.UNCHANGED: Result.UNCHANGED,
    Action.EXISTS: Result.SKIPPED,
    Action.KEEP: Result.SKIPPED,
    Action.LEFT_OUT: Result.SKIPPED,
    Action.BLOCKED: Result.FAILED,
}


class Execution:
    """One use of a plan. `results` grows while it runs, so that a cancelled or failed run can still be reported."""

    def __init__(self, plan: RestorePlan, cancel: Cancel, progress: Progress) -> None:
        self._plan = plan
        self._target = plan.target
        self._cancel = cancel
        self._progress = progress
        self._writer = ObjectWriter(plan)
        self._remover = Remover(plan.target)
        self.results: list[ObjectResult] = []

    def run(self) -> None:
        """Raises PlanRefused before anything is changed; Cancelled and ClusterUnreachable in between."""
        self._plan.check()
        self._plan.take()
        to_do = {item.key: item for item in self._plan.objects if item.action in _TO_DO}
        for item in self._plan.objects:
            if item.action in _RESULTS:
                self.results.append(result_of(item, _RESULTS[item.action], item.why, item.next))
        deletions = [item for item in self._plan.objects if item.action is Action.DELETE]
        self._progress.phase("restore", len(to_do) + len(deletions))
        with ThreadPoolExecutor(THREADS, thread_name_prefix="holdfast-restore") as pool:
            self._delete([item for item in deletions if hinders(item.key.group_resource)], pool)
            for wave in waves(Item(item.key, item.owners) for item in to_do.values()):
                self._restore_wave([to_do[item.key] for item in wave], pool)
            self._delete([item for item in deletions if not hinders(item.key.group_resource)], pool)

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

    def _restore_wave(self, wave: Sequence[PlannedObject], pool: ThreadPoolExecutor) -> None:
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
                for item in by_path.values():
                    why = "its content in the backup is damaged"
                    self.results.append(
                        result_of(item, Result.FAILED, why, "See `holdfast repository check --read-data`.")
                    )
            while tasks:
                tasks.popleft().result()
        except BaseException:
            for task in tasks:
                task.cancel()  # those that have not begun: a server that is away would let each one wait
            raise
        definitions = [item for item in wave if item.key.group_resource == DEFINITIONS]
        if definitions:
            self._await(definitions)

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
        try:
            self._cancel.check()
            result = what(item)
        except ApiRefused as error:
            if error.status == _UNAUTHORIZED:
                raise  # nothing else can be done with this credential either
            next_step = _IMMUTABLE if error.reason == "Invalid" and item.action is Action.UPDATE else error.next
            result = result_of(item, Result.FAILED, error.why or error.what, next_step)
        except (Cancelled, ClusterUnreachable):
            if item.key in self._writer.created:  # it ended between the two calls
                why = "its field owners were not brought back yet"
                uid = self._writer.created[item.key]
                self.results.append(result_of(item, Result.CREATED, why, "Run the restore again.", uid))
            raise
        except ClusterError as error:
            result = result_of(item, Result.FAILED, error.why or error.what, error.next)
        self.results.append(result)
        self._progress.advance()
