"""`holdfast plan` against a real API server. The controller is not there: what it would make or write is made by the tests."""

import datetime as dt
import json
import threading

import pytest
import yaml
from tests.cli.documented import assert_documented
from tests.cli.holdfast import wait_until
from tests.cluster.local_server import Answer
from tests.definitions import install_definitions
from tests.plan_lab import make_plan, plan_object, plans_of

from holdfast.api.names import STAMP_ANNOTATION
from holdfast.assembly import Settings, connect
from holdfast.manifests.naming import plan_cron_job, scheduled_time
from holdfast.model.cancel import Cancel

NOT_SERVED = Answer(404, b"404 page not found\n", {"Content-Type": "text/plain"})
NIGHTLY = ("--schedule", "30 2 * * *", "--time-zone", "Europe/Berlin", "--location", "main")


@pytest.fixture(scope="module")
def _defined(cluster):
    connected = connect(Settings(kubeconfig=str(cluster.kubeconfig), environ={}), Cancel())
    install_definitions(connected)
    connected.close()


@pytest.fixture
def plans(_defined, holdfast, cluster):
    """The program with a cluster that serves plans, without repository."""
    return holdfast.but(KUBECONFIG=cluster.kubeconfig)


def read(cluster, plan):
    namespace, _, name = plan.partition("/")
    return cluster.api.request("GET", f"{plans_of(namespace)}/{name}")


def set_status(cluster, plan, **status):
    body = read(cluster, plan)
    body["status"] = status
    namespace, _, name = plan.partition("/")
    cluster.api.request("PUT", f"{plans_of(namespace)}/{name}/status", body)


def ago(**time):
    return (dt.datetime.now(dt.UTC) - dt.timedelta(**time)).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind, status, reason, message=""):
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(hours=1)}


def cron_job_of(cluster, plan, **spec):
    """The CronJob that the controller would make; it never runs by itself."""
    namespace, _, name = plan.partition("/")
    pod = {"restartPolicy": "Never", "containers": [{"name": "holdfast", "image": "holdfast"}]}
    body = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": plan_cron_job(name)},
        "spec": {
            "schedule": "0 0 29 2 *",
            "suspend": True,
            "jobTemplate": {
                "metadata": {"labels": {"holdfast.dev/role": "backup"}, "annotations": {"holdfast.dev/owner": name}},
                "spec": {"backoffLimit": 0, "template": {"spec": pod}},
            },
            **spec,
        },
    }
    return cluster.api.create(f"/apis/batch/v1/namespaces/{namespace}/cronjobs", body)


# ---- create ----------------------------------------------------------------------------------------------------------


def test_a_plan_is_made_and_told_in_words(plans, cluster, namespace):
    done = plans(
        *("plan", "create", f"{namespace}/nightly", *NIGHTLY, "-n", namespace, "-l", "tier in (web,db)"),
        *("--keep-daily", "7", "--keep-within", "2d", "--full-every", "7d", "--label", "team=sales"),
    )
    assert f"Made the plan {namespace}/nightly" in done.out
    assert "at 02:30 every day (Europe/Berlin)" in done.out
    assert len([line for line in done.out.splitlines() if "02:30 CE" in line]) == 5
    spec = read(cluster, f"{namespace}/nightly")["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["suspend"]) == ("30 2 * * *", "Europe/Berlin", False)
    assert (spec["location"], spec["fullEvery"]) == ("main", "7d")
    assert spec["retention"] == {"keepDaily": 7, "keepWithin": "2d"}
    wanted = {"namespaces": [namespace], "selector": "tier in (web,db)", "labels": {"team": "sales"}}
    assert spec["backup"].items() >= wanted.items()
    assert f"{namespace} has no location main yet" in done.err


def test_in_chinese(plans):
    done = plans("plan", "create", "shop/nightly", *NIGHTLY, "-n", "shop", "--language", "zh", "--dry-run")
    assert "每天 02:30（Europe/Berlin）" in done.out
    assert "周" in done.out.splitlines()[-1]


@pytest.mark.usefixtures("_defined")
def test_the_manifest_of_a_dry_run_can_be_applied(holdfast, cluster, namespace):
    done = holdfast(
        "plan", "create", f"{namespace}/nightly", *NIGHTLY, "-n", namespace, "--dry-run", "-o", "yaml", "--suspend"
    )
    cluster.api.create(plans_of(namespace), yaml.safe_load(done.out))
    spec = read(cluster, f"{namespace}/nightly")["spec"]
    assert (spec["suspend"], spec["backup"]["namespaces"]) == (True, [namespace])


def test_a_name_alone_is_in_the_namespace_of_holdfast_or_of_in(holdfast):
    for flags, expected in (((), "holdfast"), (("--in", "shop"), "shop")):
        done = holdfast("plan", "create", "nightly", *NIGHTLY, "-A", *flags, "--dry-run", "-o", "json")
        assert_documented("plan create", done.document)
        assert done.document["metadata"] == {"namespace": expected, "name": "nightly"}


VELEROS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: policies}
data:
  policies.yaml: |
    version: v1
    volumePolicies:
    - conditions: {storageClass: [scratch], capacity: "0,1Gi"}
      action: {type: skip}
