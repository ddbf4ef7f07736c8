"""Objects become files of a backup's tree."""

from __future__ import annotations

import io
import sys
from itertools import groupby
from operator import itemgetter

from holdfast.codec.chunker import MIN_SIZE
from holdfast.model.kubernetes import Resource
from holdfast.objects.paths import object_path
from holdfast.operations.capture import Taken
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import Repository
from holdfast.repository.tree import EPOCH
from holdfast.repository.tree_builder import TreeBuilder, TreeFile
from holdfast.repository.writer import BlobWriter


class ObjectSink:
    """Stores each object as a file of the backup's tree."""

    def __init__(self, repository: Repository, writer: BlobWriter, tree: TreeBuilder) -> None:
        self._repository = repository
        self._writer = writer
        self._tree = tree
        self.size = 0  # bytes of all objects

    def keep(self, taken: Taken) -> tuple[str, str, TreeFile]:
        """(directory, file name, file): a token waits until its list is through, so it is small."""
        data, seen = taken.data, taken.seen
        if len(data) <= MIN_SIZE:
            content: bytes = self._writer.save(BlobType.DATA, data)
        else:
            chunks = self._repository.chunker.split(io.BytesIO(data))
            content = b"".join(self._writer.save(BlobType.DATA, chunk) for chunk in chunks)
        # The object's own time, so that an unchanged object makes an unchanged entry.
        file = TreeFile(content, len(data), seen.metadata.creation_timestamp or EPOCH)
        directory, _, name = object_path(taken.resource, seen.namespace, seen.name).rpartition("/")
        return sys.intern(directory), name, file

    def commit(self, resource: Resource, tokens: list[tuple[str, str, TreeFile]]) -> None:  # noqa: ARG002 - the sink's contract
        for directory, of_directory in groupby(tokens, key=itemgetter(0)):
            files = self._tree.directory(directory.strip("/").split("/"))
            for _, name, file in of_directory:
                files[name] = file
                self.size += file.size
