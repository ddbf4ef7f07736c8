"""Packs that an index lists and the store does not have: a prune minds only those that somebody needs."""

import pytest
from tests.faults import rubbish
from tests.sample_repository import check_all, init, reopen, write_files

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.prune import prune


@pytest.fixture
def written(store):
    """A repository with two snapshots: (their ids, the packs that only the one has, …the other)."""
    init(store)
    made, packs = [], []
    for name in ("one", "two"):
        before = {pack for pack, _ in reopen(store).stored_packs()}
        made.append(write_files(reopen(store), {name: name.encode() * 100}))
        packs.append({pack for pack, _ in reopen(store).stored_packs()} - before)
    return made, packs


def test_one_that_nobody_needs_is_listed_no_more(store, written):
    (one, _), (packs, _) = written
    reopen(store).delete_snapshot(one)
    store.delete(file_name(min(packs)))
    for days in (0, 2):
        prune(reopen(store, clock=rubbish.Shifted(days * rubbish.DAY)), rubbish.ALL, Cancel(), Silent())
    repository = reopen(store)
    assert check_all(repository).errors == []
    assert not packs & {pack for pack, _ in repository.index.packs()}


def test_one_that_somebody_needs_stops_the_prune(store, written):
    (one, _), _ = written
    repository = reopen(store)
    tree = BlobId.parse(repository.load_snapshot(one).tree)
    store.delete(file_name(repository.index.find(BlobType.TREE, tree).pack))
    with pytest.raises(DamagedData, match="nothing is removed"):
        prune(reopen(store), rubbish.ALL, Cancel(), Silent())
