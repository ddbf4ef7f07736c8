"""Writing down which packs are going to be removed. Their format is that of `holdfast.repository.index_file.Mark`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from holdfast.ids import IndexId, PackId
from holdfast.repository.index_file import save_marks
from holdfast.repository.layout import file_name
from holdfast.repository.lock import Lock
from holdfast.repository.repository import Repository
from holdfast.repository.under_lock import save_under


def replace_marks(repository: Repository, marks: Mapping[PackId, dt.datetime], *locks: Lock) -> None:
    """These marks instead of all others. The new file is stored before the old ones are removed: in between a pack may look
    marked that is not any more, never the other way round.
    """
    index = repository.index
    if index.marks == marks and len(index.mark_files) == (1 if marks else 0):
        return

    def prove() -> None:
        for lock in locks:
            lock.prove()

    def save() -> IndexId:
        return save_marks(repository.store, repository.key, marks)

    old = set(index.mark_files)
    # Marks that nobody could see when they were made must not look as if they were old: see `save_under`.
    index.use_marks(marks, save_under(prove, repository.store, save) if marks else None)
    for index_id in sorted(old - index.mark_files):
        prove()
        repository.store.delete(file_name(index_id))
