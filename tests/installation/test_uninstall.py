"""`holdfast uninstall` on a real API server: what goes, what stays, and that no way leads to a deleted backup."""

import pytest
from tests.cli.documented import assert_documented
from tests.cli.terminal import Terminal
from tests.installation.conftest import IMAGE
from tests.installation.reading import OURS, RBAC

pytestmark = pytest.mark.cluster
HOME = "/api/v1/namespaces/holdfast"
RUNNERS = {
    "holdfast-runner",
    "holdfast-runner-backup",
    "holdfast-runner-hooks",
    "holdfast-runner-restore",
    "holdfast-runner-volumes",
    "holdfast-tenant-runner",
    "holdfast-tenant-runner-built-in",
    "holdfast-tenant-runner-hooks",
    "holdfast-tenant-runner-volumes",
}


@pytest.fixture
def shop(make_namespace, bare_cluster):
    return make_namespace(within=bare_cluster)


@pytest.fixture
def plan(reading, installed, shop):  # noqa: ARG001 - is to be there first
    """A plan with its CronJob, as the controller makes it."""
    reading.make_location(shop)
    made = reading.make_plan(shop)
    reading.make_cron_job(made)
    return made


def cron_job(reading, namespace):
    return reading.get(f"/apis/batch/v1/namespaces/{namespace}/cronjobs/plan-nightly")


def roles(reading):
    return set(reading.ours(f"{RBAC}/clusterroles"))


@pytest.mark.usefixtures("installed")
def test_everything_but_definitions_and_the_namespace_goes(holdfast, reading):
    reading.api.create(f"{HOME}/secrets", {"metadata": {"name": "main"}, "stringData": {"password": "correct horse"}})
    done = holdfast("uninstall")
    assert "These stay: 4 definitions" in done.err
    assert (roles(reading), reading.ours(f"{RBAC}/clusterrolebindings")) == (set(), [])
    assert reading.ours(f"{HOME}/serviceaccounts") == reading.ours(f"{HOME}/services") == []
    assert reading.names("/apis/apps/v1/namespaces/holdfast/deployments") == []
    assert len(reading.definitions()) == 4
    assert "main" in reading.names(f"{HOME}/secrets")
    reading.api.request("DELETE", f"{HOME}/secrets/main")


@pytest.mark.usefixtures("plan")
def test_plans_go_on_and_keep_the_rights_that_they_need(holdfast, reading, shop):
    done = holdfast("uninstall")
    assert f"kept     cronjobs.batch/{shop}/plan-nightly" in done.out
    assert not cron_job(reading, shop)["spec"]["suspend"]
    assert reading.names(f"{OURS}/namespaces/{shop}/backupplans") == ["nightly"]
    assert roles(reading) == RUNNERS
    assert reading.ours(f"{RBAC}/clusterrolebindings") == ["holdfast-runner"]
    assert set(reading.ours(f"{HOME}/serviceaccounts")) == {"holdfast-runner", "holdfast-maintenance"}
    assert reading.names("/apis/apps/v1/namespaces/holdfast/deployments") == []


@pytest.mark.usefixtures("plan")
def test_plans_are_paused_on_request_and_go_on_after_the_next_installation(holdfast, reading, shop):
    done = holdfast("uninstall", "--pause-plans")
    assert f"paused   cronjobs.batch/{shop}/plan-nightly" in done.out
    paused = cron_job(reading, shop)
    assert paused["spec"]["suspend"]
    assert roles(reading) == set()
    # What lets a controller make it anew: the plan is not paused, and nothing says that the CronJob is as it should be.
    assert "holdfast.dev/hash" not in paused["metadata"].get("annotations", {})
    assert not reading.get(f"{OURS}/namespaces/{shop}/backupplans/nightly")["spec"].get("suspend")


@pytest.mark.usefixtures("plan")
def test_a_run_that_is_going_on_keeps_its_rights(holdfast, reading, shop):
    reading.make_job(cron_job(reading, shop))
    done = holdfast("uninstall", "--pause-plans")
    assert f"kept     jobs.batch/{shop}/run" in done.out
    assert roles(reading) == RUNNERS
    reading.api.request("DELETE", f"/apis/batch/v1/namespaces/{shop}/jobs/run")
    holdfast("uninstall")
    assert roles(reading) == set()


