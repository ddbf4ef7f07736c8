"""Work on small files, on all processors: helper processes do it once they are ready, this process until then."""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from holdfast.codec.crypto import SealingKey
from holdfast.model.cancel import Cancel
from holdfast.operations.file_process import FileProcess
from holdfast.operations.processors import processors

_MOST = 4
"""Helpers. One thread walks and packs for them all, and has no time for more."""

_FIRST = 2
"""Jobs after which helpers are started; for fewer they would come too late."""

_WORTH_HELPERS = 1000  # files; fewer are done before helpers are ready

_LOOK_UP = 0.2  # seconds between two looks at the cancel flag


class Job(Protocol):
    """Something to be done with a few files, which keeps its own outcome."""

    def here(self) -> None:
        """Does it in this process."""
        ...

    def by(self, helper: FileProcess) -> None:
        """Has it done."""
        ...


AnyJob = TypeVar("AnyJob", bound=Job)
Item = TypeVar("Item")


class Helpers(Generic[AnyJob]):
    """Takes jobs from one thread; `done` gets each when it is done, or an error, from any thread."""

    def __init__(
        self,
        key: SealingKey,
        cancel: Cancel,
        *,
        done: Callable[[AnyJob | BaseException], None],
        count: int = -1,
    ) -> None:
        """`count` processes; -1 for as many as are useful here."""
        self._key = key
        self._cancel = cancel
        self._count = _useful(processors()) if count < 0 else count
        self._done = done
        self._submitted = 0
        self._helpers: list[FileProcess] = []
        self._threads: list[threading.Thread] = []
        self._are_ready = threading.Event()
        self._is_over = False
        # As many wait as are being worked on, and one more: no helper is idle, and little memory is bound.
        self._waiting: queue.Queue[AnyJob | None] = queue.Queue(maxsize=self._count + 1)

    def expect(self, files: int) -> None:
        """Starts helpers at once, if so many files are worth it."""
        if files > _WORTH_HELPERS and self._count and not self._helpers:
            self._start()

    def submit(self, job: AnyJob) -> None:
        """Does the job, here or by a helper; blocks while enough of them wait. Raises Cancelled."""
        self._submitted += 1
        if self._submitted == _FIRST + 1 and self._count and not self._helpers:
            self._start()
        if self._are_ready.is_set() and not (self._count == 1 and self._waiting.full()):
            put_unless_cancelled(self._waiting, job, self._cancel)
        else:  # with one helper this process is the other one
            job.here()
            self._done(job)

    @property
    def pids(self) -> list[int]:
        """Of all helpers that were started."""
        return [helper.pid for helper in self._helpers]

    def close(self) -> None:
        """Ends helpers and threads, also in the middle of their work; nothing comes back any more."""
        self._is_over = True
        for helper in self._helpers:
            helper.dismiss()
        for helper in self._helpers:
            helper.close()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        for _ in range(self._count):
            helper = FileProcess(self._key)
            self._helpers.append(helper)
            thread = threading.Thread(target=self._serve, args=(helper,), name="holdfast-files", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, helper: FileProcess) -> None:
        """One helper's thread. After a fault it goes on taking jobs, undone: else `submit` would wait for ever."""
        is_sound = self._attempt(helper.wait_ready)
        self._are_ready.set()
        while (job := self._waiting.get()) is not None:
            if is_sound and not self._is_over:
                is_sound = self._attempt(functools.partial(job.by, helper))
                if is_sound:
                    self._done(job)

    def _attempt(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            if not self._is_over:
                self._done(error)
            return False
        return True


def _useful(cores: int) -> int:
    """With two processors one helper, for this process can work too; with more it has enough to do for all of them."""
    return min(cores, _MOST) if cores > 2 else cores - 1


def put_unless_cancelled(waiting: queue.Queue[Item], item: Item, cancel: Cancel) -> None:
    """`put`, for those who may wait for a file system that does not answer. Raises Cancelled."""
    while True:
        cancel.check()
        try:
            waiting.put(item, timeout=_LOOK_UP)
        except queue.Full:
            continue
        return
