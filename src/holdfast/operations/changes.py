"""What a new backup's objects changed since an earlier backup: its tree, not yet stored, beside the stored one."""

from __future__ import annotations

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.backup import Changes
from holdfast.repository.reader import BlobReader
from holdfast.repository.tree import NodeType, subtree_id
from holdfast.repository.tree_builder import Directory


def changes_since(new: Directory, old: BlobId | None, reader: BlobReader, since: str) -> Changes | None:
    """Compares the files below two directories by path and content; `old` is None if the earlier backup has none.

    Directories that are equal are not read. Nothing can be added to `new` afterwards.

    None if the earlier backup cannot be read any more: then nothing can be said, and the new one is whole all the same.
    """
    counts = dict.fromkeys(("added", "changed", "removed", "unchanged"), 0)
    try:
        _compare(new, old, reader, counts)
    except DamagedData:
        return None
    return Changes(since=since, **counts)


def _compare(new: Directory, old: BlobId | None, reader: BlobReader, counts: dict[str, int]) -> None:
    if new.identify().id == old:
        counts["unchanged"] += new.count()
        return
    subtrees: dict[str, BlobId] = {}
    added = len(new.files)
    for node in reader.iter_tree(old) if old else ():
        name = node.raw_name().decode("utf-8", "surrogateescape")
        if node.type is NodeType.DIRECTORY:
            subtrees[name] = subtree_id(node)
        elif (file := new.files.get(name)) is None or node.content is None:
            counts["removed"] += 1
        else:
            counts["unchanged" if node.content == file.blob_ids() else "changed"] += 1
            added -= 1
    counts["added"] += added
    for name in new.directories.keys() | subtrees.keys():
        _compare(new.directories.get(name) or Directory(), subtrees.get(name), reader, counts)
