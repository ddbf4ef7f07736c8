"""A test of a location, on stores that do as told: what it finds, and that nothing is left of it."""

import contextlib
import datetime as dt
import socket
import threading

import msgspec
import pytest
from tests.cli.holdfast import Holdfast
from tests.restic_oracle import PASSWORD
from tests.sample_repository import check_all, init, reopen, write_files

from holdfast.api.run_status import LIMIT
from holdfast.errors import StoreRefused, StoreUnavailable, UsageError
from holdfast.operations.location_probe import probe_location
from holdfast.store.access import Keeping, access_to
from holdfast.store.local import LocalStore
from holdfast.store.memory import MemoryStore
from holdfast.testing.faulty_store import Fault, FaultyStore, Script
from holdfast.testing.manual_clock import ManualClock


class AsAllowed:
    """Access as a test says it: names that begin with one of `writable` or `deletable`."""

    def __init__(self, writable=("",), deletable=("",), versioning="off"):
        self.writable, self.deletable, self.kept = writable, deletable, versioning

    def may_write(self, name):
        return None if self.writable is None else name.startswith(self.writable)

    def may_delete(self, name):
        return name.startswith(self.deletable)

    def versioning(self, _name):
        return Keeping(self.kept)

    def object_lock(self):
        return Keeping("unknown", "nobody says")


class Place:
    url = "memory"

    def __init__(self, store, access=None, password=PASSWORD):
        self._store, self._access, self._password = store, access or AsAllowed(), password

    def store(self):
        return self._store

    def access(self, _store):
        return self._access

    def password(self):
        return self._password


class Witness(MemoryStore):
    """Notes what was written."""

    def __init__(self):
        super().__init__()
        self.written = []

    def put(self, name, parts):
        super().put(name, parts)
        self.written.append(name)


@pytest.fixture
def stocked():
    store = Witness()
    write_files(init(store))
    store.written.clear()
    return store


def probe(place, **options):
    return probe_location(place, patience=60, **options)


def names(store):
    return {entry.name for entry in store.list("")}


def test_a_good_place(stocked):
    before = names(stocked)
    report = probe(Place(stocked))
    assert (report.outcome, report.reason, report.exit_code, report.errors) == ("done", "", 0, [])
    assert report.repository == reopen(stocked).config.id
    assert (report.snapshots, report.backups) == (1, 1)
    assert report.stored_bytes == sum(entry.size for entry in stocked.list("data"))
    assert report.speed.file_bytes > 0
    assert set(msgspec.to_builtins(report.rights).values()) == {True}
    assert set(msgspec.to_builtins(report.suited_for).values()) == {True}
    assert names(stocked) == before
    assert check_all(reopen(stocked)).errors == []


def test_files_go_under_locks_only_and_the_small_ones_come_first(stocked):
    probe(Place(stocked))
    assert {name.partition("/")[0] for name in stocked.written} == {"locks"}
    assert len(set(stocked.written)) == 1


def test_where_versions_are_kept_speed_is_measured_only_if_asked(stocked):
    kept = AsAllowed(versioning="on")
    silent = probe(Place(stocked, kept))
    assert silent.speed is None
    assert any("--speed" in note for note in silent.notes)
    assert probe(Place(stocked, kept), speed=True).speed is not None
    assert probe(Place(stocked), speed=False).speed is None


def test_what_could_not_be_deleted_again_is_not_written(stocked):
    report = probe(Place(stocked, AsAllowed(deletable=("nothing",))))
    assert stocked.written == []
    assert (report.rights.write_locks, report.rights.overwrite_locks, report.rights.delete_locks) == (True, None, False)
    assert (report.suited_for.backups, report.suited_for.maintenance) == (True, False)


def test_credentials_for_backups_only(stocked):
    report = probe(Place(stocked, AsAllowed(deletable=("locks/",))))
    assert (report.rights.delete, report.rights.delete_locks) == (False, True)
    assert (report.suited_for.restores, report.suited_for.backups, report.suited_for.maintenance) == (True, True, False)


