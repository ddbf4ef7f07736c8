"""What the controller does about a BackupPlan."""

import datetime as dt
import json

import pytest
from tests.controller.stage import NOW, location, plan, time

from holdfast.controller.actions import Look, Refusal
from holdfast.controller.world import Key

KEY = ("BackupPlan", "holdfast", "nightly")
DAY = dt.timedelta(days=1)
KEEP_ALL = {"retention": {"keepLast": 7}}
MAINTAINED = {"maintenance": {"secret": "cleaner"}}


@pytest.fixture
def planned(stage):
    """A plan whose CronJob is there; the location is ready."""
    stage.put(location(ready="True"))
    stage.put(plan())
    stage.act(*KEY)
    return stage


def named(moment):
    """As the CronJob controller names a Job."""
    return f"plan-nightly-{int(moment.timestamp()) // 60}"


def run(stage, name="", **finish):
    """One run of the plan at the stage's time, ended."""
    job = stage.job(name or named(stage.now), made_by=stage.made("CronJob")["plan-nightly"])
    stage.finish(job, **finish)
    return stage.act(*KEY)


def tomorrow(stage, hour=2, minute=0, second=5):
    stage.now = (stage.now + DAY).replace(hour=hour, minute=minute, second=second)


def test_a_plan_becomes_a_cron_job(planned):
    made = planned.made("CronJob")["plan-nightly"]
    spec = made["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("0 2 * * *", "Etc/UTC", "Forbid")
    assert (spec["startingDeadlineSeconds"], spec["suspend"]) == (600, False)
    assert made["metadata"]["ownerReferences"][0]["uid"] == "uid-BackupPlan-holdfast-nightly"
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"][:3] == ["backup", "create", "--plan=holdfast/nightly"]
    assert pod["serviceAccountName"] == "holdfast-runner"
    status, reason, _ = planned.condition(*KEY, "Ready")
    assert (status, reason) == ("True", "Scheduled")
    assert planned.condition(*KEY, "Healthy")[:2] == ("Unknown", "NoRunYet")
    assert planned.status(*KEY)["nextRun"] == "2026-11-27T02:00:00Z"


def test_nothing_is_done_twice(planned):
    assert planned.decide(*KEY).actions == []


def test_no_secret_is_in_a_pod_but_by_its_name(planned):
    pod = planned.made("CronJob")["plan-nightly"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["volumes"][0]["secret"]["secretName"] == "credentials"
    assert not any(
        "AWS" in variable["name"] or "PASSWORD" in variable["name"] for variable in pod["containers"][0]["env"]
    )


def test_an_interval_has_no_starting_deadline(planned):
    """Kubernetes would count it anew from the beginning of the deadline, and never reach its end."""
    planned.edit(*KEY, schedule="@every 6h", startingDeadlineSeconds=600)
    planned.act(*KEY)
    spec = planned.made("CronJob")["plan-nightly"]["spec"]
    assert spec["schedule"] == "@every 6h"
    assert "startingDeadlineSeconds" not in spec


@pytest.mark.parametrize(
    ("spec", "cron_job"),
    [
        ({"schedule": "30 4 * * 1"}, {"schedule": "30 4 * * 1"}),
        ({"timeZone": "Europe/Berlin"}, {"timeZone": "Europe/Berlin"}),
        ({"suspend": True}, {"suspend": True}),
        ({"startingDeadlineSeconds": 60}, {"startingDeadlineSeconds": 60}),
    ],
)
def test_a_change_reaches_the_cron_job(planned, spec, cron_job):
    planned.edit(*KEY, **spec)
    planned.act(*KEY)
    made = planned.made("CronJob")["plan-nightly"]["spec"]
    assert {key: made[key] for key in cron_job} == cron_job


def test_what_somebody_changed_in_the_cron_job_is_put_back(planned):
    cron_job = planned.made("CronJob")["plan-nightly"]
    planned.put({**cron_job, "spec": {**cron_job["spec"], "suspend": True}})
    planned.act(*KEY)
    assert planned.made("CronJob")["plan-nightly"]["spec"]["suspend"] is False


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"schedule": "61 * * * *"}, "61"),
        ({"timeZone": "Europe/Berlino"}, "Berlino"),
        ({"backup": {"namespaces": ["a"], "allNamespaces": True}}, "contradict"),
        ({"fullEvery": "3d3d"}, "fullEvery"),
        ({"retention": {"keepLast": 0}}, "keep nothing"),
    ],
)
def test_what_makes_no_sense_is_told_and_the_schedule_before_goes_on(planned, spec, word):
    planned.edit(*KEY, **spec)
    planned.act(*KEY)
    status, reason, message = planned.condition(*KEY, "Ready")
    assert (status, reason) == ("False", "InvalidSpec")
    assert word in message
    assert planned.made("CronJob")["plan-nightly"]["spec"]["schedule"] == "0 2 * * *"


