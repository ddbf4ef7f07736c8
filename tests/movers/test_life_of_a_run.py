"""What a run with movers makes in a cluster, and that nothing of it stays."""

import secrets

import pytest
from tests.movers.lab import PASSWORD, RUN, Lab, wait_for

from holdfast.errors import ApiRefused, Cancelled, ClusterError
from holdfast.operations.movers import lease


@pytest.fixture
def renewed_often(monkeypatch):
    monkeypatch.setattr(lease, "_RENEW_EVERY", 0.1)


def test_a_run_has_a_lease_that_owns_its_secret(lab):
    with lab.movers() as movers:
        own = lab.only("leases")
        assert own["metadata"]["name"] == f"holdfast-run-{RUN}"
        assert (movers.owner["kind"], movers.owner["uid"]) == ("Lease", own["metadata"]["uid"])
        [owner] = lab.get("secrets", f"holdfast-run-{RUN}")["metadata"]["ownerReferences"]
        assert owner["uid"] == own["metadata"]["uid"]
        assert lab.secret_of_run() == {"password": PASSWORD.encode()}
        assert movers.labels["holdfast.dev/run"] == RUN
    assert wait_for(lambda: not lab.left())


def test_no_secret_is_made_where_there_is_one(lab):
    with lab.movers(secret="main", credentials={}):
        assert lab.list("secrets") == []


def test_what_others_made_for_the_run_goes_with_it(lab):
    with lab.movers() as movers:
        body = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "stand-in", "labels": movers.labels, "ownerReferences": [movers.owner]},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
        }
        lab.create("persistentvolumeclaims", body)
        lab.create("persistentvolumes", volume("holdfast-1", movers.labels, lab.namespace))
        assert len(lab.left()) == 4
    assert wait_for(lambda: not lab.left())


def volume(name, labels, namespace, policy="Retain"):
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{name}-{secrets.token_hex(3)}", "labels": labels},
        "spec": {
            "capacity": {"storage": "1Mi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": policy,
            "hostPath": {"path": "/tmp/nothing"},
            "claimRef": {"namespace": namespace, "name": "stand-in"},
        },
    }


@pytest.fixture
def homeless(cluster):
    """In a namespace that does not exist."""
    made = Lab(cluster, f"movers-{secrets.token_hex(3)}")
    yield made
    made.close()
    cluster.api.request("DELETE", f"/api/v1/namespaces/{made.namespace}")


def test_a_missing_namespace_is_made_as_an_installation_would(homeless):
    with homeless.movers():
        assert homeless.only("leases")
    body = homeless.cluster.api.request("GET", f"/api/v1/namespaces/{homeless.namespace}")
    assert body["status"]["phase"] == "Active"  # it stays: another run may be in it
    assert "pod-security.kubernetes.io/enforce" in body["metadata"]["labels"]
    assert wait_for(lambda: not homeless.left())


def test_a_namespace_on_its_way_out_is_waited_for(homeless):
    with homeless.movers():
        pass
    homeless.cluster.api.request("DELETE", f"/api/v1/namespaces/{homeless.namespace}")
    with homeless.movers():
        assert homeless.only("leases")


@pytest.mark.usefixtures("renewed_often")
def test_a_lease_is_renewed(lab):
    with lab.movers():
        before = lab.only("leases")["spec"]["renewTime"]
        assert wait_for(lambda: lab.only("leases")["spec"]["renewTime"] > before)


@pytest.mark.usefixtures("renewed_often")
def test_a_run_whose_lease_was_taken_away_ends(lab):
    with lab.running(lab.task()) as ends:
        lab.only("jobs")
        lab.delete("leases", f"holdfast-run-{RUN}")
        with pytest.raises(ClusterError, match=f"the Lease {lab.namespace}/holdfast-run-{RUN} of this run is lost"):
            ends.result(120)


@pytest.mark.usefixtures("renewed_often")
def test_a_lease_of_the_same_name_is_another_one(lab):
    with lab.running(lab.task()) as ends:
        own = lab.only("leases")
        lab.delete("leases", f"holdfast-run-{RUN}")
        metadata = {"name": own["metadata"]["name"], "labels": own["metadata"]["labels"]}
        lab.create("leases", {**own, "metadata": metadata})
        with pytest.raises(ClusterError, match="is lost"):
            ends.result(120)
    assert len(lab.list("leases")) == 1


def test_a_stop_leaves_nothing(lab):
    with lab.running(lab.task(), lab.task(claim="logs")) as ends:
        wait_for(lambda: len(lab.list("pods")) == 2)
        lab.cancel.request()
        with pytest.raises(Cancelled):
            ends.result(120)
    assert wait_for(lambda: not lab.left())


def test_a_run_that_breaks_off_leaves_nothing(lab):
    with pytest.raises(ZeroDivisionError), lab.movers(patience=1) as movers:
        movers.run([lab.task()], done=lambda _: 1 / 0)
    assert wait_for(lambda: not lab.left())


def test_who_may_make_no_secret_is_told_so_and_leaves_nothing(lab, cluster):
    rules = [
        {"apiGroups": [""], "resources": ["namespaces", "pods", "persistentvolumeclaims"], "verbs": ["get", "list"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]},
    ]
    weak = Lab(cluster, lab.namespace, cluster.account("no-secrets", rules))
    with pytest.raises(ApiRefused, match="cannot create secrets"), weak.movers():
        pass
    assert wait_for(lambda: not lab.left())
    weak.close()


def test_credentials_come_into_no_text(lab):
    settings = lab.settings()
    assert PASSWORD not in f"{settings!r}"
    with lab.movers(patience=1) as movers:
        [end] = movers.run([lab.task()])
    assert PASSWORD not in f"{end!r} {lab.progress.all_texts()} {vars(movers)!r}"
