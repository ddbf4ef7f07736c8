"""The controller beside runs that make movers: what dead ones left goes, what living ones use stays, and no data is touched."""

import secrets

import pytest
from tests.controller.lab import HOME, Controller, account, define, make_home, wait_for

from holdfast.controller.chores import Chore

pytestmark = pytest.mark.cluster
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases"
VOLUMES = "/api/v1/persistentvolumes"
CLAIMS = f"/api/v1/namespaces/{HOME}/persistentvolumeclaims"
LONG_AGO = "2026-01-01T00:00:00Z"


class Runs:
    """Runs with movers, as they stand in a cluster while they go on, or after they were killed."""

    def __init__(self, cluster):
        self.api = cluster.api
        self.volumes = []
        self.leases = []

    def lease(self, *, dead):
        """Gives the run's id. The server stamps each write, so one of long ago is one whose stamp says so."""
        run = secrets.token_hex(4)
        labels = {"app.kubernetes.io/managed-by": "holdfast", "holdfast.dev/run": run}
        made = self.api.create(LEASES, {"metadata": {"name": f"holdfast-run-{run}", "labels": labels}, "spec": {}})
        self.leases.append(made["metadata"]["name"])
        if dead:
            for entry in made["metadata"]["managedFields"]:
                entry |= {"time": LONG_AGO, "manager": "killed"}
            made = self.api.request("PUT", f"{LEASES}/{made['metadata']['name']}", made)
            assert {entry["time"] for entry in made["metadata"]["managedFields"]} == {LONG_AGO}
        return run, made["metadata"]["uid"]

    def volume(self, run="", *, namespace=HOME, policy="Retain"):
        """Gives its name."""
        name = f"holdfast-{run or 'others'}-{secrets.token_hex(3)}"
        self.volumes.append(name)
        spec = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": policy,
            "storageClassName": "",
            "hostPath": {"path": f"/srv/{name}"},
            "claimRef": {"namespace": namespace, "name": name},
        }
        labels = {"holdfast.dev/run": run} if run else {}
        self.api.create(VOLUMES, {"metadata": {"name": name, "labels": labels}, "spec": spec})
        return name

    def claim(self, run, uid):
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "name": f"holdfast-run-{run}", "uid": uid}
        metadata = {"name": f"claim-{run}", "labels": {"holdfast.dev/run": run}, "ownerReferences": [lease]}
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "resources": {"requests": {"storage": "1Gi"}},
            "volumeName": f"none-{run}",
        }
        self.api.create(CLAIMS, {"metadata": metadata, "spec": spec})
        return metadata["name"]

    def are_there(self, path, *names):
        present = {
            one["metadata"]["name"]
            for one in self.api.request("GET", path)["items"]
            if "deletionTimestamp" not in one["metadata"]
        }
        return [name in present for name in names]

    def clear(self):
        for path, names in ((VOLUMES, self.volumes), (LEASES, self.leases)):
            for name, present in zip(names, self.are_there(path, *names), strict=True):
                if present:
                    self.api.request("DELETE", f"{path}/{name}")


@pytest.fixture
def runs(cluster):
    define(cluster)
    make_home(cluster)
    made = Runs(cluster)
    yield made
    made.clear()


@pytest.fixture
def start(cluster):
    started = []

    def run():
        started.append(Controller(account(cluster)).start())
        return started[-1]

    yield run
    for one in started:
        one.stop()


def test_what_a_dead_run_made_goes_and_nothing_else(runs, start):
    dead, uid = runs.lease(dead=True)
    living, _ = runs.lease(dead=False)
    claim = runs.claim(dead, uid)
    gone = [runs.volume(dead), runs.volume("without-lease")]
    kept = [runs.volume(living), runs.volume(), runs.volume(dead, namespace="shop"), runs.volume(dead, policy="Delete")]
    controller = start()
    wait_for(lambda: not any(runs.are_there(VOLUMES, *gone)))
    wait_for(lambda: not any(runs.are_there(CLAIMS, claim)))  # by Kubernetes, after its Lease
    assert runs.are_there(LEASES, f"holdfast-run-{dead}", f"holdfast-run-{living}") == [False, True]
    assert all(runs.are_there(VOLUMES, *kept))
    assert any(f"the run {dead} is dead" in line for line in controller.said)


def test_a_chore_is_done_at_once_and_then_now_and_then():
    done = []
    chore = Chore(60.0, lambda: done.append(1))
    for moment, times in ((5.0, 1), (64.9, 1), (65.0, 2), (66.0, 2), (500.0, 3)):
        chore.do_if_due(moment)
        assert len(done) == times
