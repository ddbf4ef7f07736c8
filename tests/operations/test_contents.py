"""The record of a backup."""

import pytest
from tests.sample_repository import init, write_files

from holdfast.errors import DamagedData, NotFound
from holdfast.ids import BlobId
from holdfast.operations.contents import Contents
from holdfast.store.memory import MemoryStore


@pytest.fixture
def repository():
    return init(MemoryStore())


@pytest.mark.parametrize(("content", "error"), [(b"nonsense", DamagedData), (b"{}", DamagedData)])
def test_a_record_that_makes_no_sense_is_damage(repository, content, error):
    snapshot = repository.load_snapshot(write_files(repository, {"backup.json": content}))
    with pytest.raises(error):
        Contents(repository, BlobId.parse(snapshot.tree)).record()


def test_a_snapshot_without_a_record_is_no_application_backup(repository):
    snapshot = repository.load_snapshot(write_files(repository, {"etc/passwd": b"x"}))
    with pytest.raises(NotFound, match="not an application backup"):
        Contents(repository, BlobId.parse(snapshot.tree)).record()
