"""Tenants who want what movers have: the second volume, the claim beside it, the Secret that opens a shared repository.

No pods run here: these are the API server's and the volume controller's answers. tests/movers has the same with movers at work.
"""

import json

import pytest
from tests.cli.holdfast import Holdfast
from tests.installation.reading import Reading
from tests.installation.tenants import CLAIMS, EVENTS, JOBS, LEASES, PODS, SECRETS, VOLUMES, is_forbidden

from holdfast.assembly import Settings, connect
from holdfast.cluster.cluster import PatchType
from holdfast.model.cancel import Cancel
from holdfast.operations.movers.exposing import Exposures
from holdfast.operations.movers.task import MoverSettings

pytestmark = pytest.mark.cluster
HOME = "holdfast"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases"
RUN = "20261127-020000-abcdef"
EXPOSED = f"holdfast-{RUN}-1"
"""What the first volume that this run brings beside its movers is called, and its claim: tenants may guess it."""


def a_claim(name, volume, namespace):
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "volumeName": volume,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


@pytest.fixture(scope="module")
def home(bare_cluster, tmp_path_factory):
    """Holdfast is installed; its namespace has a location's Secret."""
    holdfast = Holdfast(tmp_path_factory.mktemp("movers"), KUBECONFIG=bare_cluster.kubeconfig)
    holdfast("install")
    secret = {"metadata": {"name": "login"}, "stringData": {"password": "correct horse"}}
    bare_cluster.api.create(f"/api/v1/namespaces/{HOME}/secrets", secret)
    yield Reading(bare_cluster)
    bare_cluster.api.request("DELETE", f"/api/v1/namespaces/{HOME}/secrets/login")
    holdfast("uninstall", "--with-definitions", "--yes")


class Application:
    """A tenant's namespace with a claim that has a volume."""

    def __init__(self, reading, namespace):
        self.reading = reading
        self.namespace = namespace
        self.volume = f"of-{namespace}"
        spec = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "hostPath": {"path": f"/srv/{namespace}"},
        }
        reading.api.create("/api/v1/persistentvolumes", {"metadata": {"name": self.volume}, "spec": spec})
        reading.api.create(self.claims, a_claim("data", self.volume, namespace))
        reading.wait_until(lambda: self.claim()["status"].get("phase") == "Bound")

    @property
    def claims(self):
        return f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims"

    def claim(self, name="data"):
        return self.reading.get(f"{self.claims}/{name}")


@pytest.fixture
def shop(home, bare_cluster, make_namespace):
    made = Application(home, make_namespace(within=bare_cluster))
    yield made
    home.api.request("DELETE", f"/api/v1/persistentvolumes/{made.volume}")


class Run:
    """As Exposures want it: the run of an administrator's backup, with a Lease that owns what it makes."""

    settings = MoverSettings(
        namespace=HOME, image="holdfast", repository="s3:https://minio.example/b", cluster_name="c"
    )
    run_id = RUN
    labels = {"holdfast.dev/run": RUN}  # noqa: RUF012 - a constant of a test

    def __init__(self, lease):
        self.owner = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "name": lease["metadata"]["name"],
            "uid": lease["metadata"]["uid"],
        }


@pytest.fixture
def run(home):
    lease = {"metadata": {"name": f"holdfast-run-{RUN}", "labels": Run.labels}, "spec": {}}
    made = home.api.create(LEASE, lease)
    yield Run(made)
    home.api.request("DELETE", f"{LEASE}/{made['metadata']['name']}")


@pytest.fixture
def exposures(bare_cluster, run):
    cluster = connect(Settings(kubeconfig=str(bare_cluster.kubeconfig)), Cancel())
    made = Exposures(cluster, run)
    yield made
    made.withdraw_all()
    cluster.close()


@pytest.fixture(params=["edit", "admin"])
def tenant(request, log_in, shop):
    """Somebody with all that Kubernetes gives in the application's namespace: Secrets, pods, exec."""
    return log_in(request.param, shop.namespace)


