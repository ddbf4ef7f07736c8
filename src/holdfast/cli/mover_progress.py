"""Progress of a mover: messages for its coordinator, a few a second at most."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

from holdfast.operations.movers.contract import Message, Told, Warned, encode_line

_EVERY = 0.5  # seconds


class MoverProgress:
    """Thread-safe. That nobody reads any more is no reason to end: the result goes another way too."""

    wants_totals = True

    def __init__(self, stream: BinaryIO, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._files = self._bytes = self._total_files = self._total_bytes = 0
        self._due = monotonic() + _EVERY

    def phase(self, name: str, total: int | None = None, size: int | None = None) -> None:  # noqa: ARG002 - there is one
        self.expect(total, size)

    def expect(self, total: int | None, size: int | None) -> None:
        with self._guard:
            self._total_files, self._total_bytes = total or 0, size or 0
            if total or size:  # at once: it is rare, and the first file may take long
                self._tell()

    def advance(self, count: int = 1, size: int = 0) -> None:
        """Called for every file, so all but a few calls end at the comparison."""
        with self._guard:
            self._files += count
            self._bytes += size
            if self._monotonic() >= self._due:
                self._tell()

    def note(self, message: str) -> None: ...

    def warn(self, message: str) -> None:
        with self._guard:
            self._send(Warned(text=message))

    def _tell(self) -> None:
        self._due = self._monotonic() + _EVERY
        self._send(
            Told(files=self._files, bytes=self._bytes, total_files=self._total_files, total_bytes=self._total_bytes)
        )

    def _send(self, message: Message) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(encode_line(message))
            self._stream.flush()