"""


@pytest.mark.usefixtures("_defined")
def test_a_plan_says_how_volumes_are_saved(holdfast, cluster, namespace, tmp_path):
    """Velero's policy as it is, in its ConfigMap; the cluster takes what the command line made of it."""
    policy = tmp_path / "policies.yaml"
    policy.write_text(VELEROS)
    data = ("--volume-policy", policy, "--exclude-path", "*.tmp", "--mover-cpu", "500m", "--parallel-volumes", "8")
    data += ("--hook-before", "shop/db-0:db=sync && echo $$", "--dumps", "auto")
    done = holdfast("plan", "create", f"{namespace}/n", *NIGHTLY, "-n", namespace, *data, "--dry-run", "-o", "json")
    assert_documented("plan create", done.document)
    cluster.api.create(plans_of(namespace), done.document)
    backup = read(cluster, f"{namespace}/n")["spec"]["backup"]
    rule = {"conditions": {"storageClass": ["scratch"], "capacity": "0,1Gi"}, "action": {"type": "skip"}}
    assert backup["volumePolicy"] == {"version": "v1", "volumePolicies": [rule]}
    assert backup["excludePaths"] == ["*.tmp"]
    assert backup["movers"] == {"parallel": 8, "cpu": "500m"}
    assert backup["dumps"] == "auto"
    [hook] = backup["hooks"]
    assert (hook["when"], hook["namespaces"], hook["pods"], hook["container"]) == (
        "before-backup",
        ["shop"],
        ["db-0"],
        "db",
    )
    assert hook["command"][-1] == "sync && echo $$"