@pytest.mark.usefixtures("plan")
def test_with_definitions_everything_of_ours_goes_and_no_backup(holdfast, reading, shop):
    """A Backup whose data was to go with it is held by a finalizer that only a controller answers."""
    held = {"finalizers": ["holdfast.dev/data"]}
    spec = {"location": "main", "namespaces": [shop], "deletionPolicy": "Delete"}
    reading.make(shop, "backups", "Backup", "before-upgrade", spec, **held)
    reading.make_job(cron_job(reading, shop))
    others = {"metadata": {"name": "others"}, "spec": cron_job(reading, shop)["spec"]}
    reading.api.create(f"/apis/batch/v1/namespaces/{shop}/cronjobs", others)
    holdfast("uninstall", "--with-definitions", "--yes")
    reading.wait_until(lambda: not reading.definitions())
    assert reading.names(f"/apis/batch/v1/namespaces/{shop}/cronjobs") == ["others"]
    assert roles(reading) == set()
    reading.wait_until(lambda: not reading.names(f"/apis/batch/v1/namespaces/{shop}/jobs"))


def test_the_controller_is_gone_before_any_of_its_objects(holdfast, reading, plan):
    """A pod of the controller that does not end holds up all that could make it delete something."""
    pods = lambda: reading.names(f"{HOME}/pods")  # noqa: E731
    reading.wait_until(lambda: len(pods()) == 2)
    name = pods()[0]
    stuck = reading.get(f"{HOME}/pods/{name}")
    stuck["metadata"]["finalizers"] = ["example.test/stuck"]
    reading.api.request("PUT", f"{HOME}/pods/{name}", stuck)
    removing = holdfast.start("uninstall", "--with-definitions", "--yes")
    try:
        reading.wait_until(lambda: pods() == [name])
        assert len(reading.definitions()) == 4
        assert reading.get(f"{OURS}/namespaces/{plan['metadata']['namespace']}/backupplans/nightly")
    finally:
        stuck = reading.get(f"{HOME}/pods/{name}")
        stuck["metadata"]["finalizers"] = []
        reading.api.request("PUT", f"{HOME}/pods/{name}", stuck)
    assert removing.end().code == 0
    reading.wait_until(lambda: not reading.definitions())


@pytest.mark.usefixtures("plan")
def test_nobody_loses_plans_without_having_been_asked(holdfast, reading, shop):
    problem = holdfast("uninstall", "--with-definitions", code=2).problem
    assert "1 StorageLocation, 1 BackupPlan" in problem[1]
    assert reading.names("/apis/apps/v1/namespaces/holdfast/deployments") == ["holdfast-controller"]
    assert reading.names(f"{OURS}/namespaces/{shop}/backupplans") == ["nightly"]


@pytest.mark.usefixtures("plan")
def test_a_no_at_the_terminal_removes_nothing(holdfast, reading):
    terminal = Terminal(holdfast, "uninstall", "--with-definitions")
    terminal.wait_for("Go on?")
    terminal.type("n\n")
    assert terminal.end() == 130
    assert reading.names("/apis/apps/v1/namespaces/holdfast/deployments") == ["holdfast-controller"]


@pytest.mark.usefixtures("plan")
def test_a_dry_run_removes_nothing(holdfast, reading, shop):
    done = holdfast("uninstall", "--with-definitions", "--dry-run")
    assert "removed  deployments.apps/holdfast/holdfast-controller" in done.out
    assert roles(reading) > RUNNERS
    assert len(reading.definitions()) == 4
    holdfast("uninstall", "--pause-plans", "--dry-run")
    assert not cron_job(reading, shop)["spec"]["suspend"]


@pytest.mark.usefixtures("plan")
def test_json_tells_object_by_object(holdfast, shop):
    document = holdfast("uninstall", "-o", "json").document
    assert_documented("uninstall", document)
    kept = {"object": f"cronjobs.batch/{shop}/plan-nightly", "result": "kept", "why": "goes on by its schedule"}
    assert kept in document


@pytest.mark.usefixtures("installed")
def test_twice_is_as_once(holdfast):
    holdfast("uninstall")
    assert "There is nothing of Holdfast's to remove" in holdfast("uninstall").err


@pytest.mark.usefixtures("plan")
def test_after_a_new_installation_all_is_as_before(holdfast, reading, shop):
    holdfast("uninstall", "--pause-plans")
    holdfast("install", "--image", IMAGE)
    assert reading.names(f"{OURS}/namespaces/{shop}/backupplans") == ["nightly"]
    assert reading.names(f"{OURS}/namespaces/{shop}/storagelocations") == ["main"]
    assert roles(reading) > RUNNERS
