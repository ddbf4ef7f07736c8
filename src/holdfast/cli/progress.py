"""Progress on standard error: a live bar, a line now and then, JSON lines, or nothing."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Protocol, TextIO

from holdfast.model.progress import Progress

_LINE_EVERY = 10.0  # seconds
_DRAW_EVERY = 0.1


class TerminalProgress(Progress, Protocol):
    """A Progress that can make room for other output."""

    def pause(self) -> None:
        """Clears what is being drawn, until the next change."""
        ...

    def close(self) -> None: ...


def make_progress(kind: str, log_format: str, quiet: bool) -> TerminalProgress:
    """`kind` as given, "" for a bar on a terminal and lines elsewhere."""
    chosen = "none" if quiet else kind or ("bar" if sys.stderr.isatty() else "lines")
    return _Shown(sys.stderr, chosen, as_json=log_format == "json" or chosen == "json", quiet=quiet)


class _Shown:
    """Thread-safe. Warnings are shown even if progress is not, but not when quiet."""

    def __init__(self, stream: TextIO, kind: str, *, as_json: bool, quiet: bool) -> None:
        self._stream = stream
        self._kind = kind
        self._as_json = as_json
        self._quiet = quiet
        self._guard = threading.Lock()
        self._phase = ""
        self._total: int | None = None
        self._count = 0
        self._size = 0
        self._started = time.monotonic()
        self._shown_at = self._started
        self._drawn = False

    def phase(self, name: str, total: int | None = None) -> None:
        with self._guard:
            self._phase, self._total, self._count, self._size = name, total, 0, 0
            if self._kind == "json":
                self._write_json("phase", phase=name, total=total)
            elif self._kind == "bar":
                self._draw()

    def advance(self, count: int = 1, size: int = 0) -> None:
        with self._guard:
            self._count += count
            self._size += size
            now = time.monotonic()
            if now - self._shown_at < (_DRAW_EVERY if self._kind == "bar" else _LINE_EVERY):
                return
            self._shown_at = now
            if self._kind == "bar":
                self._draw()
            elif self._kind == "json":
                self._write_json("progress", phase=self._phase, done=self._count, total=self._total, bytes=self._size)
            elif self._kind == "lines":
                self._stream.write(f"{self._text()}\n")
                self._stream.flush()

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

    def _text(self) -> str:
        done = f"{self._count:,}" + (f" of {self._total:,}" if self._total else "")
        size = f", {format_size(self._size)}" if self._size else ""
        return f"{self._phase}: {done}{size} ({time.monotonic() - self._started:.0f} s)"

    def _draw(self) -> None:
        bar = ""
        if self._total:
            filled = min(24, 24 * self._count // self._total)
            bar = f"[{'█' * filled}{'·' * (24 - filled)}] "
        self._stream.write(f"\r\033[K{bar}{self._text()}")
        self._stream.flush()
        self._drawn = True

    def _clear(self) -> None:
        if self._drawn:
            self._stream.write("\r\033[K")
            self._stream.flush()
            self._drawn = False

    def _write_json(self, event: str, **values: object) -> None:
        self._stream.write(json.dumps({"event": event, **values}) + "\n")
        self._stream.flush()


def format_size(size: int) -> str:
    """`1.5 MiB`"""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
