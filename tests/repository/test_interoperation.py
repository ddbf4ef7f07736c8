"""Holdfast and restic, old and new, in one repository."""

import contextlib
import json
import os
import random
from pathlib import Path

import pytest
from tests.sample_repository import FILES, check_all, nodes, read_files, reopen, write_files

from holdfast.ids import BlobId, SnapshotId
from holdfast.repository import go_json
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import decode_tree, encode_tree
from holdfast.store.local import LocalStore

BIG = random.Random(3).randbytes(5 << 20)


def files_below(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in Path(directory).rglob("*") if path.is_file()
    }


def snapshot_ids(restic, directory):
    return [snapshot["id"] for snapshot in json.loads(restic.run(directory, "snapshots", "--json"))]


def nasty_names():
    """Names of files; bytes that are not UTF-8 as Python spells them."""
    yield from (os.fsdecode(b"byte-%d-%c" % (code, code)) for code in range(1, 256) if code != ord("/"))
    yield from (f"text-{text}" for text in ("é", "日本", "😀", "\u2028\u2029", "\ufffd", "\u00ad", "\ue000"))
    yield from map(os.fsdecode, (b'"<>&\\n`$', b"\xed\xa0\x80", b"\xe2\x80", b"\xf4\x90\x80\x80", b"...", b" ", b"-rf"))
    yield "n" * 255


@pytest.fixture
def nasty_tree(tmp_path):
    """A directory with names, types and metadata that are easily got wrong."""
    top = tmp_path / "nasty"
    top.mkdir()
    for name in nasty_names():
        (top / name).write_bytes(b"content of " + os.fsencode(name))
    (top / "empty directory").mkdir()
    (top / "empty directory").chmod(0o1777)
    (top / "d\udcffir").mkdir()
    (top / "d\udcffir" / "big").write_bytes(BIG)
    (top / "empty").touch()
    (top / "empty").chmod(0o6750)
    (top / "hard link").hardlink_to(top / "empty")
    (top / "link").symlink_to("a<b>&\u2028\t\x01\x7f\\")
    os.mkfifo(top / "fifo")
    os.utime(top / "hard link", ns=(1, -5))
    with contextlib.suppress(OSError):  # some file systems keep none
        os.setxattr(top / "empty", "user.test", b"\0\xff")
        os.setxattr(top / "empty", "user.nothing", b"")
    if os.geteuid() == 0:
        os.mknod(top / "null", 0o20600, os.makedev(1, 3))
        os.mknod(top / "loop", 0o60600, os.makedev(7, 300))
    return top


