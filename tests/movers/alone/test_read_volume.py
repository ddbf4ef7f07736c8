"""`holdfast mover read`: the files of a volume become a part."""

import os
import shutil
import subprocess
import threading

import pytest
from msgspec import structs
from tests.cli.holdfast import PASSWORD
from tests.helpers_at_work import make_tree
from tests.movers.alone.lab import CLAIM, CLUSTER, PLACE, listed, opened, without
from tests.operations.file_trees import make_everything, picture

from holdfast.ids import BlobId, SnapshotId
from holdfast.model import tags
from holdfast.model.backup import BackupRecord, BackupType, ClusterRecord
from holdfast.model.cancel import Cancel
from holdfast.model.run import Outcome
from holdfast.model.tags import Tags
from holdfast.model.volume import VolumeRecord
from holdfast.operations.catalog import read_catalog
from holdfast.operations.contents import Contents
from holdfast.operations.publishing import add_document
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import encode_node, join_nodes, subtree_id
from holdfast.repository.tree_builder import TreeBuilder

CAPABILITIES = "-dac_override,-dac_read_search"  # what lets root read everything


def found_in(repository, part):
    """(the snapshot, its contents)"""
    one = opened(repository)
    snapshot = one.load_snapshot(SnapshotId.parse(part))
    return snapshot, Contents(one, BlobId.parse(snapshot.tree))


def test_a_part_is_a_snapshot_of_its_own_kind(mover, repository, volume):
    ended = mover.read(volume, "--exclude", "*.tmp", "--name", "nightly-7", run="run-20")
    moved = ended.moved
    snapshot, contents = found_in(repository, moved.part)
    assert Tags.parse(snapshot.tags).values == {
        "kind": "part",
        "name": "nightly-7",
        "run": "run-20",
        "volume": CLAIM,
        "outcome": "done",
    }
    assert (snapshot.hostname, snapshot.paths, snapshot.excludes) == (CLUSTER, [PLACE], ["*.tmp"])
    assert [found.path for found in contents.walk()] == [
        "/volumes",
        "/volumes/shop",
        PLACE,
        *(f"{PLACE}/{name}" for name in ("empty", "link", "notes.txt", "pgdata")),
        *(f"{PLACE}/pgdata/{name}" for name in ("base", "same as wal", "wal")),
    ]
    assert (moved.outcome, moved.files, moved.unmodified, moved.error_count) == (Outcome.DONE, 5, 0, 0)
    assert moved.bytes == 5000 + 2 * (3 << 20) + 6
    assert moved.added > moved.stored > 3 << 20
    assert moved.started_at < moved.finished_at
    assert 10 << 20 < moved.peak_memory < 250 << 20
    assert read_catalog(opened(repository)).backups == []


def test_restic_restores_a_part_and_the_roots_own_metadata(mover, repository, restics, volume, tmp_path):
    moved = mover.read(volume).moved
    for number, restic in enumerate(restics):
        target = tmp_path / f"restored by {number}"
        restic.run(repository, "--no-lock", "restore", moved.part, "--target", target, password=PASSWORD)
        assert picture(target / PLACE[1:]) == without(picture(volume), "lost+found")
        assert listed(restic, repository, moved.part)["paths"] == [PLACE]


@pytest.fixture
def everything(tmp_path):
    """Every kind of file, attribute and name, and beside it an empty directory, `target`."""
    (tmp_path / "target").mkdir()
    yield make_everything(tmp_path / "everything")
    subprocess.run(["rm", "-rf", tmp_path / "everything", tmp_path / "target"], check=True)  # too deep for pytest


def test_all_that_a_file_system_holds_comes_back(mover, everything):
    root, target = everything, everything.with_name("target")
    read = mover.read(root)
    assert (read.moved.outcome, read.names) == (Outcome.DONE, [])
    written = mover.write(read.moved.part, target, "--verify")
    assert (written.moved.outcome, written.names) == (Outcome.DONE, [])
    assert picture(target) == picture(root)


def test_ten_thousand_small_files(mover, tmp_path):
    root = make_tree(tmp_path / "tree", files=10_000, size=300)
    read = mover.read(root)
    assert read.moved.files == 10_003
    target = tmp_path / "target"
    target.mkdir()
    written = mover.write(read.moved.part, target, "--verify")
    assert (written.moved.files, written.moved.verified) == (10_003, 10_003)
    assert picture(target) == picture(root)
    again = mover.read(root, "--parent", read.moved.part)
    assert (again.moved.unmodified, again.moved.added) == (10_003, 0)


