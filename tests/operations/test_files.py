"""Files into a repository and back: everything a file system allows, judged by lstat, by restic and by GNU tar."""

import os
import stat
import subprocess

import pytest
from tests.operations.file_trees import ROOT, contents, make_deep, make_everything, picture
from tests.operations.files_harness import back_up, below, restore, stream
from tests.restic_oracle import PASSWORD, restic_agrees  # noqa: F401 - a fixture
from tests.sample_repository import init, reopen

from holdfast.errors import Cancelled, NotFound, UsageError
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.operations import archive, file_work, long_files
from holdfast.operations.catalog import read_catalog
from holdfast.operations.contents import Contents
from holdfast.store.local import LocalStore
from holdfast.volumes import writing
from holdfast.volumes.writing import NewFile


@pytest.fixture(autouse=True)
def cleared(tmp_path):
    """Trees so deep that Python's own way to remove them, which pytest takes, does not end."""
    yield
    subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "repository"


@pytest.fixture
def unjudged(directory):
    """For repositories that a test damages."""
    init(LocalStore(directory))
    return reopen(LocalStore(directory))


@pytest.fixture
def repository(unjudged, directory, restic_agrees):  # noqa: F811 - the fixture
    """Both restics must find it whole after the test."""
    yield unjudged
    restic_agrees(directory, PASSWORD)


@pytest.fixture
def source(tmp_path):
    """A few ordinary files."""
    root = tmp_path / "source"
    (root / "sub").mkdir(parents=True)
    (root / "one").write_bytes(b"one")
    (root / "two").write_bytes(b"two")
    (root / "sub" / "three").write_bytes(b"three")
    (root / "long").write_bytes(os.urandom(1 << 20))
    return root


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    root = tmp_path_factory.mktemp("everything") / "tree"
    yield make_everything(root)
    subprocess.run(["rm", "-rf", root], check=True)


@pytest.fixture
def reads(monkeypatch):
    """Names of the files whose content a backup reads; few enough that this process reads them all."""
    names = []
    small, long = file_work.read_small_files, long_files.FileStream

    def read_small_files(directory, wanted):
        names.extend(map(os.fsdecode, wanted))
        return small(directory, wanted)

    def stream_of(opened, entry):
        names.append(os.fsdecode(entry.name))
        return long(opened, entry)

    monkeypatch.setattr(file_work, "read_small_files", read_small_files)
    monkeypatch.setattr(long_files, "FileStream", stream_of)
    return names