def ask(tenant, namespace, name, volume):
    tenant.create(CLAIMS, namespace, json.dumps(a_claim(name, volume, namespace)).encode())


def test_a_claim_that_asks_for_the_second_volume_never_gets_it(tenant, shop, exposures, home):
    ask(tenant, shop.namespace, "early", EXPOSED)  # before it is there
    assert exposures.expose(shop.claim()) == EXPOSED
    ask(tenant, shop.namespace, "late", EXPOSED)
    ask(tenant, shop.namespace, EXPOSED, EXPOSED)  # under the very name that it is bound to, in another namespace
    volume = home.get(f"/api/v1/persistentvolumes/{EXPOSED}")
    assert volume["status"]["phase"] == "Bound"
    assert (volume["spec"]["claimRef"]["namespace"], volume["spec"]["claimRef"]["name"]) == (HOME, EXPOSED)
    told = lambda name: [  # noqa: E731
        event["reason"]
        for event in home.get(f"/api/v1/namespaces/{shop.namespace}/events")["items"]
        if event["involvedObject"]["name"] == name
    ]
    for name in ("early", "late", EXPOSED):
        home.wait_until(lambda name=name: "FailedBinding" in told(name))  # the volume controller has looked
        assert shop.claim(name)["status"]["phase"] == "Pending"


def test_volumes_are_out_of_a_tenants_reach(tenant, shop, exposures):
    exposures.expose(shop.claim())
    for name in (EXPOSED, shop.volume):
        assert is_forbidden(tenant.get, VOLUMES, "", name)
        assert is_forbidden(tenant.delete, VOLUMES, "", name)
        steal = json.dumps({"spec": {"claimRef": {"namespace": shop.namespace, "name": "late"}}}).encode()
        assert is_forbidden(tenant.patch, VOLUMES, "", name, steal, patch_type=PatchType.MERGE)
    assert is_forbidden(list, tenant.list(VOLUMES))
    mine = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "mine"}, "spec": {}}
    assert is_forbidden(tenant.create, VOLUMES, "", json.dumps(mine).encode())


def test_nothing_beside_the_movers_can_be_read_entered_or_made(tenant, shop, exposures):
    exposures.expose(shop.claim())
    for resource in (SECRETS, PODS, JOBS, CLAIMS, LEASES, EVENTS):
        assert is_forbidden(list, tenant.list(resource, namespace=HOME)), resource
        assert is_forbidden(tenant.create, resource, HOME, b"{}"), resource
    assert is_forbidden(tenant.get, SECRETS, HOME, "login")
    assert is_forbidden(tenant.get, CLAIMS, HOME, EXPOSED)
    for path in (f"pods/mover/{part}" for part in ("log", "exec", "attach", "ephemeralcontainers", "portforward")):
        assert is_forbidden(tenant.connection.request, "GET", f"/api/v1/namespaces/{HOME}/{path}")


def test_a_run_leaves_nothing_in_the_tenants_namespace(shop, exposures, home):
    before = everything(home, shop.namespace)
    exposures.expose(shop.claim())
    assert everything(home, shop.namespace) == before
    exposures.withdraw_all()
    assert everything(home, shop.namespace) == before
    assert shop.claim()["spec"]["volumeName"] == shop.volume


def everything(reading, namespace):
    """Name and version of every object of a namespace, but for events, which tell of what was there before."""
    found = {}
    for group in (
        "/api/v1",
        *(f"/apis/{one['preferredVersion']['groupVersion']}" for one in reading.get("/apis")["groups"]),
    ):
        for kind in reading.get(group)["resources"]:
            if kind["namespaced"] and "list" in kind["verbs"] and kind["name"] != "events":
                for obj in reading.get(f"{group}/namespaces/{namespace}/{kind['name']}")["items"]:
                    found[kind["name"], obj["metadata"]["name"]] = obj["metadata"].get("resourceVersion")
    return found