def test_a_plan_that_exists_is_changed_only_if_that_is_said(plans, cluster, namespace):
    plan = f"{namespace}/nightly"
    plans("plan", "create", plan, *NIGHTLY, "-n", namespace, "--keep-daily", "7")
    plans("plan", "pause", plan)
    again = ("plan", "create", plan, "--schedule", "hourly", "--location", "main", "-n", namespace)
    what, _, advice = plans(*again, code=2).problem
    assert what == f"there is a plan {plan} already"
    assert "--update" in advice
    assert read(cluster, plan)["spec"]["schedule"] == "30 2 * * *"
    assert "Changed the plan" in plans(*again, "--update").out
    spec = read(cluster, plan)["spec"]
    assert spec["schedule"] == "hourly"
    assert spec["suspend"] is True  # an update does not let a paused plan go
    assert "retention" not in spec
    assert "timeZone" in spec


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (("--schedule", "61 * * * *"), "the schedule '61 * * * *' cannot be read"),
        (("--schedule", "0 0 30 2 *"), "never comes"),
        (("--time-zone", "Europe/Berln"), "there is no time zone 'Europe/Berln'"),
        (("--full-every", "often"), "--full-every 'often' is not a length of time"),
        (("--keep-for", "1w"), "--keep-for '1w' is not a length of time"),
        (("--keep-daily", "0"), "these rules keep nothing"),
        (("--label", "x"), "--label 'x' is not KEY=VALUE"),
        (("-A",), "-n and -A contradict each other"),
        (("-l", "a in b"), "a in b"),
        (("--location", "x" * 400), "the plan's location cannot be so"),
        (("--service-account", "Bad Name"), "the plan's serviceAccountName cannot be so"),
        (("--volume-policy", "nowhere.yaml"), "--volume-policy 'nowhere.yaml' cannot be read"),
        (("--volume-policy", '{"version": "v1"}'), "--volume-policy"),
        (("--mover-memory", "much"), "--mover-memory 'much' is no quantity"),
        (("--hook-before", "db-0=sync"), "--hook-before 'db-0' is no hook"),
        (("--hooks", '[{"when": "never"}]'), "--hooks"),
        (("--parallel-volumes", "0"), "--parallel-volumes"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_cluster_is_asked(holdfast, flags, what):
    done = holdfast("plan", "create", "shop/nightly", *NIGHTLY, "-n", "shop", *flags, code=2)
    assert what in " ".join(done.problem)


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (("--workload", "web"), "'web' does not name a workload"),
        (("--object", "cm/x/y/z"), "'cm/x/y/z' does not name an object"),
        (("--include-kind", "deploymnts"), "deploymnts"),
    ],
)
def test_kinds_and_objects_are_looked_up_in_the_cluster(plans, cluster, namespace, flags, what):
    done = plans("plan", "create", f"{namespace}/nightly", *NIGHTLY, *flags, code=2)
    assert what in done.problem[0]
    assert not cluster.api.exists(f"{plans_of(namespace)}/nightly")


def test_what_the_api_server_refuses_is_said_field_by_field(plans, proxy, namespace):
    """What this version's models take, a cluster with another version's definitions may refuse."""
    refusal = {
        "kind": "Status",
        "status": "Failure",
        "reason": "Invalid",
        "message": "BackupPlan is invalid",
        "details": {"causes": [{"field": "spec.location", "message": "must be short"}]},
        "code": 422,
    }
    answer = Answer(422, json.dumps(refusal).encode(), {"Content-Type": "application/json"})
    proxy.intercept = lambda request: answer if request.method == "PATCH" else None
    program = plans.but(KUBECONFIG=proxy.kubeconfig)
    problem = program("plan", "create", f"{namespace}/nightly", *NIGHTLY, "-n", namespace, code=1).problem
    assert problem[:2] == (f"the plan {namespace}/nightly was not accepted", "spec.location: must be short")


@pytest.mark.parametrize("name", ["Shop/nightly", "shop/nightly/x", "shop/", "/x", "a b"])
def test_what_is_no_name_of_a_plan(holdfast, name):
    what, _, advice = holdfast("plan", "show", name, code=2).problem
    assert "does not name a plan" in what
    assert "NAMESPACE/NAME" in advice


def test_a_name_and_in_that_contradict_each_other(holdfast):
    assert "is not in blog" in holdfast("plan", "show", "shop/nightly", "--in", "blog", code=2).problem[0]


def test_a_missing_namespace_is_said(plans):
    what, why, advice = plans("plan", "create", "nowhere-at-all/nightly", *NIGHTLY, "-A", code=1).problem
    assert what == "the plan nowhere-at-all/nightly was not accepted"
    assert why == "there is no namespace nowhere-at-all"
    assert "kubectl create namespace nowhere-at-all" in advice


def test_a_cluster_without_holdfast_is_said(plans, proxy):
    proxy.intercept = lambda request: NOT_SERVED if "/holdfast.dev/" in request.path else None
    program = plans.but(KUBECONFIG=proxy.kubeconfig)
    for arguments in (("create", "shop/nightly", *NIGHTLY, "-n", "shop"), ("list",)):
        _, why, advice = program("plan", *arguments, code=1).problem
        assert "Holdfast is not installed" in why
        assert "holdfast install" in advice


