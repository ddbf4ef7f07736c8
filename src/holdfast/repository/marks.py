"""Writing down which packs are going to be removed. Their format is that of `holdfast.repository.index_file.Mark`."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Mapping

from holdfast.errors import HoldfastError, StoreError
from holdfast.ids import PackId
from holdfast.repository.index_file import save_marks
from holdfast.repository.layout import file_name
from holdfast.repository.lock import Lock
from holdfast.repository.repository import Repository


def replace_marks(repository: Repository, marks: Mapping[PackId, dt.datetime], *locks: Lock) -> None:
    """These marks instead of all others. The new file is stored before the old ones are removed: in between a pack may look
    marked that is not any more, never the other way round.
    """
    index = repository.index
    if index.marks == marks and len(index.mark_files) == (1 if marks else 0):
        return
    _prove(locks)
    old = set(index.mark_files)
    index_id = save_marks(repository.store, repository.key, marks) if marks else None
    try:
        _prove(locks)
    except HoldfastError:
        # This process was stopped in between: marks that nobody could see must not look as if they were old.
        if index_id is not None:
            with contextlib.suppress(StoreError):
                repository.store.delete(file_name(index_id))
        raise
    index.use_marks(marks, index_id)
    for index_id in sorted(old - index.mark_files):
        _prove(locks)
        repository.store.delete(file_name(index_id))


def _prove(locks: Iterable[Lock]) -> None:
    for lock in locks:
        lock.prove()
