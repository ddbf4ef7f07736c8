"""One installation for all these tests: starting it takes longer than most of them. Each has its own objects and namespaces."""

import pytest
from testbed.holdfast_image import HOLDFAST
from testbed.node_cluster import NodeCluster
from tests.cli.holdfast import PASSWORD, Holdfast
from tests.conftest import needed_tools, running
from tests.in_cluster.gate import Gate
from tests.in_cluster.installed import HOME, SECRET_VALUE, Installed


@pytest.fixture(scope="session")
def living_cluster(say):
    """A cluster of its own with two nodes: an installation is for a whole cluster, and other tests list all of theirs."""
    with running(lambda: NodeCluster.start(name="living", say=say, nodes=2)) as started:
        with needed_tools():
            started.import_image(HOLDFAST, say)
        yield started


@pytest.fixture(scope="session")
def installed(living_cluster, s3_server, tmp_path_factory):
    """Holdfast at work in that cluster, with the location holdfast/main."""
    home = tmp_path_factory.mktemp("outside")
    s3_server.create_bucket("living")
    outside = Holdfast(
        home,
        KUBECONFIG=living_cluster.kubeconfig,
        HOLDFAST_REPOSITORY=s3_server.repository("living"),
        HOLDFAST_PASSWORD=PASSWORD,
        **s3_server.environment,
    )
    outside.secrets |= {SECRET_VALUE}
    outside("install", "--image", HOLDFAST.reference)
    ready = Installed(living_cluster, s3_server, outside)
    url = ready.url("living")
    outside("repository", "init")
    outside("location", "add", f"{HOME}/main", "--url", url, "--credentials-from-env", "--maintenance")
    ready.home.wait("StorageLocation", "main", "Ready", "True")
    return ready


@pytest.fixture(scope="session")
def home(installed):
    """Objects of Holdfast's own namespace."""
    return installed.home


@pytest.fixture
def shop(installed):
    """A new namespace with an application."""
    space = installed.namespace()
    yield space
    space.leave()


@pytest.fixture
def tenant(installed):
    """One whose owners have a location and an account of their own; see Installed.tenant."""
    space = installed.tenant()
    yield space
    space.leave()


@pytest.fixture(scope="session")
def gate(installed):
    """The way to the S3 server for the location holdfast/gated, whose repository is that of holdfast/main."""
    door = Gate(installed.server.url)
    installed.home.location("gated", url=installed.url("living", door))
    installed.home.wait("StorageLocation", "gated", "Ready", "True")
    yield door
    door.close()


@pytest.fixture(autouse=True, scope="module")
def _quiet_and_well(installed):
    """After each module the controllers are ready, and nothing told a password, a key or what a Secret holds."""
    yield
    installed.wait_for_controllers()
    hidden = (PASSWORD, SECRET_VALUE, installed.server.secret_key)
    told = {name for name, text in installed.told() for one in hidden if one in text}
    assert not told
