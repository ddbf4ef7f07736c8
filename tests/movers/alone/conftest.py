"""A repository that both restics find whole after each test, and a volume."""

import pytest
from tests.cli.holdfast import PASSWORD
from tests.movers.alone.lab import Mover, make_volume
from tests.restic_oracle import restic_agrees, restics  # noqa: F401 - fixtures
from tests.sample_repository import init
from tests.small_disk import mount  # noqa: F401 - a fixture

from holdfast.store.local import LocalStore


@pytest.fixture
def repository(tmp_path, restic_agrees):  # noqa: F811 - the fixture
    """The directory of an empty one; both restics must find it whole after the test."""
    directory = tmp_path / "repository"
    init(LocalStore(directory), PASSWORD)
    yield directory
    restic_agrees(directory, PASSWORD)


@pytest.fixture
def mover(tmp_path, repository):
    return Mover(tmp_path, repository)


@pytest.fixture
def volume(tmp_path):
    """A small one: files, directories, owners and modes of all sorts, and what a new file system has in its root."""
    return make_volume(tmp_path / "volume")
