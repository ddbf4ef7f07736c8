"""Making and opening repositories, their config and their passwords."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.sample_repository import FILES, add_password, init, read_files, reopen, write_files

from holdfast.codec.crypto import SealingKey
from holdfast.errors import (
    DamagedData,
    NoRepository,
    NotFound,
    RepositoryExists,
    UnsupportedRepository,
    UsageError,
    WrongPassword,
)
from holdfast.ids import KeyId, SnapshotId
from holdfast.repository import keys, sealed
from holdfast.repository import repository as repository_module
from holdfast.repository.config import Config, open_config, seal_config
from holdfast.repository.index_loader import load_index
from holdfast.repository.snapshot import Snapshot
from holdfast.store.local import LocalStore
from holdfast.store.memory import MemoryStore
from holdfast.testing.faulty_store import Fault, FaultyStore, Script

KEY = SealingKey.random()


def names(store, directory=""):
    return sorted(file.name for file in store.list(directory))


def damage(store, name, position=-10):
    content = bytearray(store.get(name))
    content[position] ^= 1
    store.put(name, [content])


# init


def test_a_new_repository_is_a_key_and_a_config(repository):
    assert names(repository.store) == ["config", f"keys/{repository.key_id}"]


def test_what_init_returns_can_be_used_at_once(repository):
    snapshot_id = write_files(repository)
    assert read_files(reopen(repository.store), snapshot_id) == FILES


@pytest.mark.parametrize("spelling", [str, lambda path: path, LocalStore])
def test_a_repository_is_made_and_opened_at_a_path_or_in_a_store(directory, spelling):
    made = init(spelling(directory))
    with reopen(spelling(directory)) as opened:
        assert opened.config == made.config


def test_closing_a_repository_closes_its_store():
    class Closable(MemoryStore):
        is_closed = False

        def close(self):
            self.is_closed = True

    with init(Closable()) as repository:
        assert not repository.store.is_closed
    assert repository.store.is_closed


def test_a_new_repository_has_an_id_a_polynomial_and_a_key_of_its_own():
    one, other = init(MemoryStore()), init(MemoryStore())
    assert one.config.id != other.config.id
    assert one.config.chunker_polynomial != other.config.chunker_polynomial
    assert one.key != other.key


def test_init_refuses_a_place_that_has_a_repository(repository):
    before = {name: repository.store.get(name) for name in names(repository.store)}
    with pytest.raises(RepositoryExists):
        init(repository.store, "another password")
    assert {name: repository.store.get(name) for name in names(repository.store)} == before


def test_init_refuses_an_empty_password(store):
    with pytest.raises(UsageError):
        init(store, "")
    assert names(store) == []


@pytest.mark.parametrize("directory", ["snapshots", "index", "data"])
def test_init_refuses_a_repository_that_lost_its_config(repository, directory):
    write_files(repository)
    lost = MemoryStore()
    for name in [*names(repository.store, "keys"), *names(repository.store, directory)]:
        lost.put(name, [repository.store.get(name)])
    before = names(lost)
    with pytest.raises(RepositoryExists, match="without its config"):
        init(lost)
    assert names(lost) == before


@pytest.mark.parametrize("attempt", range(8))  # ids are random: the left-over comes before and after the new one
def test_init_after_one_that_died_before_the_config_takes_its_key_away(attempt, restics, directory):
    store = LocalStore(directory)
    with pytest.raises(KeyboardInterrupt):
        init(FaultyStore(store, Script(Fault("before", "create", error=KeyboardInterrupt))))
    assert len(names(store, "keys")) == 1
    repository = init(store)
    assert names(store, "keys") == [f"keys/{repository.key_id}"]
    assert reopen(store).key == repository.key
    if attempt == 0:
        for restic in restics:
            restic.check(directory)


def test_exactly_one_of_many_inits_at_the_same_moment_wins(restic_agrees):
    for _ in range(5):
        store, start = MemoryStore(), threading.Barrier(6)

        def attempt(number, store=store, start=start):
            start.wait()
            try:
                return init(store, f"password {number}").key
            except RepositoryExists:
                return None

        with ThreadPoolExecutor(6) as pool:
            outcomes = list(pool.map(attempt, range(6)))
        winners = [number for number, key in enumerate(outcomes) if key]
        assert len(winners) == 1
        assert reopen(store, f"password {winners[0]}").key == outcomes[winners[0]]
        assert len(names(store, "keys")) == 1
    restic_agrees(store, f"password {winners[0]}")


def test_the_loser_of_a_race_leaves_nothing_behind_and_says_so(store, monkeypatch):
    monkeypatch.setattr(repository_module, "_refuse_existing", lambda _: None)  # it looked before the winner was done
    winner = init(store)
    with pytest.raises(RepositoryExists):
        init(store, "loser")
    assert names(store, "keys") == [f"keys/{winner.key_id}"]


# open


def test_a_place_without_a_repository_is_named_so(tmp_path):
    with pytest.raises(NoRepository) as caught:
        reopen(LocalStore(tmp_path / "nothing here"))
    assert caught.value.exit_code == 10
    assert "nothing here" in str(caught.value)


def test_a_wrong_password_has_its_own_exit_code_and_is_not_shown(repository):
    with pytest.raises(WrongPassword) as caught:
        reopen(repository.store, "not the passw0rd")
    assert caught.value.exit_code == 12
    assert "passw0rd" not in f"{caught.value} {caught.value.why} {caught.value.next}"


@pytest.mark.parametrize("password", ["ä ö 日本 😀", "with\nnewline", " ", "x" * 10_000, "not \udcff text"], ids=ascii)
def test_passwords_are_taken_as_restic_takes_them(password, directory, restics):
    repository = init(LocalStore(directory), password)
    write_files(repository)
    assert reopen(LocalStore(directory), password).key == repository.key
    for restic in restics:
        restic.check(directory, password)


def test_a_config_that_was_changed_is_called_damaged(repository):
    changed = MemoryStore()
    for name in names(repository.store):
        changed.put(name, [repository.store.get(name)])
    damage(changed, "config")
    with pytest.raises(DamagedData, match="config is damaged"):
        reopen(changed)


@pytest.mark.parametrize("content", [b"", b"x" * 20, b"\0" * 200])
def test_a_config_that_is_no_sealed_message_is_called_damaged(store, content):
    init(store)
    store.put("config", [content])
    with pytest.raises(DamagedData, match="config is damaged"):
        reopen(store)


@pytest.mark.parametrize(
    "plain",
    [b"", b"[]", b"{}", b"nonsense", b'{"version":2}', b'{"version":2,"id":7,"chunker_polynomial":"25"}', b"\xff"],
)
def test_a_config_of_another_shape_is_called_damaged(plain):
    with pytest.raises(DamagedData, match="config is damaged"):
        open_config(KEY, KEY.seal(plain))


@pytest.mark.parametrize("version", [0, 1, 3, 99])
def test_another_version_is_named(version):
    sealed = KEY.seal(json.dumps({"version": version, "id": "0" * 64, "chunker_polynomial": "25"}).encode())
    with pytest.raises(UnsupportedRepository, match=f"format version {version}"):
        open_config(KEY, sealed)


def test_another_version_is_named_whatever_else_its_config_holds():
    with pytest.raises(UnsupportedRepository, match="format version 3"):
        open_config(KEY, KEY.seal(b'{"version":3,"chunker":{"kind":"new"}}'))


def test_a_repository_of_version_1_made_by_restic_is_named(directory, restic):
    restic.run(directory, "init", "--repository-version", "1")
    with pytest.raises(UnsupportedRepository, match="format version 1"):
        reopen(LocalStore(directory))


def test_unknown_fields_in_the_config_are_ignored():
    config = Config.random()
    plain = json.loads(KEY.open(seal_config(KEY, config))) | {"append_only": True, "x": {"y": [1]}}
    assert open_config(KEY, KEY.seal(json.dumps(plain).encode())) == config


# passwords


def test_every_password_opens_the_same_repository(repository):
    snapshot_id = write_files(repository)
    added = add_password(repository, "second")
    for password, key_id in (("test", repository.key_id), ("second", added)):
        opened = reopen(repository.store, password)
        assert (opened.key, opened.key_id) == (repository.key, key_id)
        assert read_files(opened, snapshot_id) == FILES


def test_restic_opens_with_a_password_that_holdfast_added(directory, restics):
    repository = init(LocalStore(directory))
    write_files(repository)
    add_password(repository, "second")
    for restic in restics:
        restic.check(directory, "second")
        restic.check(directory, "test")


def test_a_removed_password_opens_nothing_and_the_others_still_do(repository):
    added = add_password(repository, "second")
    keys.remove_key(repository.store, added)
    with pytest.raises(WrongPassword):
        reopen(repository.store, "second")
    assert reopen(repository.store).key == repository.key


def test_the_last_password_is_not_removed(repository):
    with pytest.raises(UsageError, match="last key"):
        keys.remove_key(repository.store, repository.key_id)
    assert reopen(repository.store).key == repository.key


def test_the_last_password_that_works_is_not_removed(store):
    repository = init(store)
    damage(store, f"keys/{add_password(repository, 'second')}")
    with pytest.raises(UsageError, match="last key"):
        keys.remove_key(store, repository.key_id)


def test_an_empty_password_is_not_added(repository):
    with pytest.raises(UsageError):
        add_password(repository, "")
    assert len(names(repository.store, "keys")) == 1


def test_keys_are_listed_with_who_made_them(repository):
    add_password(repository, "second")
    listed = dict(keys.list_keys(repository.store))
    assert {"somebody", repository_module.own_username()} == {key_file.username for key_file in listed.values()}
    assert sorted(listed) == list(listed)


def test_a_key_file_shows_no_secret(store):
    repository = init(store, "passw0rd")
    content = store.get(f"keys/{repository.key_id}")
    assert b"passw0rd" not in content
    assert repository.key.encrypt not in content


def test_with_its_only_key_file_damaged_a_repository_is_damaged_not_closed(store):
    damage(store, f"keys/{init(store).key_id}")
    with pytest.raises(DamagedData, match="no readable key"):
        reopen(store)


def test_without_key_files_a_repository_is_damaged(store):
    store.delete(f"keys/{init(store).key_id}")
    with pytest.raises(DamagedData, match="no readable key"):
        reopen(store)


def test_a_damaged_key_file_does_not_keep_others_from_opening(store):
    repository = init(store)
    damage(store, f"keys/{add_password(repository, 'second')}")
    assert reopen(store).key == repository.key
    with pytest.raises(WrongPassword):
        reopen(store, "second")


def test_a_password_whose_key_is_damaged_is_not_called_wrong_without_saying_so(store):
    repository = init(store)
    key_id = add_password(repository, "second")
    store.put(f"keys/{key_id}", [b"damaged"])
    with pytest.raises(WrongPassword, match=f"or its key is damaged: .* key file {key_id.short} is damaged"):
        reopen(store, "second")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"created":"' + b"x" * 1000])
def test_a_file_that_is_no_key_does_not_keep_others_from_opening(store, content):
    repository = init(store)
    store.put(f"keys/{KeyId.of(content)}", [content])
    assert reopen(store).key == repository.key


@pytest.mark.parametrize(
    "field", [{"N": 1 << 40}, {"p": 1 << 40}, {"r": 0}, {"kdf": "argon2"}, {"salt": "%"}, {"data": ""}]
)
def test_a_key_file_that_asks_too_much_does_not_keep_others_from_opening(store, field):
    repository = init(store)
    content = json.dumps(json.loads(store.get(f"keys/{repository.key_id}")) | field).encode()
    store.put(f"keys/{KeyId.of(content)}", [content])
    assert reopen(store).key == repository.key


@pytest.mark.parametrize("attempt", range(6))  # random ids: it comes before and after the right one
def test_a_key_that_opens_nothing_is_passed_over(store, attempt):  # noqa: ARG001
    repository = init(store)
    add_password(repository, "test", SealingKey.random())
    assert reopen(store).key == repository.key


def test_no_more_keys_are_tried_than_restic_tries(store, monkeypatch):
    repository = init(store)
    for number in range(25):
        add_password(repository, f"password {number}")
    tried = []
    derive = keys.derive_key
    monkeypatch.setattr(keys, "derive_key", lambda *a: tried.append(a) or derive(*a))
    with pytest.raises(WrongPassword):
        reopen(store, "wrong")
    assert len(tried) == 20


# snapshots


def test_a_snapshot_comes_back_as_it_was_saved(repository):
    snapshot_id = write_files(
        repository, tags=["kind=app", "plan=a/b"], username="somebody", program_version="holdfast 1"
    )
    snapshot = repository.load_snapshot(snapshot_id)
    assert snapshot.tags == ["kind=app", "plan=a/b"]
    assert (snapshot.hostname, snapshot.paths, snapshot.username) == ("cluster", ["/sample"], "somebody")
    assert snapshot.moment().isoformat() == "2026-11-22T10:20:30.123456+00:00"
    assert dict(repository.snapshots()) == {snapshot_id: snapshot}


def test_a_deleted_snapshot_is_gone(repository):
    snapshot_id = write_files(repository)
    repository.delete_snapshot(snapshot_id)
    assert repository.snapshot_ids() == []
    with pytest.raises(NotFound):
        repository.load_snapshot(snapshot_id)


def test_a_damaged_snapshot_comes_as_its_error_beside_the_others(store):
    repository = init(store)
    damaged, whole = write_files(repository), write_files(repository, {"other": b"1"})
    damage(store, f"snapshots/{damaged}")
    found = dict(repository.snapshots())
    assert isinstance(found[damaged], DamagedData)
    assert found[whole].tree


@pytest.mark.parametrize("time", ["", "yesterday", "2026-01-01T00:00:00"])
def test_a_snapshot_without_a_proper_time_is_damaged(store, time):
    repository = init(store)
    made = sealed.save(store, repository.key, Snapshot(time=time, tree="0" * 64, paths=["/"]), SnapshotId)
    with pytest.raises(DamagedData, match=f"snapshots/{made} is damaged"):
        repository.load_snapshot(made)
    ((found, error),) = repository.snapshots()
    assert found == made
    assert isinstance(error, DamagedData)


def test_a_snapshot_deleted_since_it_was_listed_is_left_out(repository):
    snapshot_id = write_files(repository)
    assert list(repository.snapshots([SnapshotId.of(b"gone"), snapshot_id])) == [
        (snapshot_id, repository.load_snapshot(snapshot_id))
    ]


def test_foreign_files_among_the_snapshots_are_ignored(repository):
    snapshot_id = write_files(repository)
    repository.store.put("snapshots/README.txt", [b"hello"])
    assert repository.snapshot_ids() == [snapshot_id]
    repository.store.delete("snapshots/README.txt")


def test_a_prefix_names_its_snapshot(repository):
    snapshot_id = write_files(repository)
    assert repository.resolve_snapshot_id(snapshot_id.hex()[:6]) == snapshot_id
    assert repository.resolve_snapshot_id(snapshot_id.hex()) == snapshot_id
    assert repository.resolve_snapshot_id("nightly") is None
    assert repository.resolve_snapshot_id("") is None
    assert repository.resolve_snapshot_id("f" * 64) is None


def test_a_prefix_of_two_snapshots_is_refused(repository):
    made = [write_files(repository, {"a": b"%d" % number}) for number in range(17)]
    shared = next(digit for digit in "0123456789abcdef" if sum(i.hex().startswith(digit) for i in made) > 1)
    with pytest.raises(NotFound, match="names"):
        repository.resolve_snapshot_id(shared)


# the index


def test_threads_get_one_index(repository, monkeypatch):
    write_files(repository)
    opened = reopen(repository.store)
    start, loads = threading.Barrier(8), []

    def load(*arguments, **options):
        loads.append(arguments)
        return load_index(*arguments, **options)

    monkeypatch.setattr(repository_module, "load_index", load)

    def index(_):
        start.wait()
        return opened.index

    with ThreadPoolExecutor(8) as pool:
        assert len({id(index) for index in pool.map(index, range(8))}) == 1
    assert len(loads) == 1
