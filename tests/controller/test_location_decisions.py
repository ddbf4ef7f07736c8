"""What the controller does about a StorageLocation."""

import datetime as dt

import pytest
from tests.controller.stage import NOW, location

KEY = ("StorageLocation", "holdfast", "main")
MISSING = {
    "name": "holdfast",
    "state": {"waiting": {"reason": "CreateContainerConfigError", "message": "no secret"}},
}


@pytest.fixture
def tried(stage):
    stage.put(location())
    stage.act(*KEY)
    return stage


def only_job(stage):
    (job,) = stage.made("Job").values()
    return job


def pass_test(stage, outcome="done", exit_code=0, **report):
    stage.now += dt.timedelta(seconds=2)
    stage.finish(only_job(stage), outcome, exit_code, **report)
    return stage.act(*KEY)


def test_a_new_location_is_tried_at_once(tried):
    pod = only_job(tried)["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"][:2] == ["location", "test"]
    assert pod["automountServiceAccountToken"] is False
    assert tried.condition(*KEY, "Ready")[:2] == ("Unknown", "Testing")
    tried.act(*KEY)
    assert len(tried.made("Job")) == 1


def test_it_is_ready_once_the_trial_went_well(tried):
    pass_test(tried, id="repository-id", counts={"backups": 4}, bytes={"stored": 1000})
    assert tried.condition(*KEY, "Ready")[:2] == ("True", "Tested")
    status = tried.status(*KEY)
    assert (status["repository"], status["backups"], status["storedBytes"]) == ("repository-id", 4, 1000)


def test_a_trial_is_noted_once_although_its_pod_goes_before_its_job(tried):
    tried.now += dt.timedelta(seconds=2)
    job = only_job(tried)
    finished = f"{tried.now - dt.timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
    tried.finish(job, finishedAt=finished, id="repository-id", counts={"backups": 4})
    tried.act(*KEY)
    noted = tried.status(*KEY)
    tried.remove("Pod", "holdfast", f"{job['metadata']['name']}-a")
    assert tried.decide(*KEY).actions == []
    assert tried.status(*KEY) == noted


def test_what_a_prune_stored_is_not_what_the_repository_takes(stage):
    stage.put(location(maintenance={"prune": {"schedule": "0 5 * * *"}}))
    stage.act(*KEY)
    (test,) = stage.made("Job")
    pass_test(stage, id="repository-id", bytes={"stored": 1000})
    stage.remove("Job", "holdfast", test)
    prune = stage.job("location-main-prune-1", made_by=stage.made("CronJob")["location-main-prune"])
    stage.finish(prune, bytes={"stored": 7})
    stage.act(*KEY)
    assert stage.status(*KEY)["storedBytes"] == 1000


def test_wrong_credentials_are_named_and_tried_again_within_a_minute(tried):
    error = {"what": "the store refused", "why": "the key is not valid", "next": "Check the Secret."}
    decision = pass_test(tried, "failed", 1, reason="StoreRefused", errors=[error])
    assert tried.condition(*KEY, "Ready") == (
        "False",
        "StoreRefused",
        "the store refused: the key is not valid. Check the Secret.",
    )
    again = tried.decide(*KEY).again_at or decision.again_at
    assert again - tried.now <= dt.timedelta(minutes=1)
    first = next(iter(tried.made("Job")))
    tried.now = again
    tried.act(*KEY)
    tried.remove("Job", "holdfast", first)
    pass_test(tried)
    assert tried.condition(*KEY, "Ready")[0] == "True"
    assert [reason for _, reason, _ in tried.told] == ["LocationNotReady", "LocationReady"]


def test_what_stays_broken_is_tried_less_often(tried):
    trials = []
    while tried.now < NOW + dt.timedelta(minutes=40):
        pass_test(tried, "failed", 1, reason="StoreRefused")
        trials.append(tried.now)
        tried.remove("Job", "holdfast", next(iter(tried.made("Job"))))
        while not tried.made("Job"):
            tried.now = tried.decide(*KEY).again_at
            tried.act(*KEY)
    assert trials[1] - trials[0] < dt.timedelta(minutes=1)
    assert dt.timedelta(minutes=5) <= trials[-1] - trials[-2] < dt.timedelta(minutes=6)


