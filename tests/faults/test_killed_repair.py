"""SIGKILL of a real `holdfast repository repair …`: what could be read still can, and the same repair again finishes."""

import shutil
from typing import NamedTuple

import pytest
from tests.faults.doomed import KILLED, ended, moments, start
from tests.repository.damage import cut, damages, flip, index_files, pack_of, packs, readable, restorable
from tests.sample_repository import init, read_files, reopen, write_files

from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.repository import lock
from holdfast.repository.index_file import save_index
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.repair_index import repair_index
from holdfast.repository.repair_packs import repair_packs
from holdfast.repository.repair_snapshots import repair_snapshots
from holdfast.store.local import LocalStore

FILES = {"one": b"one", "d/two": b"two" * 100}
MORE = {**FILES, "more": b"more", "d/soon": b"soon lost"}
KEPT = {"kept": b"kept"}


def break_index(store):
    """A damaged file, a deleted one, a pack that is lost, a pack that is listed twice."""
    repository = reopen(store)
    listed = [
        (pack.id, [place.blob for place in repository.index.blobs() if place.pack == pack.id]) for pack in packs(store)
    ]
    store.delete(pack_of(store, MORE["d/soon"]).name)
    first, second, *_ = index_files(store)
    flip(store, first, 40)
    store.delete(second)
    save_index(store, repository.key, [listed[0], listed[-1]])


def break_packs(store):
    """Flips in a data blob, in the header of a tree pack, and a pack that is cut."""
    flip(store, pack_of(store, KEPT["kept"]).name, -4)
    pack = pack_of(store, FILES["one"])
    flip(store, pack.name, 40)
    flip(store, packs(store, BlobType.TREE)[0].name, packs(store, BlobType.TREE)[0].header + 5)
    soon = pack_of(store, MORE["d/soon"])
    cut(store, soon.name, soon.header + 10)


def break_snapshots(store):
    """A file that three snapshots lack, a directory that one does; the index is right."""
    write_files(reopen(store), {**MORE, "third": b"third"})
    place = reopen(store).index.find(BlobType.DATA, BlobId.of(MORE["d/soon"]))
    flip(store, file_name(place.pack), place.blob.offset + 20)
    flip(store, packs(store, BlobType.TREE)[0].name, 40)
    quietly(repair_packs, store)


class Verb(NamedTuple):
    breaks: object
    repair: object
    options: dict  # of `repair`
    flags: tuple = ()


VERBS = {
    "index": Verb(break_index, repair_index, {"read_all_packs": False}),
    "packs": Verb(break_packs, repair_packs, {}),
    "snapshots": Verb(break_snapshots, repair_snapshots, {"forget": True}, ("--forget",)),
}


def quietly(repair, store, **options):
    return repair(reopen(store), dry_run=False, cancel=Cancel(), progress=Silent(), **options)


@pytest.fixture(autouse=True)
def _no_competitors(monkeypatch):
    """So that no lock of this process need wait for them."""
    monkeypatch.setattr(lock, "SETTLE", 0)


@pytest.fixture(params=VERBS)
def verb(request):
    return request.param


@pytest.fixture
def broken(verb, tmp_path):
    """A repository for this verb to repair."""
    directory = tmp_path / "broken"
    store = LocalStore(directory)
    write_files(init(store), FILES)
    write_files(reopen(store), MORE)
    write_files(reopen(store), KEPT)
    VERBS[verb].breaks(store)
    return directory


def repair(verb, directory, moment):
    arguments = "repository", "repair", verb, *VERBS[verb].flags, "--progress", "none", "--no-cache"
    return start("SIGKILL", "store", moment, directory, "/dev/null", *arguments)


def test_at_every_operation_of_the_store(verb, broken, tmp_path, restics, say):
    blobs, files, faults = readable(LocalStore(broken)), restorable(LocalStore(broken)), damages(LocalStore(broken))
    directory = shutil.copytree(broken, tmp_path / "alive")
    code, _, errors = ended(repair(verb, directory, 0))
    assert code in (0, 3), errors
    total = moments(errors)
    living = LocalStore(directory)
    assert (readable(living), restorable(living), damages(living)) != (blobs, files, faults)

    for moment in range(1, total + 1):
        directory = shutil.copytree(broken, tmp_path / str(moment))
        store = LocalStore(directory)
        code, _, errors = ended(repair(verb, directory, moment))
        assert code == KILLED, (moment, errors)
        assert readable(store) >= blobs, moment
        assert restorable(store) >= files, moment
        assert known(damages(store)) <= known(faults | damages(living)), moment

        quietly(VERBS[verb].repair, store, **VERBS[verb].options)

        assert restorable(store) == restorable(living), moment
        assert known(damages(store)) == known(damages(living)), moment
        make_whole(store)
        assert damages(store) == set()
        assert restorable(store) >= files
        restics[moment % 2].run(directory, "check", "--read-data", "--no-lock")
        shutil.rmtree(directory)
    say(f"repair {verb}: {total} kills of {total} operations; 0 blobs and 0 files lost that could be read before")
    assert total > 15


def known(texts):
    """What is damaged, whatever the ids of files that a repair made are, and in whichever snapshot it was met first."""
    return {text.partition(": ")[2] if text.startswith("snapshot ") else text for text in texts}


def make_whole(store):
    """What stays damaged after one of the repairs, by a new backup and the others."""
    quietly(repair_packs, store)
    quietly(repair_index, store, read_all_packs=False)
    again = write_files(reopen(store), MORE)
    assert read_files(reopen(store), again) == MORE
    quietly(repair_snapshots, store, forget=True)
