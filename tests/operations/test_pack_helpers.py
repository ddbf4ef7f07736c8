"""Packs that helper processes examine."""

import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.sample_repository import init, reopen, write_files

from holdfast.errors import FileMissing, HoldfastError
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.operations import check_repository as check_module
from holdfast.operations import pack_helpers
from holdfast.operations.check_repository import check_repository
from holdfast.operations.pack_helpers import PackHelpers
from holdfast.repository import writer as writer_module
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.pack_examination import PackExaminer
from holdfast.store.memory import MemoryStore


@pytest.fixture
def repository(monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 20_000)
    made = init(MemoryStore())
    write_files(made, {str(number): random.Random(number).randbytes(1500) for number in range(80)})
    return made


@pytest.fixture
def helpers(repository):
    with PackHelpers(repository.store, repository.key, 1) as started:
        helper = started._free.get(timeout=60)  # ready
        started._free.put(helper)
        yield started


def packs(repository):
    return {pack_id: repository.store.get(file_name(pack_id)) for pack_id, _ in repository.index.packs()}


def seen(examined):
    return [(fault.what, fault.why) for fault in examined.faults], examined.header


def only_helpers(monkeypatch):
    def refuse(*_):
        raise AssertionError("examined here")

    monkeypatch.setattr(PackExaminer, "examine", refuse)


@pytest.mark.parametrize("position", [None, 0, 100, -1, -10])
def test_a_helper_says_what_would_be_found_out_here(repository, helpers, position, monkeypatch):
    contents = packs(repository)
    for pack_id, content in contents.items():
        if position is not None:
            contents[pack_id] = content[:position] + bytes([content[position] ^ 1]) + content[position:][1:]
            repository.store.put(file_name(pack_id), [contents[pack_id]])
    here = {
        pack_id: seen(PackExaminer(repository.key).examine(pack_id, content)) for pack_id, content in contents.items()
    }
    only_helpers(monkeypatch)
    assert {pack_id: seen(helpers.look(pack_id).examined) for pack_id in contents} == here
    assert any(faults for faults, _ in here.values()) == (position is not None)


def test_without_a_helper_all_is_done_here(repository):
    with PackHelpers(repository.store, repository.key, 0) as none:
        none.begin(packs(repository))
        for pack_id, content in packs(repository).items():
            size, examined = none.look(pack_id)
            assert (size, examined.faults) == (len(content), [])


def test_what_helpers_began_is_there_when_it_is_asked_for(repository, helpers, monkeypatch):
    here = {
        pack_id: PackExaminer(repository.key).examine(pack_id, content)
        for pack_id, content in packs(repository).items()
    }
    only_helpers(monkeypatch)
    first = list(here)[: pack_helpers._EARLY]
    helpers.begin(here)
    assert list(helpers._begun) == first
    for begun in list(helpers._begun.values()):
        begun.result(timeout=60)
    monkeypatch.setattr(repository.store, "get", lambda _: pytest.fail("read again"))
    assert {pack_id: seen(helpers.look(pack_id).examined) for pack_id in first} == {
        pack_id: seen(here[pack_id]) for pack_id in first
    }
    assert helpers._begun == {}


def test_what_helpers_did_not_come_to_is_done_when_it_is_asked_for(repository):
    with PackHelpers(repository.store, repository.key, 1) as started:
        started._free.get(timeout=60)  # it is busy with something else
        started.begin(packs(repository))
        last = list(started._begun)[-1]
        assert started.look(last).examined.faults == []


def test_two_threads_do_not_examine_here_while_there_are_helpers(repository, monkeypatch):
    with PackHelpers(repository.store, repository.key, 1) as started:
        helper = started._free.get(timeout=60)
        started._at_work_here.acquire()  # by another thread
        only_helpers(monkeypatch)
        with ThreadPoolExecutor(1) as pool:
            looked = pool.submit(started.look, next(iter(packs(repository))))
            started._free.put(helper)
            assert looked.result(timeout=60).examined.faults == []


def test_a_helper_that_never_comes_is_not_waited_for_for_ever(repository, monkeypatch):
    monkeypatch.setattr(pack_helpers, "_PATIENCE", 0.05)
    with PackHelpers(repository.store, repository.key, 1) as started:
        started._free.get(timeout=60)
        started.begin(packs(repository))
        assert all(begun.result(timeout=60).examined.faults == [] for begun in list(started._begun.values()))


def test_a_pack_that_is_gone_when_helpers_begin_is_missing_when_it_is_asked_for(repository, helpers):
    pack_id = next(iter(packs(repository)))
    repository.store.delete(file_name(pack_id))
    helpers.begin([pack_id])
    with pytest.raises(FileMissing):
        helpers.look(pack_id)


def test_helpers_end_with_the_block(repository):
    with PackHelpers(repository.store, repository.key, 2) as started:
        pids = [helper.pid for helper in started._helpers]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_helper_that_dies_ends_the_check(repository, helpers):
    [helper] = helpers._helpers
    os.kill(helper.pid, signal.SIGKILL)
    pack_id = next(iter(packs(repository)))
    with pytest.raises(HoldfastError, match="ended with signal 9"):
        helpers.look(pack_id)


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_check_with_helpers_finds_the_same(repository, is_damaged, monkeypatch):
    monkeypatch.setattr(pack_helpers, "_WORTH_HELPERS", 1)
    monkeypatch.setattr(pack_helpers, "processors", lambda: 2)
    started = []

    class Watched(PackHelpers):
        def __init__(self, store, key, count):
            super().__init__(store, key, count)
            started.append(count)
            self._free.put(self._free.get(timeout=60))

    monkeypatch.setattr(check_module, "PackHelpers", Watched)
    victim = max(repository.store.list("data"), key=lambda file: file.size)
    if is_damaged:
        content = bytearray(repository.store.get(victim.name))
        content[200] ^= 1
        repository.store.put(victim.name, [content])
    run = check_repository(reopen(repository.store), 1, Cancel(), Silent())
    assert started == [1]
    assert [finding.pack for finding in run.findings] == ([victim.name.rpartition("/")[2]] if is_damaged else [])
    assert run.counts["packsRead"] == run.counts["packs"]


@pytest.mark.parametrize(
    ("blobs", "cores", "count"), [(100, 8, 0), (1_000_000, 1, 0), (1_000_000, 2, 1), (1_000_000, 64, 4)]
)
def test_helpers_are_started_where_they_are_worth_it(blobs, cores, count, monkeypatch):
    monkeypatch.setattr(pack_helpers, "processors", lambda: cores)
    assert PackHelpers.useful(blobs) == count
