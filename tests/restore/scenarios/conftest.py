"""What the scenarios share: a namespace in a real cluster, a repository, a place to restore to."""

import pytest
from tests.api_proxy import ApiProxy
from tests.restore_lab import Lab, Vault, unique


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
def copy(lab):
    """A namespace that does not exist yet."""
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)
    return copy


@pytest.fixture
def into_copy(lab, copy):
    """The options of a restore into `copy`."""
    return {"namespaces": {lab.namespace: copy.namespace}}


@pytest.fixture
def second(second_cluster, namespace):
    """Another cluster, where a restore makes the namespace."""
    second = Lab(second_cluster, namespace)
    second.end_later(namespace)
    yield second
    second.close()


@pytest.fixture
def proxy(cluster, tmp_path):
    """A door to the cluster, where a test may answer or act before a request is carried out."""
    proxy = ApiProxy(cluster, tmp_path)
    yield proxy
    proxy.close()


@pytest.fixture
def through(proxy, cluster, namespace):
    """The lab by way of the proxy. `pauses` has the pauses between tries, which take no time."""
    through = Lab(cluster, namespace, account=proxy.kubeconfig)
    through.pauses = []
    through.cluster.connection.sleep = through.pauses.append
    yield through
    through.close()