def test_one_directory_that_may_not_be_written_is_enough(stocked):
    report = probe(Place(stocked, AsAllowed(writable=("data/", "index/", "locks/"))))
    assert report.rights.write is False
    assert report.suited_for.backups is False
    assert (report.reason, report.exit_code) == ("StoreRefused", 1)
    assert "snapshots/" in report.errors[0].why


def test_locks_that_may_not_be_written_are_enough_too(stocked):
    report = probe(Place(stocked, AsAllowed(writable=("data/", "index/", "snapshots/"), deletable=("nothing",))))
    assert report.reason == "StoreRefused"
    assert "locks/" in report.errors[0].why


def test_where_only_a_real_file_can_tell_it_is_stored_if_it_can_be_deleted(stocked):
    before = names(stocked)
    report = probe(Place(stocked, AsAllowed(writable=None)))
    assert report.rights.write is True
    assert {name.partition("/")[0] for name in stocked.written} == {"locks", "data", "index", "snapshots"}
    assert names(stocked) == before
    stocked.written.clear()
    careful = probe(Place(stocked, AsAllowed(writable=None, deletable=("locks/",))))
    assert careful.rights.write is None
    assert careful.suited_for.backups is None
    assert {name.partition("/")[0] for name in stocked.written} == {"locks"}


def test_a_place_without_a_repository_is_left_untouched():
    store = Witness()
    report = probe(Place(store))
    assert (report.outcome, report.reason, report.exit_code) == ("failed", "NoRepository", 10)
    assert report.rights.write is True
    assert store.written == []
    assert names(store) == set()


def test_a_wrong_password_is_told_with_all_the_rest(stocked):
    report = probe(Place(stocked, password="wrong"))
    assert (report.reason, report.exit_code, report.repository) == ("WrongPassword", 12, "")
    assert report.suited_for.maintenance is True
    assert report.backups is None


@pytest.mark.parametrize(("error", "reason"), [(StoreRefused, "StoreRefused"), (StoreUnavailable, "StoreUnavailable")])
@pytest.mark.parametrize("moment", ["get config", "list locks"])
def test_a_store_that_fails_is_named_by_its_reason(stocked, error, reason, moment):
    action, pattern = moment.split()
    faulty = FaultyStore(stocked, Script(Fault("before", action, pattern, times=None, error=error)))
    report = probe(Place(faulty))
    assert (report.outcome, report.reason, report.exit_code) == ("failed", reason, 1)
    assert report.suited_for.backups is None
    assert len(report.errors) == 1


def test_a_place_that_cannot_even_be_opened_is_named_too():
    class Unopened(Place):
        def store(self):
            raise StoreRefused("there are no credentials for S3", why="none were found")

    assert probe(Unopened(None)).reason == "StoreRefused"


def test_what_makes_no_sense_is_raised():
    class Senseless(Place):
        def store(self):
            raise UsageError("this is no URL")

    with pytest.raises(UsageError):
        probe(Senseless(None))


class Liar(MemoryStore):
    """Gives back other bytes, or lists nothing."""

    lie = ""

    def get(self, name):
        content = super().get(name)
        return content[:-1] + b"?" if self.lie == "content" and "probe" in name else content

    def list(self, directory):
        found = super().list(directory)
        return (entry for entry in found if self.lie != "list" or "probe" not in entry.name)


@pytest.mark.parametrize(("lie", "what"), [("content", "gives back other bytes"), ("list", "does not list")])
def test_a_store_that_lies_is_found_out(lie, what):
    store = Liar()
    init(store)
    store.lie = lie
    report = probe(Place(store))
    assert report.reason == "DamagedData"
    assert what in report.errors[0].what
    store.lie = ""
    assert list(store.list("locks")) == []


def test_a_probe_that_may_not_be_deleted_after_all_is_named(stocked):
    faulty = FaultyStore(stocked, Script(Fault("before", "delete", "locks/*", times=None, error=StoreRefused)))
    report = probe(Place(faulty))
    (left,) = (entry.name for entry in stocked.list("locks"))
    assert report.rights.delete_locks is False
    assert any(left in note for note in report.notes)
    assert check_all(reopen(stocked)).errors == []


