"""How much memory this process and all that it started take at most."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

_EVERY = 0.5  # seconds


class PeakMemory:
    """Looks now and then, for the length of a `with` block.

    Resident memory of one process, the proportional shares (PSS) of several, because they share pages. A control group's own peak
    would count pages of files that were read too, up to the container's limit, and say nothing.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._seen = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="holdfast-memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def peak(self) -> int:
        """Bytes; between two looks the kernel's own peak of this process counts."""
        return max(self._seen, 1024 * _field(self._proc / "self/status", "VmHWM:"))

    def _watch(self) -> None:
        while not self._is_over.wait(_EVERY):
            pids = list(self._family())
            if len(pids) > 1:
                total = sum(_field(self._proc / f"{pid}/smaps_rollup", "Pss:") for pid in pids)
                self._seen = max(self._seen, 1024 * total)

    def _family(self) -> Iterator[int]:
        """Our process and all that it started, and they, and so on. Children belong to the thread that started them."""
        waiting = [os.getpid()]
        while waiting:
            pid = waiting.pop()
            yield pid
            with contextlib.suppress(OSError):  # it has ended meanwhile
                for children in (self._proc / f"{pid}/task").glob("*/children"):
                    waiting += map(int, _read(children).split())


def _field(file: Path, name: str) -> int:
    """Kilobytes; 0 if the process has ended or does not tell."""
    _, _, rest = _read(file).partition(f"\n{name}")
    return int(rest.split()[0]) if rest else 0


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
