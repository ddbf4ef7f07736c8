"""What `repository show` tells about a repository."""

from tests.operations.harness import back_up
from tests.sample_repository import add_password, init, write_files

from holdfast.model.cancel import Cancel
from holdfast.operations.repository_facts import read_facts
from holdfast.repository.layout import file_name
from holdfast.store.memory import MemoryStore


def test_an_empty_repository_has_nothing_but_a_key():
    facts = read_facts(init(MemoryStore()))
    assert (facts.version, facts.backups, facts.snapshots, facts.packs, facts.blobs) == (2, 0, 0, 0, 0)
    assert (facts.content_bytes, facts.stored_bytes, facts.keys, facts.locks) == (0, 0, 1, 0)
    assert facts.problems == []


def test_backups_and_their_size_are_counted(own_repository, live, namespace):
    back_up(own_repository, live, namespace)
    facts = read_facts(own_repository)
    assert (facts.backups, facts.snapshots) == (1, 2)
    packs = [file.size for file in own_repository.store.list("data")]
    assert (facts.packs, facts.stored_bytes) == (len(packs), sum(packs))
    assert facts.content_bytes > 0
    assert facts.url == own_repository.store.url


def test_keys_and_locks_are_counted():
    repository = init(MemoryStore())
    add_password(repository, "another")
    with repository.lock(Cancel()):
        facts = read_facts(repository)
    assert (facts.keys, facts.locks) == (2, 1)


def test_a_damaged_snapshot_is_a_problem():
    repository = init(MemoryStore())
    snapshot = write_files(repository, {"a": b"b"})
    repository.store.put(file_name(snapshot), [b"nonsense"])
    facts = read_facts(repository)
    assert (facts.backups, facts.snapshots) == (0, 1)
    assert len(facts.problems) == 1
