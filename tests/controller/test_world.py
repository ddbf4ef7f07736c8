"""What the controller has seen."""

import json
import os

import psutil
import pytest
from tests.controller.stage import location, plan, request

from holdfast.api.backup_plan import BackupPlan
from holdfast.controller.views import CronJob, Job, Pod
from holdfast.controller.world import Key, World

PLAN = Key("BackupPlan", "holdfast", "nightly")


@pytest.fixture
def changed():
    return []


@pytest.fixture
def world(changed):
    return World(changed.append)


def encoded(body, **metadata):
    return json.dumps({**body, "metadata": {**body["metadata"], **metadata}}).encode()


def job(name="run", owner="nightly", kind="BackupPlan"):
    labels = {"app.kubernetes.io/managed-by": "holdfast", "holdfast.dev/kind": kind, "holdfast.dev/name": owner}
    metadata = {"name": name, "namespace": "holdfast", "labels": labels, "annotations": {"holdfast.dev/owner": owner}}
    return {"kind": "Job", "metadata": metadata}


def test_a_job_is_found_by_its_owner_and_tells_it(world, changed):
    world.put("BackupPlan", encoded(plan()))
    world.put("Job", encoded(job()))
    assert [one.metadata.name for one in world.made_for(PLAN, Job)] == ["run"]
    assert changed == [PLAN, PLAN]
    world.delete("Job", encoded(job()))
    assert world.made_for(PLAN, Job) == []
    assert len(changed) == 3


