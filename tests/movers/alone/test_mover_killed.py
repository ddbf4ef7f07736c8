"""SIGKILL and SIGTERM of real movers: nothing half is listed, and the next attempt stores only what is missing."""

import os
import random
import shutil

import pytest
from tests.faults.doomed import KILLED, ended, killed_sometime, moments, start
from tests.movers.alone.lab import CLAIM, CLUSTER, without
from tests.operations.file_trees import picture
from tests.sample_repository import check_all, init, reopen

from holdfast.operations.movers.contract import Moved, decode_line
from holdfast.repository.pack import BlobType, content_bytes
from holdfast.store.local import LocalStore

SEED = 20261127
FILES = 30
SIZE = 40_000
LONG = 600_000
PACK = 150_000
SIGN = ".holdfast-restore-run-2"  # what a restore leaves in its target for as long as it works
SMALL = {"HOLDFAST_TEST_PACK": PACK, "HOLDFAST_TEST_CHECKPOINT": 2 * PACK, "HOLDFAST_CLUSTER_NAME": CLUSTER}


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    root = tmp_path_factory.mktemp("volume") / "volume"
    chosen = random.Random(SEED)
    for number in range(FILES):
        path = root / f"{number % 7}" / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chosen.randbytes(SIZE))
    (root / "long").write_bytes(chosen.randbytes(LONG))
    return root


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    directory = tmp_path_factory.mktemp("prepared") / "repository"
    init(LocalStore(directory))
    return directory


@pytest.fixture
def copied(prepared, tmp_path):
    """`copied(name)`: a fresh copy of the empty repository."""
    return lambda name: shutil.copytree(prepared, tmp_path / str(name))


def read(volume, directory, moment=0, number="SIGKILL", **environment):
    arguments = "mover", "read", "--run", "run-1", "--volume", CLAIM, "--root", volume
    environ = {name: str(value) for name, value in (SMALL | environment).items()}
    return start(number, "store", moment, directory, "/dev/null", *arguments, environ=environ)


def moved(output):
    result = decode_line(output.splitlines()[-1].encode())
    assert isinstance(result, Moved)
    return result


def read_whole(volume, directory):
    code, output, errors = ended(read(volume, directory))
    assert code == 0, errors
    return moved(output), moments(errors)


def indexed(directory):
    """Bytes of content that the index of a repository knows."""
    index = reopen(LocalStore(directory)).index
    return sum(
        content_bytes(length, plain) for blob_type in BlobType for _, (*_, length, plain) in index.records(blob_type)
    )


def packs(directory):
    return {path.name: path.stat().st_size for path in (directory / "data").rglob("*") if path.is_file()}


def assert_restored(volume, directory, part, target):
    target.mkdir()
    arguments = "mover", "write", "--run", "run-2", "--volume", CLAIM, "--backup", part, "--root", target, "--verify"
    code, _, errors = ended(start("SIGKILL", "store", 0, directory, "/dev/null", *arguments))
    assert code == 0, errors
    assert picture(target) == picture(volume)
    shutil.rmtree(target)


def test_at_every_operation_of_the_store(volume, copied, restics, say, tmp_path):
    whole, total = read_whole(volume, copied("alive"))
    assert total > 30

    killed = resumed = published = saved = 0
    for moment in range(1, total + 1, 2):
        directory = copied(moment)
        code, output, errors = ended(read(volume, directory, moment))
        if code == 0:
            assert moment > 0.8 * total  # this one needed less: two packs may be listed together
            continue
        assert (code, "result" in output) == (KILLED, False), (moment, errors)
        killed += 1
        if moment % 3 == 0:
            restics[moment % 2].run(directory, "check", "--read-data", "--no-lock")
        one = reopen(LocalStore(directory))
        assert check_all(one).errors == []
        published += len(one.snapshot_ids())
        known = indexed(directory)

        again, _ = read_whole(volume, directory)

        assert (again.outcome, again.files) == ("done", FILES + 1)
        assert again.added == whole.added - known  # what the first one had stored and listed is not uploaded again
        resumed += known > 0
        saved = max(saved, known)
        unlisted = sum(packs(directory).values()) - whole.stored
        assert unlisted < 8 * PACK + LONG, moment  # packs between two checkpoints, and those on their way
        assert check_all(reopen(LocalStore(directory))).errors == []
        if moment % 15 == 0:
            assert_restored(volume, directory, again.part, tmp_path / "target")
        shutil.rmtree(directory)
    say(
        f"{killed} kills of a mover, {published} after its part was published, 0 parts lost; {resumed} were resumed, the last "
        f"with {saved:,} of {whole.added:,} bytes stored before"
    )
    assert killed > 0.4 * total
    assert resumed > killed / 3
    assert saved > 0.8 * whole.added


