"""One bit of any file of a repository, or more, is not what was written: it is found and named, and nothing wrong is read."""

import random

import pytest
from tests.faults.fault_runs import tiny_repositories
from tests.restic_oracle import Restic, export
from tests.sample_repository import add_password, check_all, init, read_files, reopen, write_files

from holdfast.errors import HoldfastError
from holdfast.ids import LockId
from holdfast.model.clock import SystemClock
from holdfast.repository import sealed
from holdfast.repository.layout import file_name
from holdfast.repository.lock import LockFile
from holdfast.repository.pack import BlobType
from holdfast.store.memory import MemoryStore

SEED = 20261126
FLIPS = 110  # of each kind of file
ENDS = 6  # bytes at each end of a file that are always among them
KINDS = ("config", "key", "snapshot", "index", "lock", "pack of data", "pack of trees")


@pytest.fixture(scope="module")
def made():
    """(store, what its snapshots hold, names of its files by kind), two files at least of each kind but the config."""
    chance = random.Random(SEED)
    with tiny_repositories():
        store = MemoryStore()
        repository = init(store)
        add_password(repository, "another")
        for _ in range(3):
            files = {f"{chance.choice('abc')}/{number}": chance.randbytes(9_000) for number in range(12)}
            write_files(repository, {**files, "text": b"text\n" * 900, "empty": b""})
        for pid in (1, 2):
            now = SystemClock().now().isoformat()
            sealed.save(
                store, repository.key, LockFile(time=now, exclusive=False, hostname="elsewhere", pid=pid), LockId
            )
    repository = reopen(store)
    held = {snapshot_id: read_files(repository, snapshot_id) for snapshot_id in repository.snapshot_ids()}
    types = {file_name(place.pack): place.blob.type for place in repository.index.blobs()}
    names = {
        "config": ["config"],
        "key": listed(store, "keys"),
        "snapshot": listed(store, "snapshots"),
        "index": listed(store, "index"),
        "lock": listed(store, "locks"),
        "pack of data": [name for name, blob_type in types.items() if blob_type is BlobType.DATA],
        "pack of trees": [name for name, blob_type in types.items() if blob_type is BlobType.TREE],
    }
    assert all(len(found) > 1 for kind, found in names.items() if kind != "config")
    assert verdict(store) == []
    return store, held, names


def listed(store, directory):
    return sorted(file.name for file in store.list(directory))


def verdict(store):
    """What a check finds that reads all data, or why the repository cannot be opened."""
    try:
        return [f"{found.what}: {found.why}" for found in check_all(reopen(store)).findings]
    except HoldfastError as error:
        return [str(error)]


def assert_found(store, held, names, what):
    """The files are named – one of them, if without it nobody can open the rest – and what is read is right or refused."""
    found = verdict(store)
    assert found, f"{what}: not found"
    named = [name for name in names if any(_shown(name) in line for line in found)]
    needed = any(name.startswith(("config", "keys/")) for name in names)
    assert named == names or (needed and named), f"{what}: not all of {names} are named in {found}"
    for snapshot_id, files in held.items():
        try:
            read = read_files(reopen(store), snapshot_id)
        except HoldfastError:
            continue
        assert read == files, f"{what}: wrong content was read"


def _shown(name):
    return "config" if name == "config" else name.rpartition("/")[2][:8]


def damaged(store, contents):
    """A copy where these files have other contents: {name: bytes}."""
    copy = MemoryStore()
    for name, _ in store.list(""):
        copy.put(name, [contents.get(name, store.get(name))])
    return copy


def places(store, names, chance):
    """(name, place): the ends of each file, then anywhere."""
    ends = [(name, place) for name in names[:2] for place in (*range(ENDS), *range(-ENDS, 0))]
    anywhere = [(name, chance.randrange(store.size(name))) for name in chance.choices(names, k=FLIPS)]
    return [*ends, *anywhere][:FLIPS]


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_is_found(kind, made, say):
    store, held, names = made
    chance = random.Random(f"{SEED} {kind}")
    flips = places(store, names[kind], chance)
    for name, place in flips:
        content = bytearray(store.get(name))
        content[place] ^= 1 << chance.randrange(8)
        assert_found(damaged(store, {name: bytes(content)}), held, [name], f"a flip at {place} in {name}")
    say(f"{kind}: {len(flips)} flips, {len(flips)} found")


@pytest.mark.parametrize("kind", KINDS)
def test_every_other_damage_is_found(kind, made, say):
    store, held, names = made
    chance = random.Random(f"{SEED} {kind}")
    count = 0
    for name in names[kind][:2]:
        content = store.get(name)
        for what, changed in {
            "emptied": b"",
            "zeros": bytes(len(content)),
            "a byte more": content + b"\0",
            "itself behind it": content * 2,
            "a byte before it": b"\0" + content,
            "a byte less": content[:-1],
            "without its first byte": content[1:],
            "its first half": content[: len(content) // 2],
            "a block out of its middle": content[: len(content) // 3] + content[len(content) // 2 :],
            "a few bytes of it": content[: chance.randrange(1, 40)],
            "other bytes": chance.randbytes(len(content)),
        }.items():
            assert_found(damaged(store, {name: changed}), held, [name], f"{name}: {what}")
            count += 1
    say(f"{kind}: {count} files cut, longer or overwritten, {count} found")


@pytest.mark.parametrize("kind", KINDS)
def test_two_files_that_changed_places_are_found(kind, made):
    store, held, names = made
    for other in KINDS:
        one, another = names[kind][0], names[other][-1]
        if one != another:
            swapped = {one: store.get(another), another: store.get(one)}
            assert_found(damaged(store, swapped), held, [one, another], f"{one} and {another} swapped")


def test_restic_finds_the_same(made, tmp_path, restic_new, say):
    """One flip in each kind of file; of locks restic says nothing but that it is locked."""
    store, _, names = made
    restic = Restic(restic_new, tmp_path)
    unlocked = damaged(store, {})
    for name in names["lock"]:
        unlocked.delete(name)
    restic.check(export(unlocked, tmp_path / "whole"))
    found = 0
    for kind in KINDS:
        name = names[kind][0]
        content = bytearray(store.get(name))
        content[len(content) // 2] ^= 4
        if kind == "lock":
            continue
        broken = damaged(unlocked, {name: bytes(content)})
        assert verdict(broken)
        export(broken, tmp_path / kind)
        output = restic.run(tmp_path / kind, "check", "--read-data", "--no-lock", code=None)
        found += "no errors were found" not in output
    say(f"restic finds {found} of the {len(KINDS) - 1} flips that holdfast finds")
    assert found >= len(KINDS) - 2  # a damaged key that another one stands in for is no matter to it