# ---- list and show ---------------------------------------------------------------------------------------------------

RUN = {
    "id": "3f9c2a1b" * 8,
    "name": "nightly-20261126-0230",
    "type": "incremental",
    "outcome": "done",
    "job": "plan-nightly-29928870",
    "scheduledAt": "2026-11-26T01:30:00Z",
    "startedAt": "2026-11-26T01:30:04Z",
    "finishedAt": "2026-11-26T01:31:09Z",
    "counts": {"objects": 1234},
    "bytes": {"stored": 2_000_000},
}
FAILURE = {
    "outcome": "failed",
    "reason": "WrongPassword",
    "exitCode": 12,
    "job": "plan-nightly-29930310",
    "scheduledAt": "2026-11-27T01:30:00Z",
    "startedAt": "2026-11-27T01:30:04Z",
    "finishedAt": "2026-11-27T01:30:06Z",
    "errors": [{"what": "the password is wrong", "why": "no key opens", "next": "Correct the Secret."}],
}


def test_plans_are_listed_with_how_they_stand(plans, cluster, namespace):
    for name in ("fresh", "good", "paused", "failing", "unready", "held"):
        make_plan(cluster, namespace, name, suspend=name == "paused", location="main")
    ready, healthy = condition("Ready", "True", "Scheduled"), condition("Healthy", "True", "LastRunDone")
    last = {**RUN, "finishedAt": ago(hours=3, minutes=5)}
    failing = condition("Healthy", "False", "WrongPassword")
    held = condition("RetentionHeld", "True", "TooManyRemovals")
    set_status(cluster, f"{namespace}/good", conditions=[ready, healthy], lastRun=last)
    set_status(cluster, f"{namespace}/paused", conditions=[condition("Ready", "True", "Suspended")])
    set_status(cluster, f"{namespace}/failing", conditions=[ready, failing], failures=3, lastRun=FAILURE)
    set_status(cluster, f"{namespace}/unready", conditions=[condition("Ready", "False", "LocationNotFound")])
    set_status(cluster, f"{namespace}/held", conditions=[ready, healthy, held])
    document = plans("plan", "list", "--in", namespace, "-o", "json").document
    assert_documented("plan list", document)
    assert {one["name"]: one["state"] for one in document} == {
        "fresh": "new",
        "good": "ready",
        "paused": "paused",
        "failing": "failing: WrongPassword (3 times)",
        "unready": "not ready: LocationNotFound",
        "held": "forgetting waits: TooManyRemovals",
    }
    assert [one["name"] for one in document if not one["nextRuns"]] == ["paused"]
    table = plans("plan", "list", "-A").out
    [line] = [line for line in table.splitlines() if f"{namespace}/good " in line]
    assert "at 02:00 every day (Etc/UTC)" in line
    assert "done, 3 h ago" in line
    assert line.endswith("ready")


def test_no_plans(plans, namespace):
    done = plans("plan", "list", "--in", namespace)
    assert (done.out, "There are no plans" in done.err) == ("", True)


