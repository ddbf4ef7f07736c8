"""Packs of many small blobs are examined by helper processes too: a small blob is mostly Python's work, and that is done by one
processor at a time in each process. So they can also begin while this process is at something else.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Self

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, HoldfastError
from holdfast.ids import PackId
from holdfast.operations.file_process import FileProcess
from holdfast.operations.helper import EXAMINE, decode_examined
from holdfast.operations.processors import processors
from holdfast.repository.check_data import Looked
from holdfast.repository.layout import file_name
from holdfast.repository.pack_examination import Examined, PackExaminer
from holdfast.store.base import Store

_WORTH_HELPERS = 20_000  # blobs; fewer are examined before helpers are ready
_MOST = 4
_EARLY = 8
"""Packs that helpers look at beforehand: what is kept of each is its header, 400 KB at most for packs of ours."""

_PATIENCE = 10.0  # seconds for a helper to start


class PackHelpers:
    """Use in a `with` block, which ends the helpers. Thread-safe: one thread more than there are helpers keeps all busy."""

    def __init__(self, store: Store, key: SealingKey, count: int) -> None:
        """Starts so many processes; until they are ready all is done here."""
        self.count = count
        self._store = store
        self._here = PackExaminer(key)
        self._at_work_here = threading.Semaphore(1 if count else _MOST)
        self._early = ThreadPoolExecutor(max(1, count), thread_name_prefix="holdfast-early")
        self._begun: dict[PackId, Future[Looked]] = {}
        self._free: queue.SimpleQueue[FileProcess] = queue.SimpleQueue()
        self._helpers = [FileProcess(key) for _ in range(count)]
        for helper in self._helpers:
            threading.Thread(target=self._welcome, args=(helper,), name="holdfast-pack-helper", daemon=True).start()

    @staticmethod
    def useful(blobs: int) -> int:
        """How many helpers are worth it for so many small blobs. This process works too."""
        return min(_MOST, processors() - 1) if blobs >= _WORTH_HELPERS else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._early.shutdown(wait=False, cancel_futures=True)
        for helper in self._helpers:
            helper.dismiss()
        for helper in self._helpers:
            helper.close()

    def begin(self, pack_ids: Iterable[PackId]) -> None:
        """Lets helpers look at the first few of these; `look` has what they found."""
        for pack_id in islice(pack_ids, _EARLY if self.count else 0):
            self._begun[pack_id] = self._early.submit(self._look, pack_id, early=True)

    def look(self, pack_id: PackId) -> Looked:
        """By a helper if one is free, else here. Raises FileMissing, HoldfastError if the helper dies over it."""
        for later in list(self._begun.values()):
            later.cancel()  # from now on helpers are wanted for what is looked at
        begun = self._begun.pop(pack_id, None)
        return self._look(pack_id, early=False) if begun is None or begun.cancelled() else begun.result()

    def _look(self, pack_id: PackId, *, early: bool) -> Looked:
        content = self._store.get(file_name(pack_id))
        helper = self._free_helper(early=early)
        if helper is None:
            try:
                return Looked(len(content), self._here.examine(pack_id, content))
            finally:
                self._at_work_here.release()
        examined = _examined_by(helper, pack_id, content)
        self._free.put(helper)
        return Looked(len(content), examined)

    def _free_helper(self, *, early: bool) -> FileProcess | None:
        """None if this process is to do it, which with helpers one thread does at a time: two would get in each other's way."""
        with contextlib.suppress(queue.Empty):
            return self._free.get_nowait()
        if early or not self._at_work_here.acquire(blocking=False):
            with contextlib.suppress(queue.Empty):
                return self._free.get(timeout=_PATIENCE)
            self._at_work_here.acquire()
        return None

    def _welcome(self, helper: FileProcess) -> None:
        with contextlib.suppress(HoldfastError):  # it did not start: there is one less
            helper.wait_ready()
            self._free.put(helper)


def _examined_by(helper: FileProcess, pack_id: PackId, content: bytes) -> Examined:
    """The content goes through a file in memory, in one system call; through the channel it would be a hundred."""
    file = os.memfd_create("holdfast-pack")
    try:
        os.truncate(file, len(content))
        written = 0
        while written < len(content):
            written += os.write(file, memoryview(content)[written:])
        helper.send(bytes([EXAMINE]), pack_id, descriptors=[file])
    finally:
        os.close(file)
    answer = decode_examined(helper.receive())
    return Examined([DamagedData(what, why=why) for what, why in answer.faults], answer.header)
