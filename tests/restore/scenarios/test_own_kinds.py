"""Namespaces with Holdfast's own objects in them: what comes back does nothing by itself."""

from __future__ import annotations

import pytest
from tests.definitions import backup, backup_plan, install_definitions, restore, storage_location
from tests.restore_lab import Lab, Vault, obj, pod_spec, unique

from holdfast.api.names import KIND_LABEL, MANAGED_BY, MANAGER, STAMP_ANNOTATION

PLAN = backup_plan()
OURS = {"labels": {MANAGED_BY: MANAGER, KIND_LABEL: "BackupPlan"}}


def cron_job(name, **metadata):
    template = {"spec": {"template": {"spec": pod_spec(restartPolicy="Never")}}}
    return obj("batch/v1", "CronJob", name, metadata=metadata, spec={"schedule": "0 3 * * *", "jobTemplate": template})


@pytest.fixture(scope="module")
def lab(cluster):
    lab = Lab(cluster)
    install_definitions(lab.cluster)
    yield lab
    lab.close()


@pytest.fixture
def shop(lab):
    """A namespace as a controller keeps it: the plan is stamped, and has a CronJob."""
    shop = lab.new_namespace("shop")
    plan = shop.make(PLAN)
    shop.patch(PLAN, {"metadata": {"annotations": {STAMP_ANNOTATION: plan["metadata"]["uid"]}}}, manager=MANAGER)
    owner = {"apiVersion": plan["apiVersion"], "kind": plan["kind"], "name": "nightly", "uid": plan["metadata"]["uid"]}
    for thing in (storage_location(), backup(), restore(), cron_job("own"), cron_job("plan-nightly", **OURS)):
        shop.make(thing)
    shop.patch(cron_job("plan-nightly"), {"metadata": {"ownerReferences": [{**owner, "controller": True}]}})
    return shop


@pytest.fixture
def vault(shop):
    vault = Vault()
    vault.back_up(shop)
    return vault


def stamp(lab):
    return lab.read(PLAN)["metadata"].get("annotations", {}).get(STAMP_ANNOTATION)


def test_a_copy_has_the_plan_at_rest_and_none_of_its_runs(shop, vault):
    copy = shop.within(unique("copy"))
    shop.end_later(copy.namespace)

    report = vault.restore(shop, namespaces={shop.namespace: copy.namespace})

    assert (report.outcome, report.errors) == ("done", [])
    kinds = {
        key for key in copy.objects() if key[0] in {"BackupPlan", "StorageLocation", "Backup", "Restore", "CronJob"}
    }
    assert kinds == {("BackupPlan", "nightly"), ("StorageLocation", "main"), ("CronJob", "own")}
    assert stamp(copy) == shop.read(PLAN)["metadata"]["uid"] != copy.read(PLAN)["metadata"]["uid"]
    location = copy.read(storage_location())["metadata"]
    assert location["annotations"][STAMP_ANNOTATION] not in {"", location["uid"]}

    again = vault.restore(shop, namespaces={shop.namespace: copy.namespace})
    assert (again.counts["created"], again.counts["updated"], again.counts["failed"]) == (0, 0, 0)


def test_a_plan_that_was_deleted_comes_back_at_rest(shop, vault):
    uid = shop.read(PLAN)["metadata"]["uid"]
    shop.delete(PLAN)
    assert vault.restore(shop).outcome == "done"
    assert stamp(shop) == uid != shop.read(PLAN)["metadata"]["uid"]


def test_a_live_plan_is_changed_back_and_goes_on(shop, vault):
    shop.delete(PLAN)
    live = shop.make(backup_plan(schedule="@hourly"))
    shop.patch(PLAN, {"metadata": {"annotations": {STAMP_ANNOTATION: live["metadata"]["uid"]}}}, manager=MANAGER)

    assert vault.restore(shop, on_conflict="update").outcome == "done"

    assert shop.read(PLAN)["spec"]["schedule"] == "0 3 * * *"
    assert stamp(shop) == live["metadata"]["uid"]


def test_a_rollback_leaves_new_requests_and_runs_alone(shop, vault):
    """They are not in backups, so that they are new says nothing."""
    shop.make(backup(name="later"))
    shop.make(cron_job("plan-weekly", **OURS))
    assert vault.restore(shop, namespaces_in=(shop.namespace,), rollback=True).outcome == "done"
    assert shop.find(backup(name="later"))
    assert shop.find(cron_job("plan-weekly"))
