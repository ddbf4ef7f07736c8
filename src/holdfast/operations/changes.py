"""What a new backup's objects changed since an earlier backup: its tree, not yet stored, beside the stored one."""

from __future__ import annotations

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.backup import Changes
from holdfast.repository.reader import BlobReader
from holdfast.repository.tree import Node, NodeType, subtree_id
from holdfast.repository.tree_builder import Directory


def changes_since(new: Directory, old: BlobId | None, reader: BlobReader, since: str) -> Changes | None:
    """Compares the files below two directories by path and content; `old` is None if the earlier backup has none.

    None if the earlier backup cannot be read any more: then nothing can be said, and the new one is whole all the same.
    """
    counts = dict.fromkeys(("added", "changed", "removed", "unchanged"), 0)
    try:
        _compare(new, old, reader, counts)
    except DamagedData:
        return None
    return Changes(since=since, **counts)


def _compare(new: Directory, old: BlobId | None, reader: BlobReader, counts: dict[str, int]) -> None:
    before = {node.raw_name().decode("utf-8", "surrogateescape"): node for node in reader.load_tree(old)} if old else {}
    for name, file in new.files.items():
        node = before.pop(name, None)
        if node is None or node.content is None:
            counts["added"] += 1
        else:
            same = node.content == [blob_id.hex() for blob_id in file.content]
            counts["unchanged" if same else "changed"] += 1
    for name, directory in new.directories.items():
        _compare(directory, _subtree(before.pop(name, None)), reader, counts)
    for node in before.values():
        if node.type is NodeType.DIRECTORY:
            _compare(Directory(), subtree_id(node), reader, counts)
        else:
            counts["removed"] += 1


def _subtree(node: Node | None) -> BlobId | None:
    return subtree_id(node) if node is not None and node.type is NodeType.DIRECTORY else None
