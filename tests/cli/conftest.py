"""The program with a repository, and a namespace of a real cluster that is worth backing up."""

import pytest
from tests.api_proxy import ApiProxy
from tests.cli.holdfast import PASSWORD, Holdfast
from tests.restic_oracle import restic_agrees, restics  # noqa: F401 - fixtures


@pytest.fixture(scope="session")
def password_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("password") / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


@pytest.fixture
def holdfast(tmp_path, password_file):
    """The program with a password and without repository and cluster."""
    return Holdfast(tmp_path, HOLDFAST_PASSWORD_FILE=password_file)


@pytest.fixture
def repository(tmp_path):
    return tmp_path / "repository"


@pytest.fixture
def stocked(holdfast, repository, restic_agrees):  # noqa: F811 - the fixture
    """The program with an empty repository, which both restics find whole after the test."""
    ready = holdfast.but(HOLDFAST_REPOSITORY=repository)
    ready("repository", "init")
    yield ready
    restic_agrees(repository, PASSWORD)


@pytest.fixture
def connected(stocked, cluster):
    """The program with repository and cluster."""
    return stocked.but(KUBECONFIG=cluster.kubeconfig)


@pytest.fixture
def shop(namespace, cluster):
    """A namespace with a ConfigMap and a Secret."""
    base = f"/api/v1/namespaces/{namespace}"
    cluster.api.create(
        f"{base}/configmaps",
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"colour": "grün"}},
    )
    cluster.api.create(
        f"{base}/secrets",
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "login"},
            "stringData": {"password": "hunter2hunter2"},
        },
    )
    return namespace


@pytest.fixture(scope="session")
def shared(cluster, password_file, tmp_path_factory, restics):  # noqa: F811 - the fixture
    """The program with cluster and a repository for tests that only look; it has a backup named `first` of `default`."""
    home = tmp_path_factory.mktemp("shared")
    ready = Holdfast(
        home,
        HOLDFAST_PASSWORD_FILE=password_file,
        HOLDFAST_REPOSITORY=home / "repository",
        KUBECONFIG=cluster.kubeconfig,
    )
    ready("repository", "init")
    ready("backup", "create", "-n", "default", "--name", "first", "--label", "team=sales")
    yield ready
    for restic in restics:
        restic.check(home / "repository", PASSWORD)


@pytest.fixture
def proxy(cluster, tmp_path):
    """See tests/api_proxy.py."""
    started = ApiProxy(cluster, tmp_path)
    yield started
    started.close()
