"""Backups and restores of files when a disk is full, read-only, slow, or not there."""

import os
import subprocess

import pytest
from tests.operations.file_trees import contents, picture
from tests.operations.files_harness import back_up, below, restore, whats
from tests.restic_oracle import PASSWORD
from tests.sample_repository import check_all, init, reopen

from holdfast.errors import HoldfastError, StoreRefused, StoreUnavailable, UsageError
from holdfast.operations.catalog import read_catalog
from holdfast.repository.check_report import Severity
from holdfast.store.local import LocalStore
from holdfast.store.memory import MemoryStore
from holdfast.testing.faulty_store import Fault, FaultyStore, Script

KIB = 1 << 10
MIB = 1 << 20


@pytest.fixture
def source(tmp_path):
    """Incompressible files, small and long, in directories: 7 MiB."""
    root = tmp_path / "source"
    for name, size in (("a", 10), ("b/long", 3 * MIB), ("b/small", 100 * KIB), ("c/d/long", 4 * MIB), ("e", 20)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(os.urandom(size))
    return root


def assert_three_parts(error):
    assert error.what
    assert error.why
    assert error.next


def damage(found):
    """What a check finds, except for packs that the interrupted run left."""
    return [finding for finding in check_all(found).findings if finding.severity is not Severity.NOTE]


def fill(directory):
    """Takes all room; gives the file that has it."""
    filler = directory / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(50 * MIB))
    return filler


# The repository's side