def test_at_random_moments_in_one_repository(volume, copied, restics, tmp_path, say):
    directory = copied("repository")
    killed = killed_sometime(lambda: read(volume, directory), random.Random(SEED), 6)
    for restic in restics:
        restic.run(directory, "check", "--read-data", "--no-lock")
    again, _ = read_whole(volume, directory)
    assert_restored(volume, directory, again.part, tmp_path / "target")
    say(f"{killed} kills of a mover at random moments (seed {SEED}), 0 parts lost")
    assert killed > 0


def test_one_that_is_told_to_stop_lists_what_it_stored(volume, copied, restics):
    """Eviction, a drained node, a run that is cancelled: kubelet sends SIGTERM and waits."""
    whole, total = read_whole(volume, copied("alive"))
    directory = copied("stopped")
    stop = read(volume, directory, total // 3, "SIGTERM", HOLDFAST_TEST_CHECKPOINT=1 << 40)
    code, output, errors = ended(stop)
    assert (code, moved(output).outcome, moved(output).reason) == (130, "cancelled", "Cancelled"), errors
    assert not list((directory / "locks").iterdir())
    restics[1].run(directory, "check", "--read-data", "--no-lock")
    known = indexed(directory)
    assert known > PACK
    again, _ = read_whole(volume, directory)
    assert again.added == whole.added - known
    assert sum(packs(directory).values()) - whole.stored < PACK  # nothing that nobody knows of was left


def test_without_checkpoints_there_would_be_nothing_to_find(volume, copied):
    """What the others prove is the checkpoints' doing."""
    _, total = read_whole(volume, copied("alive"))
    directory = copied("killed")
    code, _, errors = ended(read(volume, directory, total // 2, HOLDFAST_TEST_CHECKPOINT=1 << 40))
    assert code == KILLED, errors
    assert packs(directory)
    assert indexed(directory) == 0


# A restore


@pytest.fixture
def part(volume, copied):
    """(a repository, a part in it)"""
    directory = copied("repository")
    return directory, read_whole(volume, directory)[0].part


def write(part, target, *arguments, moment=0, number="SIGKILL", run="run-2"):
    directory, snapshot = part
    given = "mover", "write", "--run", run, "--volume", CLAIM, "--backup", snapshot, "--root", target
    return start(number, "store", moment, directory, "/dev/null", *given, *arguments)


def test_a_restore_that_was_killed_goes_on_in_its_own_target(volume, part, tmp_path, say):
    (tmp_path / "alive").mkdir()
    code, _, errors = ended(write(part, tmp_path / "alive"))
    assert code == 0, errors
    total = moments(errors)
    resumed = 0
    for moment in range(total // 3, total + 1, 3):
        target = tmp_path / f"target {moment}"
        (target / "lost+found").mkdir(parents=True)
        code, _, errors = ended(write(part, target, moment=moment))
        assert code == KILLED, errors
        for lock in (part[0] / "locks").iterdir():  # each would be a moment more for those that come after
            lock.unlink()
        if len(os.listdir(target)) == 1:  # noqa: PTH208 - names only
            continue  # it had not begun
        if (target / SIGN).exists():
            resumed += 1
            (target / ".holdfast-1-1").write_bytes(b"half a file of a process with the same id")
            code, _, errors = ended(write(part, target, "--verify"))
            assert code == 0, errors
        assert without(picture(target), "lost+found") == picture(volume)
    say(f"{resumed} restores that were killed went on where they were")
    assert resumed > 0


def test_another_run_finds_the_target_not_empty(part, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / SIGN).touch()
    (target / "half").touch()
    code, output, _ = ended(write(part, target, run="run-3"))
    assert (code, moved(output).reason) == (2, "TargetNotEmpty")
    code, output, _ = ended(write(part, target))
    assert (code, moved(output).deleted) == (0, 1)
    assert not (target / "half").exists()


def test_a_restore_that_is_told_to_stop(part, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    code, output, errors = ended(write(part, target, moment=12, number="SIGTERM"))
    assert (code, moved(output).outcome) == (130, "cancelled"), errors
    assert not list(target.rglob(".holdfast-[0-9]*"))
    code, output, errors = ended(write(part, target))
    assert code == 0, errors
