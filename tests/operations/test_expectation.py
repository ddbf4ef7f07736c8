"""What a backup of files says beforehand of its size, and when it does not look."""

import os
import signal
import subprocess
import threading
import time

import pytest
from tests.operations.files_harness import back_up, restore
from tests.sample_repository import init, reopen

from holdfast.model.progress import Silent
from holdfast.operations import expectation
from holdfast.operations.expectation import Expectation, Totals
from holdfast.operations.file_count import count
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


@pytest.fixture
def impatient(monkeypatch):
    """The count begins at once."""
    monkeypatch.setattr(expectation, "_PATIENCE", 0.0)


def expecting(progress, *paths, excludes=(), **selecting):
    return Expectation(progress, list(map(os.fsencode, paths)), select(excludes, **selecting), None)


def counted(*paths, excludes=(), **selecting):
    """(files, bytes)"""
    _, last = count(list(map(os.fsencode, paths)), select(excludes, **selecting), rest=lambda _: None)
    return last.files, last.bytes


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


def test_without_anybody_who_looks_nothing_is_done(source, monkeypatch):
    monkeypatch.setattr(threading, "Thread", None)
    monkeypatch.setattr(os, "statvfs", None)
    earlier = Totals(0, 0)
    for before in (None, earlier):
        with Expectation(Silent(), [os.fsencode(source), b"/"], select(()), before):
            pass


def test_the_backup_before_is_the_estimate(source, monkeypatch):
    monkeypatch.setattr(threading, "Thread", None)  # and nothing is counted
    progress = Watched()
    earlier = Totals(7, 700)
    with Expectation(progress, [os.fsencode(source)], select(()), earlier):
        assert progress.told == [(7, 700)]


@pytest.mark.usefixtures("impatient")
def test_files_are_counted_and_then_measured(source):
    progress = Watched()
    with expecting(progress, source, excludes=["1"], includes=["*.txt"]) as one:
        one._thread.join(60)
        assert progress.told == [(257, None), (257, 2570)]
    assert one._process.returncode == 0


def test_before_three_seconds_nothing_is_counted_and_the_end_does_not_wait(source, monkeypatch):
    monkeypatch.setattr(expectation.subprocess, "Popen", None)
    progress = Watched()
    with expecting(progress, source) as one:
        assert one._thread.is_alive()
    assert not one._thread.is_alive()
    assert progress.told == []


@pytest.mark.usefixtures("impatient")
def test_the_end_of_the_run_ends_the_count(tmp_path):
    for number in range(40_000):  # at a fiftieth of a processor it takes seconds
        (tmp_path / f"{number}").touch()
    progress = Watched()
    with expecting(progress, tmp_path) as one:
        while one._process is None:
            time.sleep(0.01)
    assert one._process.returncode == -signal.SIGKILL
    assert not one._thread.is_alive()
    assert progress.told == []


@pytest.mark.usefixtures("impatient")
def test_no_process_can_be_started(source, monkeypatch):
    def refused(*_, **__):
        raise BlockingIOError

    monkeypatch.setattr(expectation.subprocess, "Popen", refused)
    with expecting(Watched(), source) as one:
        one._thread.join(60)
        assert not one._thread.is_alive()


def test_it_rests_forty_nine_times_as_long_as_it_works(source):
    ticks = iter(range(10**6))
    rests = []
    (_, last) = count([os.fsencode(source)], select(()), cpu_time=lambda: next(ticks) * 0.003, rest=rests.append)
    assert rests == pytest.approx([49 * 0.003] * 2 * (1 + 300 // 16))
    assert last.files == 301


def test_what_is_left_out_is_not_counted(source):
    left = 300 // 7
    expected = (left + 1, 10 * left + 1000)  # a path that is named is never left out
    assert counted(source, source / "big.log", excludes=["[0-5]", "big.log"]) == expected


def test_files_that_are_named_are_known_at_once(source):
    progress = Watched()
    with expecting(progress, source / "big.log", source / "link"):
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
        for more in ({"excludes": ["x"]}, {"includes": ["x"]}):
            with expecting(progress, mounted, **more):  # then the file system does not know
                pass
        with expecting(progress, mounted, tmp_path):  # nor of what lies elsewhere
            assert progress.told == []
        with expecting(progress, mounted):
            assert progress.told == [(21, 20 * 4096)]  # its root is counted as a file
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_another_file_system_is_counted_unless_it_is_left_out(source):
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source / "0"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"testbed: mount is refused ({done.stderr.strip()})")
    hidden = 43
    try:
        (source / "0" / "file").write_bytes(b"1")
        assert counted(source) == (301 - hidden + 1, 4000 - 10 * hidden + 1)
        assert counted(source, one_file_system=True) == (301 - hidden, 4000 - 10 * hidden)
    finally:
        subprocess.run(["umount", source / "0"], check=True)


def test_what_cannot_be_read_is_passed_by(tmp_path):
    assert counted(tmp_path / "nowhere") == (0, 0)


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
