"""The stage of the scenarios, and the line at the end of a test run that counts rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.restore.transforms.stage import Stage

from holdfast.cluster import kubeconfig
from holdfast.cluster.connection import Connection
from holdfast.model.cancel import Cancel
from holdfast.objects.transforms import TRANSFORMS

COUNTS = pytest.StashKey[dict[str, set[str]]]()


@pytest.fixture(scope="session")
def connection(cluster) -> Iterator[Connection]:
    connection = Connection(kubeconfig.load(str(cluster.kubeconfig), None, {}), cancel=Cancel())
    yield connection
    connection.close()


@pytest.fixture
def stage(connection, namespace) -> Iterator[Stage]:
    stage = Stage(connection, namespace)
    yield stage
    stage.clean()


@pytest.fixture
def counts(pytestconfig) -> dict[str, set[str]]:
    """Rows whose scenario did what it must, `with` the row and `without` it."""
    return pytestconfig.stash.setdefault(COUNTS, {"with": set(), "without": set()})


def pytest_terminal_summary(terminalreporter, config) -> None:
    counts = config.stash.get(COUNTS, None)
    if counts is not None:
        passed, failed = len(counts["with"]), len(counts["without"])
        terminalreporter.write_line(
            f"transforms: {len(TRANSFORMS)} rows, {passed} pass with the row, {failed} fail without it"
        )
