"""`holdfast mover write`: the files of a volume come out of a backup."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from tests.cli.holdfast import PASSWORD
from tests.movers.alone.lab import CLAIM, PLACE, opened, without
from tests.operations.file_trees import contents, picture
from tests.restic_oracle import Restic
from tests.sample_repository import write_files

from holdfast.ids import BlobId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.run import Outcome
from holdfast.operations.contents import Contents
from holdfast.operations.movers.volume_name import VolumeName
from holdfast.operations.movers.write_volume import WriteVolumeOptions, write_volume
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import content_ids

SMALL_CAPABILITIES = "-dac_override,-dac_read_search"


@pytest.fixture
def part(mover, volume):
    return mover.read(volume).moved.part


@pytest.fixture
def target(tmp_path):
    """A new volume, with what a new file system has in its root."""
    path = tmp_path / "target"
    (path / "lost+found").mkdir(parents=True)
    return path


def is_restored(target, volume):
    return without(picture(target), "lost+found") == without(picture(volume), "lost+found")


def test_a_new_volume_gets_everything_and_the_roots_own_metadata(mover, volume, part, target):
    ended = mover.write(part, target)
    assert (ended.moved.outcome, ended.names, ended.warnings) == (Outcome.DONE, [], [])
    assert (ended.moved.files, ended.moved.verified, ended.moved.deleted, ended.moved.part) == (5, 0, 0, "")
    assert ended.moved.bytes == 5000 + (3 << 20) + 6  # a second name of a file costs nothing
    assert (ended.told[0].total_files, ended.told[0].total_bytes) == (5, 5000 + 2 * (3 << 20) + 6)
    assert is_restored(target, volume)
    assert (target / "pgdata" / "same as wal").samefile(target / "pgdata" / "wal")
    assert os.listdir(target / "lost+found") == []  # noqa: PTH208 - names only


def test_verify_reads_back(mover, part, target):
    assert mover.write(part, target, "--verify").moved.verified == 4  # contents; one of them has two names


def test_what_restic_backed_up_is_restored_too(mover, repository, restics, volume, target, tmp_path):
    place = tmp_path / "volumes" / "shop"
    place.mkdir(parents=True)
    shutil.copytree(volume, place / "data", symlinks=True)
    restic = restics[1]
    below = Restic(restic.binary, tmp_path)
    below.run(repository, "backup", "volumes", password=PASSWORD)
    [snapshot_id] = opened(repository).snapshot_ids()
    ended = mover.write(snapshot_id.hex(), target)
    assert ended.moved.files in (5, 6)
    assert contents(target) == contents(volume)


# A target that has something already


def test_a_target_that_is_not_empty_is_refused(mover, part, target):
    (target / "theirs").write_bytes(b"theirs")
    ended = mover.write(part, target, code=2)
    assert (ended.moved.outcome, ended.moved.reason) == (Outcome.FAILED, "TargetNotEmpty")
    assert contents(target) == {"theirs": b"theirs"}
    assert mover.write(part, target, "--exact", code=2).moved.reason == "TargetNotEmpty"
    assert contents(target) == {"theirs": b"theirs"}


def test_overwrite_leaves_what_the_backup_lacks(mover, volume, part, target):
    (target / "theirs").write_bytes(b"theirs")
    (target / "notes.txt").write_bytes(b"older notes, and longer")
    ended = mover.write(part, target, "--overwrite")
    assert (ended.moved.outcome, ended.moved.deleted) == (Outcome.DONE, 0)
    assert (target / "theirs").read_bytes() == b"theirs"
    assert without(picture(target), "theirs", "lost+found") == without(picture(volume), "lost+found")


def test_exact_takes_away_what_the_backup_lacks_but_not_what_the_file_system_needs(mover, volume, part, target):
    (target / "theirs" / "deep").mkdir(parents=True)
    (target / "pgdata").mkdir()
    (target / "pgdata" / "postmaster.pid").touch()
    (target / "lost+found" / "#1234").touch()
    ended = mover.write(part, target, "--overwrite", "--exact")
    assert ended.moved.deleted == 2
    assert is_restored(target, volume)
    assert (target / "lost+found" / "#1234").exists()


def test_from_a_partial_part_nothing_is_deleted(mover, volume, target):
    (volume / "pgdata").chmod(0o700)
    (volume / "notes.txt").chmod(0o600)
    less = mover.but("setpriv", f"--bounding-set={SMALL_CAPABILITIES}")
    partial = less.read(volume, code=3).moved.part
    (target / "notes.txt").write_bytes(b"the only copy")
    ended = mover.write(partial, target, "--overwrite", "--exact", code=3)
    assert ended.names == ["nothing was deleted"]
    assert (target / "notes.txt").read_bytes() == b"the only copy"


# Some of it


def test_paths_choose(mover, part, target):
    before = target.stat()
    ended = mover.write(part, target, "--path", "pgdata/wal", "--path", "/empty")
    assert ended.moved.files == 2
    assert sorted(contents(target)) == ["empty", "pgdata/wal"]
    assert (target.stat().st_mode, target.stat().st_uid) == (before.st_mode, before.st_uid)  # not restored with paths
    assert (target / "pgdata").stat().st_uid == 999


def test_exact_with_paths_is_exact_there_only(mover, volume, part, target):
    for name in ("theirs", "pgdata/theirs"):
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).touch()
    ended = mover.write(part, target, "--path", "pgdata", "--overwrite", "--exact")
    assert ended.moved.deleted == 1
    assert contents(target) == {"theirs": b""} | {
        name: content for name, content in contents(volume).items() if name.startswith("pgdata/")
    }


@pytest.mark.parametrize("path", ["pgdata/nothing", "nothing", "/", "notes.txt/below"])
def test_a_path_that_the_backup_lacks(mover, part, target, path):
    ended = mover.write(part, target, "--path", path, code=1)
    assert ended.moved.reason == "NotFound"
    assert contents(target) == {}


# Backups that are none


def test_snapshots_that_do_not_have_the_volume(mover, repository, part, target):
    foreign = write_files(opened(repository), {"etc/passwd": b"root"}).hex()
    assert mover.write(foreign, target, code=1).names == [f"snapshot {foreign[:8]} does not have the volume {CLAIM}"]
    other = mover.write(part, target, volume="shop/other", code=1)
    assert (other.moved.reason, other.moved.outcome) == ("NotFound", Outcome.FAILED)
    for none in ("0" * 64, "latest", ""):
        assert mover.write(none, target, code=1).moved.reason == "NotFound"
    assert contents(target) == {}


def test_a_file_that_is_lost_in_the_repository_is_named(mover, repository, part, target, volume, tmp_path):
    one = opened(repository)
    snapshot = one.load_snapshot(SnapshotId.parse(part))
    node = Contents(one, BlobId.parse(snapshot.tree)).find(f"{PLACE}/notes.txt").node
    pack = one.index.find(BlobType.DATA, content_ids(node)[0]).pack
    moved_away = tmp_path / "pack"
    shutil.move(repository / file_name(pack), moved_away)
    ended = mover.write(part, target, code=3)
    assert (ended.moved.outcome, f"{PLACE}/notes.txt" in "".join(ended.names)) == (Outcome.PARTIAL, True)
    assert not (target / "notes.txt").exists()
    assert (target / "link").is_symlink()
    shutil.move(moved_away, repository / file_name(pack))
    assert mover.write(part, target, "--overwrite").names == []
    assert is_restored(target, volume)


# Targets that refuse


def test_a_full_disk_is_named_and_the_rest_is_restored(mover, part, mount, tmp_path):
    target = mount(tmp_path / "small", "size=1m")
    ended = mover.write(part, target, code=3)
    assert ended.moved.outcome is Outcome.PARTIAL
    assert {problem.why for problem in ended.moved.errors if "pgdata/wal" in problem.what} == {
        "No space left on device"
    }
    assert (target / "notes.txt").read_bytes() == b"notes\n"
    assert not [path for path in target.rglob("*") if path.name.startswith(".holdfast-")]


def test_a_target_that_is_no_directory_or_may_not_be_written(mover, part, tmp_path, mount):
    assert mover.write(part, tmp_path / "nowhere", code=1).moved.reason == "VolumeError"
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "file").touch()
    assert mover.write(part, tmp_path / "file", code=1).moved.reason == "VolumeError"
    sealed = mount(tmp_path / "sealed", "ro")
    ended = mover.write(part, sealed, code=1)
    assert (ended.moved.reason, ended.moved.errors[0].why) == ("VolumeError", f"{sealed}: Read-only file system")


def test_repositories_that_cannot_be_used(mover, part, target):
    assert mover.but(HOLDFAST_PASSWORD="wrong").write(part, target, code=12).moved.reason == "WrongPassword"
    assert mover.but(HOLDFAST_REPOSITORY=target).write(part, target, code=10).moved.reason == "NoRepository"


@pytest.fixture
def for_anybody():
    """A directory that every account can reach. Whoever the test became, it is root again afterwards."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    os.seteuid(0)
    os.setegid(0)
    shutil.rmtree(directory)


def test_who_is_not_root_cannot_give_files_away_and_says_so_once(repository, part, for_anybody):
    """The root of a new volume belongs to root mostly, and may be written by a group: that it keeps its mode is no error."""
    place = for_anybody / "volume"
    place.mkdir()
    place.chmod(0o777)
    told = Warnings()
    options = WriteVolumeOptions(run="run-2", volume=VolumeName("shop", "data"), backup=part, root=os.fsencode(place))
    shutil.copytree(repository, for_anybody / "repository")
    subprocess.run(["chown", "-R", "65532:65532", for_anybody / "repository"], check=True)
    copy = opened(for_anybody / "repository")
    os.setegid(65532)
    os.seteuid(65532)
    moved = write_volume(copy, options, Cancel(), told)
    assert [problem.what for problem in moved.errors] == [f"{PLACE}/notes.txt lacks some of its metadata"]
    assert [warning for warning in told.warnings if "Owners were not restored" in warning]
    assert [warning for warning in told.warnings if "The volume's root lacks some of its metadata" in warning]
    assert (place / "pgdata" / "base").stat().st_uid == 65532


class Warnings(Silent):
    def __init__(self):
        self.warnings = []

    def warn(self, message):
        self.warnings.append(message)
