"""A clone in quarantine: closed before anything is in it, never in a namespace that is in use, and told about in the plan."""

import pytest
from tests.restore_lab import Lab, Vault, config_map, entry, job, obj, outcomes, service, unique, workload

from holdfast.errors import ApiRefused, PlanRefused, UsageError
from holdfast.objects.isolation import POLICY, network_policy
from holdfast.operations.restore import execution


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
def clone(lab):
    name = unique("clone")
    lab.end_later(name)
    return lab.within(name)


def policy(clone):
    return clone.find(obj("networking.k8s.io/v1", "NetworkPolicy", POLICY))


def shop(lab):
    lab.make(service(type="LoadBalancer", externalTrafficPolicy="Local"))
    lab.make(workload("Deployment", "web"))
    lab.make(config_map())
    spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job()["spec"]}}
    lab.make(obj("batch/v1", "CronJob", "yearly", spec=spec))
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    lab.make(obj("networking.k8s.io/v1", "Ingress", "web", spec={"defaultBackend": backend}))
    lab.make(obj("networking.k8s.io/v1", "NetworkPolicy", "open", spec={"podSelector": {}, "ingress": [{}]}))


def test_clone_runs_closed_beside_the_original(lab, vault, clone):
    shop(lab)
    lab.settled()
    vault.back_up(lab)
    before = lab.settled()

    report = vault.restore(lab, namespaces={lab.namespace: clone.namespace}, quarantine=True)

    assert report.outcome == "done"
    assert policy(clone)["spec"] == network_policy(clone.namespace)["spec"]
    assert clone.read(service())["spec"]["type"] == "ClusterIP"
    assert clone.read(obj("batch/v1", "CronJob", "yearly"))["spec"]["suspend"] is True
    assert clone.read(workload("Deployment", "web"))
    assert clone.find(obj("networking.k8s.io/v1", "Ingress", "web")) is None
    assert clone.find(obj("networking.k8s.io/v1", "NetworkPolicy", "open")) is None
    assert entry(report, "networkpolicies", POLICY).result == "created"
    assert lab.versions() == before


def test_second_run_finds_everything_unchanged(lab, vault, clone):
    shop(lab)
    vault.back_up(lab)
    options = {"namespaces": {lab.namespace: clone.namespace}, "quarantine": True}
    vault.restore(lab, **options)

    again = vault.restore(lab, **options)

    assert again.outcome == "done"
    assert again.counts["created"] == again.counts["updated"] == again.counts["failed"] == 0
    assert outcomes(again)["cronjobs", "yearly"] == "unchanged"


def test_plan_says_what_the_quarantine_changes(lab, vault, clone):
    shop(lab)
    vault.back_up(lab)

    plan = vault.plan(lab, namespaces={lab.namespace: clone.namespace}, quarantine=True)

    assert entry(plan, "ingresses", "web").action == "left out"
    assert entry(plan, "ingresses", "web").why == "quarantine: it would claim the original's host names"
    assert "changed by quarantine-services" in entry(plan, "services", "web").why
    assert "changed by" not in entry(plan, "configmaps", "settings").why
    (note,) = plan.notes
    assert note.startswith("Quarantine: 2 objects are left out and 3 changed")
    assert clone.namespace in note


def test_namespace_is_closed_before_anything_is_in_it(lab, vault, clone, monkeypatch):
    lab.make(config_map())
    vault.back_up(lab)
    close, seen = execution.close_namespace, []

    def look_and_close(cluster, namespace, **options):
        seen.append(clone.find(config_map()))
        return close(cluster, namespace, **options)

    monkeypatch.setattr(execution, "close_namespace", look_and_close)
    vault.restore(lab, namespaces={lab.namespace: clone.namespace}, quarantine=True)

    assert seen == [None]
    assert clone.find(config_map())


def test_without_its_policy_nothing_is_restored(lab, vault, clone, monkeypatch):
    lab.make(config_map())
    vault.back_up(lab)

    def refuse(*_, **__):
        raise ApiRefused("cannot patch", status=403, reason="Forbidden", why="no right to patch networkpolicies")

    monkeypatch.setattr(execution, "close_namespace", refuse)
    with pytest.raises(ApiRefused):
        vault.restore(lab, namespaces={lab.namespace: clone.namespace}, quarantine=True)

    assert clone.find(config_map()) is None


def test_namespace_that_is_in_use_is_not_cut_off(lab, vault):
    lab.make(config_map())
    vault.back_up(lab)
    lab.delete(config_map())

    plan = vault.plan(lab, quarantine=True)
    with pytest.raises(PlanRefused, match="needs namespaces of its own") as refusal:
        vault.restore(lab, quarantine=True)

    assert entry(plan, "configmaps", "settings").action == "blocked"
    assert "--map-namespace" in refusal.value.next
    assert policy(lab) is None
    assert lab.find(config_map()) is None


def test_quarantine_changes_nothing_that_exists(lab, vault, clone):
    lab.make(config_map())
    vault.back_up(lab)

    with pytest.raises(UsageError, match="is not possible"):
        vault.plan(lab, namespaces={lab.namespace: clone.namespace}, quarantine=True, on_conflict="update")