def test_probes_of_tests_that_were_killed_are_removed_and_fresh_ones_are_not(stocked):
    clock = ManualClock()
    now = clock.now()
    old, young, other = (
        f"locks/holdfast-probe-{now - dt.timedelta(hours=2):%Y%m%dT%H%M%SZ}-abcd",
        f"locks/holdfast-probe-{now:%Y%m%dT%H%M%SZ}-abcd",
        "locks/holdfast-probe-of-somebody",
    )
    for name in (old, young, other):
        stocked.put(name, [b"x"])
    probe(Place(stocked), clock=clock)
    assert {entry.name for entry in stocked.list("locks")} == {young, other}


def test_a_store_that_hangs_is_given_up():
    held = threading.Event()

    class Hanging(Place):
        def store(self):
            held.wait()
            return MemoryStore()

    report = probe_location(Hanging(None), patience=0.05)
    held.set()
    assert (report.reason, report.exit_code) == ("StoreUnavailable", 1)
    assert "within 0.05 s" in report.errors[0].why


def test_the_controller_gets_the_same_in_what_kubernetes_keeps(stocked):
    status = probe(Place(stocked)).run_status()
    assert (status.verb, status.outcome, status.counts) == ("location test", "done", {"backups": 1, "snapshots": 1})
    assert set(status.bytes) == {"stored", "uploadPerSecond", "downloadPerSecond"}
    assert len(msgspec.json.encode(status)) < LIMIT
    failed = probe(Place(stocked, password="wrong")).run_status()
    assert (failed.reason, failed.exit_code) == ("WrongPassword", 12)
    assert failed.errors[0].next


# Directories


class Watched(LocalStore):
    """Has both restics check the repository after each change."""

    def __init__(self, root, restics):
        super().__init__(root)
        self._checks = [lambda one=one: one.run(root, "check", password=PASSWORD) for one in restics]
        self.changes = 0
        self._one_at_a_time = threading.Lock()

    def _watch(self):
        with self._one_at_a_time:  # a check of restic's is alone in a repository
            self.changes += 1
            for check in self._checks:
                assert "no errors were found" in check()

    def put(self, name, parts):
        super().put(name, parts)
        self._watch()

    def delete(self, name):
        super().delete(name)
        self._watch()


def test_restic_is_content_at_every_moment(tmp_path, restics):
    write_files(init(LocalStore(tmp_path)))
    store = Watched(tmp_path, restics)
    report = probe(Place(store, AsAllowed(writable=None)), speed=False)
    assert report.outcome == "done"
    assert store.changes == 6 + 3  # a file in each of three directories, and the one under locks/: twice written


def test_a_directory_tells_its_rights(tmp_path):
    init(LocalStore(tmp_path / "repository"))
    url = str(tmp_path / "repository")
    store = LocalStore(tmp_path / "repository")
    report = probe(Place(store, access_to(url, store, environ={})))
    assert report.suited_for.maintenance is True
    assert (report.versioning.state, report.object_lock.state) == ("off", "off")
    assert list((tmp_path / "repository" / "locks").iterdir()) == []


def test_a_directory_that_does_not_exist_is_not_made(tmp_path):
    store = LocalStore(tmp_path / "a" / "b")
    report = probe(Place(store, access_to(str(tmp_path / "a" / "b"), store, environ={})))
    assert (report.reason, report.rights.write) == ("NoRepository", True)
    assert list(tmp_path.iterdir()) == []


@contextlib.contextmanager
def deaf():
    """The URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"s3:http://127.0.0.1:{server.getsockname()[1]}/bucket"


def test_a_server_that_never_answers_is_given_up(tmp_path):
    with deaf() as url:
        program = Holdfast(tmp_path, HOLDFAST_PASSWORD="x", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
        done = program("location", "test", "-r", url, "--patience", "1", "-o", "json", code=1)
    assert done.document["reason"] == "StoreUnavailable"
    assert "within 1 s" in done.problem[1]