def test_a_location_may_come_later(stage):
    stage.put(plan())
    stage.act(*KEY)
    assert stage.condition(*KEY, "Ready")[:2] == ("False", "LocationNotFound")
    stage.changed.clear()
    stage.put(location(ready="True"))
    assert Key(*KEY) in stage.changed
    stage.act(*KEY)
    assert stage.condition(*KEY, "Ready")[0] == "True"


def test_a_location_that_cannot_be_used_is_told_and_runs_are_scheduled_all_the_same(stage):
    stage.put(location(ready="False"))
    stage.put(plan())
    stage.act(*KEY)
    assert stage.condition(*KEY, "Ready")[:2] == ("False", "LocationNotReady")
    assert stage.made("CronJob")


@pytest.mark.parametrize("name", ["holdfast/main", "main", "../holdfast/main"])
def test_a_tenant_cannot_use_a_shared_location(stage, name):
    stage.put(location(ready="True"))
    stage.put(plan(namespace="team", location=name))
    stage.act("BackupPlan", "team", "nightly")
    assert stage.condition("BackupPlan", "team", "nightly", "Ready")[:2] == ("False", "LocationNotAllowed")
    assert stage.made("CronJob") == {}


def test_a_plan_that_turns_to_a_shared_location_loses_its_cron_job(stage):
    stage.put(location(ready="True"))
    stage.put(location("own", "team", ready="True"))
    stage.put(plan(namespace="team", location="own"))
    stage.act("BackupPlan", "team", "nightly")
    stage.edit("BackupPlan", "team", "nightly", location="main")
    stage.act("BackupPlan", "team", "nightly")
    assert stage.made("CronJob") == {}


def test_one_name_in_two_namespaces_is_two_plans(stage):
    for namespace in ("a", "b"):
        stage.put(location(namespace=namespace, ready="True"))
        stage.put(plan(namespace=namespace))
        stage.act("BackupPlan", namespace, "nightly")
    owners = {key[1] for key in stage.objects if key[0] == "CronJob"}
    assert owners == {"a", "b"}


def test_a_copy_of_a_plan_does_nothing_and_says_so(stage):
    stage.put(location(ready="True"))
    copy = plan()
    copy["metadata"]["annotations"] = {"holdfast.dev/uid": "uid-in-another-cluster"}
    stage.put(copy)
    stage.act(*KEY)
    assert stage.made("CronJob") == {}
    status, reason, message = stage.condition(*KEY, "Ready")
    assert (status, reason) == ("False", "Copied")
    assert "holdfast plan resume" in message


def test_a_run_is_noted_while_it_goes_on_and_when_it_ends(planned):
    job = planned.job(named(NOW))
    planned.pod(job)
    planned.act(*KEY)
    assert planned.status(*KEY)["lastRun"]["job"] == named(NOW)
    assert "outcome" not in planned.status(*KEY)["lastRun"]
    planned.finish(job, id="abc", name="nightly-20261126-0200", counts={"objects": 3})
    planned.act(*KEY)
    status = planned.status(*KEY)
    assert status["lastRun"]["outcome"] == "done"
    assert status["lastRun"]["scheduledAt"] == "2026-11-26T02:00:00Z"
    assert status["lastRun"]["counts"] == {"objects": 3}
    assert status["lastSuccess"] == time(NOW)
    assert planned.condition(*KEY, "Healthy")[:2] == ("True", "LastRunDone")
    assert [(kind, reason) for kind, reason, _ in planned.told] == [("Normal", "BackupDone")]


