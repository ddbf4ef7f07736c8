"""An application on a real node, its backup, and drills of it."""

from types import SimpleNamespace

import pytest
from testbed.mariadb_image import MARIADB
from tests.restore_lab import Lab, Vault, config_map, eventually, obj, workload

from holdfast.model.cancel import Cancel
from holdfast.model.drill import CheckKind
from holdfast.model.progress import Silent
from holdfast.objects.checks import parse_check
from holdfast.operations.catalog import read_catalog
from holdfast.operations.drill.run import DrillOptions, drill

SERVE = "mkdir -p /www && echo hello > /www/index.html && exec httpd -f -p 8080 -h /www"


def web(**fields):
    """A Deployment that serves a page and says so."""
    labels = {"app": "web"}
    container = {
        "name": "main",
        "image": "testbed/busybox:1",
        "command": ["sh", "-c", SERVE],
        "readinessProbe": {"exec": {"command": ["test", "-e", "/www/index.html"]}, "periodSeconds": 1},
        **fields,
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return workload("Deployment", "web", replicas=1, template=template, selector={"matchLabels": labels})


def database():
    """A StatefulSet with MariaDB."""
    labels = {"app": "db"}
    container = {
        "name": "mariadb",
        "image": "testbed/mariadb:10.11",
        "readinessProbe": {"exec": {"command": ["mariadb", "-e", "select 1"]}, "periodSeconds": 1},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return workload("StatefulSet", "db", serviceName="db", template=template, selector={"matchLabels": labels})


@pytest.fixture(scope="module")
def lab(node_cluster):
    node_cluster.import_image(MARIADB)
    lab = Lab(node_cluster)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def shop(lab):
    """A namespace with a page, a database and settings, and a vault that has it."""
    shop = lab.new_namespace("shop", labels={"team": "sales"})
    for thing in (config_map(), obj("v1", "Secret", "login"), web(), database()):
        shop.make(thing)
    vault = Vault()
    saved = vault.back_up(shop)
    return SimpleNamespace(lab=shop, vault=vault, saved=saved, name=shop.namespace)


def run_drill(shop, *checks, cluster=None, cancel=None, **options):
    """`checks`: (kind, text after the namespace's slash) as `('query', 'statefulset/{}/db: select 1')`."""
    parsed = tuple(parse_check(CheckKind(kind), text.replace("{}", shop.name), "--check") for kind, text in checks)
    chosen = DrillOptions(checks=parsed, **{"timeout": 120.0, **options})
    target = cluster or shop.lab.cluster
    return drill(shop.vault.repository, shop.vault.open(), target, chosen, cancel or Cancel(), Silent())


def drill_namespaces(lab, *, ending=False):
    """Names of namespaces that drills have made; those that are on their way out are not counted unless asked."""
    found = lab.send("GET", "/api/v1/namespaces", query={"labelSelector": "holdfast.dev/drill"})["items"]
    return {one["metadata"]["name"] for one in found if ending or "deletionTimestamp" not in one["metadata"]}


def reports(shop):
    return read_catalog(shop.vault.repository).reports("drill run")


def gone(lab):
    eventually(lambda: not drill_namespaces(lab, ending=True), "all drills' namespaces are gone")