def test_a_pod_that_has_ended_stays_as_long_as_its_job(world):
    """An evicted pod that ended well is gone before its Job says so, and what it reported would be lost."""
    body = job("run-x")
    body["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "run"}]
    world.put("Job", encoded(job()))
    world.put("Pod", encoded({**body, "status": {"phase": "Running"}}))
    world.put("Pod", encoded({**body, "status": {"phase": "Succeeded"}}))
    world.delete("Pod", encoded(body))
    assert [one.metadata.name for one in world.made_for(PLAN, Pod)] == ["run-x"]
    world.delete("Job", encoded(job()))
    assert world.made_for(PLAN, Pod) == []
    assert world.all(Pod) == []


def test_a_pod_that_has_not_ended_goes_at_once(world):
    body = job("run-x")
    body["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "run"}]
    world.put("Job", encoded(job()))
    world.put("Pod", encoded({**body, "status": {"phase": "Running"}}))
    world.delete("Pod", encoded(body))
    assert world.made_for(PLAN, Pod) == []


def test_a_list_says_what_is_gone(world, changed):
    world.listed("BackupPlan", [encoded(plan()), encoded(plan("other"))])
    world.listed("BackupPlan", [encoded(plan("other"))])
    assert world.get(BackupPlan, "holdfast", "nightly") is None
    assert world.get(BackupPlan, "holdfast", "other")
    assert changed[-1] in (PLAN, Key("BackupPlan", "holdfast", "other"))
    assert PLAN in changed[2:]


def test_a_location_concerns_all_that_may_wait_for_it(world, changed):
    world.put("BackupPlan", encoded(plan()))
    world.put("Backup", encoded(request()))
    world.put("BackupPlan", encoded(plan(namespace="elsewhere")))
    changed.clear()
    world.put("StorageLocation", encoded(location()))
    assert set(changed) == {Key("StorageLocation", "holdfast", "main"), PLAN, Key("Backup", "holdfast", "before")}


def test_a_namespace_concerns_all_that_is_in_it(world, changed):
    world.put("BackupPlan", encoded(plan()))
    world.put("BackupPlan", encoded(plan(namespace="elsewhere")))
    changed.clear()
    world.put("Namespace", encoded({"metadata": {"name": "holdfast"}}, deletionTimestamp="2026-11-26T02:00:00Z"))
    assert changed == [PLAN]
    assert world.namespace_is_going("holdfast")
    assert not world.namespace_is_going("elsewhere")


def test_one_object_that_cannot_be_read_does_no_harm(world):
    broken = plan()
    broken["spec"]["schedule"] = {"every": "day"}
    world.listed("BackupPlan", [encoded(broken), encoded(plan("other"))])
    assert world.get(BackupPlan, "holdfast", "other")
    assert "schedule" in world.unreadable(PLAN)
    world.put("BackupPlan", encoded(plan()))
    assert world.unreadable(PLAN) is None


def test_a_stranger_with_our_label_is_nobodys(world):
    stranger = job(kind="Deployment")
    world.put("Job", encoded(stranger))
    del stranger["metadata"]["annotations"]
    world.put("Job", encoded({**stranger, "metadata": {**stranger["metadata"], "labels": {}}}))
    assert world.keys() == []


def test_a_thousand_plans_with_their_runs_are_small():
    """1,000 plans in 50 namespaces with 4 Jobs and pods each; the whole controller may take 200 MB."""
    before = psutil.Process(os.getpid()).memory_info().rss
    world = World(lambda _: None)
    recent = [{"job": f"plan-{n}-{29402520 + n}", "outcome": "done", "counts": {"objects": 300}} for n in range(10)]
    for number in range(1000):
        namespace = f"team-{number % 50}"
        body = plan(f"plan-{number}", namespace)
        world.put("BackupPlan", encoded({**body, "status": {"recent": recent, "lastRun": recent[0]}}))
        for run in range(4):
            for kind, made in (("Job", Job), ("Pod", Pod), ("CronJob", CronJob)):
                one = job(f"plan-{number}-{run}", f"plan-{number}")
                world.put(kind, encoded({**one, "kind": kind}, namespace=namespace))
                assert made
    assert len(world.made_for(Key("BackupPlan", "team-7", "plan-7"), Pod)) == 4
    assert psutil.Process(os.getpid()).memory_info().rss - before < 60e6


def test_what_was_written_is_known_before_the_watch_tells_of_it_and_told_once(world, changed):
    world.put("BackupPlan", encoded(plan(), resourceVersion="5"))
    world.wrote("Job", encoded(job(), resourceVersion="9"))
    assert [one.metadata.name for one in world.made_for(PLAN, Job)] == ["run"]
    assert len(changed) == 2
    world.put("Job", encoded(job(), resourceVersion="9"))
    assert len(changed) == 2


def test_a_watch_that_is_behind_brings_nothing_older_back(world, changed):
    world.put("BackupPlan", encoded(plan(), resourceVersion="5"))
    world.wrote("BackupPlan", encoded(plan(), resourceVersion="9", labels={"a": "new"}))
    world.put("BackupPlan", encoded(plan(), resourceVersion="7", labels={"a": "old"}))
    assert world.get(BackupPlan, "holdfast", "nightly").metadata.labels == {"a": "new"}
    assert len(changed) == 2


def test_what_the_watch_knew_to_be_gone_does_not_come_back(world):
    world.put("Job", encoded(job("another"), resourceVersion="3"))
    world.delete("Job", encoded(job(), resourceVersion="9"))
    world.wrote("Job", encoded(job(), resourceVersion="8"))
    assert [one.metadata.name for one in world.all(Job)] == ["another"]


def test_the_end_of_an_older_one_of_that_name_is_not_the_end_of_a_new_one(world):
    world.put("Job", encoded(job(), resourceVersion="3", uid="old"))
    world.wrote("Job", encoded(job(), resourceVersion="9", uid="new"))
    world.delete("Job", encoded(job(), resourceVersion="8", uid="old"))
    assert [one.metadata.uid for one in world.all(Job)] == ["new"]


def test_a_list_counts_whatever_its_versions_are(world):
    """Somebody restored the API server's own data to an older state."""
    world.put("BackupPlan", encoded(plan(), resourceVersion="900"))
    world.listed("BackupPlan", [encoded(plan(), resourceVersion="7", labels={"a": "old"})])
    assert world.get(BackupPlan, "holdfast", "nightly").metadata.labels == {"a": "old"}
    world.put("BackupPlan", encoded(plan(), resourceVersion="8", labels={"a": "again"}))
    assert world.get(BackupPlan, "holdfast", "nightly").metadata.labels == {"a": "again"}


def test_locations_elsewhere_hear_of_another_url_but_not_of_a_status(world, changed):
    world.put("StorageLocation", encoded(location(), resourceVersion="1"))
    world.put("StorageLocation", encoded(location(namespace="shop"), resourceVersion="2"))
    changed.clear()
    world.put("StorageLocation", encoded(location(ready="True"), resourceVersion="3"))
    assert changed == [Key("StorageLocation", "holdfast", "main")]
    world.put("StorageLocation", encoded(location(url="s3:http://store/other"), resourceVersion="4"))
    assert Key("StorageLocation", "shop", "main") in changed


def test_what_is_in_a_namespace_hears_of_its_end_only(world, changed):
    world.put("BackupPlan", encoded(plan()))
    changed.clear()
    space = {"kind": "Namespace", "metadata": {"name": "holdfast"}}
    world.put("Namespace", encoded(space))
    world.put("Namespace", encoded(space, labels={"a": "b"}))
    assert changed == []
    world.put("Namespace", encoded(space, deletionTimestamp="2026-11-26T02:00:00Z"))
    assert changed == [PLAN]
