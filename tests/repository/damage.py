"""Breaking files of a repository, and what can still be read afterwards."""

import contextlib
from typing import NamedTuple

from tests.sample_repository import check_all, reopen

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.repository.contents import FoundNode
from holdfast.repository.layout import Directory, file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import NodeType


def names(store, directory=""):
    return sorted(file.name for file in store.list(directory))


def contents(store):
    """Everything that is stored."""
    return {name: store.get(name) for name in names(store)}


def flip(store, name, position):
    content = bytearray(store.get(name))
    content[position] ^= 1
    store.put(name, [content])


def cut(store, name, size):
    store.put(name, [store.get(name)[:size]])


class StoredPack(NamedTuple):
    id: object
    type: BlobType
    header: int  # where it begins

    @property
    def name(self):
        return file_name(self.id)


def packs(store, blob_type=None):
    """The packs that the index lists, of one type or both, in the order of their ids."""
    found = {}
    for place in reopen(store).index.blobs():
        end = place.blob.offset + place.blob.length
        before = found.get(place.pack)
        found[place.pack] = StoredPack(place.pack, place.blob.type, max(end, before.header if before else 0))
    return [found[pack_id] for pack_id in sorted(found) if blob_type in (None, found[pack_id].type)]


def pack_of(store, content, blob_type=BlobType.DATA):
    """The pack that holds a small file's content."""
    place = reopen(store).index.find(blob_type, BlobId.of(content))
    return next(pack for pack in packs(store) if pack.id == place.pack)


def index_files(store):
    return names(store, Directory.INDEX.value)


def readable(store):
    """Each blob that the index leads to, and that is what its id says."""
    repository = reopen(store)
    found = set()
    for place in repository.index.blobs():
        with contextlib.suppress(DamagedData):
            repository.reader.load(place.blob.type, place.blob.id)
            found.add((place.blob.type, place.blob.id))
    return found


def restorable(store):
    """Each file that is whole: (the id that its snapshot had first, path, content)."""
    repository = reopen(store)
    found = set()
    for snapshot_id, snapshot in repository.snapshots():
        with contextlib.suppress(DamagedData):
            contents = repository.contents(snapshot)
            for one in contents.walk():
                if isinstance(one, FoundNode) and one.node.type is NodeType.FILE:
                    with contextlib.suppress(DamagedData):
                        found.add((snapshot.original or snapshot_id.hex(), one.path, contents.read(one.path)))
    return found


def damages(store):
    """What a full check finds: of a snapshot the paths that are damaged, for whatever reason."""
    return {
        f"snapshot {error.snapshot}: {sorted(error.paths)}" if error.paths else f"{error.what}: {error.why}"
        for error in check_all(reopen(store)).errors
    }
