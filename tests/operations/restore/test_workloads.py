"""Workloads on their way back: a backup of one into other places, and one out of a backup of everything."""

import pytest
from tests.operations.harness import capture
from tests.restore_lab import Lab, Vault, config_map, eventually, outcomes, owned_by, unique
from tests.workload_app import Builder

HELM = "sh.helm.release"


@pytest.fixture(scope="module")
def origin(cluster, live):
    """The lab with the application and its neighbours in a namespace of it."""
    assert live.api_surface().find("widget")
    lab = Lab(cluster)
    here = lab.new_namespace("workload")
    here.builder = Builder(here.namespace, here.namespace)
    for thing in here.builder.related():
        here.make(thing)
    web = here.make(here.builder.workload())
    for thing in here.builder.neighbours():
        here.make(thing)
    here.make(config_map("generated", metadata=owned_by(web)))
    here.settled()
    yield here
    lab.close()


@pytest.fixture(scope="module")
def belonging(origin):
    """{object: reason} of the workload where it was made."""
    return capture(origin.cluster, workloads=(f"deploy/{origin.namespace}/web",))[0]


@pytest.fixture
def elsewhere(second_cluster):
    lab = Lab(second_cluster)
    yield lab
    lab.close()


def workload_in(lab, namespace):
    """What belongs to the workload, with names that do not depend on the place."""
    taken, captured = capture(lab.cluster, workloads=(f"deploy/{namespace}/web",))
    assert captured.problems == []
    return placeless(taken, namespace)


def placeless(taken, namespace):
    """Without what has other names in each place, and Helm's records: the annotations that name them stay as they are."""
    return {
        key.replace(f"/{namespace}/", "/NAMESPACE/")
        for key in taken
        if not key.startswith(("persistentvolumes/", "namespaces/", "replicasets.")) and HELM not in key
    }


def test_a_backup_of_a_workload_is_restored_into_another_namespace_and_cluster(origin, belonging, elsewhere):
    vault, copy = Vault(), unique("copy")
    run = vault.back_up(origin, workloads=(f"deployment/{origin.namespace}/web",))
    assert run.counts["objects"] == len(belonging)
    elsewhere.end_later(copy)

    report = vault.restore(elsewhere, namespaces={origin.namespace: copy})

    assert [item for item in report.objects if item.result == "failed"] == []
    assert len(report.objects) == len(belonging)
    assert workload_in(elsewhere, copy) == placeless(belonging, origin.namespace)
    assert {name for _, name in elsewhere.objects(copy)} >= {f"{HELM}.v1.store.v1", f"{HELM}.v1.store.v2"}
    generated = elsewhere.within(copy).read(config_map("generated"))
    web = elsewhere.within(copy).read(origin.builder.runner("Deployment", "web") | {"metadata": {"name": "web"}})
    assert generated["metadata"]["ownerReferences"][0]["uid"] == web["metadata"]["uid"]


def test_a_workload_is_restored_out_of_a_backup_of_its_namespace(origin, belonging):
    vault, copy = Vault(), unique("copy")
    vault.back_up(origin)
    origin.end_later(copy)
    where = {"namespaces": {origin.namespace: copy}, "workloads": (f"deploy/{origin.namespace}/web",)}

    plan = vault.plan(origin, **where)
    report = vault.restore(origin, **where)

    reasons = {
        "/".join(filter(None, (item.kind, item.namespace and origin.namespace, item.name))): item.reason
        for item in plan.objects
        if item.kind != "namespaces"
    }
    assert reasons == {key: why for key, why in belonging.items() if not key.startswith("namespaces/")}
    assert outcomes(report).keys() == outcomes(plan).keys()
    assert [item for item in report.objects if item.result == "failed"] == []
    eventually(
        lambda: origin.within(copy).find({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}), "web"
    )
    kinds = {kind for kind, _ in origin.objects(copy)}
    assert not kinds & {"StatefulSet", "DaemonSet"}
    assert ("ConfigMap", "other") not in origin.objects(copy)


def test_a_backup_of_a_workload_gives_the_same_by_the_same_flag(origin, belonging):
    vault = Vault()
    vault.back_up(origin, workloads=(f"deploy/{origin.namespace}/web",))
    plan = vault.plan(origin, workloads=(f"deploy/{origin.namespace}/web",))
    found = {"/".join(filter(None, (item.kind, item.namespace, item.name))): item.reason for item in plan.objects}
    assert found == belonging
