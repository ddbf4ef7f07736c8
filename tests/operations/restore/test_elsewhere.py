"""Restores into other clusters: of the same version, of an older one, and with kinds that are new there."""

import pytest
from tests.restore_lab import (
    Lab,
    claim,
    config_map,
    definition,
    entry,
    eventually,
    obj,
    outcomes,
    service,
    unique,
    workload,
)


@pytest.fixture
def second(second_cluster, namespace):
    lab = Lab(second_cluster, namespace)
    lab.end_later(namespace)
    yield lab
    lab.close()


@pytest.fixture
def old(old_cluster, namespace):
    lab = Lab(old_cluster, namespace)
    lab.end_later(namespace)
    yield lab
    lab.close()


def make_shop(lab):
    for thing in (config_map(), service(type="NodePort"), workload("Deployment", "web"), claim()):
        lab.make(thing)
    lab.make(obj("v1", "ServiceAccount", "robot"))
    lab.settled()


def test_application_moves_to_another_cluster_and_a_second_run_changes_nothing(lab, vault, second):
    make_shop(lab)
    vault.back_up(lab)

    report = vault.restore(second)

    assert report.outcome == "done"
    assert report.cluster == second.cluster.identity().uid != lab.cluster.identity().uid
    before = second.settled()
    assert {key for key, _ in lab.versions().items() if key[0] != "Pod"} <= before.keys()
    again = vault.restore(second, on_conflict="update")
    assert second.settled() == before
    assert again.counts["created"] == again.counts["updated"] == again.counts["failed"] == 0


def test_kinds_that_an_older_cluster_does_not_serve_are_named_and_the_rest_is_restored(lab, vault, old):
    make_shop(lab)
    devices = {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]}
    lab.make(obj("resource.k8s.io/v1", "ResourceClaimTemplate", "gpu", spec={"spec": {"devices": devices}}))
    vault.back_up(lab)

    plan = vault.plan(old)
    report = vault.restore(old)

    kind = "resourceclaimtemplates.resource.k8s.io"
    assert outcomes(plan)["resourceclaimtemplates", "gpu"] == "blocked"
    assert entry(plan, "resourceclaimtemplates", "gpu").why == f"the cluster does not serve {kind}"
    assert report.outcome.exit_code == 3
    assert [problem.what for problem in report.errors] == [f"{kind}/{lab.namespace}/gpu was not restored"]
    assert report.counts["failed"] == 1
    before = old.settled()
    assert before.keys() >= {("Deployment", "web"), ("Service", "web"), ("PersistentVolumeClaim", "data")}
    again = vault.restore(old, on_conflict="update")
    assert old.settled() == before
    assert again.counts["updated"] == 0


def test_version_that_the_cluster_does_not_serve_is_named(lab, vault, second):
    stem = unique("thing").replace("-", "")
    thing = obj("example.com/v2", stem.capitalize(), "one", spec={"size": 1})
    lab.make(definition(stem, version="v2"))
    lab.cluster.wait_established(f"{stem}s.example.com")
    lab.make(thing)
    vault.back_up(lab)
    second.make(definition(stem, version="v1"))
    second.cluster.wait_established(f"{stem}s.example.com")

    report = vault.restore(second)

    assert outcomes(report)["customresourcedefinitions", f"{stem}s.example.com"] == "skipped"
    assert entry(report, f"{stem}s", "one").why == f"the cluster serves {stem}s.example.com only as v1, not v2"
    assert report.outcome == "partial"


@pytest.mark.parametrize("scope", ["Namespaced", "Cluster"])
def test_definitions_and_their_objects_come_in_one_go(lab, vault, second, scope):
    stems = [unique("thing").replace("-", "") for _ in range(3)]
    for stem in stems:
        lab.make(definition(stem, scope=scope))
    for stem in stems:
        lab.cluster.wait_established(f"{stem}s.example.com")
        for number in range(3):
            lab.make(
                obj("example.com/v1", stem.capitalize(), f"{stem}-{number}", spec={"size": number}, status={"seen": 1})
            )
    kinds = tuple(f"{stem}s.example.com" for stem in stems)
    selection = {"namespaces": (lab.namespace,)} if scope == "Namespaced" else {"include_kinds": kinds}
    vault.back_up(lab, **selection)

    plan = vault.plan(second)
    report = vault.restore(second)

    assert outcomes(plan)[f"{stems[0]}s", f"{stems[0]}-0"] == "unchecked"
    assert (report.outcome, report.errors) == ("done", [])
    for stem in stems:
        restored = second.read(obj("example.com/v1", stem.capitalize(), f"{stem}-2"))
        assert (restored["spec"], restored["status"]) == ({"size": 2}, {"seen": 1})  # without a subresource, it is data
    for stem in stems:
        second.delete_later(definition(stem))


def test_storage_class_is_mapped(lab, vault):
    fast = lab.make(obj("storage.k8s.io/v1", "StorageClass", unique("fast"), provisioner="example.com/none"))
    name = fast["metadata"]["name"]
    lab.make(claim("data", storageClassName="standard"))
    template = claim("disk", storageClassName="standard")
    lab.make(workload("StatefulSet", "db", serviceName="db", replicas=0, volumeClaimTemplates=[template]))
    vault.back_up(lab)
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)

    report = vault.restore(lab, namespaces={lab.namespace: copy.namespace}, storage_classes={"standard": name})

    assert report.outcome == "done"
    assert copy.read(claim())["spec"]["storageClassName"] == name
    (template,) = copy.objects()["StatefulSet", "db"]["spec"]["volumeClaimTemplates"]
    assert template["spec"]["storageClassName"] == name


def test_labelled_objects_of_all_namespaces(lab, vault, second, make_namespace):
    label = unique("group")
    other = lab.within(make_namespace())
    labels = {"labels": {"group": label}}
    for where in (lab, other):
        where.make(config_map("mine", metadata=labels))
        where.make(config_map("not-mine"))
    second.end_later(other.namespace)
    vault.back_up(lab, all_namespaces=True, selector=f"group={label}")

    report = vault.restore(second)

    assert report.outcome == "done"
    for where in (second, second.within(other.namespace)):
        assert where.find(config_map("mine"))
        assert where.find(config_map("not-mine")) is None


def test_pod_alone_in_a_new_namespace_waits_for_its_account(lab, vault, second):
    """The account `default` is made by a controller, a moment after the namespace."""
    lab.make(
        obj(
            "v1", "Pod", "lonely", metadata={"labels": {"app": "x"}}, spec={"containers": [{"name": "a", "image": "b"}]}
        )
    )
    vault.back_up(lab)

    report = vault.restore(second, selector="app=x")

    assert (report.outcome, report.errors) == ("done", [])
    assert eventually(lambda: second.find(obj("v1", "Pod", "lonely")), "the pod")
