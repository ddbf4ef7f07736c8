"""What Prometheus reads, as its own parser reads it."""

from __future__ import annotations

import datetime as dt
import gzip

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.controller.samples import a_backup, a_location, a_plan, a_restore, a_run, condition

from holdfast.controller.metrics.exposition import Exposition
from holdfast.controller.metrics.instruments import Instruments
from holdfast.controller.metrics.snapshot import Snapshot
from holdfast.version import VERSION

DAY = 86400.0


def seconds(moment):
    return dt.datetime.fromisoformat(moment).timestamp()


def scrape(snapshot, instruments=None, interval=lambda _cron, _zone: DAY):
    """(name, values of the labels: namespace, plan or location, others) → value."""
    order = {"namespace": 0, "plan": 1, "location": 2}
    text, _ = Exposition(lambda: snapshot, instruments or Instruments(), interval).render()
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels, key=lambda one: order.get(one, 3)))): (
            sample.value
        )
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def of_plan(found, name, *more, plan="nightly"):
    return found.get((f"holdfast_plan_{name}", "shop", plan, *more))


FINISHED = a_run(
    started_at="2026-11-26T02:00:05.500000Z",
    ended="2026-11-26T02:03:10.000000Z",
    counts={"objects": 312, "kinds": 9},
    bytes={"objects": 1000, "added": 200, "stored": 70},
)


def test_a_plan_tells_of_its_newest_run():
    found = scrape(Snapshot(plans=[a_plan(lastRun=FINISHED, lastSuccess="2026-11-26T02:03:10Z")]))
    assert of_plan(found, "last_run_timestamp_seconds") == seconds("2026-11-26T02:03:10Z")
    assert of_plan(found, "last_run_duration_seconds") == 184.5
    assert of_plan(found, "last_run_objects") == 312
    assert {what: of_plan(found, "last_run_bytes", what) for what in ("objects", "added", "stored")} == {
        "objects": 1000,
        "added": 200,
        "stored": 70,
    }
    assert of_plan(found, "last_success_timestamp_seconds") == seconds("2026-11-26T02:03:10Z")
    assert of_plan(found, "running") == 0


@pytest.mark.parametrize("outcome", ["done", "partial", "failed", "cancelled"])
def test_of_all_outcomes_the_one_that_came_is_1(outcome):
    found = scrape(Snapshot(plans=[a_plan(lastRun=a_run(outcome))]))
    outcomes = {one: of_plan(found, "last_run_outcome", one) for one in ("done", "partial", "failed", "cancelled")}
    assert outcomes == {one: float(one == outcome) for one in outcomes}


def test_while_a_run_goes_on_the_one_before_is_told():
    found = scrape(Snapshot(plans=[a_plan(lastRun=a_run(""), recent=[a_run(""), FINISHED])]))
    assert of_plan(found, "running") == 1
    assert of_plan(found, "last_run_objects") == 312


def test_a_plan_that_never_ran_has_no_times_that_mean_1970():
    found = scrape(Snapshot(plans=[a_plan()]))
    names = {name for name, *_ in found if name.startswith("holdfast_plan_")}
    assert not any("last_" in name or "missed" in name or "next_run" in name for name in names)
    assert of_plan(found, "created_timestamp_seconds") == seconds("2026-01-01T00:00:00Z")
    assert of_plan(found, "consecutive_failures") == 0


def test_a_plan_tells_what_is_wrong_with_it():
    plan = a_plan(
        spec={"suspend": True},
        failures=3,
        missed="2026-11-25T02:00:00Z",
        nextRun="2026-11-27T02:00:00Z",
        conditions=[condition("RetentionHeld"), condition("Ready", "False")],
    )
    found = scrape(Snapshot(plans=[plan]))
    assert of_plan(found, "suspended") == 1
    assert of_plan(found, "consecutive_failures") == 3
    assert of_plan(found, "missed_timestamp_seconds") == seconds("2026-11-25T02:00:00Z")
    assert of_plan(found, "next_run_timestamp_seconds") == seconds("2026-11-27T02:00:00Z")
    assert of_plan(found, "retention_held") == 1
    assert of_plan(found, "ready") == 0
    assert of_plan(found, "info", "main") == 1


def test_what_is_no_time_in_a_status_is_left_out():
    found = scrape(Snapshot(plans=[a_plan(nextRun="soon", lastSuccess="2026-11-26T02:03:10Z")]))
    assert of_plan(found, "next_run_timestamp_seconds") is None
    assert of_plan(found, "last_success_timestamp_seconds") is not None


def test_plans_of_one_name_in_two_namespaces_are_two():
    found = scrape(Snapshot(plans=[a_plan(failures=1), a_plan(namespace="web", failures=2)]))
    assert found["holdfast_plan_consecutive_failures", "shop", "nightly"] == 1
    assert found["holdfast_plan_consecutive_failures", "web", "nightly"] == 2


