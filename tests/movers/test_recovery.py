"""docs/recovery.md, command by command: the bucket is all that a new cluster gets of the one that is lost."""

import re
import shutil
from pathlib import Path

import pytest
from demo.mysql.bookings import Bookings
from testbed import programs, storage
from testbed.holdfast_image import HOLDFAST
from testbed.mariadb_image import MARIADB
from testbed.node_cluster import NodeCluster
from tests.cli.holdfast import PASSWORD, Holdfast
from tests.conftest import needed_tools, running
from tests.demo.conftest import User

PAGE = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
COMMANDS = [line[2:] for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
BUCKET = "s3:https://s3.eu-north-1.example.com/backups"
IMAGE = "registry.example.com/holdfast:1"


@pytest.fixture
def lost(node_cluster, s3_server, holdfast_image, tmp_path):
    """The last booking that customers got acknowledged before the backup; all else is in the bucket."""
    s3_server.create_bucket("recovery")
    shop = Bookings(node_cluster)
    shop.install()
    shop.start_customers()
    holdfast = Holdfast(
        tmp_path,
        KUBECONFIG=node_cluster.kubeconfig,
        HOLDFAST_REPOSITORY=s3_server.repository("recovery"),
        HOLDFAST_MOVER_REPOSITORY=f"s3:{node_cluster.url_for_pods(s3_server.url)}/recovery",
        HOLDFAST_PASSWORD=PASSWORD,
        HOLDFAST_IMAGE=holdfast_image,
        **s3_server.environment,
    )
    holdfast("repository", "init")
    acknowledged = shop.see_more()
    holdfast("backup", "create", "-n", "shop", "--cluster-name", "lost")
    node_cluster.kubectl("delete", "namespace", "shop", "customers")
    return acknowledged


@pytest.fixture(scope="module")
def new_cluster(say):
    """It has no class `standard`."""
    with running(lambda: NodeCluster.start(name="new", say=say)) as started:
        with needed_tools():
            started.import_image(HOLDFAST, say)
        started.kubectl("delete", "storageclass", storage.STANDARD)
        yield started


@pytest.fixture
def person(new_cluster, s3_server, tmp_path):
    """Somebody with the bucket, its credentials, the password, and a new cluster."""
    home = tmp_path / "person"
    (home / ".kube").mkdir(parents=True)
    shutil.copy(new_cluster.kubeconfig, home / ".kube" / "config")
    (home / ".holdfast-password").write_text(f"{PASSWORD}\n")
    user = User(home, None, [programs.KUBECTL.path.parent])
    user.environment |= s3_server.environment
    # The page's server has one address for all; this one has another one for pods.
    user.environment["HOLDFAST_MOVER_REPOSITORY"] = f"s3:{new_cluster.url_for_pods(s3_server.url)}/recovery"
    return user


def test_an_application_comes_back_with_its_data_in_a_cluster_that_never_saw_the_first(
    lost, person, new_cluster, s3_server
):
    new_cluster.import_image(MARIADB)
    here, for_pods = s3_server.repository("recovery"), person.environment["HOLDFAST_MOVER_REPOSITORY"]
    outputs = []
    for command in COMMANDS:
        server = for_pods if "location add" in command else here
        outputs.append(person.type(command.replace(BUCKET, server).replace(IMAGE, HOLDFAST.reference)))
    told = "\n".join(outputs)
    assert re.search(r"^done +shop +data-database-0 ", told, flags=re.MULTILINE)
    assert "no errors were found" in told
    restored = Bookings(new_cluster)
    found = restored.found()
    assert found.gapless
    assert found.last >= lost
    assert restored.storage_class() == storage.FAST
    new_cluster.kubectl("wait", "-n", "holdfast", "--for=condition=Ready", "backupplan/nightly", "--timeout=120s")
