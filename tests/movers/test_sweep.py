"""Dead runs: which they are, and that nothing of them stays."""

import datetime as dt
import secrets

import pytest
from tests.movers.lab import RUN, Lab, wait_for

from holdfast.operations.movers.sweep import dead_runs, sweep

LEASE = "coordination.k8s.io/v1"
NOW = dt.datetime(2026, 11, 23, 5, 19, 42, tzinfo=dt.UTC)


def lease(seconds, told=None, run="old"):
    """One that its run renewed so many seconds ago by its own clock; `told`: by the server's."""
    fields = [{"time": time(seconds), "manager": "holdfast"} for seconds in told or ()]
    metadata = {"name": run, "labels": {"holdfast.dev/run": run}, "managedFields": fields}
    return {"metadata": metadata, "spec": {"renewTime": time(seconds)}}


def time(seconds):
    return f"{NOW - dt.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def is_dead(*arguments, **options):
    return bool(dead_runs([lease(*arguments, **options)], NOW))


def test_a_run_is_dead_a_minute_after_it_was_heard_last():
    assert not is_dead(59, told=[59])
    assert is_dead(61, told=[61])


def test_clocks_that_differ_do_not_kill():
    assert not is_dead(3600, told=[5])
    assert is_dead(-3600, told=[61])


def test_the_last_that_a_server_heard_counts():
    assert not is_dead(61, told=[90, 30, 80])


def test_where_the_server_does_not_say_the_run_is_believed():
    assert is_dead(61)
    assert not is_dead(59)


def test_a_lease_that_says_nothing_is_left_alone():
    assert dead_runs([{"metadata": {"name": "x"}, "spec": {}}], NOW) == []


@pytest.fixture
def leave(lab):
    """`leave(run)`: makes what a coordinator that was killed an hour ago leaves behind."""

    def make(run, namespace=None):
        there = Lab(lab.cluster, namespace or lab.namespace)
        labels = {"holdfast.dev/run": run}
        metadata = {"name": run, "labels": labels}
        own = there.create("leases", {"apiVersion": LEASE, "kind": "Lease", "metadata": metadata, "spec": {}})

        def age(body):
            body["metadata"]["managedFields"] = [{}]  # the server forgets when it was told what
            body["spec"]["renewTime"] = f"{dt.datetime.now(dt.UTC) - dt.timedelta(hours=1):%Y-%m-%dT%H:%M:%S.%fZ}"

        there.put("leases", run, age)
        owner = {"apiVersion": LEASE, "kind": "Lease", "name": run, "uid": own["metadata"]["uid"]}
        metadata = {**metadata, "ownerReferences": [owner]}
        there.create("secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
        pod = {"restartPolicy": "Never", "containers": [{"name": "holdfast", "image": "none"}]}
        job = {"template": {"metadata": {"labels": labels}, "spec": pod}}
        there.create("jobs", {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": job})
        claim = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "resources": {"requests": {"storage": "1Mi"}},
        }
        there.create(
            "persistentvolumeclaims",
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claim},
        )
        there.create("persistentvolumes", volume(labels, there.namespace, run))
        there.close()

    return make


def volume(labels, namespace, claim, policy="Retain"):
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"holdfast-{secrets.token_hex(4)}", "labels": labels},
        "spec": {
            "capacity": {"storage": "1Mi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": policy,
            "hostPath": {"path": "/tmp/nothing"},
            "claimRef": {"namespace": namespace, "name": claim},
        },
    }


def test_the_next_run_removes_all_that_a_dead_one_left(lab, leave):
    leave("old")
    wait_for(lambda: lab.list("pods"))
    assert len(lab.left()) == 6
    with lab.movers():
        wait_for(lambda: sorted(lab.left()) == [f"leases/holdfast-run-{RUN}", f"secrets/holdfast-run-{RUN}"])
    assert "the run old" in lab.progress.all_texts()


def test_a_run_that_lives_is_left_alone_whatever_its_clock_says(lab):
    other = Lab(lab.cluster, lab.namespace)
    with other.movers(run="alive"):
        lab.create("persistentvolumes", volume({"holdfast.dev/run": "alive"}, lab.namespace, "any"))

        def set_back(body):
            body["spec"]["renewTime"] = "2020-01-01T00:00:00.000000Z"

        lab.put("leases", "holdfast-run-alive", set_back)
        assert sweep(lab.connection, lab.namespace) == []
        assert len(lab.left()) == 3
    wait_for(lambda: not lab.left())
    other.close()


def test_runs_of_other_namespaces_are_left_alone(lab, leave, make_namespace):
    elsewhere = make_namespace()
    leave("old", elsewhere)
    assert sweep(lab.connection, lab.namespace) == []
    assert [one for one in lab.left() if one.startswith("persistentvolumes")]
    assert sweep(lab.connection, elsewhere) == ["old"]
    assert wait_for(lambda: not lab.left())


def test_a_volume_that_outlived_its_lease_goes_too(lab):
    lab.create("persistentvolumes", volume({"holdfast.dev/run": "older"}, lab.namespace, "any"))
    assert sweep(lab.connection, lab.namespace) == ["older"]
    assert wait_for(lambda: not lab.left())


def test_a_volume_whose_data_would_go_with_it_is_left_alone(lab):
    body = lab.create("persistentvolumes", volume({"holdfast.dev/run": "older"}, lab.namespace, "any", "Delete"))
    assert sweep(lab.connection, lab.namespace) == []
    lab.delete("persistentvolumes", body["metadata"]["name"])
    wait_for(lambda: not lab.left())


def test_an_account_that_may_not_see_volumes_removes_the_rest(lab, leave, cluster):
    leave("old")
    rules = [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]}]
    weak = Lab(cluster, lab.namespace, cluster.account("leases-only", rules, lab.namespace))
    assert sweep(weak.connection, lab.namespace) == ["old"]
    wait_for(lambda: [one.partition("/")[0] for one in lab.left()] == ["persistentvolumes"])
    weak.close()
    assert sweep(lab.connection, lab.namespace) == ["old"]
    wait_for(lambda: not lab.left())