@pytest.fixture
def source(tmp_path):
    """A directory with one file, for restic to back up."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(b"the same content" * 1000)
    return tmp_path / "source"


def test_restic_restores_what_holdfast_wrote(local, directory, restic, tmp_path):
    files = {**FILES, "volumes/shop/data/big": BIG, "volumes/shop/data/big shifted": b"shift" + BIG}
    snapshot_id = write_files(local, files)
    restic.run(directory, "restore", snapshot_id.hex(), "--target", tmp_path / "restored", "--verify")
    assert files_below(tmp_path / "restored") == files


def test_restic_shows_a_snapshots_fields(local, directory, restic):
    write_files(local, paths=["/plans/shop"], hostname="production", tags=["kind=app", "name=a b"], username="holdfast")
    (shown,) = json.loads(restic.run(directory, "snapshots", "--json"))
    assert shown["paths"] == ["/plans/shop"]
    assert (shown["hostname"], shown["username"]) == ("production", "holdfast")
    assert shown["tags"] == ["kind=app", "name=a b"]
    assert shown["time"] == "2026-11-22T10:20:30.123456789Z"


def test_restic_finds_snapshots_by_host_and_tag(local, directory, restic):
    wanted = write_files(local, {"a": b"1"}, tags=["kind=app"])
    write_files(local, {"a": b"2"}, tags=["kind=part"])
    write_files(local, {"a": b"3"}, tags=["kind=app"], hostname="another")
    found = json.loads(restic.run(directory, "snapshots", "--json", "--tag", "kind=app", "--host", "cluster"))
    assert [snapshot["id"] for snapshot in found] == [wanted.hex()]


def test_restic_lists_the_paths_that_were_written(local, directory, restic):
    write_files(local)
    listed = [json.loads(line) for line in restic.run(directory, "ls", "--json", "latest").splitlines()]
    assert {entry["path"].lstrip("/") for entry in listed if entry.get("type") == "file"} == set(FILES)


@pytest.mark.usefixtures("local")
def test_holdfast_reads_every_byte_of_restics_backup(directory, restic, nasty_tree):
    restic.run(directory, "backup", nasty_tree)
    repository = reopen(LocalStore(directory))
    (snapshot_id,) = repository.snapshot_ids()
    prefix = str(nasty_tree).lstrip("/") + "/"
    found = {path.removeprefix(prefix): content for path, content in read_files(repository, snapshot_id).items()}
    expected = {name: b"content of " + os.fsencode(name) for name in nasty_names()}
    assert found == {**expected, "d\udcffir/big": BIG, "empty": b"", "hard link": b""}
    assert check_all(repository).findings == []


@pytest.mark.usefixtures("local")
def test_every_tree_of_restic_is_in_our_canonical_form(directory, restic, nasty_tree):
    restic.run(directory, "backup", nasty_tree)
    repository = reopen(LocalStore(directory))
    trees = [found.blob.id for found in repository.index.blobs() if found.blob.type is BlobType.TREE]
    assert len(trees) > 3
    for tree in trees:
        content = repository.reader.load(BlobType.TREE, tree)
        assert encode_tree(decode_tree(content)) == content


@pytest.mark.usefixtures("local")
def test_a_link_to_bytes_that_are_not_text_is_canonical_too(directory, restics, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    (links / "one").symlink_to("\udcff<bad>\udcfe")
    (links / "two").symlink_to("really \ufffd")
    restics[1].run(directory, "backup", links)
    repository = reopen(LocalStore(directory))
    for found in list(repository.index.blobs()):
        content = repository.reader.load(BlobType.TREE, found.blob.id)
        assert encode_tree(decode_tree(content)) == content


@pytest.mark.usefixtures("local")
def test_restics_metadata_is_understood(directory, restic, nasty_tree):
    restic.run(directory, "backup", nasty_tree)
    repository = reopen(LocalStore(directory))
    (snapshot_id,) = repository.snapshot_ids()
    prefix = os.fsencode(nasty_tree).lstrip(b"/") + b"/"
    found = {path.removeprefix(prefix): node for path, node in nodes(repository, snapshot_id).items()}
    assert found[b"empty"].mode == 0o750 | 1 << 23 | 1 << 22
    assert found[b"empty directory"].mode == 0o777 | 1 << 31 | 1 << 20
    assert found[b"link"].linktarget == "a<b>&\u2028\t\x01\x7f\\"
    assert found[b"hard link"].links == 2
    assert found[b"hard link"].inode == found[b"empty"].inode
    assert found[b"hard link"].mtime.endswith(".999999995+00:00") or found[b"hard link"].mtime.endswith("999999995Z")
    assert found[b"fifo"].type == "fifo"


def test_holdfast_adds_to_a_repository_that_restic_made(restic, directory, restic_agrees, source, tmp_path):
    restic.run(directory, "init", "--repository-version", "2")
    (source / "file").write_bytes(BIG)
    restic.run(directory, "backup", source)
    repository = reopen(LocalStore(directory))
    ours = write_files(repository, {**FILES, "copy": b"small"})
    assert len(repository.snapshot_ids()) == 2
    restic.run(directory, "restore", ours.hex(), "--target", tmp_path / "restored")
    assert files_below(tmp_path / "restored") == {**FILES, "copy": b"small"}
    restic_agrees(directory)


@pytest.mark.usefixtures("local")
def test_a_small_file_that_restic_stored_is_not_stored_again(directory, restic, source):
    restic.run(directory, "backup", source)
    repository = reopen(LocalStore(directory))
    before = {found.blob.id for found in repository.index.blobs() if found.blob.type is BlobType.DATA}
    write_files(repository, {"copy": b"the same content" * 1000})
    assert {found.blob.id for found in repository.index.blobs() if found.blob.type is BlobType.DATA} == before


def test_restic_deduplicates_against_small_files_of_ours(local, directory, restic, source):
    write_files(local, {"copy": b"the same content" * 1000})
    output = restic.run(directory, "backup", "--json", source).splitlines()
    assert json.loads(output[-1])["data_blobs"] == 0


def test_prune_by_restic_keeps_what_our_snapshots_need(local, directory, restic):
    write_files(local, {"gone/first": BIG, "gone/second": b"2", "kept": b"only here at first"}, tags=["old"])
    kept = write_files(local, {**FILES, "kept": b"only here at first", "half": BIG[: 2 << 20]})
    old = next(i for i, s in local.snapshots() if s.tags == ["old"])
    restic.run(directory, "forget", old.hex(), "--prune", "--max-unused", "0", "--repack-cacheable-only=false")
    repository = reopen(LocalStore(directory))
    assert repository.snapshot_ids() == [kept]
    assert read_files(repository, kept) == {**FILES, "kept": b"only here at first", "half": BIG[: 2 << 20]}
    assert check_all(repository).findings == []


def test_forget_by_restic_groups_by_host_and_paths(local, directory, restic):
    for number in range(3):
        write_files(local, {"a": b"%d" % number}, paths=["/plans/a"], time=f"2026-11-2{number}T00:00:00Z")
    other = write_files(local, {"b": b"b"}, paths=["/plans/b"])
    restic.run(directory, "forget", "--keep-last", "1", "--group-by", "host,paths")
    remaining = dict(reopen(LocalStore(directory)).snapshots())
    assert len(remaining) == 2
    assert other in remaining


def test_restic_copies_our_snapshots_into_another_repository(local, directory, restics, tmp_path):
    write_files(local, {**FILES, "big": BIG})
    restic, target = restics[1], tmp_path / "target"
    password_file = tmp_path / "password"
    password_file.write_text("test")
    restic.run(target, "init", "--from-repo", directory, "--from-password-file", password_file, "--copy-chunker-params")
    restic.run(target, "copy", "--from-repo", directory, "--from-password-file", password_file)
    repository = reopen(LocalStore(target))
    (copied,) = repository.snapshot_ids()
    assert read_files(repository, copied) == {**FILES, "big": BIG}


def test_a_password_that_restic_added_opens(local, directory, restic, tmp_path):
    password_file = tmp_path / "second"
    password_file.write_text("second")
    restic.run(directory, "key", "add", "--new-password-file", password_file)
    repository = reopen(LocalStore(directory), "second")
    assert repository.key.encrypt == local.key.encrypt  # the old one writes the MAC's r clamped, which is the same key
    assert repository.key_id != local.key_id


def test_restics_summary_is_read(local, directory, restics, source):
    restics[1].run(directory, "backup", source)
    (theirs,) = [snapshot for _, snapshot in local.snapshots()]
    assert theirs.summary.total_files_processed == 1
    assert theirs.program_version.startswith("restic 0.19")


def test_a_snapshot_file_of_restic_is_encoded_by_us_to_the_same_json(local, directory, restic, source):
    restic.run(directory, "backup", source, "--tag", "a,b")
    (snapshot_id,) = snapshot_ids(restic, directory)
    raw = json.loads(restic.run(directory, "cat", "snapshot", snapshot_id))
    ours = json.loads(go_json.encode(local.load_snapshot(SnapshotId.parse(snapshot_id))))
    assert ours == raw
    assert list(ours) == list(raw)
    assert BlobId.parse(ours["tree"])
