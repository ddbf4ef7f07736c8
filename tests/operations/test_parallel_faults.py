"""Stores that fail while threads and helper processes are at work on files: the run ends, with the store's error."""

import threading

import pytest
from tests.helpers_at_work import make_tree
from tests.operations.file_trees import contents
from tests.operations.files_harness import back_up, below, restore
from tests.sample_repository import init, reopen

from holdfast.errors import HoldfastError, StoreUnavailable
from holdfast.operations.catalog import read_catalog
from holdfast.repository import writer
from holdfast.repository.pack import BlobType
from holdfast.store.memory import MemoryStore
from holdfast.testing.faulty_store import Fault, FaultyStore, Script

PATIENCE = 120  # seconds; only a failing test waits so long


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return make_tree(tmp_path_factory.mktemp("tree") / "tree")


@pytest.fixture
def store(monkeypatch):
    """An empty repository's, with packs so small that there are many, even if each long file is a single blob."""
    monkeypatch.setitem(writer.PACK_SIZE, BlobType.DATA, 32 << 10)
    store = MemoryStore()
    init(store)
    return store


def outcome(work):
    """What it returns or raises; it must end."""
    came = []

    def run():
        try:
            came.append(work())
        except HoldfastError as error:
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it waits for ever"
    return came[0]


def threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("holdfast-")}


@pytest.mark.parametrize("skip", [0, 2, 5])
@pytest.mark.parametrize("times", [1, None], ids=["once", "from then on"])
def test_a_pack_cannot_be_stored(store, tree, skip, times):
    before = threads()
    failing = FaultyStore(store, Script(Fault("before", "put", "data/*", skip=skip, times=times)))
    failed = outcome(lambda: back_up(reopen(failing), tree))
    assert isinstance(failed, StoreUnavailable)
    assert "as scripted" in str(failed)
    assert threads() <= before
    assert read_catalog(reopen(store)).backups == []
    assert back_up(reopen(store), tree).outcome == "done"


@pytest.mark.parametrize("skip", [0, 2, 5])
@pytest.mark.parametrize("times", [1, None], ids=["once", "from then on"])
def test_a_pack_cannot_be_read(store, tree, tmp_path, skip, times):
    run = back_up(reopen(store), tree)
    before = threads()
    failing = FaultyStore(store, Script(Fault("before", "get_range", "data/*", skip=skip, times=times)))
    failed = outcome(lambda: restore(reopen(failing), run, tmp_path / "target"))
    assert isinstance(failed, StoreUnavailable)
    assert "as scripted" in str(failed)
    assert threads() <= before
    whole = contents(tree)
    assert [
        name for name, content in contents(below(tmp_path / "target", tree)).items() if whole[name] != content
    ] == []
    assert restore(reopen(store), run, tmp_path / "target").errors == []
    assert contents(below(tmp_path / "target", tree)) == whole
