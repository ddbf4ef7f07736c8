"""A whole application restored into another namespace of its own cluster: what comes back, and how."""

from types import SimpleNamespace

import pytest
from tests.restore_lab import (
    Lab,
    Vault,
    claim,
    config_map,
    definition,
    entry,
    essence,
    eventually,
    job,
    obj,
    outcomes,
    owned_by,
    owners,
    pod_spec,
    service,
    template,
    unique,
    workload,
)

from holdfast.operations.restore.report import read_report

RBAC = "rbac.authorization.k8s.io/v1"


def make_application(lab, stem):
    """Objects of every kind that people use; returns the cluster-scoped ones that belong to it."""
    account = {"kind": "ServiceAccount", "name": "robot", "namespace": lab.namespace}
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]

    def binding(kind, name, role):
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name}
        return obj(RBAC, kind, name, roleRef=reference, subjects=[account])

    lab.make(definition(stem))
    lab.cluster.wait_established(f"{stem}s.example.com")
    role, cluster_binding = (
        lab.make(obj(RBAC, "ClusterRole", stem, rules=rules)),
        lab.make(binding("ClusterRoleBinding", stem, "ClusterRole")),
    )
    lab.make(obj("v1", "ServiceAccount", "robot"))
    lab.make(obj(RBAC, "Role", "reader", rules=rules))
    lab.make(binding("RoleBinding", "reader", "Role"))
    lab.make(obj("v1", "Secret", "login", stringData={"password": "secret"}))
    token = {"annotations": {"kubernetes.io/service-account.name": "robot"}}
    lab.make(obj("v1", "Secret", "key", type="kubernetes.io/service-account-token", metadata=token))
    lab.patch(obj("v1", "ServiceAccount", "default"), {"imagePullSecrets": [{"name": "registry"}]})
    settings = lab.make(config_map(metadata={"finalizers": ["example.com/hold"]}))
    lab.make(config_map("fixed", immutable=True))
    lab.make(config_map("part", metadata=owned_by(settings)))
    lab.make(claim())
    lab.make(service(type="NodePort"))
    lab.make(service("db", clusterIP="None"))
    lab.make(obj("v1", "LimitRange", "limit", spec={"limits": [{"type": "Container", "max": {"cpu": "4"}}]}))
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": lab.namespace}}}
    lab.make(
        obj("networking.k8s.io/v1", "NetworkPolicy", "own", spec={"podSelector": {}, "ingress": [{"from": [peer]}]})
    )
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    lab.make(obj("networking.k8s.io/v1", "Ingress", "web", spec={"defaultBackend": backend}))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"maxReplicas": 3, "scaleTargetRef": target}
    lab.make(obj("autoscaling/v2", "HorizontalPodAutoscaler", "web", spec=spec))
    selector = {"matchLabels": {"app": "web"}}
    lab.make(obj("policy/v1", "PodDisruptionBudget", "web", spec={"selector": selector, "minAvailable": 1}))
    lab.make(obj("example.com/v1", stem.capitalize(), "one", spec={"size": 1, "anything": {"goes": [1, 2]}}))
    make_workloads(lab)
    lab.make(obj("v1", "ResourceQuota", "quota", spec={"hard": {"pods": "9"}}))
    return role, cluster_binding