def test_a_sparse_file_of_two_gigabytes_stays_sparse(mover, tmp_path):
    root, target = tmp_path / "root", tmp_path / "target"
    root.mkdir()
    target.mkdir()
    with (root / "disk").open("wb") as file:
        for position in (0, 700 << 20, (2 << 30) - 5):
            file.seek(position)
            file.write(b"here\n")
    read = mover.read(root).moved
    assert (read.files, read.bytes) == (1, 2 << 30)
    assert read.stored < 1 << 20
    mover.write(read.part, target)
    assert (target / "disk").stat().st_size == 2 << 30
    assert (target / "disk").stat().st_blocks * 512 < 1 << 20
    assert picture(target) == picture(root)


def test_an_empty_volume(mover, tmp_path):
    root, target = tmp_path / "root", tmp_path / "target"
    for directory in (root, target):
        (directory / "lost+found").mkdir(parents=True)
    read = mover.read(root).moved
    assert (read.outcome, read.files, read.bytes) == (Outcome.DONE, 0, 0)
    assert mover.write(read.part, target).moved.files == 0
    assert os.listdir(target) == ["lost+found"]  # noqa: PTH208 - names only


# What was there before


def test_unchanged_files_are_not_read_again(mover, volume):
    first = mover.read(volume).moved
    (volume / "notes.txt").write_bytes(b"other notes\n")
    second = mover.read(volume, "--parent", first.part)
    assert (second.moved.files, second.moved.unmodified) == (5, 4)
    assert second.moved.added < 10_000
    assert second.told[-1].total_files == 5
    assert second.told[-1].total_bytes == first.bytes
    third = mover.read(volume, "--parent", second.moved.part).moved
    assert (third.unmodified, third.added) == (5, 0)
    full = mover.read(volume, "--parent", first.part, "--full").moved
    assert (full.unmodified, full.added) == (0, 0)


def as_backup(repository, part, record):
    """A backup of an application with the part in its tree."""
    one = opened(repository)
    snapshot, contents = found_in(repository, part)
    volumes = encode_node(contents.find("/volumes").node)
    with one.lock(Cancel()) as lock:
        writer = one.writer(lock, Cancel())
        tree = TreeBuilder()
        add_document(tree, writer, "/backup.json", record, snapshot.time)
        [backup_json] = (encode_node(node) for node in decoded(one, writer, tree))
        root = writer.save(BlobType.TREE, join_nodes([backup_json, volumes]))
        writer.flush()
        writer.close()
        values = {tags.KIND: tags.APPLICATION, tags.NAME: "backup", tags.RUN: "run-1"}
        made = structs.replace(snapshot, tree=root.hex(), paths=["/objects"], tags=Tags(values).format(), summary=None)
        return one.save_snapshot(made, lock).hex()


def decoded(one, writer, tree):
    root = tree.save(writer)
    writer.flush()
    return one.reader.load_tree(root)


def a_record(**volume):
    return BackupRecord(
        run="run-1",
        name="backup",
        type=BackupType.FULL,
        outcome=Outcome.DONE,
        started_at="",
        finished_at="",
        holdfast_version="",
        cluster=ClusterRecord(uid="", name="", version=""),
        selection={},
        labels={},
        resources=[],
        namespaces=[],
        excluded={},
        volumes=[VolumeRecord(namespace="shop", name="data", saved=True, **volume)],
        changes=None,
        errors=[],
    )


def test_a_backup_is_a_parent_too_and_says_how_much_there_is(mover, repository, volume):
    first = mover.read(volume).moved
    backup = as_backup(repository, first.part, a_record(files=5, bytes=first.bytes))
    ended = mover.read(volume, "--parent", backup)
    assert (ended.moved.unmodified, ended.moved.added, ended.warnings) == (5, 0, [])
    assert (ended.told[-1].total_files, ended.told[-1].total_bytes) == (5, first.bytes)


@pytest.fixture
def parent(mover, volume):
    return mover.read(volume).moved.part


