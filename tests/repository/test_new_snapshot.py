"""Snapshots that programs make of their own content."""

import io
import random

import pytest
from tests.sample_repository import init, nodes, read_files, reopen

from holdfast.errors import Cancelled, RepositoryLocked, StoreRefused
from holdfast.model.cancel import Cancel
from holdfast.testing.faulty_store import Fault, FaultyStore, Script
from holdfast.testing.manual_clock import ManualClock


def test_bytes_and_streams_become_files(repository):
    long = random.Random(3).randbytes(9 << 20)
    with repository.new_snapshot() as new:
        assert new.add("/a/bytes", b"one") == 3
        assert new.add("a//stream", io.BytesIO(long)) == len(long)
        assert new.add("empty", b"") == 0
        snapshot_id = new.publish()
    assert read_files(repository, snapshot_id) == {"a/bytes": b"one", "a/stream": long, "empty": b""}


def test_a_snapshot_says_what_it_is_of(repository):
    with repository.new_snapshot() as new:
        new.add("a", b"one", modified="2026-01-02T03:04:05Z")
        snapshot_id = new.publish(paths=["/db"], tags=["x=y"], hostname="db1", taken="2026-01-02T03:04:06Z")
    snapshot = repository.load_snapshot(snapshot_id)
    assert (snapshot.paths, snapshot.tags, snapshot.hostname) == (["/db"], ["x=y"], "db1")
    assert snapshot.time == "2026-01-02T03:04:06Z"
    assert nodes(repository, snapshot_id)[b"a"].mtime == "2026-01-02T03:04:05Z"


def test_times_are_the_clocks_unless_given(store):
    clock = ManualClock()
    repository = init(store, clock=clock)
    with repository.new_snapshot() as new:
        new.add("a", b"one")
        clock.advance(60)
        snapshot_id = new.publish()
    assert nodes(repository, snapshot_id)[b"a"].mtime == "2026-01-01T00:00:00.000000Z"
    assert repository.load_snapshot(snapshot_id).time == "2026-01-01T00:01:00.000000Z"


def test_a_path_that_is_added_again_is_replaced(repository):
    with repository.new_snapshot() as new:
        new.add("a", b"one")
        new.add("a", b"two")
        snapshot_id = new.publish()
    assert read_files(repository, snapshot_id) == {"a": b"two"}


@pytest.mark.parametrize("path", ["", "/", "a/../b", "./a", "a\0b", "a\udcff"])
def test_what_can_be_no_path_is_refused(repository, path):
    with repository.new_snapshot() as new, pytest.raises(ValueError, match=r"path|encode"):
        new.add(path, b"one")


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b"), ("x/a", "x/a/b/c")])
def test_nothing_is_a_file_and_a_directory(repository, first, second):
    with repository.new_snapshot() as new:
        new.add(first, b"one")
        with pytest.raises(ValueError, match="already"):
            new.add(second, b"two")
        snapshot_id = new.publish()
    assert read_files(repository, snapshot_id) == {first: b"one"}


def test_nothing_is_published_by_a_block_that_fails(repository):
    class Broken:
        def read(self, _):
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError), repository.new_snapshot() as new:
        new.add("a", Broken())
    assert repository.snapshot_ids() == []
    assert not list(repository.store.list("locks"))


def test_nothing_is_published_after_a_pack_was_lost(store):
    init(store)
    faulty = FaultyStore(store, Script(Fault("before", "put", "data/*", error=StoreRefused)))
    with reopen(faulty).new_snapshot() as new:
        new.add("a", b"one")
        with pytest.raises(StoreRefused):
            new.publish()
    assert reopen(store).snapshot_ids() == []


def test_adding_can_be_cancelled_between_two_chunks(repository):
    cancel = Cancel()

    class Endless:
        def read(self, size):
            cancel.request()
            return bytes(size)

    with pytest.raises(Cancelled), repository.new_snapshot(cancel) as new:
        new.add("zeros", Endless())
    assert repository.snapshot_ids() == []


def test_others_keep_an_exclusive_lock_away(repository):
    cancel = Cancel()
    with repository.new_snapshot() as new:
        with pytest.raises(RepositoryLocked), repository.lock(cancel, exclusive=True):
            pass
        new.add("a", b"one")
        new.publish()
    with repository.lock(cancel, exclusive=True), pytest.raises(RepositoryLocked), repository.new_snapshot():
        pass