def needs(command):
    """Runs a command that only root may run, and not in every container."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"testbed: {command[0]} is refused ({done.stderr.strip()})")
    return done.stdout.strip()


def whats(run):
    return [problem.what for problem in run.errors]


def test_everything_comes_back_as_it_was(repository, directory, everything, restics, tmp_path):
    before = picture(everything)
    run = back_up(repository, everything)
    assert (run.outcome, run.errors) == ("done", [])
    restored = restore(repository, run, tmp_path / "restored", verify=True)
    assert (restored.outcome, restored.errors) == ("done", [])
    assert restored.counts["verified"] == restored.counts["files"] - 2  # two are other names of files
    assert picture(below(tmp_path / "restored", everything)) == before
    assert below(tmp_path / "restored", everything / "sparse").stat().st_blocks * 512 < 20 << 20
    assert picture(everything) == before  # a backup changes nothing
    again = back_up(repository, everything)
    assert again.counts["unmodified"] == again.counts["files"]
    assert again.bytes["added"] < 10_000  # only directories above, /tmp for one, which others change
    if ROOT:
        restics[1].run(directory, "restore", "latest", "--tag", "kind=files", "--target", tmp_path / "by restic")
        socket = {path for path, seen in before.items() if stat.S_ISSOCK(seen.mode)}  # restic makes no sockets
        by_restic = picture(below(tmp_path / "by restic", everything))
        same = {path: seen for path, seen in before.items() if path not in socket}
        assert {path: seen._replace(names=frozenset()) for path, seen in by_restic.items()} == {
            path: seen._replace(names=frozenset()) for path, seen in same.items()
        }


def test_gnu_tar_extracts_the_stream(repository, everything, tmp_path):
    run = back_up(repository, everything)
    archive_file, target = tmp_path / "files.tar", tmp_path / "extracted"
    with archive_file.open("wb") as file:
        assert stream(repository, run, file).errors == []
    target.mkdir()
    command = ["tar", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-p", "-C", target, "-xf", archive_file]
    subprocess.run([*command, "--warning=no-unknown-keyword"], check=True)
    before = {path: seen for path, seen in picture(everything).items() if not stat.S_ISSOCK(seen.mode)}
    assert picture(below(target, everything)) == before


def test_paths_longer_than_the_system_takes(repository, tmp_path):
    make_deep(tmp_path / "source", b"n" * 100, 60)
    run = back_up(repository, tmp_path / "source")
    assert run.errors == []
    target = tmp_path / "target"
    assert restore(repository, run, target).errors == []
    assert picture(below(target, tmp_path / "source")) == picture(tmp_path / "source")
    make_deep(below(target, tmp_path / "source") / "more", b"m" * 100, 60)
    assert restore(repository, run, target, delete=True).counts["deleted"] == 1
    assert picture(below(target, tmp_path / "source")) == picture(tmp_path / "source")


def test_an_incremental_backup_reads_only_what_changed(repository, source, reads):
    back_up(repository, source)
    (source / "one").write_bytes(b"ONE")
    (source / "new").write_bytes(b"new")
    (source / "two").chmod(0o600)  # its change time is another, so its content may be
    reads.clear()
    run = back_up(repository, source)
    assert sorted(reads) == ["new", "one", "two"]
    assert (run.counts["new"], run.counts["changed"], run.counts["unmodified"]) == (1, 2, 2)
    assert run.type == "incremental"


def test_a_full_backup_reads_everything_and_stores_nothing_twice(repository, source, reads):
    back_up(repository, source)
    reads.clear()
    run = back_up(repository, source, type="full")
    assert sorted(reads) == ["long", "one", "three", "two"]
    assert run.type == "full"
    assert run.bytes["added"] < 10_000  # only directories above, /tmp for one, which others change


def test_a_differential_backup_compares_with_the_newest_full_one(repository, source, reads):
    back_up(repository, source, type="full")
    (source / "one").write_bytes(b"ONE")
    back_up(repository, source)
    reads.clear()
    run = back_up(repository, source, type="differential")
    assert (reads, run.counts["changed"], run.type) == (["one"], 1, "differential")


def test_excludes_caches_and_taken_back(repository, source, tmp_path):
    for name in ("a.tmp", "keep.tmp", "sub/b.tmp", "cache/CACHEDIR.TAG", "cache/big", "sub/not a cache/CACHEDIR.TAG"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(
            b"Signature: 8a477f597d28d172789f06886806bc55" if name.startswith("cache") else b"x"
        )
    run = back_up(repository, source, excludes=["*.tmp", "!keep.tmp", f"{source}/two", "/long"], exclude_caches=True)
    restore(repository, run, tmp_path / "target")
    assert set(contents(below(tmp_path / "target", source))) == {
        "one", "long", "keep.tmp", "sub/three", "cache/CACHEDIR.TAG", "sub/not a cache/CACHEDIR.TAG",
    }  # fmt: skip


def test_one_file_system(repository, source):
    (source / "mounted").mkdir()
    needs(["mount", "-t", "tmpfs", "tmpfs", str(source / "mounted")])
    try:
        (source / "mounted" / "file").write_bytes(b"x")
        assert back_up(repository, source).counts["files"] == 5
        assert back_up(repository, source, one_file_system=True, type="full").counts["files"] == 4
    finally:
        subprocess.run(["umount", source / "mounted"], check=True)


def test_a_single_file_and_a_directory_at_the_end_of_a_symlink(repository, source, tmp_path, reads):
    (tmp_path / "alias").symlink_to(source)
    run = back_up(repository, tmp_path / "alias" / "one", source / "sub")
    assert run.counts["files"] == 2
    assert restore(repository, run, tmp_path / "target").errors == []
    assert contents(below(tmp_path / "target", tmp_path)) == {"alias/one": b"one", "source/sub/three": b"three"}
    reads.clear()
    assert back_up(repository, tmp_path / "alias" / "one", source / "sub").counts["unmodified"] == 2
    assert reads == []


def test_a_block_device_becomes_one_file(repository, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(os.urandom(1 << 20) + bytes(7 << 20))
    device = needs(["losetup", "--find", "--show", "--read-only", str(image)])
    try:
        run = back_up(repository, device)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
    assert (run.counts["files"], run.bytes["files"]) == (1, 8 << 20)
    restore(repository, run, tmp_path / "target", verify=True)
    assert (tmp_path / "target" / device.lstrip("/")).read_bytes() == image.read_bytes()


def test_a_path_that_is_not_there_ends_the_run(repository, source):
    with pytest.raises(NotFound, match="nothing-here does not exist") as caught:
        back_up(repository, source, source / "nothing-here")
    assert read_catalog(repository).report_of(caught.value.run).outcome == "failed"
    assert read_catalog(repository).backups == []


def test_a_name_is_given_once(repository, source):
    back_up(repository, source, name="mine")
    with pytest.raises(UsageError, match="named mine already"):
        back_up(repository, source, name="mine")


def test_a_file_that_cannot_be_read_is_named_and_the_rest_saved(repository, source):
    needs(["mount", "--bind", f"/proc/{os.getpid()}/mem", str(source / "two")])  # its first byte is EIO
    try:
        run = back_up(repository, source)
    finally:
        subprocess.run(["umount", source / "two"], check=True)
    assert (run.outcome, run.outcome.exit_code, run.counts["files"]) == ("partial", 3, 3)
    assert whats(run) == [f"{source}/two was not saved whole"]
    assert run.errors[0].why == "Input/output error"


def test_a_file_that_vanishes_is_named(repository, source, monkeypatch):
    look = archive.open_directory

    def look_and_lose(path, above=None):
        opened = look(path, above)
        (source / "one").unlink(missing_ok=True)
        return opened

    monkeypatch.setattr(archive, "open_directory", look_and_lose)
    run = back_up(repository, source)
    assert (run.outcome, whats(run)) == ("partial", [f"{source}/one was not saved whole"])
    assert run.counts["files"] == 3


@pytest.mark.parametrize("size", [0, 100, 1 << 20, 3 << 20], ids=["emptied", "shrunk", "touched", "grown"])
def test_a_long_file_that_changes_is_saved_as_read_and_named(repository, source, monkeypatch, tmp_path, size):
    readinto = long_files.FileStream.readinto

    def read_and_change(self, target):
        count = readinto(self, target[:1000])
        monkeypatch.setattr(long_files.FileStream, "readinto", readinto)
        os.truncate(source / "long", size)
        os.utime(source / "long", ns=(1, 1))
        return count

    monkeypatch.setattr(long_files.FileStream, "readinto", read_and_change)
    run = back_up(repository, source)
    assert whats(run) == [f"{source}/long was not saved whole"]
    assert restore(repository, run, tmp_path / "target").errors == []
    assert below(tmp_path / "target", source / "long").stat().st_size == max(size, 1000)


def test_chosen_paths_are_restored_and_no_others(repository, source, tmp_path):
    run = back_up(repository, source)
    restored = restore(repository, run, tmp_path / "target", source / "sub", source / "one")
    assert restored.counts["files"] == 2
    assert set(contents(below(tmp_path / "target", source))) == {"one", "sub/three"}
    with pytest.raises(NotFound, match="the backup has no /nowhere"):
        restore(repository, run, tmp_path / "target", "/nowhere")


def test_existing_files_are_replaced_and_others_stay(repository, source, tmp_path):
    run = back_up(repository, source)
    outside = tmp_path / "outside"
    outside.mkdir()
    place = below(tmp_path / "target", source)
    place.mkdir(parents=True)
    (place / "one").write_bytes(b"something else")
    (place / "two").symlink_to(outside / "two")
    (place / "sub").symlink_to(outside)
    (place / "mine").write_bytes(b"stays")
    assert restore(repository, run, tmp_path / "target").errors == []
    assert contents(place) == {**contents(source), "mine": b"stays"}
    assert list(outside.iterdir()) == []


def test_a_directory_in_the_way_of_a_file_stays_without_delete(repository, source, tmp_path):
    run = back_up(repository, source)
    place = below(tmp_path / "target", source)
    (place / "one" / "mine").mkdir(parents=True)
    restored = restore(repository, run, tmp_path / "target")
    assert (restored.outcome, whats(restored)) == ("partial", [f"{source}/one was not restored"])
    assert restore(repository, run, tmp_path / "target", delete=True).errors == []
    assert picture(place) == picture(source)


def test_delete_makes_exactly_the_backup_and_spares_what_is_above(repository, source, tmp_path):
    run = back_up(repository, source)
    target = tmp_path / "target"
    place = below(target, source)
    for name in ("mine", "sub/mine", "tree/with/files"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(b"x")
    for spared in (target / "spared", place.parent / "spared"):
        spared.write_bytes(b"x")
    restored = restore(repository, run, target, delete=True)
    assert (restored.errors, restored.counts["deleted"]) == ([], 3)
    assert picture(place) == picture(source)
    assert (target / "spared").exists()
    assert (place.parent / "spared").exists()


def test_delete_touches_only_chosen_paths(repository, source, tmp_path):
    run = back_up(repository, source)
    place = below(tmp_path / "target", source)
    (place / "sub").mkdir(parents=True)
    (place / "mine").write_bytes(b"x")
    (place / "sub" / "mine").write_bytes(b"x")
    restore(repository, run, tmp_path / "target", source / "sub", delete=True)
    assert set(contents(place)) == {"mine", "sub/three"}


@pytest.mark.parametrize("name", ["one", "long"])
def test_verify_finds_a_byte_that_the_disk_changed(repository, source, tmp_path, monkeypatch, name):
    run = back_up(repository, source)
    commit = NewFile.commit

    def commit_badly(self, entry, *, as_owner):
        failures = commit(self, entry, as_owner=as_owner)
        if entry.name == name.encode():
            with below(tmp_path / "target", source / name).open("r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"\0")
        return failures

    monkeypatch.setattr(NewFile, "commit", commit_badly)
    restored = restore(repository, run, tmp_path / "target", verify=True)
    assert (restored.outcome, whats(restored)) == ("partial", [f"{source}/{name} is not what was written"])
    assert restored.counts["verified"] == 3


def test_a_target_that_is_a_file_is_a_usage_error(repository, source):
    run = back_up(repository, source)
    with pytest.raises(UsageError, match="one is not a directory") as caught:
        restore(repository, run, source / "one")
    assert caught.value.exit_code == 2


def test_damage_costs_only_the_files_in_it(unjudged, directory, source, tmp_path):
    back_up(unjudged, source / "one")
    (damaged,) = [
        path
        for path in (directory / "data").rglob("*")
        if path.is_file() and unjudged.index.find(archive.BlobType.DATA, BlobId.of(b"one")).pack.hex() == path.name
    ]
    run = back_up(unjudged, source)
    damaged.chmod(0o600)
    damaged.write_bytes(bytes(damaged.stat().st_size))
    restored = restore(reopen(LocalStore(directory)), run, tmp_path / "target")
    assert (restored.outcome, len(restored.errors)) == ("partial", 1)
    assert restored.errors[0].what.startswith(f"{source}/one: ")
    assert set(contents(below(tmp_path / "target", source))) == {"two", "long", "sub/three"}
    with (tmp_path / "files.tar").open("wb") as file:
        assert len(stream(reopen(LocalStore(directory)), run, file).errors) == 1
    healed = back_up(reopen(LocalStore(directory)), source, type="full")
    assert healed.outcome == "done"


class _StopAfter(Silent):
    def __init__(self, cancel, steps):
        self._cancel, self._steps = cancel, steps

    def advance(self, count=1, size=0):  # noqa: ARG002 - the signature of Progress
        self._steps -= 1
        if self._steps <= 0:  # threads may pass 0 together
            self._cancel.request()


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_cancelled_restore_leaves_no_half_files(repository, source, tmp_path, steps):
    (source / "long").write_bytes(os.urandom(20 << 20))
    run = back_up(repository, source)
    cancel = Cancel()
    with pytest.raises(Cancelled) as caught:
        restore(repository, run, tmp_path / "target", cancel=cancel, progress=_StopAfter(cancel, steps))
    left = contents(tmp_path / "target")
    assert not [name for name in left if ".holdfast-" in name]
    saved = contents(source)
    assert all(saved[os.path.relpath(f"/{name}", source)] == content for name, content in left.items())
    assert read_catalog(repository).report_of(caught.value.run).outcome == "cancelled"


def test_what_an_ordinary_account_may_not_do_is_named(repository, everything, tmp_path, monkeypatch):
    if not ROOT:
        pytest.skip("testbed: only root can make devices to back up")
    run = back_up(repository, everything / "null", everything / "small")

    def refuse(*_args, **_options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(writing.os, "mknod", refuse)
    restored = restore(repository, run, tmp_path / "target")
    assert (restored.outcome, whats(restored)) == ("partial", [f"{everything}/null was not restored"])
    assert below(tmp_path / "target", everything / "small").read_bytes() == b"small\n"


def test_browsing_finds_names_that_are_not_utf8(repository, everything):
    run = back_up(repository, everything)
    contents_of = Contents(repository, BlobId.parse(read_catalog(repository).find_backup(run.id).snapshot.tree))
    assert contents_of.read(os.fsdecode(os.fsencode(everything) + b"/\xff\xfe not UTF-8")) == b"1"
