"""Repositories whose files are whole, sealed with the right key and rightly named, and full of nonsense in one place.

Whoever has a password can write such ones. Every verb ends well, says what is missing, or raises one of our errors.
"""

import io
import os
import random
import shutil
from collections import Counter
from contextlib import closing, suppress

import pytest
from tests.faults.fault_runs import tiny_repositories
from tests.faults.test_hostile_files import altered
from tests.operations.file_trees import contents
from tests.operations.files_harness import back_up
from tests.sample_repository import check_all, init, reopen

from holdfast.cli.output import local_time
from holdfast.codec import compression
from holdfast.errors import HoldfastError, NotFound
from holdfast.ids import BlobId, IndexId, LockId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.clock import SystemClock
from holdfast.model.progress import Silent
from holdfast.operations.backup_details import delete_backups
from holdfast.operations.catalog import read_catalog
from holdfast.operations.contents import Contents
from holdfast.operations.diff_files import diff_files
from holdfast.operations.repository_facts import read_facts
from holdfast.operations.restore_files import RestoreFilesOptions, restore_files, stream_files
from holdfast.repository import go_json, sealed
from holdfast.repository.layout import file_name
from holdfast.repository.lock_file import LockFile, remove_stale_locks
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import encode_tree
from holdfast.store.memory import MemoryStore

CASES = 40  # of each kind of file
KINDS = ("index", "snapshots", "locks", "trees")
FILES = {**{str(number): b"content %d" % number * 500 for number in range(5)}, "new": b"new"}


@pytest.fixture(autouse=True)
def _tiny():
    with tiny_repositories():
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("source")
    (root / "directory").mkdir()
    for name in sorted(FILES)[:-1]:
        (root / "directory" / name).write_bytes(FILES[name])
    (root / "link").symlink_to("directory")
    os.mkfifo(root / "fifo")
    return root


@pytest.fixture(scope="module")
def whole(source):
    """The files of a repository with two backups and a lock."""
    with tiny_repositories():
        store = MemoryStore()
        repository = init(store)
        back_up(repository, source)
        (source / "directory" / "new").write_bytes(FILES["new"])
        back_up(reopen(store), source)
        held = LockFile(time=SystemClock().now().isoformat(), exclusive=False, hostname="elsewhere", pid=1)
        sealed.save(store, repository.key, held, LockId)
    return {name: store.get(name) for name, _ in store.list("")}


def hostile(whole, kind, chance):
    """A store with one file of a kind, or one tree, altered and all that refers to it put right."""
    store = MemoryStore()
    for name, content in whole.items():
        store.put(name, [content])
    repository = reopen(store)
    if kind == "trees":
        _alter_tree(repository, chance)
    else:
        name = chance.choice(sorted(name for name in whole if name.startswith(kind)))
        plain = repository.key.open(whole[name])
        text = altered(compression.decompress(plain[1:], limit=1 << 20), chance)
        stored = repository.key.seal(b"\x02" + compression.compress(text))
        store.delete(name)
        id_type = {"index": IndexId, "snapshots": SnapshotId, "locks": LockId}[kind]
        store.put(file_name(id_type.of(stored)), [stored])
    return store


def _alter_tree(repository, chance):
    """The newest backup gets another tree in the place of one of its own, as a file of it that is altered."""
    entry = read_catalog(repository).backups[-1]
    with repository.lock(Cancel()) as lock, closing(repository.writer(lock, Cancel())) as writer:

        def altered_from(tree, depth):
            nodes = repository.reader.load_tree(tree)
            directories = [node for node in nodes if node.subtree]
            if depth == 0 or not directories:
                return writer.save(BlobType.TREE, altered(encode_tree(nodes), chance))
            inside = chance.choice(directories)
            inside.subtree = altered_from(BlobId.parse(inside.subtree), depth - 1).hex()
            return writer.save(BlobType.TREE, encode_tree(nodes))

        tree = altered_from(BlobId.parse(entry.snapshot.tree), chance.randrange(5))
        writer.flush()
        value = go_json.decode(go_json.encode(entry.snapshot), dict, "it") | {"tree": tree.hex()}
        repository.delete_snapshot(entry.id)
        sealed.save(repository.store, repository.key, value, SnapshotId)


def list_all(repository):
    for entry in read_catalog(repository).backups_and_failures():
        assert local_time(entry.time)
    read_facts(repository)


def walk(repository):
    for entry in read_catalog(repository).entries:
        with suppress(HoldfastError):
            list(Contents(repository, BlobId.parse(entry.snapshot.tree)).walk())


def restore(repository, number, target, expected=None):
    """Whatever is restored without complaint is what was backed up, unless the nonsense is in what was."""
    entry = backup(repository, number)
    try:
        run = restore_files(repository, entry, RestoreFilesOptions(target=os.fsencode(target)), Cancel(), Silent())
        if expected is not None and not run.errors:
            assert {path.rpartition("/")[2]: content for path, content in contents(target).items()} == expected
    finally:
        shutil.rmtree(target, ignore_errors=True)


def stream(repository):
    options = RestoreFilesOptions(target=b"-")
    return stream_files(repository, backup(repository, -1), options, io.BytesIO(), Cancel(), Silent())


def diff(repository):
    return list(diff_files(repository, backup(repository, 0), backup(repository, -1), [], Cancel()))


def backup(repository, number):
    backups = read_catalog(repository).backups
    if not backups:
        raise NotFound("there are no backups")
    return backups[number]


def verbs(source, target, expected):
    yield "check", check_all
    yield "list", list_all
    yield "browse", walk
    yield "restore", lambda repository: restore(repository, 0, target)
    yield "restore", lambda repository: restore(repository, -1, target, expected)
    yield "stream", stream
    yield "diff", diff
    yield "back up", lambda repository: back_up(repository, source)
    yield "delete", lambda repository: delete_backups(repository, [backup(repository, 0)], Cancel())
    yield (
        "unlock",
        lambda repository: remove_stale_locks(repository.store, repository.key, SystemClock(), all_locks=True),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_verb_on_nonsense(kind, whole, source, tmp_path, say):
    counts = Counter()
    for number in range(CASES):
        store = hostile(whole, kind, random.Random(f"{kind} {number}"))
        expected = FILES if kind in ("index", "locks") else None
        for verb, work in verbs(source, tmp_path / "target", expected):
            try:
                work(reopen(store))
            except HoldfastError:
                counts["refused"] += 1
            except Exception as error:
                error.add_note(f"{verb}, case {number}")
                raise
            else:
                counts["ended"] += 1
    say(f"nonsense in {kind}: {CASES} repositories, {counts.total()} verbs, {dict(counts)}")
    assert counts["ended"] > CASES