def test_a_plan_is_shown_with_its_runs_and_the_newest_error(plans, cluster, namespace):
    plan = make_plan(
        cluster,
        namespace,
        backup={"excludeKinds": ["secrets"], "keepFor": "30d"},
        timeZone="Asia/Shanghai",
        retention={"keepDaily": 7, "keepWithin": "2d"},
        fullEvery="7d",
    )
    reason = condition("Healthy", "False", "WrongPassword", "the password is wrong")
    set_status(
        cluster, plan, conditions=[reason], recent=[FAILURE, RUN], lastRun=FAILURE, lastSuccess=RUN["finishedAt"]
    )
    document = plans("plan", "show", plan, "-o", "json").document
    assert_documented("plan show", document)
    assert [run["outcome"] for run in document["recent"]] == ["failed", "done"]
    assert len(document["nextRuns"]) == 5
    text = plans("plan", "show", plan).out
    for part in (
        "at 02:00 every day (Asia/Shanghai)",
        f"namespaces {namespace}; exclude kinds secrets; without volumes",
        "incremental, full every 7d",
        "daily 7, within 2d; each for 30d",
        "False (WrongPassword) the password is wrong",
        "1 min 5 s",
        "1,234",
        "1.9 MiB",
        "Newest error, of plan-nightly-29930310: the password is wrong\n  Why:  no key opens\n  Next: Correct the Secret.",
    ):
        assert part in text
    assert "每天 02:00" in plans("plan", "show", plan, "--language", "zh").out


def test_a_schedule_that_cannot_be_read_is_shown_as_it_is(plans, cluster, namespace):
    make_plan(cluster, namespace, schedule="at night")
    assert "at night" in plans("plan", "list", "--in", namespace).out
    assert plans("plan", "show", f"{namespace}/nightly", "-o", "json").document["nextRuns"] == []


def test_an_interval_counts_from_what_the_controller_expects(plans, cluster, namespace):
    plan = make_plan(cluster, namespace, schedule="@every 6h")
    expected = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(hours=2)
    set_status(cluster, plan, nextRun=expected.isoformat())
    found = plans("plan", "show", plan, "-o", "json").document["nextRuns"]
    assert [dt.datetime.fromisoformat(one) for one in found[:2]] == [expected, expected + dt.timedelta(hours=6)]


@pytest.mark.parametrize("verb", [("show",), ("run",), ("pause",), ("resume",), ("delete", "--yes")])
def test_a_plan_that_is_not_there(plans, namespace, verb):
    what, _, _ = plans("plan", verb[0], f"{namespace}/none", *verb[1:], code=1).problem
    assert what == f"there is no plan {namespace}/none"


# ---- run -------------------------------------------------------------------------------------------------------------


