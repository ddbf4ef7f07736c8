"""Parts: the snapshots that movers leave, and the node of a volume that a backup takes over from one."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.errors import DamagedData, NotFound
from holdfast.ids import BlobId, SnapshotId
from holdfast.model import tags
from holdfast.model.volume import VOLUMES, volume_path
from holdfast.operations.catalog import Entry
from holdfast.operations.movers.contract import VOLUME_TAG
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Summary
from holdfast.repository.tree import NodeType, decode_with_text, subtree_id


class Part(NamedTuple):
    """The directory of a volume, ready to be grafted."""

    path: list[str]  # names from the root of a backup
    node: bytes  # as it is encoded in the part
    summary: Summary | None


def read_part(repository: Repository, part: str, run: str, namespace: str, claim: str) -> Part:
    """`part` is a snapshot's id as a mover told it. The repository's index must have been loaded after the mover's end.

    Raises NotFound if there is no such part of this run and volume, DamagedData if it, or the volume's directory, cannot be read.
    """
    snapshot = repository.load_snapshot(SnapshotId.parse(part))
    told = tags.Tags.parse(snapshot.tags)
    if (told.get(tags.KIND), told.get(tags.RUN), told.get(VOLUME_TAG)) != (tags.PART, run, f"{namespace}/{claim}"):
        raise NotFound(f"snapshot {part[:8]} is no part of {namespace}/{claim} in this run")
    path = volume_path(namespace, claim).strip("/").split("/")
    tree, text = BlobId.parse(snapshot.tree), b""
    for name in path:
        content = repository.reader.load(BlobType.TREE, tree)
        found = next((one for one in decode_with_text(content) if one.name == name.encode()), None)
        if found is None or found.node.type is not NodeType.DIRECTORY:
            raise DamagedData(f"snapshot {part[:8]} has no directory {volume_path(namespace, claim)}")
        tree, text = subtree_id(found.node), bytes(found.text)
    repository.reader.load_tree(tree)
    return Part(path, text, snapshot.summary)


class EarlierVolumes:
    """Which volumes earlier backups have. What was looked up once is remembered."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._claims: dict[tuple[SnapshotId, str], frozenset[str]] = {}

    def has(self, entry: Entry, volume: str) -> bool:
        """Whether a backup has the files of a volume, `shop/data`; not if what leads there is damaged."""
        namespace, _, claim = volume.partition("/")
        known = self._claims.get((entry.id, namespace))
        if known is None:
            known = self._claims[entry.id, namespace] = self._look(entry, namespace)
        return claim in known

    def _look(self, entry: Entry, namespace: str) -> frozenset[str]:
        contents = self._repository.contents(entry.snapshot)
        try:
            found = contents.find(f"/{VOLUMES}/{namespace}")
            if found is None or found.node.type is not NodeType.DIRECTORY:
                return frozenset()
            inside = self._repository.reader.load_tree(subtree_id(found.node))
        except DamagedData:
            return frozenset()
        return frozenset(node.name for node in inside if node.type is NodeType.DIRECTORY)
