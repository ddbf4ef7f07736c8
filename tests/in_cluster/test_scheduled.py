"""Plans in a living cluster: what happens to their runs when plans, namespaces and controllers come, change and go."""

import pytest
from tests.in_cluster.installed import ACCOUNT, SMALL, until

pytestmark = pytest.mark.cluster

NIGHT = 29_000_000  # minutes since 1970: the end of a Job's name, by which Kubernetes says when it was meant to run


def recent(space, plan):
    return {run["job"]: run for run in space.status("BackupPlan", plan).get("recent", []) if run.get("outcome")}


def test_a_doubled_scheduled_run_gives_one_backup(installed, home, shop):
    home.plan("doubled", shop.namespace)
    jobs = [f"plan-doubled-{NIGHT}", f"plan-doubled-again-{NIGHT}"]
    for job in jobs:
        home.run_by_hand("doubled", job)
    until(lambda: recent(home, "doubled").keys() == set(jobs), lambda: home.status("BackupPlan", "doubled"))
    assert {run["outcome"] for run in recent(home, "doubled").values()} == {"done"}
    assert len(installed.backups("doubled")) == 1


def test_one_name_in_two_namespaces(installed, home, shop, tenant):
    home.plan("twin", shop.namespace)
    tenant.plan("twin", tenant.namespace)
    for space in (home, tenant):
        space.run_by_hand("twin", f"plan-twin-{NIGHT}")
    for space in (home, tenant):
        space.wait("BackupPlan", "twin", "Healthy", "True", "LastRunDone")
    [ours] = installed.backups("twin")
    assert ours["plan"] == "holdfast/twin"
    [theirs] = installed.at(tenant.bucket)("backup", "list", "-o", "json").document
    assert theirs["plan"] == f"{tenant.namespace}/twin"


def test_a_plan_that_is_edited_while_it_runs(installed, home, shop, gate):
    other = installed.namespace()
    home.plan("edited", shop.namespace, location="gated")
    gate.hold("/data/")
    home.run_by_hand("edited", f"plan-edited-{NIGHT}")
    assert gate.held.wait(300)
    home.edit("BackupPlan", "edited", schedule="30 4 * * *", backup={**SMALL, "namespaces": [other.namespace]})
    until(lambda: home.get("CronJob", "plan-edited")["spec"]["schedule"] == "30 4 * * *")
    gate.let_go()
    home.wait("BackupPlan", "edited", "Healthy", "True", "LastRunDone")
    home.run_by_hand("edited", f"plan-edited-{NIGHT + 1}")
    until(lambda: len(recent(home, "edited")) == 2)
    first, second = sorted(installed.backups("edited"), key=lambda one: one["time"])
    assert shop.namespace in str(first["selection"])
    assert other.namespace in str(second["selection"])
    other.leave()


def test_a_namespace_that_goes_takes_its_plan_and_leaves_its_backups(installed, tenant):
    tenant.plan("last", tenant.namespace)
    tenant.run_by_hand("last", f"plan-last-{NIGHT}")
    tenant.wait("BackupPlan", "last", "Healthy", "True", "LastRunDone")
    tenant.backup("kept", tenant.namespace, serviceAccountName=ACCOUNT, deletionPolicy="Delete")
    tenant.wait("Backup", "kept", "Complete", "True")
    tenant.kubectl("delete", "namespace", tenant.namespace, "--timeout=240s")
    outside = installed.at(tenant.bucket)
    assert len(outside("backup", "list", "-o", "json").document) == 2
    mapping = f"{tenant.namespace}={tenant.namespace}-again"
    outside("restore", "run", "latest", "--map-namespace", mapping, "--yes", code=None)
    again = installed.space(f"{tenant.namespace}-again")
    assert again.kubectl("get", "configmap", "settings", "-o", "jsonpath={.data.colour}") == "green"
    # It brought the plan and its location, which are at rest, and no Backup.
    again.wait("BackupPlan", "last", "Ready", "False", "Copied")
    again.wait("StorageLocation", "main", "Ready", "False", "Copied")
    assert not again.list("Backup")
    assert not again.list("CronJob")
    installed.outside("plan", "resume", f"{again.namespace}/last")
    until(lambda: again.get("CronJob", "plan-last"))
    again.leave()


def test_runs_go_on_without_a_controller_and_are_noted_when_it_comes_back(installed, home, shop):
    home.plan("alone", shop.namespace, schedule="* * * * *")
    until(lambda: home.get("CronJob", "plan-alone"))
    home.kubectl("scale", "deployment/holdfast-controller", "--replicas=0")
    try:
        until(lambda: not installed.controllers())
        before = {job["metadata"]["name"] for job in home.list("Job")}
        ended = until(lambda: [job for job in done_jobs(home, "plan-alone-") if job not in before])
        assert ended[0] not in recent(home, "alone")
    finally:
        home.kubectl("scale", "deployment/holdfast-controller", "--replicas=2")
        installed.wait_for_controllers()
    home.edit("BackupPlan", "alone", suspend=True)
    until(lambda: ended[0] in recent(home, "alone"), lambda: home.status("BackupPlan", "alone"))
    assert home.condition("BackupPlan", "alone", "Healthy")[0] == "True"


def done_jobs(space, prefix):
    return [
        job["metadata"]["name"]
        for job in space.list("Job")
        if job["metadata"]["name"].startswith(prefix) and job["status"].get("succeeded")
    ]