def lose(repository, snapshot):
    (repository / file_name(SnapshotId.parse(snapshot))).unlink()


def damage(repository, snapshot):
    (repository / file_name(SnapshotId.parse(snapshot))).write_bytes(b"this is not sealed")


@pytest.mark.parametrize("spoil", [lose, damage])
def test_without_a_parent_that_can_be_used_everything_is_read(mover, repository, volume, parent, spoil):
    spoil(repository, parent)
    ended = mover.read(volume, "--parent", parent)
    assert (ended.moved.outcome, ended.moved.files, ended.moved.unmodified) == (Outcome.DONE, 5, 0)
    assert [warning for warning in ended.warnings if "everything is read" in warning]
    (repository / file_name(SnapshotId.parse(parent))).unlink(missing_ok=True)  # for restic, which looks at all of them


def test_a_parent_that_has_another_volume_is_none(mover, volume, parent):
    ended = mover.read(volume, "--parent", parent, volume="shop/other")
    assert ended.moved.unmodified == 0
    assert [warning for warning in ended.warnings if "does not have the volume shop/other" in warning]


def test_a_parent_whose_trees_are_lost_is_healed(mover, repository, volume, parent):
    one = opened(repository)
    _, contents = found_in(repository, parent)
    tree = subtree_id(contents.find(PLACE).node)
    pack = one.index.find(BlobType.TREE, tree).pack
    (repository / file_name(pack)).unlink()
    ended = mover.read(volume, "--parent", parent)
    assert (ended.moved.outcome, ended.moved.files) == (Outcome.DONE, 5)
    assert [warning for warning in ended.warnings if "lost" in warning]
    shutil.rmtree(repository / "index")  # restic would ask for the lost pack
    (repository / "index").mkdir()
    mover._holdfast("repository", "repair", "index")


# What is left out, and what cannot be read


def test_patterns_begin_at_the_volumes_root(mover, repository, volume):
    (volume / "pgdata" / "notes.txt").write_bytes(b"not in the root")
    (volume / "cache").mkdir()
    (volume / "cache" / "one").touch()
    moved = mover.read(volume, "--exclude", "/notes.txt", "--exclude", "cache", "--exclude", "pgdata/w*").moved
    _, contents = found_in(repository, moved.part)
    names = [found.path.removeprefix(f"{PLACE}/") for found in contents.walk(PLACE)]
    assert names == ["empty", "link", "pgdata", "pgdata/base", "pgdata/notes.txt", "pgdata/same as wal"]


def test_a_lost_and_found_that_is_not_in_the_root_is_data(mover, repository, volume):
    (volume / "pgdata" / "lost+found").mkdir()
    _, contents = found_in(repository, mover.read(volume).moved.part)
    assert contents.find(f"{PLACE}/lost+found") is None
    assert contents.find(f"{PLACE}/pgdata/lost+found")


def test_what_cannot_be_read_is_named_as_the_backup_calls_it(mover, repository, volume):
    (volume / "pgdata" / "secret").mkdir()
    (volume / "pgdata" / "secret" / "inside").touch()
    for path in (volume / "pgdata" / "secret", volume / "pgdata", volume / "notes.txt"):
        os.chown(path, 12345, 12345)
    (volume / "pgdata" / "secret").chmod(0o700)
    (volume / "pgdata").chmod(0o755)
    (volume / "notes.txt").chmod(0o600)
    less = mover.but("setpriv", f"--bounding-set={CAPABILITIES}")
    ended = less.read(volume, code=3)
    assert sorted(ended.names) == [
        f"{PLACE}/notes.txt was not saved whole",
        f"{PLACE}/pgdata/secret was not saved whole",
    ]
    assert {problem.why for problem in ended.moved.errors} == {"Permission denied"}
    assert (ended.moved.outcome, ended.moved.error_count, ended.moved.files) == (Outcome.PARTIAL, 2, 4)
    snapshot, _ = found_in(repository, ended.moved.part)
    assert Tags.parse(snapshot.tags).get("outcome") == "partial"


def test_more_problems_than_a_message_holds(mover, volume):
    for number in range(150):
        (volume / f"{number}").touch(mode=0o600)
        os.chown(volume / f"{number}", 12345, 12345)
    ended = mover.but("setpriv", f"--bounding-set={CAPABILITIES}").read(volume, code=3)
    assert (ended.moved.error_count, len(ended.moved.errors)) == (152, 100)  # and notes.txt and pgdata


