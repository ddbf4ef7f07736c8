"""restic's verdict on the same damages: what it finds, we find, and what it lets pass, we let pass."""

import random

import pytest
from tests.restic_oracle import export
from tests.sample_repository import FILES, init, reopen, write_files

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.repository.check import check
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType


def pack_of(store, blob_type):
    return next(file_name(place.pack) for place in reopen(store).index.blobs() if place.blob.type is blob_type)


def flip(store, name, position):
    content = bytearray(store.get(name))
    content[position] ^= 1
    store.put(name, [bytes(content)])


def first(store, directory):
    return next(file.name for file in store.list(directory))


DAMAGES = {
    "nothing": lambda _: None,
    "a changed byte of data": lambda store: flip(store, pack_of(store, BlobType.DATA), 50),
    "a changed byte of a tree": lambda store: flip(store, pack_of(store, BlobType.TREE), 50),
    "a changed byte of a header": lambda store: flip(store, pack_of(store, BlobType.DATA), -10),
    "a lost data pack": lambda store: store.delete(pack_of(store, BlobType.DATA)),
    "a lost tree pack": lambda store: store.delete(pack_of(store, BlobType.TREE)),
    "a pack cut short": lambda store: store.put(
        pack_of(store, BlobType.DATA), [store.get(pack_of(store, BlobType.DATA))[:-20]]
    ),
    "a lost index": lambda store: store.delete(first(store, "index")),
    "a changed index": lambda store: flip(store, first(store, "index"), 60),
    "a changed snapshot": lambda store: flip(store, first(store, "snapshots"), 60),
    "a lost snapshot": lambda store: store.delete(first(store, "snapshots")),
}


def write_without_index(store):
    before = {file.name for file in store.list("")}
    write_files(reopen(store), {"more": b"more"})
    for file in list(store.list("")):
        if file.name not in before and not file.name.startswith("data/"):
            store.delete(file.name)


DAMAGES["a pack that nobody knows"] = write_without_index


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("reads_data", [False, True])
def test_both_find_the_same(store, restics, damage, reads_data, tmp_path):
    write_files(init(store), {**FILES, "big": random.Random(7).randbytes(300_000)})
    DAMAGES[damage](store)
    export(store, tmp_path)
    report = check(reopen(store), read_fraction=1 if reads_data else 0, cancel=Cancel(), progress=Silent())
    restic = restics[(list(DAMAGES).index(damage) + reads_data) % len(restics)]  # each sees half of it
    output = restic.run(tmp_path, "check", "--no-lock", *(["--read-data"] if reads_data else []), code=None)
    assert ("no errors were found" in output) == (report.errors == []), output
