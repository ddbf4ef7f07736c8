"""Where segments of the index live on this machine: one directory for each repository, each named by the repository's id.

Several processes may use one at once: a segment appears whole by a rename and is never changed, and who has opened it keeps it
although it is deleted. Nothing depends on what is here, and whatever cannot be read or written here is done without.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from holdfast.codec.crypto import SealingKey
from holdfast.repository.index_segment import Segment, SegmentDamaged, SegmentKey
from holdfast.repository.index_segment_builder import SegmentBuilder

_SEGMENT = re.compile(r"[0-9a-f]{32}\.segment")
_OWN_FILE = re.compile(rf"{_SEGMENT.pattern}(-tmp-[0-9a-f]{{16}})?")
_REPOSITORY = re.compile(r"[0-9a-f]{64}")
_UNUSED_AFTER = 30 * 24 * 3600  # seconds
_BROKEN_OFF_AFTER = 24 * 3600

_TAG = "CACHEDIR.TAG"
_TAG_TEXT = """Signature: 8a477f597d28d172789f06886806bc55
# Holdfast's cache of repositories' indexes. It can be deleted at any time.
"""


class IndexCache:
    """A directory for the caches of many repositories. It need not exist, and need not be writable."""

    def __init__(self, directory: Path, note: Callable[[str], None] = lambda _: None) -> None:
        """`note` gets one line, once, if the cache cannot be written."""
        self._directory = directory
        self._note = note

    def of_repository(self, repository_id: str, key: SealingKey) -> RepositoryCache:
        return RepositoryCache(self._directory, SegmentKey(key, repository_id), self._note)


class RepositoryCache:
    """One repository's segments."""

    def __init__(self, root: Path, key: SegmentKey, note: Callable[[str], None]) -> None:
        self._root = root
        self._directory = root / key.repository.hex()
        self._key = key
        self._note = note

    def segments(self) -> list[Segment]:
        """All segments that can be opened, the largest first. What is damaged or of another repository is deleted."""
        found = []
        with suppress(OSError):  # no cache yet, or none for us
            os.utime(self._directory)  # in use: see `_remove_unused`
        with suppress(OSError):
            for path in sorted(self._directory.iterdir()):
                if _SEGMENT.fullmatch(path.name):
                    found += self._opened(path)
        return sorted(found, key=lambda segment: -segment.blob_count)

    def _opened(self, path: Path) -> list[Segment]:
        try:
            return [Segment(path, self._key)]
        except SegmentDamaged:
            _remove(path)
        except OSError:
            pass  # deleted meanwhile, or not ours to read
        return []

    def builder(self) -> SegmentBuilder:
        """Raises OSError if the cache cannot be written; tell `failed` about it."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory.mkdir(mode=0o700, exist_ok=True)
        tag = self._root / _TAG
        if not tag.exists():
            tag.write_text(_TAG_TEXT)
        self._remove_unused()
        return SegmentBuilder(self._directory, self._key)

    def discard(self, segment: Segment) -> None:
        """Deletes a segment's file; who has it open keeps it."""
        _remove(segment.path)

    def failed(self, error: OSError) -> None:
        """Says that the run goes on without."""
        why = error.strerror or type(error).__name__
        self._note(f"the index cache in {self._root} cannot be written ({why}); the run goes on without it")

    def _remove_unused(self) -> None:
        """Caches of repositories that nobody used for a month, and what broken runs left here: only names of our own."""
        now = time.time()
        for directory in self._root.iterdir():
            if _REPOSITORY.fullmatch(directory.name):
                oldest = now - _BROKEN_OFF_AFTER
                with suppress(OSError):
                    if directory.stat().st_mtime < now - _UNUSED_AFTER:
                        oldest = now
                    _remove_own_files(directory, oldest, finished=oldest == now)
                    if oldest == now:
                        directory.rmdir()


def _remove_own_files(directory: Path, oldest: float, *, finished: bool) -> None:
    """Files of our own naming from before `oldest`: unfinished ones, and the others if `finished`."""
    for path in directory.iterdir():
        is_ours = _OWN_FILE.fullmatch(path.name) and (finished or not _SEGMENT.fullmatch(path.name))
        if is_ours and path.lstat().st_mtime < oldest:
            _remove(path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