def test_a_root_that_cannot_be_read(mover, volume):
    os.chown(volume, 12345, 12345)
    volume.chmod(0o700)
    ended = mover.but("setpriv", f"--bounding-set={CAPABILITIES}").read(volume, code=1)
    assert ended.names == [f"the volume {CLAIM} cannot be read"]
    assert (ended.moved.outcome, ended.moved.reason) == (Outcome.FAILED, "VolumeError")
    assert (ended.moved.errors[0].why, ended.moved.part) == (f"{volume}: Permission denied", "")


def test_files_that_are_written_meanwhile(mover, tmp_path, volume):
    """Whatever is saved of them, the rest is as it was, and everything can be restored."""
    is_over = threading.Event()
    changing = [volume / "pgdata" / "journal", volume / "grows", volume / "comes and goes"]
    for path in changing:
        path.write_bytes(os.urandom(2 << 20))

    def write():
        while not is_over.is_set():
            changing[0].write_bytes(os.urandom(1 << 20) + bytes(1 << 20))
            with changing[1].open("ab") as file:
                file.write(os.urandom(100_000))
            changing[2].unlink()
            changing[2].write_bytes(os.urandom(500_000))

    writing = threading.Thread(target=write)
    writing.start()
    try:
        ended = mover.read(volume, code=None)
    finally:
        is_over.set()
        writing.join()
    assert ended.moved.outcome in (Outcome.DONE, Outcome.PARTIAL)
    allowed = {f"{PLACE}{str(path)[len(str(volume)) :]} was not saved whole" for path in changing}
    assert set(ended.names) <= allowed
    target = tmp_path / "target"
    target.mkdir()
    written = mover.write(ended.moved.part, target, "--verify")
    assert written.names == []
    names = ("grows", "comes and goes", "lost+found", "pgdata/journal")
    still = without(picture(volume), *names, "pgdata")
    assert without(picture(target), *names, "pgdata").keys() == still.keys()
    assert (target / "pgdata" / "wal").read_bytes() == (volume / "pgdata" / "wal").read_bytes()


# What makes no sense


@pytest.mark.parametrize(
    "name", ["", "data", "shop/", "/data", "shop/data/more", "../data", "shop/..", "shop/.", "a,b/c", "shop/da\nta"]
)
def test_a_volume_is_namespace_and_claim(mover, volume, name):
    ended = mover.read(volume, volume=name, code=2)
    assert (ended.moved.outcome, ended.moved.reason) == (Outcome.FAILED, "UsageError")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--run", "a,b"), "--run"),
        (("--name", " x"), "--name"),
        (("--exclude", "/"), "pattern"),
        (("--cluster-name", ""), "cluster name"),
        (("--nonsense",), "command line"),
        (("-o", "json", "--run", ""), "--run"),
    ],
)
def test_nonsense_ends_with_a_result_too(mover, volume, arguments, word):
    ended = mover.read(volume, *arguments, code=2)
    assert word in ended.names[0]
    assert ended.moved.reason == "UsageError"


def test_a_root_that_is_no_directory(mover, tmp_path):
    assert mover.read(tmp_path / "root", code=1).moved.reason == "VolumeError"
    (tmp_path / "root").touch()
    assert mover.read(tmp_path / "root", code=1).moved.reason == "VolumeError"


def test_repositories_that_cannot_be_used(mover, volume, tmp_path):
    assert mover.but(HOLDFAST_PASSWORD="wrong").read(volume, code=12).moved.reason == "WrongPassword"
    nowhere = mover.but(HOLDFAST_REPOSITORY=tmp_path / "nowhere")
    assert nowhere.read(volume, code=10).moved.reason == "NoRepository"
    none = mover.but(HOLDFAST_REPOSITORY=None)
    assert none.read(volume, code=2).moved.reason == "UsageError"


def test_a_repository_that_does_not_answer(mover, volume):
    dead = mover.but(
        HOLDFAST_REPOSITORY="s3:http://127.0.0.1:1/bucket", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b"
    )
    ended = dead.read(volume, code=1)
    assert (ended.moved.outcome, ended.moved.reason) == (Outcome.FAILED, "StoreUnavailable")