def test_the_interval_is_asked_for_once_for_each_schedule():
    asked = []

    def interval(cron, zone):
        asked.append((cron, zone))
        return 3600.0

    exposition = Exposition(
        lambda: Snapshot(
            plans=[
                a_plan("a", cron="7 * * * *"),
                a_plan("b", cron="7 * * * *"),
                a_plan("c", spec={"schedule": "daily"}),
            ]
        ),
        Instruments(),
        interval,
    )
    exposition.render()
    text, _ = exposition.render()
    assert asked == [("7 * * * *", "Etc/UTC"), ("daily", "Etc/UTC")]
    assert b'holdfast_plan_interval_seconds{namespace="shop",plan="a"} 3600.0' in text


def test_a_schedule_without_an_interval_has_no_series():
    found = scrape(Snapshot(plans=[a_plan()]), interval=lambda _cron, _zone: None)
    assert of_plan(found, "interval_seconds") is None


def test_a_location_tells_whether_it_can_be_used_and_how_much_is_in_it():
    location = a_location(
        conditions=[condition("Ready")], lastChecked="2026-11-26T02:00:00Z", backups=12, storedBytes=3_000_000
    )
    found = scrape(Snapshot(locations=[location, a_location("new")]))
    assert found["holdfast_location_ready", "shop", "main"] == 1
    assert found["holdfast_location_ready", "shop", "new"] == 0
    assert found["holdfast_location_backups", "shop", "main"] == 12
    assert found["holdfast_location_stored_bytes", "shop", "main"] == 3_000_000
    assert found["holdfast_location_last_checked_timestamp_seconds", "shop", "main"] == seconds("2026-11-26T02:00:00Z")
    assert ("holdfast_location_backups", "shop", "new") not in found


def test_requests_are_counted_by_namespace_and_phase():
    found = scrape(
        Snapshot(
            backups=[a_backup("Done"), a_backup("Done"), a_backup("Failed"), a_backup("Done", "web"), a_backup()],
            restores=[a_restore("Running")],
        )
    )
    assert found["holdfast_backups", "shop", "Done"] == 2
    assert found["holdfast_backups", "web", "Done"] == 1
    assert found["holdfast_backups", "shop", "Failed"] == 1
    assert found["holdfast_backups", "shop", "Pending"] == 1
    assert found["holdfast_restores", "shop", "Running"] == 1


def test_a_replica_that_does_not_lead_tells_of_no_object_but_of_itself():
    found = scrape(None)
    assert found["holdfast_controller_leader",] == 0
    assert not any(name.startswith(("holdfast_plan", "holdfast_location", "holdfast_backups")) for name, *_ in found)


def test_the_controller_counts_its_own_work():
    instruments = Instruments("cf0e51e1-8ad2-4d5c-9d3c-0a2b9c1a4ad1")
    instruments.lead(True)
    instruments.reconciled("BackupPlan", 0.01)
    instruments.reconciled("BackupPlan", 0.3, failed=True)
    instruments.reconciled("Backup", 0.01)
    instruments.watch_restarted("Job")
    instruments.notification_sent("ntfy")
    instruments.notification_failed("json")
    found = scrape(Snapshot(), instruments)
    assert found["holdfast_controller_leader",] == 1
    assert found["holdfast_controller_reconcile_duration_seconds_count", "BackupPlan"] == 2
    assert found["holdfast_controller_reconcile_duration_seconds_sum", "BackupPlan"] == pytest.approx(0.31)
    assert found["holdfast_controller_reconcile_errors_total", "BackupPlan"] == 1
    assert found["holdfast_controller_reconcile_errors_total", "Backup"] == 0
    assert found["holdfast_controller_watch_restarts_total", "Job"] == 1
    assert found["holdfast_notifications_sent_total", "ntfy"] == 1
    assert found["holdfast_notifications_failed_total", "ntfy"] == 0
    assert found["holdfast_notifications_failed_total", "json"] == 1
    assert found["holdfast_build_info", "cf0e51e1-8ad2-4d5c-9d3c-0a2b9c1a4ad1", VERSION] == 1
    assert found["process_resident_memory_bytes",] > 0
    assert not any(name.endswith("_created") for name, *_ in found)


def test_a_restart_changes_nothing_that_is_told_of_objects():
    snapshot = Snapshot(plans=[a_plan(lastRun=FINISHED, failures=2)], locations=[a_location()])
    own = ("process_", "holdfast_controller")
    first, second = (
        {key: value for key, value in scrape(snapshot).items() if not key[0].startswith(own)} for _ in range(2)
    )
    assert first == second


def test_openmetrics_is_told_to_those_who_ask_for_it():
    exposition = Exposition(lambda: Snapshot(plans=[a_plan()]), Instruments(), lambda _cron, _zone: DAY)
    text, content_type = exposition.render("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")


def test_a_thousand_plans_fit_into_a_small_answer():
    plans = [
        a_plan(
            f"plan-{number}", f"team-{number % 50}", lastRun=FINISHED, lastSuccess="2026-11-26T02:03:10Z", failures=0
        )
        for number in range(1000)
    ]
    text, _ = Exposition(lambda: Snapshot(plans=plans), Instruments(), lambda _cron, _zone: DAY).render()
    assert len(text) < 2_500_000
    assert len(gzip.compress(text, compresslevel=1)) < 250_000
