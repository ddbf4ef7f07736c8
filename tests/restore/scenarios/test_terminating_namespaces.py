"""Namespaces that are being deleted and do not go, because something in them waits for a finalizer."""

import pytest
from tests.restore_lab import config_map, entry, eventually, obj, outcomes, service, workload

from holdfast.testing.manual_clock import ManualClock

FINALIZER = "example.com/hold"


def held():
    return config_map("held", metadata={"finalizers": [FINALIZER]})


def begin_to_end(lab):
    """Deletes the namespace; `held` keeps it."""
    space = obj("v1", "Namespace", lab.namespace)
    lab.send("DELETE", lab.path(space))
    eventually(lambda: lab.read(space)["status"]["phase"] == "Terminating", "it is terminating")


def let_go(lab):
    lab.patch(config_map("held"), {"metadata": {"finalizers": None}})
    eventually(lambda: lab.find(obj("v1", "Namespace", lab.namespace)) is None, "the namespace is gone")


@pytest.fixture
def saved(lab, vault):
    """An application with an object that waits for a finalizer, in a backup."""
    for thing in (config_map(), service(), workload("Deployment", "web", replicas=0)):
        lab.make(thing)
    lab.make(held())
    vault.back_up(lab)


@pytest.mark.usefixtures("saved")
def test_namespace_stuck_in_terminating_is_named_and_restored_once_it_is_gone(lab, vault):
    begin_to_end(lab)

    stuck = vault.restore(lab)

    assert stuck.outcome == "partial"
    assert stuck.counts["created"] == 0
    failed = entry(stuck, "configmaps", "settings")
    assert (failed.result, failed.why) == ("failed", f"the namespace {lab.namespace} is being deleted")
    let_go(lab)
    report = vault.restore(lab)
    assert (report.outcome, report.errors) == ("done", [])
    assert lab.find(config_map())
    restored = lab.read(config_map("held"))
    assert restored["metadata"]["finalizers"] == [FINALIZER]
    lab.patch(config_map("held"), {"metadata": {"finalizers": None}})


@pytest.mark.usefixtures("saved")
def test_namespace_stuck_in_terminating_does_not_hinder_the_other_namespaces(lab, vault, make_namespace):
    other = lab.within(make_namespace())
    other.make(config_map())
    vault.back_up(lab, namespaces=(lab.namespace, other.namespace))
    other.delete(config_map())
    begin_to_end(lab)

    report = vault.restore(lab)
    lab.patch(config_map("held"), {"metadata": {"finalizers": None}})

    assert report.outcome == "partial"
    assert {item.namespace for item in report.objects if item.result == "failed"} - {""} == {lab.namespace}
    assert other.find(config_map())


@pytest.mark.usefixtures("saved")
def test_namespace_that_begins_to_end_in_the_middle_is_refused_in_the_servers_words(lab, vault, copy, into_copy):
    copy_space = obj("v1", "Namespace", copy.namespace)
    lab.make(copy_space)
    copy.make(held())

    report = vault.restore(lab, **into_copy, approve=lambda _: begin_to_end(copy))
    copy.patch(config_map("held"), {"metadata": {"finalizers": None}})

    assert report.outcome == "partial"
    assert outcomes(report)["deployments", "web"] == "failed"
    assert "is being terminated" in entry(report, "configmaps", "settings").why


@pytest.mark.usefixtures("saved")
def test_rollback_of_a_namespace_stuck_in_terminating_changes_nothing(lab, vault):
    lab.patch(config_map(), {"data": {"color": "red"}})
    begin_to_end(lab)
    before = lab.settled()

    report = vault.restore(lab, rollback=True)

    assert report.outcome == "partial"
    assert report.counts["deleted"] == report.counts["updated"] == report.counts["created"] == 0
    assert lab.settled() == before
    let_go(lab)
    assert vault.restore(lab, rollback=True).outcome == "done"
    lab.patch(config_map("held"), {"metadata": {"finalizers": None}})


def test_object_that_replace_cannot_get_rid_of_is_named(lab, vault):
    """Its finalizer is not done, so it stays; a second run, when it is gone, creates it."""
    lab.make(config_map("sealed", immutable=True))
    vault.back_up(lab)
    lab.delete(config_map("sealed"))
    lab.make(
        {**held(), "metadata": {"name": "sealed", "finalizers": [FINALIZER]}, "immutable": True, "data": {"a": "b"}}
    )
    connection = lab.cluster.connection
    connection.clock = clock = ManualClock()
    connection.sleep = clock.sleep  # a minute's patience takes no time

    report = vault.restore(lab, on_conflict="replace")

    failed = entry(report, "configmaps", "sealed")
    assert (report.outcome, failed.result) == ("partial", "failed")
    assert FINALIZER in failed.why
    lab.patch(config_map("sealed"), {"metadata": {"finalizers": None}})
    again = vault.restore(lab, on_conflict="replace")
    assert outcomes(again)["configmaps", "sealed"] == "created"
    assert lab.read(config_map("sealed"))["data"] == {"color": "blue"}
