"""What snapshots lead to: directories, and the data of their files. The rest of a repository is rubbish."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.repository.index import Index
from holdfast.repository.pack import BlobType
from holdfast.repository.reader import BlobReader
from holdfast.repository.tree import Node, NodeType, content_ids, subtree_id


class Reachable:
    """The blobs below the roots that were added. Each tree is read once, however many snapshots have it."""

    def __init__(self, reader: BlobReader, index: Index) -> None:
        self._reader = reader
        self._index = index
        self._seen: dict[BlobType, set[BlobId]] = {blob_type: set() for blob_type in BlobType}
        self._missing: set[BlobId] = set()

    def look_in(self, index: Index) -> None:
        """From now on: an index that is newer."""
        self._index = index

    @property
    def trees(self) -> int:
        """How many were read."""
        return len(self._seen[BlobType.TREE])

    @property
    def count(self) -> int:
        """How many blobs there are."""
        return sum(map(len, self._seen.values()))

    def has(self, blob_type: BlobType, blob_id: BlobId) -> bool:
        return blob_id in self._seen[blob_type]

    def add(self, root: BlobId) -> Iterator[DamagedData]:
        """Walks what is below a root and was not walked before; yields what is damaged or missing there, by its path."""
        waiting = [("", root)]
        while waiting:
            path, tree_id = waiting.pop()
            if self.has(BlobType.TREE, tree_id):
                continue
            self._seen[BlobType.TREE].add(tree_id)
            try:
                nodes = self._reader.load_tree(tree_id)
            except DamagedData as error:
                yield DamagedData(f"directory {path or '/'} cannot be read", why=str(error))
                continue
            for node in nodes:
                node_path = f"{path}/{node.name}"
                try:
                    if node.type is NodeType.DIRECTORY:
                        waiting.append((node_path, subtree_id(node)))
                    self._add_content(node)
                except DamagedData as error:
                    yield DamagedData(f"file {node_path} is incomplete", why=str(error))

    def _add_content(self, node: Node) -> None:
        """Raises DamagedData if a blob is in no index."""
        seen = self._seen[BlobType.DATA]
        for blob_id in content_ids(node):
            if blob_id in seen and blob_id not in self._missing:
                continue
            seen.add(blob_id)
            try:
                self._index.find(BlobType.DATA, blob_id)
            except DamagedData:
                self._missing.add(blob_id)
                raise
