"""What acts by itself waits for the workloads: CronJobs are suspended, autoscalers made last, and both survive a kill."""

import pytest
from tests.restore_lab import Lab, Vault, config_map, entry, job, obj, outcomes, owners, workload

from holdfast.errors import ApiRefused, Cancelled
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.objects.pausing import NOTE
from holdfast.operations.restore.execution import Execution


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault():
    return Vault()


def cron_job(name="yearly", **spec):
    return obj(
        "batch/v1", "CronJob", name, spec={"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job()["spec"]}, **spec}
    )


def autoscaler(name="web"):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return obj("autoscaling/v2", "HorizontalPodAutoscaler", name, spec={"maxReplicas": 3, "scaleTargetRef": target})


class Waiting(Execution):
    """One that waits for the workloads in a way of the test's."""

    await_ready = staticmethod(lambda _: "")

    def run(self):
        self.write()
        with self.saying_what_is_held():
            unready = self.await_ready(self.results)
        self.finish(unready)


def execution(vault, lab, await_ready=None, **options):
    made = Waiting(vault.make_plan(lab, **options), Cancel(), Silent())
    made.await_ready = await_ready or made.await_ready
    return made


def of(results, plural, name):
    (found,) = [one for one in results if (one.kind.partition(".")[0], one.name) == (plural, name)]
    return found


def back_up_and_delete(vault, lab, *things):
    made = [lab.make(thing) for thing in things]
    lab.settled()
    vault.back_up(lab)
    for thing in things:
        lab.delete(thing)
    return made


def test_cron_job_is_suspended_until_the_workloads_are_ready(lab, vault):
    (before,) = back_up_and_delete(vault, lab, cron_job())
    seen = []

    execution(vault, lab, lambda _: seen.append(lab.read(cron_job())) or "").run()

    live = lab.read(cron_job())
    assert seen[0]["spec"]["suspend"] is True
    assert live["spec"] == before["spec"]
    assert live["metadata"].get("annotations") == live["metadata"].get("labels") is None
    assert owners(live) == owners(before)


def test_cron_job_that_was_suspended_stays_suspended(lab, vault):
    back_up_and_delete(vault, lab, cron_job(suspend=True))

    report = vault.restore(lab)

    assert report.outcome == "done"
    assert lab.read(cron_job())["spec"]["suspend"] is True
    assert NOTE not in lab.read(cron_job())["metadata"].get("annotations", {})


def test_cron_job_with_two_owners_of_fields_gets_them_back(lab, vault):
    lab.server_side_apply(cron_job(), "flux")
    lab.patch(cron_job(), {"metadata": {"labels": {"team": "a"}}})
    before = lab.read(cron_job())
    vault.back_up(lab)
    lab.delete(cron_job())

    vault.restore(lab)

    assert owners(lab.read(cron_job())) == owners(before)
    assert outcomes(vault.plan(lab))["cronjobs", "yearly"] == "unchanged"


def test_autoscaler_is_made_when_the_workloads_are_ready(lab, vault):
    back_up_and_delete(vault, lab, workload("Deployment", "web"), autoscaler())
    seen = []

    execution(
        vault, lab, lambda _: seen.append((lab.find(workload("Deployment", "web")), lab.find(autoscaler()))) or ""
    ).run()

    assert seen[0][0]
    assert seen[0][1] is None
    assert lab.read(autoscaler())


def test_nothing_is_let_go_while_the_workloads_are_not_ready(lab, vault):
    back_up_and_delete(vault, lab, cron_job(), autoscaler())
    run = execution(vault, lab, lambda _: "web is not ready")

    run.run()

    cron, scaler = of(run.results, "cronjobs", "yearly"), of(run.results, "horizontalpodautoscalers", "web")
    assert (cron.result, scaler.result) == ("failed", "failed")
    assert "web is not ready" in cron.why
    assert "kubectl patch cronjobs.batch yearly" in cron.next
    assert lab.read(cron_job())["spec"]["suspend"] is True
    assert lab.find(autoscaler()) is None


def test_killed_run_is_finished_by_the_next(lab, vault):
    (before,) = back_up_and_delete(vault, lab, cron_job())

    def killed(_):
        raise Cancelled

    with pytest.raises(Cancelled):
        (run := execution(vault, lab, killed)).run()
    held = lab.read(cron_job())
    plan = vault.plan(lab)
    report = vault.restore(lab)

    assert of(run.results, "cronjobs", "yearly").why == "it is still suspended"
    assert held["spec"]["suspend"] is True
    assert entry(plan, "cronjobs", "yearly").action == "merge"
    assert entry(plan, "cronjobs", "yearly").why == "an interrupted restore left it suspended"
    assert outcomes(report)["cronjobs", "yearly"] == "updated"
    assert lab.read(cron_job())["spec"] == before["spec"]
    assert owners(lab.read(cron_job())) == owners(before)
    assert outcomes(vault.plan(lab))["cronjobs", "yearly"] == "unchanged"


@pytest.mark.parametrize(("on_conflict", "schedule"), [("skip", "0 0 2 2 *"), ("update", "0 0 1 1 *")])
def test_cron_job_that_was_left_suspended_and_then_changed_acts_again(lab, vault, on_conflict, schedule):
    back_up_and_delete(vault, lab, cron_job())
    run = execution(vault, lab, lambda _: "not yet")
    run.run()
    lab.patch(cron_job(), {"spec": {"schedule": "0 0 2 2 *"}})

    report = vault.restore(lab, on_conflict=on_conflict)

    live = lab.read(cron_job())
    assert report.outcome == "done"
    assert (live["spec"]["suspend"], live["spec"]["schedule"]) == (False, schedule)
    assert NOTE not in live["metadata"].get("annotations", {})


def test_cron_job_that_somebody_let_go_meanwhile_is_left_as_it_is(lab, vault):
    back_up_and_delete(vault, lab, cron_job())

    def let_go(_):
        lab.patch(cron_job(), {"spec": {"suspend": False}})
        return ""

    run = execution(vault, lab, let_go)
    run.run()

    assert of(run.results, "cronjobs", "yearly").result == "created"
    assert lab.read(cron_job())["spec"]["suspend"] is False
    assert NOTE not in lab.read(cron_job())["metadata"].get("annotations", {})


def test_cron_job_that_cannot_be_let_go_is_a_failure_with_its_command(lab, vault, monkeypatch):
    back_up_and_delete(vault, lab, cron_job(), config_map())
    run = execution(vault, lab)
    patch = lab.cluster.patch

    def refuse(resource, *arguments, **options):
        if resource.plural == "cronjobs":
            raise ApiRefused("cannot patch", status=403, reason="Forbidden", why="no right to patch cronjobs")
        return patch(resource, *arguments, **options)

    monkeypatch.setattr(lab.cluster, "patch", refuse)
    run.run()

    found = of(run.results, "cronjobs", "yearly")
    assert found.result == "failed"
    assert "left suspended: no right to patch cronjobs" in found.why
    assert f"kubectl patch cronjobs.batch yearly -n {lab.namespace} --type merge -p" in found.next
    assert of(run.results, "configmaps", "settings").result == "created"