def test_a_repository_on_a_disk_that_fills_up(mount, source, tmp_path, restic_agrees):
    disk = mount(tmp_path / "disk", "size=5m")
    init(LocalStore(disk / "repository"))
    first = back_up(reopen(LocalStore(disk / "repository")), source / "a")
    with pytest.raises(StoreRefused) as caught:
        back_up(reopen(LocalStore(disk / "repository")), source)
    assert_three_parts(caught.value)
    assert "space" in caught.value.why
    found = reopen(LocalStore(disk / "repository"))
    assert [entry.name for entry in read_catalog(found).backups] == [first.name]
    assert damage(found) == []
    subprocess.run(["mount", "-o", "remount,size=50m", disk], check=True)
    restic_agrees(disk / "repository", PASSWORD)
    again = back_up(found, source)
    assert restore(found, again, tmp_path / "target", verify=True).outcome == "done"
    assert contents(below(tmp_path / "target", source)) == contents(source)
    restic_agrees(disk / "repository", PASSWORD)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", ["data/*", "index/*", "snapshots/*"])
@pytest.mark.parametrize("error", [StoreRefused, StoreUnavailable])
def test_a_store_that_fails_publishes_nothing_or_all(source, restic_agrees, moment, name, error):
    disk = MemoryStore()
    init(disk)
    faults = Script(Fault(moment, "put", name, times=None, error=error))
    with pytest.raises(error) as caught:
        back_up(reopen(FaultyStore(disk, faults)), source)
    assert caught.value.run
    assert caught.value.next
    healed = reopen(disk)
    published = read_catalog(healed).backups
    assert len(published) == (1 if (moment, name) == ("after", "snapshots/*") else 0)
    assert damage(healed) == []
    assert back_up(reopen(disk), source).outcome == "done"
    restic_agrees(disk, PASSWORD)


def test_a_slow_store_is_waited_for(directory, source, tmp_path):
    init(LocalStore(directory))
    slept = []
    slow = FaultyStore(LocalStore(directory), Script(Fault("delay", times=None, seconds=5)), sleep=slept.append)
    run = back_up(reopen(slow), source)
    assert run.outcome == "done"
    assert restore(reopen(slow), run, tmp_path / "target").outcome == "done"
    assert len(slept) == len(slow.calls)
    assert contents(below(tmp_path / "target", source)) == contents(source)


# The target's side


def test_a_target_that_fills_up_names_what_did_not_fit(repository, mount, source, tmp_path):
    run = back_up(repository, source)
    target = mount(tmp_path / "target", "size=4m")
    place = below(target, source)
    (place / "c" / "d").mkdir(parents=True)
    (place / "c" / "d" / "long").write_bytes(b"the one before")
    restored = restore(repository, run, target)
    assert (restored.outcome, restored.outcome.exit_code) == ("partial", 3)
    # Long files are written side by side, so each of the two can be the one that takes the other's room.
    missing = {name for name in ("b/long", "c/d/long") if f"{source}/{name} was not restored" in whats(restored)}
    assert len(missing) == len(restored.errors) > 0
    assert {problem.why for problem in restored.errors} == {"No space left on device"}
    expected = {name: content for name, content in contents(source).items() if name not in missing}
    assert contents(place) == expected | ({"c/d/long": b"the one before"} if "c/d/long" in missing else {})
    assert not [path for path in target.rglob("*") if path.name.startswith(".holdfast")]
    subprocess.run(["mount", "-o", "remount,size=50m", target], check=True)
    assert restore(repository, run, target).errors == []
    assert picture(place) == picture(source)


def test_a_target_without_room_for_anything(repository, mount, source, tmp_path):
    run = back_up(repository, source)
    target = mount(tmp_path / "target", "size=1m", "nr_inodes=200")
    filler = fill(target)
    restored = restore(repository, run, target)
    assert sorted(whats(restored)) == sorted(f"{source}/{name} was not restored" for name in contents(source))
    assert contents(target) == {"filler": filler.read_bytes()}


def test_a_target_without_inodes(repository, mount, source, tmp_path):
    run = back_up(repository, source)
    target = mount(tmp_path / "target", f"nr_inodes={3 + len(source.parts)}")
    restored = restore(repository, run, target)
    assert restored.outcome == "partial"
    assert {problem.why for problem in restored.errors} == {"No space left on device"}
    saved = contents(source)
    assert all(saved[name] == content for name, content in contents(below(target, source)).items())


def test_a_target_that_is_read_only(repository, mount, source, tmp_path):
    run = back_up(repository, source)
    target = mount(tmp_path / "target")
    subprocess.run(["mount", "-o", "remount,ro", target], check=True)
    restored = restore(repository, run, target)
    assert restored.outcome == "partial"
    assert [(problem.what, problem.why) for problem in restored.errors] == [
        (f"/{source.parts[1]} was not restored", "Read-only file system")
    ]
    with pytest.raises(StoreRefused, match="cannot be written: Read-only file system") as caught:
        restore(repository, run, target / "new")
    assert_three_parts(caught.value)


def test_targets_that_are_no_directories_and_those_that_become_one(repository, source, tmp_path):
    run = back_up(repository, source)
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "mine").write_bytes(b"stays")
    (tmp_path / "link").symlink_to("real")
    for target in ("file", "file/below", "broken"):
        with pytest.raises(UsageError, match="is not a directory") as caught:
            restore(repository, run, tmp_path / target)
        assert_three_parts(caught.value)
        assert read_catalog(repository).report_of(caught.value.run).outcome == "failed"
    assert (tmp_path / "file").read_bytes() == b"x"
    assert not (tmp_path / "nowhere").exists()
    for target in ("link", "not/there/yet"):
        assert restore(repository, run, tmp_path / target).errors == []
        assert picture(below(tmp_path / target, source)) == picture(source)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "mine").read_bytes() == b"stays"


def test_a_report_that_cannot_be_kept_does_not_undo_a_restore(source, tmp_path):
    disk = MemoryStore()
    init(disk)
    run = back_up(reopen(disk), source)
    refusing = FaultyStore(disk, Script(Fault("before", "put", "*", times=None, error=StoreRefused)))
    try:
        restored = restore(reopen(refusing), run, tmp_path / "target")
    except HoldfastError as error:
        restored = None
        assert "lock" in error.what  # noqa: PT017 - a repository that takes no lock is not read either
    if restored is not None:
        assert "did not take this run's report" in restored.notes[0]
    assert contents(below(tmp_path / "target", source)) == (contents(source) if restored else {})
