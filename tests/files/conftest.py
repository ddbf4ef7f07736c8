"""A repository for files that restic judges at the end, and file systems that fail or are small."""

import pytest
from tests.files.faulty_mount import faulty  # noqa: F401 - a fixture
from tests.restic_oracle import PASSWORD, restic, restic_agrees, restics  # noqa: F401 - fixtures
from tests.sample_repository import init, reopen
from tests.small_disk import mount  # noqa: F401 - a fixture

from holdfast.store.local import LocalStore


@pytest.fixture
def directory(tmp_path):
    """Of the repository."""
    return tmp_path / "repository"


@pytest.fixture
def repository(directory, restic_agrees):  # noqa: F811 - the fixture
    """An empty one; both restics must find it whole after the test."""
    init(LocalStore(directory))
    yield reopen(LocalStore(directory))
    restic_agrees(directory, PASSWORD)
