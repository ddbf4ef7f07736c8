"""How much a backup of files will read, told to a Progress while it reads: an estimate, which costs the backup next to nothing.

The newest backup of the same paths had about as much. Without one, a file system that is backed up from its root says how much it
holds; and if the backup takes longer than a few seconds, `holdfast.operations.file_count` counts.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from holdfast.model.progress import Progress
from holdfast.operations import file_count
from holdfast.operations.file_count import Answer, Question, size_of
from holdfast.operations.file_process import public_environment
from holdfast.volumes.selection import FileSelection

_PATIENCE = 3.0
"""Seconds of a backup after which it is worth counting."""

_decode = msgspec.json.Decoder(Answer).decode


class Totals(NamedTuple):
    """`files` is None where a file system counts none."""

    files: int | None
    bytes: int


class Expectation:
    """A context around the reading. Nothing is told after its end, and nothing is done if nobody looks."""

    def __init__(
        self,
        progress: Progress,
        paths: Sequence[bytes],
        selection: FileSelection,
        earlier: Totals | None,
        *,
        patterns_from: bytes = b"",
    ) -> None:
        """`earlier` is what the newest backup of the same paths had. `patterns_from` is the path from which the patterns of
        the selection count.
        """
        self._progress = progress
        self._paths = paths
        self._selection = selection
        self._earlier = earlier
        self._patterns_from = patterns_from
        self._bytes: int | None = None  # a first estimate
        self._is_over = threading.Event()
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if not self._progress.wants_totals:
            return self
        if self._earlier is not None:
            self._progress.expect(*self._earlier)
            return self
        if not self._selection.has_patterns and (held := _sum(map(_held, self._paths))) is not None:
            self._progress.expect(*held)
            self._bytes = held.bytes
        self._thread = threading.Thread(target=self._count, name="holdfast-expectation", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._is_over.set()
            if self._process is not None:
                self._process.kill()  # then its thread ends too
        if self._thread is not None:
            self._thread.join()

    def _count(self) -> None:
        if self._is_over.wait(_PATIENCE):
            return
        with self._guard:
            if self._is_over.is_set():
                return
            try:
                self._process = self._start()
            except OSError:  # no room for another process: then without
                return
        with self._process as process:
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(OSError):
                process.stdin.write(msgspec.msgpack.encode(self._question()))
                process.stdin.close()
            for line in process.stdout:
                answer = _decode(line)
                with self._guard:
                    if not self._is_over.is_set():
                        self._progress.expect(answer.files, self._bytes if answer.bytes is None else answer.bytes)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
            [sys.executable, "-P", "-m", file_count.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the backup does not need it
            process_group=0,
            env=public_environment(),
        )

    def _question(self) -> Question:
        return Question(
            list(self._paths),
            list(map(os.fsencode, self._selection.texts)),
            list(map(os.fsencode, self._selection.included_texts)),
            self._selection.one_file_system,
            self._patterns_from,
        )


def _held(path: bytes) -> Totals | None:
    """What is at the path, as far as one look tells: of a whole file system what is in use, directories counted as files."""
    with contextlib.suppress(OSError):
        if os.path.ismount(path):
            found = os.statvfs(path)
            inodes = found.f_files - found.f_ffree if found.f_files else None
            return Totals(inodes, (found.f_blocks - found.f_bfree) * found.f_frsize)
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            return Totals(1, size_of(path, status))
    return None


def _sum(parts: Iterable[Totals | None]) -> Totals | None:
    """None if a part is not known; without a number of files if one has none."""
    files: int | None = 0
    size = 0
    for part in parts:
        if part is None:
            return None
        files = None if files is None or part.files is None else files + part.files
        size += part.bytes
    return Totals(files, size)
