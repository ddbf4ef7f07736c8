"""Volumes that wait for their first pod are made where the pods of a workload can use them, on two real nodes."""

import secrets
from contextlib import closing

import pytest
from tests.movers.claims_lab import Objects, Run

from holdfast.assembly import Settings, connect
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey
from holdfast.model.progress import Silent
from holdfast.objects.storage.first_users import NewClaim
from holdfast.operations.movers.first_users import bind_together

DB = ObjectKey("apps", "statefulsets", "shop", "db")
JOBS = "/apis/batch/v1/namespaces/{}/jobs"
SELECTED = "volume.kubernetes.io/selected-node"
PATIENCE = "holdfast.operations.movers.first_users._PATIENCE"
APART = {
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}
            ]
        }
    }
}


class Lab:
    """Claims of a class that waits for pods, in a namespace of its own."""

    def __init__(self, cluster, namespace):
        self.cluster, self.namespace = cluster, namespace
        self.objects = Objects(cluster)
        self.late = f"late-{secrets.token_hex(3)}"
        body = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": self.late},
            "provisioner": "kubernetes.io/host-path",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
        cluster.api.create("/apis/storage.k8s.io/v1/storageclasses", body)

    def claims(self, *names, **spec):
        for name in names:
            self.objects.make_claim(self.namespace, name, storageClassName=self.late)
        return [NewClaim(name, name, DB, spec) for name in names]

    def bind(self, claims, progress=None):
        run = Run(self.cluster, self.namespace, image="testbed/busybox:1")
        with closing(connect(Settings(kubeconfig=str(self.cluster.kubeconfig)), Cancel())) as connected:
            bind_together(connected, run, claims, progress or Silent())

    def nodes(self, *names):
        """Where the volumes of these claims were made."""
        claims = [self.objects.claim(self.namespace, name) for name in names]
        assert [claim["status"]["phase"] for claim in claims] == ["Bound"] * len(names)
        return [claim["metadata"]["annotations"][SELECTED] for claim in claims]

    def jobs(self):
        return self.cluster.api.request("GET", JOBS.format(self.namespace))["items"]


class Hearing(Silent):
    def __init__(self):
        self.told = []

    def warn(self, message):
        self.told.append(message)


@pytest.fixture
def lab(two_node_cluster, make_namespace):
    made = Lab(two_node_cluster, make_namespace(within=two_node_cluster))
    yield made
    two_node_cluster.api.request("DELETE", f"/apis/storage.k8s.io/v1/storageclasses/{made.late}")


def test_volumes_of_one_pod_are_on_one_node_and_those_of_two_are_apart(lab):
    lab.bind(lab.claims("data-db-0", "logs-db-0", "data-db-1", "logs-db-1", **APART))
    first, also_first, second, also_second = lab.nodes("data-db-0", "logs-db-0", "data-db-1", "logs-db-1")
    assert first == also_first
    assert second == also_second
    assert first != second
    lab.objects.when(lab.jobs, lambda jobs: not jobs)


def test_a_third_replica_finds_no_third_node(lab, monkeypatch):
    """The stand-ins keep apart as strictly as the pods will."""
    hearing = Hearing()
    names = ["data-db-0", "data-db-1", "data-db-2"]
    monkeypatch.setattr(PATIENCE, 10.0)
    lab.bind(lab.claims(*names, **APART), hearing)
    assert [line.endswith("could not be made together with others of their pods: 1") for line in hearing.told] == [True]
    bound = [name for name in names if lab.objects.claim(lab.namespace, name)["status"]["phase"] == "Bound"]
    assert set(lab.nodes(*bound)) == {"node-1", "node-2"}  # the third may follow when the stand-ins have gone


def test_where_the_workload_may_not_run_nothing_is_made(lab):
    lab.bind(lab.claims("data-db-0", "logs-db-0", nodeSelector={"kubernetes.io/hostname": "node-2"}))
    assert lab.nodes("data-db-0", "logs-db-0") == ["node-2", "node-2"]


def test_claims_that_no_other_concerns_are_left_to_their_movers(lab):
    lab.bind(lab.claims("data-db-0", "data-db-1"))
    pending = [lab.objects.claim(lab.namespace, name)["status"]["phase"] for name in ("data-db-0", "data-db-1")]
    assert pending == ["Pending", "Pending"]
    assert lab.jobs() == []


def test_what_cannot_be_made_is_left_to_movers_after_a_while(lab, monkeypatch):
    hearing = Hearing()
    monkeypatch.setattr(PATIENCE, 2.0)
    lab.bind(lab.claims("data-db-0", "logs-db-0", nodeSelector={"kubernetes.io/hostname": "nowhere"}), hearing)
    assert [line.endswith("could not be made together with others of their pods: 2") for line in hearing.told] == [True]
    lab.objects.when(lab.jobs, lambda jobs: not jobs)


def test_what_is_bound_already_needs_nobody(lab):
    lab.objects.bound_claim(lab.namespace, "data-db-0")
    lab.objects.bound_claim(lab.namespace, "logs-db-0")
    lab.bind([NewClaim(name, name, DB, {}) for name in ("data-db-0", "logs-db-0")])
    assert lab.jobs() == []