def test_a_run_by_hand_is_a_job_as_kubectl_makes_it(plans, cluster, namespace):
    plan = make_plan(cluster, namespace)
    cron_job = cron_job_of(cluster, plan)
    document = plans("plan", "run", plan, "-o", "json").document
    assert_documented("plan run", document)
    job = cluster.api.request("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs/{document['job']}")
    metadata = job["metadata"]
    assert metadata["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    assert metadata["annotations"]["holdfast.dev/owner"] == "nightly"
    assert metadata["labels"]["holdfast.dev/role"] == "backup"
    [owner] = metadata["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("CronJob", cron_job["metadata"]["uid"], True)
    assert scheduled_time(document["job"]) is None
    assert plans("plan", "run", plan, "-o", "json").document["job"] != document["job"]


def test_a_plan_without_a_cron_job_says_why(plans, cluster, namespace):
    plan = make_plan(cluster, namespace)
    set_status(cluster, plan, conditions=[condition("Ready", "False", "LocationNotFound", "there is no location main")])
    what, why, _ = plans("plan", "run", plan, code=1).problem
    assert what == f"the plan {plan} cannot be run"
    assert "there is no location main" in why


def end_pod(cluster, namespace, report, code):
    """As a kubelet would, with what the pod's container left in its termination message."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    wait_until(lambda: cluster.api.request("GET", pods)["items"])
    [pod] = cluster.api.request("GET", pods)["items"]
    ended = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "message": report,
        "finishedAt": ago(seconds=0),
    }
    container = {"name": "holdfast", "image": "x", "imageID": "x", "ready": False, "restartCount": 0}
    pod["status"] = {
        "phase": "Failed" if code else "Succeeded",
        "containerStatuses": [{**container, "state": {"terminated": ended}}],
    }
    cluster.api.request("PUT", f"{pods}/{pod['metadata']['name']}/status", pod)


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [("done", 0, "is done, 7 objects"), ("partial", 3, "is PARTIAL (NotAll)"), ("", 137, "FAILED")],
)
def test_waiting_for_a_run_ends_as_the_run_does(plans, cluster, namespace, outcome, code, words):
    plan = make_plan(cluster, namespace)
    cron_job_of(cluster, plan)
    report = {"name": "nightly-1", "outcome": outcome, "exitCode": code, "counts": {"objects": 7}}
    if code:
        report |= {"reason": "NotAll", "errors": [{"what": "no volume", "why": "it is not there", "next": "Look."}]}
    ending = threading.Thread(
        target=end_pod, args=(cluster, namespace, json.dumps(report) if outcome else "Killed", code)
    )
    ending.start()
    done = plans("plan", "run", plan, "--wait", code=None)
    ending.join()
    assert done.code == (code if outcome else 1)
    assert words in done.out
    assert ("no volume" in done.err) == (outcome == "partial")


def test_what_holds_a_run_up_is_said_while_it_is_waited_for(plans, cluster, namespace):
    plan = make_plan(cluster, namespace)
    cron_job_of(cluster, plan)
    quota = {"kind": "ResourceQuota", "apiVersion": "v1", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    cluster.api.create(quotas, quota)
    wait_until(lambda: cluster.api.request("GET", f"{quotas}/none").get("status", {}).get("hard"))
    running = plans.start("plan", "run", plan, "--wait")
    running.wait_for("exceeded quota")
    running.interrupt()
    done = running.end()
    assert (done.code, "It goes on" in done.err) == (130, True)
    assert cluster.api.request("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs")["items"]


# ---- pause, resume, delete -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "before", "words"),
    [("pause", False, "is paused"), ("resume", True, "runs again")],
)
def test_a_plan_is_paused_and_resumed(plans, cluster, namespace, verb, before, words):
    plan = make_plan(cluster, namespace, suspend=before)
    assert words in plans("plan", verb, plan).out
    assert read(cluster, plan)["spec"]["suspend"] is not before
    again = plans("plan", verb, plan, "-o", "json").document
    assert_documented(f"plan {verb}", again)
    assert (again["paused"], again["changed"]) == (not before, False)


def test_pausing_takes_no_controller(plans, cluster, namespace):
    plan = make_plan(cluster, namespace)
    cron_job_of(cluster, plan)
    path = f"/apis/batch/v1/namespaces/{namespace}/cronjobs/{plan_cron_job('nightly')}"
    plans("plan", "pause", plan)
    paused = cluster.api.request("GET", path)
    assert paused["spec"]["suspend"] is True
    plans("plan", "resume", plan)
    resumed = cluster.api.request("GET", path)
    assert resumed["spec"]["suspend"] is False
    since = [one["metadata"]["annotations"]["holdfast.dev/since"] for one in (paused, resumed)]
    assert all(since)  # what did not run before was not missed


def test_a_copied_plan_becomes_one_of_its_own(plans, cluster, namespace):
    body = plan_object(namespace)
    body["metadata"]["annotations"] = {STAMP_ANNOTATION: "another", "kept": "yes"}
    cluster.api.create(plans_of(namespace), body)
    done = plans("plan", "resume", f"{namespace}/nightly")
    assert "runs again" in done.out
    assert "copy of another plan" in done.err
    assert read(cluster, f"{namespace}/nightly")["metadata"]["annotations"] == {"kept": "yes"}


def test_a_plan_is_deleted_and_its_backups_stay(plans, cluster, namespace):
    plan = make_plan(cluster, namespace)
    assert "--yes" in plans("plan", "delete", plan, code=2).problem[2]
    done = plans("plan", "delete", plan, "--yes")
    assert f"Deleted the plan {plan}" in done.out
    assert "backups stay" in done.err
    assert not cluster.api.exists(f"{plans_of(namespace)}/nightly")
    make_plan(cluster, namespace)
    assert_documented("plan delete", plans("plan", "delete", plan, "--yes", "-o", "json").document)
