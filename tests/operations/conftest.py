"""A cluster through the package under test, and a repository that restic judges at the end."""

import json
import secrets

import pytest
from tests.api_proxy import ApiProxy
from tests.operations.harness import WIDGETS, Application, connected, make, wait_until
from tests.restic_oracle import PASSWORD, export, restics  # noqa: F401 - a fixture
from tests.sample_repository import init

from holdfast.store.memory import MemoryStore


@pytest.fixture(scope="session")
def live(cluster):
    """The test cluster, as the ordinary account."""
    with connected(cluster.kubeconfig) as one:
        one.create(one.api_surface().find("customresourcedefinitions"), "", json.dumps(WIDGETS).encode())
        one.wait_established(WIDGETS["metadata"]["name"])
        wait_until(lambda: one.refresh_surface().preferred("backup.example.com", "widgets"))
        yield one


@pytest.fixture
def app(live):
    """`app.create(object, …)`, `app.get(kind, namespace, name)`"""
    application = Application(live)
    yield application
    application.clean()


@pytest.fixture(scope="module")
def shared_app(live):
    application = Application(live)
    yield application
    application.clean()


@pytest.fixture(scope="module")
def new_namespace(cluster, shared_app):
    """`new_namespace(prefix, labels=None) -> name`: a namespace for all tests of a module."""

    def new(prefix="test", labels=None):
        name = f"{prefix}-{secrets.token_hex(4)}"
        shared_app.create(make("Namespace", name, labels=labels))
        cluster.wait_namespace(name)
        return name

    return new


@pytest.fixture
def proxy(cluster, tmp_path):
    """See tests/api_proxy.py."""
    started = ApiProxy(cluster, tmp_path)
    yield started
    started.close()


def judged(restics, directory):  # noqa: F811 - the fixture
    store = MemoryStore()
    yield init(store)
    export(store, directory)
    for restic in restics:
        restic.check(directory, PASSWORD)


@pytest.fixture(scope="session")
def repository(restics, tmp_path_factory):  # noqa: F811
    """One for all tests that do not care what else is in it. Both restics must find it whole at the end."""
    yield from judged(restics, tmp_path_factory.mktemp("repository"))


@pytest.fixture
def own_repository(restics, tmp_path_factory):  # noqa: F811
    """One for one test, judged as well."""
    yield from judged(restics, tmp_path_factory.mktemp("repository"))
