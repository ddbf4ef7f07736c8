"""What a backup of files says beforehand of its size, and when it does not look."""

import os
import subprocess
import threading

import pytest
from tests.operations.files_harness import back_up, restore
from tests.sample_repository import init, reopen

from holdfast.model.progress import Silent
from holdfast.operations.expectation import Expectation
from holdfast.repository.snapshot import Summary
from holdfast.store.memory import MemoryStore
from holdfast.volumes.selection import select


class Watched(Silent):
    """Somebody looks. `told` has all totals in their order."""

    wants_totals = True

    def __init__(self):
        self.told = []
        self.phases = []
        self.done = [0, 0]
        self.came = threading.Event()

    def phase(self, name, total=None, size=None):
        self.phases.append((name, total, size))

    def expect(self, total, size):
        self.told.append((total, size))
        self.came.set()

    def advance(self, count=1, size=0):
        self.done[0] += count
        self.done[1] += size


class Rests:
    """Takes the place of waiting; `limit` rests end the run, None: none does."""

    def __init__(self, limit=None):
        self.lengths = []
        self._limit = limit

    def __call__(self, seconds):
        self.lengths.append(seconds)
        return len(self.lengths) == self._limit


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    for number in range(300):
        path = root / f"{number % 7}" / "below" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(10))
    (root / "link").symlink_to("0")
    (root / "big.log").write_bytes(bytes(1000))
    return root


def count(progress, *paths, rest, cpu_time=lambda: 0.0, **selecting):
    """Lets the thread count to its end."""
    excludes = selecting.pop("excludes", ())
    asked = [os.fsencode(path) for path in paths]
    with Expectation(progress, asked, select(excludes, **selecting), None, cpu_time=cpu_time, rest=rest) as one:
        one._thread.join(60)
        assert not one._thread.is_alive()


def test_without_anybody_who_looks_nothing_is_done(source, monkeypatch):
    monkeypatch.setattr(threading, "Thread", None)
    monkeypatch.setattr(os, "statvfs", None)
    earlier = Summary(backup_start="", backup_end="")
    for summary in (None, earlier):
        with Expectation(Silent(), [os.fsencode(source), b"/"], select(()), summary):
            pass


def test_the_backup_before_is_the_estimate(source, monkeypatch):
    monkeypatch.setattr(threading, "Thread", None)  # and nothing is counted
    progress = Watched()
    earlier = Summary(backup_start="", backup_end="", total_files_processed=7, total_bytes_processed=700)
    with Expectation(progress, [os.fsencode(source)], select(()), earlier):
        assert progress.told == [(7, 700)]


def test_files_are_counted_after_three_seconds_and_then_measured(source):
    progress, rests = Watched(), Rests()
    count(progress, source, rest=rests)
    assert progress.told == [(301, None), (301, 4000)]
    assert rests.lengths == [3.0]


def test_what_is_left_out_is_not_counted(source):
    progress = Watched()
    count(progress, source, source / "big.log", rest=Rests(), excludes=["[0-5]", "big.log"])
    assert progress.told[-1] == (300 // 7 + 1, 10 * (300 // 7) + 1000)  # a path that is named is never left out


def test_it_rests_ninety_nine_times_as_long_as_it_works(source):
    ticks = iter(range(10**6))
    progress, rests = Watched(), Rests()
    count(progress, source, rest=rests, cpu_time=lambda: next(ticks) * 0.003)
    looks = 2 * (1 + 300 // 16)
    assert rests.lengths == pytest.approx([3.0] + [99 * 0.003] * looks)
    assert progress.told[-1] == (301, 4000)


@pytest.mark.parametrize(("limit", "told"), [(1, []), (2, []), (20, []), (30, [(301, None)])])
def test_a_run_that_ends_ends_it_and_hears_nothing_more(source, limit, told):
    ticks = iter(range(10**6))
    progress = Watched()
    count(progress, source, rest=Rests(limit), cpu_time=lambda: next(ticks) * 0.003)
    assert progress.told == told


def test_the_end_of_the_run_does_not_wait_for_a_rest(source):
    progress = Watched()
    with Expectation(progress, [os.fsencode(source)], select(()), None) as one:
        assert one._thread.is_alive()  # it waits for its three seconds
    assert not one._thread.is_alive()
    assert progress.told == []


def test_files_that_are_named_are_known_at_once(source):
    progress = Watched()
    count(progress, source / "big.log", source / "link", rest=Rests(1))
    assert progress.told == [(2, 1000 + len("0"))]


def test_a_whole_file_system_says_what_it_holds(tmp_path):
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mounted], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"testbed: mount is refused ({done.stderr.strip()})")
    try:
        for number in range(20):
            (mounted / f"{number}").write_bytes(bytes(4096))
        progress = Watched()
        count(progress, mounted, rest=Rests())
        count(progress, mounted, rest=Rests(1), excludes=["x"])  # then the file system does not know
        count(progress, mounted, tmp_path, rest=Rests(1))  # nor of what lies elsewhere
    finally:
        subprocess.run(["umount", mounted], check=True)
    assert progress.told == [
        (21, 20 * 4096),
        (20, 20 * 4096),
        (20, 20 * 4096),
    ]  # its root is counted as a file, at first


def test_another_file_system_is_counted_unless_it_is_left_out(source):
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source / "0"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"testbed: mount is refused ({done.stderr.strip()})")
    hidden = 43
    try:
        (source / "0" / "file").write_bytes(b"1")
        progress = Watched()
        count(progress, source, rest=Rests())
        count(progress, source, rest=Rests(), one_file_system=True)
    finally:
        subprocess.run(["umount", source / "0"], check=True)
    assert progress.told[1::2] == [(301 - hidden + 1, 4000 - 10 * hidden + 1), (301 - hidden, 4000 - 10 * hidden)]


def test_directories_that_cannot_be_listed_are_passed_by(tmp_path):
    progress = Watched()
    count(progress, tmp_path / "nowhere", rest=Rests())
    assert progress.told[-1] == (0, 0)


@pytest.mark.parametrize("backup_type", ["incremental", "full"])
def test_backups_and_restores_reach_their_totals(source, tmp_path, backup_type):
    store = MemoryStore()
    init(store)
    (source / "other name").hardlink_to(source / "big.log")
    (source / "long").write_bytes(os.urandom(3 << 20))
    (source / "other name of long").hardlink_to(source / "long")
    first = back_up(reopen(store), source, progress=(reading := Watched()))
    files, size = first.counts["files"], first.bytes["files"]
    assert files == 304
    assert reading.done == [files, size]
    assert reading.told == []  # it was over before anything was counted
    back_up(reopen(store), source, type=backup_type, progress=(again := Watched()))
    assert again.told == [(files, size)]
    assert again.done == [files, size]
    restore(reopen(store), first, tmp_path / "target", progress=(writing := Watched()))
    assert writing.phases == [("restore files", files, size)]
    assert writing.done == [files, size]
    restore(reopen(store), first, tmp_path / "some", source / "0", progress=(some := Watched()))
    restore(reopen(store), first, tmp_path / "fitting", include=("*.log",), progress=some)
    assert some.phases == [("restore files", None, None)] * 2