def test_failures_are_counted_and_a_good_run_ends_them(planned):
    error = {"what": "wrong password", "why": "no key opens", "next": "Check the Secret."}
    for _ in range(3):
        planned.now += DAY
        run(planned, outcome="failed", exit_code=12, reason="WrongPassword", errors=[error])
    status, reason, message = planned.condition(*KEY, "Healthy")
    assert (status, reason) == ("False", "WrongPassword")
    assert message == "wrong password: no key opens. Check the Secret."
    assert planned.status(*KEY)["failures"] == 3
    planned.now += DAY
    run(planned)
    assert "failures" not in planned.status(*KEY)
    assert planned.condition(*KEY, "Healthy")[0] == "True"


def test_a_partial_run_is_a_success_that_is_not_healthy(planned):
    problem = {"what": "the data of the volume shop/db was not saved"}
    run(planned, outcome="partial", exit_code=3, errors=[problem])
    assert planned.status(*KEY)["lastSuccess"]
    assert planned.condition(*KEY, "Healthy")[:2] == ("False", "LastRunPartial")


def test_runs_stay_known_when_their_jobs_are_gone(planned):
    for _ in range(12):
        planned.now += DAY
        run(planned)
    for name in list(planned.made("Job")):
        planned.remove("Job", "holdfast", name)
    planned.act(*KEY)
    recent = planned.status(*KEY)["recent"]
    assert [entry["job"] for entry in recent] == [named(NOW + number * DAY) for number in range(12, 2, -1)]
    assert all(entry["outcome"] == "done" for entry in recent)


def test_a_run_whose_job_was_deleted_is_not_lost_silently(planned):
    job = planned.job(named(NOW))
    planned.pod(job)
    planned.act(*KEY)
    planned.remove("Job", "holdfast", named(NOW))
    planned.act(*KEY)
    last = planned.status(*KEY)["lastRun"]
    assert (last["outcome"], last["reason"]) == ("failed", "JobDeleted")
    assert planned.status(*KEY)["failures"] == 1


def test_a_run_that_did_not_begin_is_missed_once(planned):
    tomorrow(planned)
    decision = planned.act(*KEY)
    assert "missed" not in planned.status(*KEY)
    assert decision.again_at == dt.datetime(2026, 11, 27, 2, 10, 30, tzinfo=dt.UTC)
    planned.now = decision.again_at
    planned.act(*KEY)
    assert planned.status(*KEY)["missed"] == "2026-11-27T02:00:00Z"
    assert planned.status(*KEY)["failures"] == 1
    assert planned.condition(*KEY, "Healthy")[:2] == ("False", "RunMissed")
    assert [reason for _, reason, _ in planned.told] == ["RunMissed"]
    planned.now += dt.timedelta(hours=1)
    planned.act(*KEY)
    assert len(planned.told) == 1
    tomorrow(planned)
    run(planned)
    assert planned.condition(*KEY, "Healthy")[0] == "True"


def test_the_reason_of_a_missed_run_is_what_kubernetes_says(planned):
    tomorrow(planned, minute=11)
    planned.known.events[Look("CronJob", "holdfast", "plan-nightly")] = "Error creating job: exceeded quota: count/jobs"
    planned.act(*KEY)
    assert "exceeded quota" in planned.told[0][2]


def test_a_run_that_began_is_not_missed(planned):
    tomorrow(planned, minute=11)
    cron_job = planned.made("CronJob")["plan-nightly"]
    planned.put({**cron_job, "status": {"lastScheduleTime": "2026-11-27T02:00:00Z"}})
    planned.act(*KEY)
    assert "missed" not in planned.status(*KEY)


def test_nothing_is_missed_while_a_plan_is_paused_nor_before_it_was_resumed(planned):
    planned.edit(*KEY, suspend=True)
    planned.act(*KEY)
    tomorrow(planned, minute=30)
    planned.act(*KEY)
    assert "missed" not in planned.status(*KEY)
    assert "nextRun" not in planned.status(*KEY)
    planned.edit(*KEY, suspend=False)
    planned.act(*KEY)
    planned.now += dt.timedelta(hours=1)
    planned.act(*KEY)
    assert "missed" not in planned.status(*KEY)


