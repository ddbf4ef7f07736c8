"""Progress on standard error: a live bar, a line now and then, JSON lines, or nothing."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from holdfast.cli.pace import Pace
from holdfast.cli.progress_text import fitted_bar, line
from holdfast.model.progress import Progress

_EVERY = {"bar": 0.1, "lines": 10.0, "json": 10.0, "none": math.inf}
"""Seconds between two pictures of what goes on."""


class TerminalProgress(Progress, Protocol):
    """A Progress that can make room for other output."""

    def pause(self) -> None:
        """Clears what is being drawn, until the next change."""
        ...

    def close(self) -> None: ...


def make_progress(kind: str, log_format: str, quiet: bool) -> TerminalProgress:
    """`kind` as given, "" for a bar on a terminal and lines elsewhere."""
    chosen = "none" if quiet else kind or ("bar" if sys.stderr.isatty() else "lines")
    return StreamProgress(sys.stderr, chosen, as_json=log_format == "json" or chosen == "json", quiet=quiet)


class StreamProgress:
    """Thread-safe. Warnings are shown even if progress is not, but not when quiet."""

    def __init__(
        self,
        stream: TextIO,
        kind: str,
        *,
        as_json: bool,
        quiet: bool,
        monotonic: Callable[[], float] = time.monotonic,
        width: Callable[[], int] | None = None,
    ) -> None:
        self._stream = stream
        self._kind = kind
        self._as_json = as_json
        self._quiet = quiet
        self._monotonic = monotonic
        self._width = width or (lambda: _terminal_width(stream))
        self._guard = threading.Lock()
        now = monotonic()
        self._phase = ""
        self._count = 0
        self._size = 0
        self._pace = Pace(now)
        self._due = now + _EVERY[kind]
        self._drawn = False

    @property
    def wants_totals(self) -> bool:
        return self._kind != "none"

    def phase(self, name: str, total: int | None = None, size: int | None = None) -> None:
        with self._guard:
            now = self._monotonic()
            self._phase, self._count, self._size = name, 0, 0
            self._pace = Pace(now, total, size)
            if self._kind == "json":
                self._write_json("phase", phase=name, total=total, totalBytes=size)
            elif self._kind == "bar":  # at once: phases are few, and the first unit of one may take long
                self._show(now)

    def expect(self, total: int | None, size: int | None) -> None:
        with self._guard:
            self._pace.total, self._pace.size = total, size

    def advance(self, count: int = 1, size: int = 0) -> None:
        """Called for every file, so all but a few calls end at the comparison."""
        with self._guard:
            self._count += count
            self._size += size
            now = self._monotonic()
            if now >= self._due:
                self._show(now)

    def note(self, message: str) -> None:
        if self._as_json and not self._quiet:
            with self._guard:
                self._write_json("note", message=message)

    def warn(self, message: str) -> None:
        if self._quiet:
            return
        with self._guard:
            self._clear()
            if self._as_json:
                self._write_json("warning", message=message)
            else:
                self._stream.write(f"Warning: {message}\n")

    def pause(self) -> None:
        with self._guard:
            self._clear()

    def close(self) -> None:
        self.pause()

    def _show(self, now: float) -> None:
        self._due = now + _EVERY[self._kind]
        self._pace.look(now, self._count, self._size)
        if self._kind == "json":
            self._write_json("progress", **_figures(self._phase, self._pace))
        elif self._kind == "lines":
            self._write(f"{line(self._phase, self._pace)}\n")
        else:
            self._write(
                f"\r\033[K{fitted_bar(self._phase, self._pace, self._width() - 1)}"
            )  # the last column would wrap
            self._drawn = True

    def _clear(self) -> None:
        if self._drawn:
            self._write("\r\033[K")
            self._drawn = False

    def _write_json(self, event: str, **values: object) -> None:
        self._write(json.dumps({"event": event, **values}) + "\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _figures(phase: str, pace: Pace) -> dict[str, object]:
    rate, unit_rate, left = pace.size_rate, pace.count_rate, pace.seconds_left
    return {
        "phase": phase,
        "done": pace.count_done,
        "total": pace.total,
        "bytes": pace.size_done,
        "totalBytes": pace.size,
        "rate": None if rate is None else round(rate),
        "unitRate": None if unit_rate is None else round(unit_rate, 1),
        "seconds": round(pace.seconds),
        "secondsLeft": None if left is None else round(left),
    }


def _terminal_width(stream: TextIO) -> int:
    """Of the terminal that `stream` is; standard output, which the library would ask, may be a pipe."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return columns or shutil.get_terminal_size().columns
