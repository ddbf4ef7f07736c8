"""One namespace of a real cluster, and a repository in memory."""

import pytest
from tests.restore_lab import Lab, Vault


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault():
    return Vault()