def test_the_same_failure_is_told_once(tried):
    pass_test(tried, "failed", 1, reason="StoreRefused")
    tried.remove("Job", "holdfast", next(iter(tried.made("Job"))))
    tried.now += dt.timedelta(minutes=1)
    tried.act(*KEY)
    pass_test(tried, "failed", 1, reason="StoreRefused")
    assert len(tried.told) == 1


def test_a_ready_location_is_tried_again_now_and_then(tried):
    pass_test(tried)
    tried.remove("Job", "holdfast", next(iter(tried.made("Job"))))
    tried.now += dt.timedelta(minutes=50)
    tried.act(*KEY)
    assert tried.made("Job") == {}
    tried.now += dt.timedelta(minutes=20)
    tried.act(*KEY)
    assert len(tried.made("Job")) == 1


def test_a_change_is_tried_at_once(tried):
    pass_test(tried)
    tried.remove("Job", "holdfast", next(iter(tried.made("Job"))))
    tried.edit(*KEY, secret="other")
    tried.act(*KEY)
    assert only_job(tried)["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"] == "other"


def test_a_missing_secret_is_named_before_the_trial_ends(tried):
    tried.pod(only_job(tried), phase="Pending", containerStatuses=[MISSING])
    tried.act(*KEY)
    assert tried.condition(*KEY, "Ready")[:2] == ("False", "CreateContainerConfigError")


def test_a_missing_secret_stays_the_cause_when_the_trials_time_is_over(tried):
    tried.pod(only_job(tried), phase="Pending", containerStatuses=[MISSING])
    tried.act(*KEY)
    tried.now += dt.timedelta(minutes=1)
    job = only_job(tried)
    tried.remove("Pod", "holdfast", f"{job['metadata']['name']}-a")
    tried.end_job(job, "Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
    tried.act(*KEY)
    assert tried.condition(*KEY, "Ready") == (
        "False",
        "CreateContainerConfigError",
        "the pod does not start: no secret. Check that the Secret that the location names exists and has what it needs.",
    )
    assert [reason for _, reason, _ in tried.told] == ["LocationNotReady"]
    tried.now += dt.timedelta(minutes=1)
    tried.act(*KEY)
    assert len(tried.made("Job")) == 2


def test_maintenance_has_cron_jobs_of_its_own(stage):
    stage.put(location(maintenance={"secret": "cleaner", "prune": {"maxRepack": "20G"}, "check": {"readData": "10%"}}))
    stage.act(*KEY)
    made = stage.made("CronJob")
    args = {
        name: body["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"][:-1]
        for name, body in made.items()
    }
    assert args == {
        "location-main-forget": ["backup", "forget", "--yes"],
        "location-main-prune": ["repository", "prune", "--max-repack=20G"],
        "location-main-check": ["repository", "check", "--read-data=10%"],
    }
    stage.edit(*KEY, maintenance={"secret": "cleaner", "prune": None})
    stage.act(*KEY)
    assert sorted(stage.made("CronJob")) == ["location-main-check", "location-main-forget"]
    stage.edit(*KEY, maintenance=None)
    stage.act(*KEY)
    assert stage.made("CronJob") == {}


def test_a_wrong_schedule_of_maintenance_is_named(stage):
    stage.put(location(maintenance={"prune": {"schedule": "never"}}))
    stage.act(*KEY)
    status, reason, message = stage.condition(*KEY, "Ready")
    assert (status, reason) == ("False", "InvalidSpec")
    assert "maintenance, prune" in message


def test_a_copy_is_not_tried(stage):
    copy = location()
    copy["metadata"]["annotations"] = {"holdfast.dev/uid": "another"}
    stage.put(copy)
    stage.act(*KEY)
    assert stage.made("Job") == {}
    assert stage.condition(*KEY, "Ready")[:2] == ("False", "Copied")


@pytest.mark.parametrize(
    "url",
    ["s3:http://store/holdfast-main", "s3:http://STORE:80/holdfast-main/inner/", "s3:https://store/holdfast-Main"],
)
def test_a_tenants_location_with_a_shared_repository_is_not_tried(tried, url):
    tried.put(location("mine", "team", url=url))
    before = set(tried.made("Job"))
    tried.act("StorageLocation", "team", "mine")
    assert set(tried.made("Job")) == before
    assert tried.condition("StorageLocation", "team", "mine", "Ready")[:2] == ("False", "LocationNotAllowed")
