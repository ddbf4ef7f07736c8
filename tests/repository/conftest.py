import pytest
from tests.restic_oracle import restic, restic_agrees, restics  # noqa: F401 - fixtures
from tests.sample_repository import init, reopen

from holdfast.store.local import LocalStore
from holdfast.store.memory import MemoryStore


@pytest.fixture
def store():
    """For repositories that a test damages; for others take `repository`, which restic judges at the end."""
    return MemoryStore()


@pytest.fixture
def repository(restic_agrees):  # noqa: F811 - the fixture
    """A new repository in memory. Both restics must find it whole after the test."""
    store = MemoryStore()
    yield init(store)
    restic_agrees(store)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "repository"


@pytest.fixture
def local(directory, restic_agrees):  # noqa: F811 - the fixture
    """A new repository in `directory`. Both restics must find it whole after the test."""
    init(LocalStore(directory))
    yield reopen(LocalStore(directory))
    restic_agrees(directory)
