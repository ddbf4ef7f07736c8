"""Who mounts a claim, and what is not made when its data is missing."""

from tests.restore_lab import job, obj, pod, pod_spec, template, workload

from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.restore import Action
from holdfast.operations.restore.plan import PlannedObject
from holdfast.operations.restore.volumes.mounting import Mounting, pods_on
from holdfast.operations.restore.volumes.withholding import withheld


def key(kind, name, namespace="shop"):
    plural, _, group = kind.partition(".")
    return ObjectKey(group, plural, namespace, name)


def planned(its_key, *owners):
    resource = Resource(its_key.group, "v1", its_key.plural, "Kind", namespaced=True)
    return PlannedObject(resource, its_key, f"/{its_key.name}", owners, Action.CREATE)


def mounting(name="data"):
    return {"volumes": [{"name": "files", "persistentVolumeClaim": {"claimName": name}}]}


STATEFUL_SET = workload("StatefulSet", "mysql", volumeClaimTemplates=[{"metadata": {"name": "data"}}])
DEPLOYMENT = workload("Deployment", "web", template=template("web", **mounting()))
CRON_JOB = obj("batch/v1", "CronJob", "tidy", spec={"jobTemplate": {"spec": {"template": template(**mounting())}}})
SET, WEB, TIDY = key("statefulsets.apps", "mysql"), key("deployments.apps", "web"), key("cronjobs.batch", "tidy")


def test_claims_are_found_by_name_and_by_template():
    found = Mounting()
    for its_key, thing in ((SET, STATEFUL_SET), (WEB, DEPLOYMENT), (TIDY, CRON_JOB)):
        found.add(its_key, thing)

    assert found.of("shop", "data") == [WEB, TIDY]
    assert found.of("shop", "data-mysql-0") == found.of("shop", "data-mysql-12") == [SET]
    for stranger in ("data-mysql", "data-mysql-x", "data-mysql-0-copy", "other-mysql-0", "old-data-mysql-0"):
        assert found.of("shop", stranger) == []
    assert found.of("elsewhere", "data") == found.of("elsewhere", "data-mysql-0") == []


def test_pods_run_where_what_makes_them_says():
    found = Mounting()
    found.add(key("pods", "a-pod"), pod("a-pod", spec=pod_spec(nodeName="old", **mounting())))
    found.add(WEB, DEPLOYMENT)

    assert found.pod_spec("shop", "data") == DEPLOYMENT["spec"]["template"]["spec"]
    assert found.pod_spec("shop", "unused") is None


def test_what_mounts_a_claim_is_withheld_with_its_owners_and_what_these_own():
    owner, service, claim = (
        key("databases.example.com", "db"),
        key("services", "db"),
        key("persistentvolumeclaims", "data"),
    )
    replicas, stranger = key("replicasets.apps", "web-1"), key("deployments.apps", "other")
    objects = [
        planned(owner),
        planned(SET, owner),
        planned(service, owner),
        planned(claim, owner),
        planned(WEB),
        planned(replicas, WEB),
        planned(stranger),
    ]

    assert withheld(objects, {SET: "why"}) == {SET: "why", owner: "why", service: "why"}
    assert withheld(objects, {replicas: "why"}) == {replicas: "why", WEB: "why"}
    assert withheld(objects, {}) == {}


def test_pods_that_have_ended_use_nothing():
    running, done = (
        pod(name, metadata={"namespace": "shop"}, spec=pod_spec(**mounting()), status={"phase": phase})
        for name, phase in (("running", "Running"), ("done", "Succeeded"))
    )
    other = job()

    assert pods_on([running, done, other], "shop", "data") == [running]
    assert pods_on([running], "shop", "other") == pods_on([running], "elsewhere", "data") == []
