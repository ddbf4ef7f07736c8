"""What the controller does about a Backup or Restore."""

import datetime as dt

import pytest
from tests.controller.stage import NOW, location, request, time

from holdfast.controller.actions import Refusal
from holdfast.controller.world import Key

KEY = ("Backup", "holdfast", "before")
RESTORE = ("Restore", "holdfast", "again")


@pytest.fixture
def placed(stage):
    stage.put(location(ready="True"))
    return stage


@pytest.fixture
def running(placed):
    placed.put(request())
    placed.act(*KEY)
    return placed


def only_job(stage):
    (job,) = stage.made("Job").values()
    return job


def args(stage):
    return only_job(stage)["spec"]["template"]["spec"]["containers"][0]["args"]


def test_a_backup_runs_one_job(running):
    assert args(running)[:4] == ["backup", "create", "--name=before-uid-B", "--namespace=shop"]
    running.act(*KEY)
    assert len(running.made("Job")) == 1


def test_a_document_that_fits_into_no_pod_is_told(placed):
    conditions = {"pvcLabels": {f"label-{number}": "x" * 60 for number in range(2000)}}
    rules = [{"conditions": conditions, "action": {"type": "skip"}}]
    placed.put(request(volumePolicy={"version": "v1", "volumePolicies": rules}))
    placed.act(*KEY)
    status, reason, message = placed.condition(*KEY, "Failed")
    assert (status, reason) == ("True", "InvalidSpec")
    assert "--volume-policy is too long" in message
    assert placed.made("Job") == {}


def test_it_is_complete_once_the_job_is(running):
    running.act(*KEY)
    assert running.status(*KEY)["phase"] == "Pending"
    running.pod(only_job(running))
    running.act(*KEY)
    assert running.status(*KEY)["phase"] == "Running"
    running.finish(only_job(running), id="abc", name="before-uid-B")
    running.act(*KEY)
    assert running.condition(*KEY, "Complete")[:2] == ("True", "Done")
    assert running.condition(*KEY, "Failed")[0] == "False"
    assert running.status(*KEY)["run"]["id"] == "abc"


def test_partial_is_complete_with_a_reason(running):
    running.finish(only_job(running), "partial", 3, errors=[{"what": "one volume is missing"}])
    running.act(*KEY)
    assert running.condition(*KEY, "Complete") == ("True", "Partial", "one volume is missing.")
    assert running.status(*KEY)["phase"] == "Partial"


def test_it_never_runs_again(running):
    running.finish(only_job(running), id="abc")
    running.act(*KEY)
    running.remove("Job", "holdfast", next(iter(running.made("Job"))))
    running.act(*KEY)
    assert running.made("Job") == {}
    assert running.condition(*KEY, "Complete")[0] == "True"


def test_a_job_that_was_deleted_is_a_failure(running):
    running.act(*KEY)
    running.remove("Job", "holdfast", next(iter(running.made("Job"))))
    running.act(*KEY)
    assert running.condition(*KEY, "Failed")[:2] == ("True", "JobDeleted")
    assert running.made("Job") == {}


def test_a_failure_has_its_reason(running):
    error = {"what": "the store refused", "why": "access denied", "next": "Check the key."}
    running.finish(only_job(running), "failed", 1, reason="StoreRefused", errors=[error])
    running.act(*KEY)
    assert running.condition(*KEY, "Failed") == (
        "True",
        "StoreRefused",
        "the store refused: access denied. Check the key.",
    )


def test_a_restore_says_all_its_flags(placed):
    spec = {
        "backup": "nightly",
        "namespaces": ["shop"],
        "mapNamespaces": {"shop": "copy"},
        "onConflict": "update",
        "wait": True,
        "quarantine": True,
    }
    placed.put(request("Restore", "again", **spec))
    placed.act(*RESTORE)
    assert args(placed) == [
        "restore", "run", "nightly", "--namespace=shop", "--map-namespace=shop=copy", "--on-conflict=update",
        "--quarantine", "--wait", "--yes", "--progress=lines",
    ]  # fmt: skip
    assert only_job(placed)["spec"]["backoffLimit"] == 0


def test_a_restore_may_name_a_backup_object(running):
    running.finish(only_job(running), id="0123456789abcdef")
    running.act(*KEY)
    running.remove("Job", "holdfast", next(iter(running.made("Job"))))
    running.put(request("Restore", "again", backup="before"))
    running.act(*RESTORE)
    assert args(running)[2] == "0123456789abcdef"