def test_times_of_a_former_schedule_are_not_missed(planned):
    tomorrow(planned, hour=1)
    planned.edit(*KEY, schedule="0 0 * * *")
    planned.act(*KEY)
    planned.now += dt.timedelta(hours=2)
    planned.act(*KEY)
    assert "missed" not in planned.status(*KEY)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"reason": "Evicted", "message": "the node was low on memory", "phase": "Failed"}, "Evicted"),
        (
            {
                "phase": "Failed",
                "containerStatuses": [
                    {"name": "holdfast", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
                ],
            },
            "OOMKilled",
        ),
    ],
)
def test_a_pod_that_was_killed_gives_the_reason(planned, status, reason):
    job = planned.job(named(NOW))
    planned.pod(job, **status)
    planned.end_job(job, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    planned.act(*KEY)
    assert planned.status(*KEY)["lastRun"]["reason"] == reason
    assert planned.condition(*KEY, "Healthy")[1] == reason


def test_a_pod_that_cannot_start_is_told_before_the_run_ends(planned):
    job = planned.job(named(NOW))
    waiting = {
        "name": "holdfast",
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling x"}},
    }
    planned.pod(job, phase="Pending", containerStatuses=[waiting])
    planned.act(*KEY)
    status, reason, message = planned.condition(*KEY, "Healthy")
    assert (status, reason) == ("False", "ImagePullBackOff")
    assert "Back-off pulling x" in message


def test_a_job_that_cannot_make_another_pod_is_looked_into(planned):
    job = planned.job(named(NOW))
    planned.pod(job, report={"outcome": "failed", "exitCode": 1}, exit_code=1)
    planned.known.events[Look("Job", "holdfast", named(NOW))] = 'pods "x" is forbidden: exceeded quota: pods'
    planned.act(*KEY)
    assert planned.condition(*KEY, "Healthy")[:2] == ("False", "QuotaExceeded")
    planned.pod(job, suffix="b")
    planned.act(*KEY)
    assert planned.condition(*KEY, "Healthy")[1] == "NoRunYet"


def test_a_job_without_pods_is_looked_into(planned):
    planned.job(named(NOW))
    planned.now += dt.timedelta(seconds=21)
    decision = planned.decide(*KEY)
    look = Look("Job", "holdfast", named(NOW))
    assert look in decision.actions
    planned.known.events[look] = 'pods "x" is forbidden: exceeded quota: pods'
    planned.act(*KEY)
    assert planned.condition(*KEY, "Healthy")[:2] == ("False", "QuotaExceeded")


def test_a_retried_pod_counts_as_one_run(planned):
    job = planned.job(named(NOW))
    planned.pod(job, report={"outcome": "failed", "exitCode": 1}, exit_code=1, suffix="a")
    planned.act(*KEY)
    assert "failures" not in planned.status(*KEY)
    planned.now += dt.timedelta(seconds=30)
    planned.pod(job, report={"outcome": "done", "finishedAt": time(planned.now)}, exit_code=0, suffix="b")
    planned.end_job(job, "Complete")
    planned.act(*KEY)
    assert planned.status(*KEY)["lastRun"]["outcome"] == "done"


@pytest.mark.parametrize("garbage", ["", "Killed", "{", "[]", json.dumps({"outcome": 3}), '{"outcome": ""}'])
def test_what_is_no_report_is_not_believed(planned, garbage):
    job = planned.job(named(NOW))
    planned.pod(job, report=garbage, exit_code=1)
    planned.end_job(job, "Failed", "BackoffLimitExceeded", "no more tries")
    planned.act(*KEY)
    last = planned.status(*KEY)["lastRun"]
    assert (last["outcome"], last["reason"]) == ("failed", "BackoffLimitExceeded")


def test_retention_has_a_cron_job_with_an_identity_of_its_own(stage):
    stage.put(location(ready="True", **MAINTAINED))
    stage.put(plan(**KEEP_ALL))
    stage.act(*KEY)
    spec = stage.made("CronJob")["plan-nightly-forget"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert spec["volumes"][0]["secret"]["secretName"] == "cleaner"
    assert spec["automountServiceAccountToken"] is False
    args = spec["containers"][0]["args"]
    assert args == [
        "backup", "forget", "--plan=holdfast/nightly", "--host=cluster-uid", "--time-zone=Etc/UTC", "--keep-last=7", "--yes",
        "--progress=lines",
    ]  # fmt: skip


def test_a_locations_wrong_schedule_does_not_stop_its_plans(stage):
    stage.put(location(ready="True", maintenance={"forgetSchedule": "never"}))
    stage.put(plan(**KEEP_ALL))
    stage.act(*KEY)
    assert list(stage.made("CronJob")) == ["plan-nightly"]


def test_after_each_good_run_backups_are_forgotten_once(stage):
    stage.put(location(ready="True", **MAINTAINED))
    stage.put(plan(**KEEP_ALL))
    stage.act(*KEY)
    run(stage)
    jobs = [name for name in stage.made("Job") if "forget" in name]
    assert len(jobs) == 1
    stage.finish(stage.made("Job")[jobs[0]], verb="backup forget")
    stage.act(*KEY)
    stage.remove("Job", "holdfast", jobs[0])
    stage.act(*KEY)
    assert [name for name in stage.made("Job") if "forget" in name] == []


def test_a_failed_run_forgets_nothing(stage):
    stage.put(location(ready="True", **MAINTAINED))
    stage.put(plan(**KEEP_ALL))
    stage.act(*KEY)
    run(stage, outcome="failed", exit_code=1)
    assert not any("forget" in name for name in stage.made("Job"))


def test_retention_that_would_remove_too_much_waits_for_a_person(stage):
    stage.put(location(ready="True", **MAINTAINED))
    stage.put(plan(**KEEP_ALL))
    stage.act(*KEY)
    run(stage)
    (name,) = [name for name in stage.made("Job") if "forget" in name]
    stage.now += dt.timedelta(minutes=1)
    problem = {"what": "12 of 20 backups would go", "why": "more than half", "next": "Look with --dry-run."}
    stage.finish(stage.made("Job")[name], "failed", 1, reason="TooManyRemovals", errors=[problem])
    stage.act(*KEY)
    assert stage.condition(*KEY, "RetentionHeld")[:2] == ("True", "TooManyRemovals")
    assert stage.condition(*KEY, "Healthy")[0] == "True"
    assert ("Warning", "RetentionHeld") in [(kind, reason) for kind, reason, _ in stage.told]


def test_what_a_forget_found_stays_noted_although_its_pod_goes_before_its_job(stage):
    stage.put(location(ready="True", **MAINTAINED))
    stage.put(plan(**KEEP_ALL))
    stage.act(*KEY)
    run(stage)
    (name,) = [name for name in stage.made("Job") if "forget" in name]
    stage.now += dt.timedelta(minutes=1)
    finished = time(stage.now - dt.timedelta(seconds=1))
    stage.finish(stage.made("Job")[name], finishedAt=finished, counts={"removed": 3})
    stage.act(*KEY)
    stage.remove("Pod", "holdfast", f"{name}-a")
    assert stage.decide(*KEY).actions == []
    assert stage.status(*KEY)["retention"]["counts"] == {"removed": 3}


def test_without_maintenance_retention_is_not_carried_out_and_that_is_said(stage):
    stage.put(location(ready="True"))
    stage.put(plan(**KEEP_ALL))
    stage.act(*KEY)
    assert "plan-nightly-forget" not in stage.made("CronJob")
    assert "nothing is forgotten" in stage.condition(*KEY, "Ready")[2].lower()


def test_a_namespace_that_goes_is_left_alone(planned):
    planned.put({"kind": "Namespace", "metadata": {"name": "holdfast", "deletionTimestamp": time(NOW)}})
    planned.edit(*KEY, schedule="0 4 * * *")
    assert planned.decide(*KEY).actions == []


def test_what_the_server_refuses_is_a_condition(planned):
    planned.known.refusals[Key(*KEY)] = Refusal("QuotaExceeded", "exceeded quota: count/cronjobs.batch", NOW)
    planned.act(*KEY)
    assert planned.condition(*KEY, "Ready")[:2] == ("False", "QuotaExceeded")


def test_a_plan_that_has_the_name_of_a_deleted_one_was_not_told_of(stage):
    stage.put(location(ready="True"))
    stage.put(plan())
    stage.known.told[Key(*KEY)] = "failed:WrongPassword=2026-11-26T02:03:10Z"
    stage.act(*KEY)
    assert stage.status(*KEY)["notified"]
    stage.remove(*KEY)
    stage.known.forget(Key(*KEY))
    stage.put(plan())
    stage.act(*KEY)
    assert "notified" not in stage.status(*KEY)