def make_workloads(lab):
    web = lab.make(workload("Deployment", "web", strategy={"type": "Recreate"}), manager="helm")
    eventually(lambda: len(replica_sets(lab)) == 1, "the first ReplicaSet")
    second = template("web", containers=[{"name": "main", "image": "none.invalid/none:2"}])
    lab.patch(web, {"spec": {"template": second}}, manager="helm")
    eventually(lambda: len(replica_sets(lab)) == 2, "the second ReplicaSet")
    volumes = [claim("data")]
    volumes[0]["metadata"]["name"] = "disk"
    lab.make(workload("StatefulSet", "db", serviceName="db", volumeClaimTemplates=volumes))
    lab.make(workload("DaemonSet", "agent"))
    yearly = obj(
        "batch/v1", "CronJob", "yearly", spec={"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job()["spec"]}}
    )
    lab.make(job("yearly-1", metadata=owned_by(lab.make(yearly), controller=True)))
    lab.make(job("running"))
    lab.finish(lab.make(job("done")))
    lab.make(obj("v1", "Pod", "lonely", spec=pod_spec()))
    eventually(lambda: lab.find(claim("disk-db-0")), "the claim of the StatefulSet")


def replica_sets(lab, namespace=None):
    return {name: thing for (kind, name), thing in lab.objects(namespace).items() if kind == "ReplicaSet"}


@pytest.fixture(scope="module")
def lab(cluster):
    lab = Lab(cluster)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def move(lab):
    """The application backed up and restored once, under another namespace."""
    shop, stem = lab.new_namespace("shop"), unique("thing").replace("-", "")
    role, cluster_binding = make_application(shop, stem)
    shop.settled()
    vault = Vault()
    run = vault.back_up(shop)
    before = shop.objects()
    copy = shop.within(unique("copy"))
    lab.end_later(shop.namespace, copy.namespace)
    names = {shop.namespace: copy.namespace}
    report = vault.restore(shop, namespaces=names)
    yield SimpleNamespace(**locals())
    for where in (shop, copy):
        where.patch(config_map(), {"metadata": {"finalizers": None}})


LEFT_OUT = {("Job", "done"), ("Job", "yearly-1")}
REMADE = {"Pod", "ControllerRevision"}


def test_everything_comes_back_equal(move):
    move.copy.settled()
    now = move.copy.objects()

    expected = {
        key: thing
        for key, thing in move.before.items()
        if key not in LEFT_OUT and (key[0] not in REMADE or key == ("Pod", "lonely"))
    }

    assert expected.keys() <= now.keys()
    for key, thing in expected.items():
        assert essence(now[key], move.copy.namespace) == essence(thing, move.shop.namespace), key


def test_report_says_what_became_of_each_object(move):
    results = outcomes(move.report)

    assert (move.report.outcome, move.report.errors) == ("done", [])
    assert results["jobs", "done"] == results["jobs", "yearly-1"] == "skipped"
    assert "finished" in entry(move.report, "jobs", "done").why
    assert "CronJob yearly" in entry(move.report, "jobs", "yearly-1").why
    assert results["serviceaccounts", "default"] in ("updated", "created")  # merged, or before its controller made it
    assert results["configmaps", "settings"] == "created"
    assert results["clusterroles", move.stem] == "unchanged"
    assert results["clusterrolebindings", move.stem] == "updated"
    assert sum(move.report.counts.values()) == len(move.report.objects) == move.run.counts["objects"]


def test_report_is_kept_in_the_repository(move):
    kept, log = read_report(move.vault.repository, move.report.run)

    assert kept == move.report
    assert "phase restore" in log


def test_references_follow_into_the_new_namespace(move):
    copy, old = move.copy, move.shop.namespace

    role = {"kind": "RoleBinding", "metadata": {"name": "reader"}, "apiVersion": RBAC}
    assert [subject["namespace"] for subject in copy.read(role)["subjects"]] == [copy.namespace]
    subjects = copy.read(move.cluster_binding)["subjects"]
    assert [subject["namespace"] for subject in subjects] == [old, copy.namespace]
    assert old not in str(copy.objects()["NetworkPolicy", "own"]["spec"])


def test_deployment_adopts_its_history(move):
    old, new = replica_sets(move.shop), replica_sets(move.copy)

    uid = move.copy.objects()["Deployment", "web"]["metadata"]["uid"]
    assert old.keys() == new.keys()
    assert all([owner["uid"] for owner in one["metadata"]["ownerReferences"]] == [uid] for one in new.values())
    revision = "deployment.kubernetes.io/revision"
    assert {name: one["metadata"]["annotations"][revision] for name, one in old.items()} == {
        name: one["metadata"]["annotations"][revision] for name, one in new.items()
    }
    assert {name: one["spec"]["replicas"] for name, one in old.items()} == {
        name: one["spec"]["replicas"] for name, one in new.items()
    }


def test_cluster_allocates_what_belongs_to_it(move):
    old, new = move.before["Service", "web"]["spec"], move.copy.objects()["Service", "web"]["spec"]

    assert new["clusterIP"] != old["clusterIP"]
    assert new["ports"][0]["nodePort"] != old["ports"][0]["nodePort"]


def test_token_that_was_asked_for_is_made_by_the_target(move):
    eventually(lambda: "token" in move.copy.objects()["Secret", "key"].get("data", {}), "the token")
    old, new = move.before["Secret", "key"], move.copy.objects()["Secret", "key"]

    assert new["data"]["token"] != old["data"]["token"]
    uid = move.copy.objects()["ServiceAccount", "robot"]["metadata"]["uid"]
    assert new["metadata"]["annotations"]["kubernetes.io/service-account.uid"] == uid


def test_claims_are_bound_again_and_the_report_says_that_they_are_empty(move):
    eventually(lambda: move.copy.objects()["PersistentVolumeClaim", "data"]["status"].get("phase") == "Bound", "bound")

    assert [note for note in move.report.notes if "not part of the backup" in note and "disk-db-0" in note]
    old, new = (where["PersistentVolumeClaim", "data"] for where in (move.before, move.copy.objects()))
    assert old["spec"]["volumeName"] != new["spec"]["volumeName"]


def test_field_managers_come_back(move):
    now = move.copy.objects()

    for key in (
        ("Deployment", "web"), ("ConfigMap", "settings"), ("Secret", "login"), ("Service", "web"), ("CronJob", "yearly"),
        ("HorizontalPodAutoscaler", "web"), ("RoleBinding", "reader"), (move.stem.capitalize(), "one"),
    ):  # fmt: skip
        assert owners(now[key]) == owners(move.before[key]), key


def test_second_run_changes_nothing(move):
    before = move.copy.settled()
    binding = move.copy.read(move.cluster_binding)

    report = move.vault.restore(move.shop, namespaces=move.names)

    assert move.copy.settled() == before
    assert move.copy.read(move.cluster_binding) == binding
    assert report.outcome == "done"
    assert report.counts["created"] == report.counts["updated"] == report.counts["failed"] == 0
    assert {item.kind for item in report.objects if item.result == "skipped"} == {"jobs.batch", "persistentvolumes"}


def test_second_run_with_update_changes_nothing_either(move):
    before = move.copy.settled()

    report = move.vault.restore(move.shop, namespaces=move.names, on_conflict="update")

    assert move.copy.settled() == before
    assert report.counts["updated"] == 0


def test_update_of_the_original_keeps_what_the_server_allocated(move):
    shop, before = move.shop, move.shop.settled()
    autoscaler = ("HorizontalPodAutoscaler", "web")
    scaling = shop.objects()[autoscaler]
    shop.patch(service(), {"metadata": {"labels": {"extra": "yes"}}})
    shop.patch(claim(), {"metadata": {"labels": {"extra": "yes"}}})

    report = move.vault.restore(shop, on_conflict="update")

    assert report.outcome == "done"
    # The binding has lost the subjects of the copy: it is as in the backup again.
    assert {item.name for item in report.objects if item.result == "updated"} == {"web", "data", move.stem}
    now = shop.objects()
    for key in (("Service", "web"), ("PersistentVolumeClaim", "data")):
        assert now[key]["spec"] == move.before[key]["spec"]
        assert now[key]["metadata"].get("labels") == move.before[key]["metadata"].get("labels")
        assert owners(now[key]) == owners(move.before[key])
    changed = {key for key, version in shop.settled().items() if version != before[key]}
    changed.discard(autoscaler)  # its controller writes its status every fifteen seconds
    assert now[autoscaler]["spec"] == scaling["spec"]
    for field in ("uid", "labels", "annotations", "creationTimestamp"):
        assert now[autoscaler]["metadata"].get(field) == scaling["metadata"].get(field)
    assert owners(now[autoscaler]) == owners(scaling)
    assert changed == {("Service", "web"), ("PersistentVolumeClaim", "data")}
    assert move.vault.restore(shop, on_conflict="update").counts["updated"] == 0