@pytest.mark.parametrize("kind", ["Backup", "Restore"])
def test_a_copy_never_runs(placed, kind):
    copy = request(kind)
    copy["metadata"]["annotations"] = {"holdfast.dev/uid": "another"}
    placed.put(copy)
    placed.act(kind, "holdfast", "before")
    assert placed.made("Job") == {}
    assert placed.condition(kind, "holdfast", "before", "Failed")[:2] == ("True", "Copied")
    assert placed.status(kind, "holdfast", "before")["phase"] == "Copied"


def test_the_location_may_come_after_the_request(stage):
    stage.put(request())
    stage.act(*KEY)
    assert stage.condition(*KEY, "Complete")[:2] == ("False", "LocationNotFound")
    assert stage.made("Job") == {}
    stage.put(location())
    stage.act(*KEY)
    assert len(stage.made("Job")) == 1


@pytest.mark.parametrize("kind", ["Backup", "Restore"])
def test_a_tenant_cannot_use_a_shared_location(placed, kind):
    placed.put(request(kind, namespace="team"))
    placed.act(kind, "team", "before")
    assert placed.made("Job") == {}
    assert placed.condition(kind, "team", "before", "Failed")[:2] == ("True", "LocationNotAllowed")


def test_a_refused_job_is_tried_again(placed):
    placed.put(request())
    placed.known.refusals[Key(*KEY)] = Refusal("QuotaExceeded", "exceeded quota: count/jobs.batch", NOW)
    decision = placed.act(*KEY)
    assert placed.made("Job") == {}
    assert placed.condition(*KEY, "Complete")[:2] == ("False", "QuotaExceeded")
    placed.now = decision.again_at
    placed.act(*KEY)
    assert len(placed.made("Job")) == 1


class TestDeleting:
    @pytest.fixture
    def kept(self, placed):
        """A finished Backup whose data goes with it."""
        placed.put(request(deletionPolicy="Delete"))
        placed.act(*KEY)
        placed.finish(only_job(placed), id="abc")
        placed.act(*KEY)
        placed.remove("Job", "holdfast", next(iter(placed.made("Job"))))
        return placed

    @staticmethod
    def delete(stage):
        body = stage.objects[KEY]
        stage.put({**body, "metadata": {**body["metadata"], "deletionTimestamp": time(stage.now)}})

    @staticmethod
    def finalizers(stage):
        return stage.objects[KEY]["metadata"].get("finalizers", [])

    def test_data_stays_by_default(self, running):
        running.finish(only_job(running), id="abc")
        running.act(*KEY)
        assert self.finalizers(running) == []

    def test_the_object_waits_for_its_data(self, kept):
        assert self.finalizers(kept) == ["holdfast.dev/data"]
        self.delete(kept)
        kept.act(*KEY)
        assert args(kept)[:3] == ["backup", "delete", "abc"]
        assert self.finalizers(kept) == ["holdfast.dev/data"]
        kept.finish(only_job(kept))
        kept.act(*KEY)
        assert self.finalizers(kept) == []

    def test_data_that_cannot_be_deleted_is_told(self, kept):
        self.delete(kept)
        kept.act(*KEY)
        kept.finish(only_job(kept), "failed", 1, reason="StoreRefused", errors=[{"what": "the store refused"}])
        kept.act(*KEY)
        assert self.finalizers(kept)
        status, reason, message = kept.condition(*KEY, "Failed")
        assert (status, reason) == ("True", "DeletionFailed")
        assert "the store refused" in message

    def test_data_stays_when_the_namespace_goes(self, kept):
        kept.put({"kind": "Namespace", "metadata": {"name": "holdfast", "deletionTimestamp": time(kept.now)}})
        self.delete(kept)
        kept.act(*KEY)
        assert kept.made("Job") == {}
        assert self.finalizers(kept) == []

    def test_a_copy_never_deletes_what_the_original_made(self, kept):
        body = kept.objects[KEY]
        kept.put({**body, "metadata": {**body["metadata"], "uid": "another"}})
        self.delete(kept)
        kept.act(*KEY)
        assert kept.made("Job") == {}
        assert self.finalizers(kept) == []

    def test_who_changes_the_policy_keeps_the_data(self, kept):
        kept.edit(*KEY, deletionPolicy="Retain")
        kept.act(*KEY)
        assert self.finalizers(kept) == []

    def test_the_credentials_of_maintenance_delete(self, kept):
        kept.put(location(ready="True", maintenance={"secret": "cleaner"}))
        self.delete(kept)
        kept.act(*KEY)
        assert only_job(kept)["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"] == "cleaner"

    def test_a_backup_that_failed_has_nothing_to_delete(self, placed):
        placed.put(request(deletionPolicy="Delete"))
        placed.act(*KEY)
        placed.finish(only_job(placed), "failed", 1)
        placed.act(*KEY)
        placed.now += dt.timedelta(minutes=1)
        self.delete(placed)
        placed.act(*KEY)
        assert self.finalizers(placed) == []
