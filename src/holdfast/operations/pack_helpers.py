"""Packs of many small blobs are examined by helper processes too: a small blob is mostly Python's work, and that is done by one
processor at a time in each process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from typing import Self

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, HoldfastError
from holdfast.ids import PackId
from holdfast.operations.file_process import FileProcess
from holdfast.operations.helper import EXAMINE, decode_examined
from holdfast.operations.processors import processors
from holdfast.repository.pack_examination import Examined, PackExaminer

_WORTH_HELPERS = 20_000  # blobs; fewer are examined before helpers are ready
_MOST = 4


class PackHelpers:
    """Use in a `with` block, which ends the helpers. Thread-safe: one thread more than there are helpers keeps all busy."""

    def __init__(self, key: SealingKey, count: int) -> None:
        """Starts so many processes; until they are ready all is done here."""
        self._here = PackExaminer(key)
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
        for helper in self._helpers:
            helper.dismiss()
        for helper in self._helpers:
            helper.close()

    def examine(self, pack_id: PackId, content: bytes) -> Examined:
        """By a helper if one is free, else here. Raises HoldfastError if the helper dies over it."""
        try:
            helper = self._free.get_nowait()
        except queue.Empty:
            return self._here.examine(pack_id, content)
        examined = _examined_by(helper, pack_id, content)
        self._free.put(helper)
        return examined

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
