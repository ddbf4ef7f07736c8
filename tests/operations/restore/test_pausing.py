"""Owners in GitOps are recognised and hold still while asked to; workloads are scaled down; both go on afterwards."""

import pytest
from tests.restore_lab import (
    Lab,
    Vault,
    config_map,
    definition,
    entry,
    eventually,
    obj,
    outcomes,
    owners,
    unique,
    workload,
)

from holdfast.errors import ApiRefused, Cancelled, NotFound, UsageError
from holdfast.model.kubernetes import ObjectKey
from holdfast.model.progress import Silent
from holdfast.objects.pausing import NOTE
from holdfast.operations.restore.execution import Execution
from holdfast.operations.restore.pausing import holding_still

FLUX = {"kustomize.toolkit.fluxcd.io/name": "apps"}
KINDS = {
    "Kustomization": ("kustomize.toolkit.fluxcd.io", "kustomizations"),
    "HelmRelease": ("helm.toolkit.fluxcd.io", "helmreleases"),
    "Application": ("argoproj.io", "applications"),
}


@pytest.fixture(scope="module")
def owners_served(cluster):
    """The kinds of Flux and Argo CD, without their programs."""
    lab = Lab(cluster)
    for kind, (group, plural) in KINDS.items():
        made = definition(unique("x"))
        made["metadata"]["name"] = f"{plural}.{group}"
        names = {"plural": plural, "singular": kind.lower(), "kind": kind}
        made["spec"] |= {"group": group, "names": names}
        lab.make(made)
        lab.cluster.wait_established(f"{plural}.{group}")
    lab.cluster.refresh_surface()
    yield
    lab.close()


@pytest.fixture
def lab(cluster, namespace, owners_served):  # noqa: ARG001 - it makes the kinds
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault():
    return Vault()


def kustomization(name="apps", **spec):
    return obj("kustomize.toolkit.fluxcd.io/v1", "Kustomization", name, spec={"path": "./apps", **spec})


def release(name="web", **spec):
    return obj("helm.toolkit.fluxcd.io/v1", "HelmRelease", name, spec={"chart": "web", **spec})


def application(name="shop", **spec):
    policy = {"automated": {"prune": True, "selfHeal": True}, "retry": {"limit": 2}}
    return obj("argoproj.io/v1", "Application", name, spec={"project": "default", "syncPolicy": policy, **spec})


def owned(lab, name, tool):
    namespace = {f"{prefix}.toolkit.fluxcd.io/namespace": lab.namespace for prefix in ("kustomize", "helm")}
    labels = {
        "Kustomization": {"kustomize.toolkit.fluxcd.io/name": "apps", **namespace},
        "HelmRelease": {"helm.toolkit.fluxcd.io/name": "web", **namespace},
        "Application": {"argocd.argoproj.io/instance": "shop"},
    }[tool]
    return config_map(name, metadata={"labels": labels})


OWNERS = {"Kustomization": kustomization(), "HelmRelease": release(), "Application": application()}


def lose(lab, vault, owner, tool):
    """An owner with one object of its own, backed up and lost; not the owner, which is not part of the restore."""
    lab.make(owner)
    lab.make(owned(lab, "settings", tool))
    vault.back_up(lab)
    lab.delete(config_map())


def during(monkeypatch, look):
    """Calls `look` in the middle of the restore."""
    execution = Execution.write

    def run(self):
        execution(self)
        look()

    monkeypatch.setattr(Execution, "write", run)


@pytest.mark.parametrize("tool", KINDS)
def test_plan_names_the_owner_that_will_undo_the_restore(lab, vault, tool):
    lose(lab, vault, OWNERS[tool], tool)

    (note,) = vault.plan(lab).notes

    assert "looks after 1 of these objects" in note
    assert f"{lab.namespace}/{OWNERS[tool]['metadata']['name']}" in note
    assert "--pause-gitops" in note


def test_owner_of_what_is_not_changed_is_not_mentioned(lab, vault):
    lab.make(kustomization())
    lab.make(owned(lab, "settings", "Kustomization"))
    vault.back_up(lab)

    assert vault.plan(lab).notes == []


def test_flux_does_not_look_after_a_copy_in_another_namespace(lab, vault):
    lose(lab, vault, kustomization(), "Kustomization")

    plan = vault.plan(lab, namespaces={lab.namespace: unique("copy")}, exclude_kinds=("kustomizations",))

    assert plan.notes == []


@pytest.mark.parametrize("tool", KINDS)
def test_owner_holds_still_while_the_restore_runs(lab, vault, monkeypatch, tool):
    owner, seen = OWNERS[tool], []
    lose(lab, vault, owner, tool)
    before = lab.read(owner)
    during(monkeypatch, lambda: seen.append(lab.read(owner)))

    report = vault.restore(lab, pause_gitops=True)

    spec = seen[0]["spec"]
    assert spec.get("suspend") is True or spec.get("syncPolicy") == {"retry": {"limit": 2}}
    after = lab.read(owner)
    assert after["spec"] == before["spec"]
    assert owners(after) == owners(before)
    assert NOTE not in str(after)
    assert report.outcome == "done"
    assert "is paused while the restore runs" in report.notes[0]
    assert outcomes(report)["configmaps", "settings"] == "created"


def test_without_the_flag_nothing_is_paused(lab, vault, monkeypatch):
    lose(lab, vault, kustomization(), "Kustomization")
    before = lab.read(kustomization())
    seen = []
    during(monkeypatch, lambda: seen.append(lab.read(kustomization())))

    vault.restore(lab)

    assert seen == [before]


def test_pause_that_was_there_before_stays(lab, vault):
    lose(lab, vault, kustomization(suspend=True), "Kustomization")
    before = lab.read(kustomization())

    report = vault.restore(lab, pause_gitops=True)

    assert lab.read(kustomization()) == before
    assert "it is paused already, and stays so" in report.notes[0]


def test_owner_goes_on_after_a_restore_that_was_stopped(lab, vault, monkeypatch):
    lose(lab, vault, kustomization(), "Kustomization")
    before = lab.read(kustomization())

    def stop():
        lab.cancel.request()
        lab.cancel.check()

    during(monkeypatch, stop)
    with pytest.raises(Cancelled):
        vault.restore(lab, pause_gitops=True)

    lab.cancel._event.clear()
    assert lab.read(kustomization())["spec"] == before["spec"]


def test_what_a_killed_run_left_paused_is_named_and_let_go_by_the_next(lab, vault):
    lose(lab, vault, kustomization(), "Kustomization")
    before = lab.read(kustomization())
    key = _key(lab, kustomization())
    killed = holding_still(lab.cluster, [key], Silent())  # kept: at its end it would let go, as a killed process cannot
    killed.__enter__()
    assert lab.read(kustomization())["spec"]["suspend"] is True

    plan = vault.plan(lab)
    report = vault.restore(lab)

    assert any("ended early left these paused" in note and str(key) in note for note in plan.notes)
    assert report.outcome == "done"
    assert lab.read(kustomization())["spec"] == before["spec"]
    assert owners(lab.read(kustomization())) == owners(before)


def _key(lab, thing):
    resource = lab.resource(thing)
    return ObjectKey(resource.group, resource.plural, lab.namespace, thing["metadata"]["name"])


def test_owner_that_cannot_be_let_go_makes_the_run_partial(lab, vault, monkeypatch):
    lose(lab, vault, kustomization(), "Kustomization")

    def hold():
        monkeypatch.setattr(
            "holdfast.operations.restore.pausing._resume",
            lambda *_: (_ for _ in ()).throw(
                ApiRefused("cannot patch", status=403, reason="Forbidden", why="no right")
            ),
        )

    during(monkeypatch, hold)
    report = vault.restore(lab, pause_gitops=True)
    monkeypatch.undo()

    (problem,) = report.errors
    assert report.outcome == "partial"
    assert "is still paused" in problem.what
    assert "kubectl patch kustomizations.kustomize.toolkit.fluxcd.io apps" in problem.next
    lab.delete(kustomization())


# Workloads


def test_workload_has_no_pods_while_the_restore_runs(lab, vault, monkeypatch):
    operator = workload("Deployment", "operator", replicas=2)
    lab.make(operator)
    lab.make(config_map())
    eventually(lambda: lab.read(operator)["status"].get("replicas") == 2, "there are pods")
    vault.back_up(lab, objects=(f"configmap/{lab.namespace}/settings",))
    lab.delete(config_map())
    before, seen = lab.read(operator), []
    during(monkeypatch, lambda: seen.append(lab.read(operator)))

    report = vault.restore(lab, scale_down_first=(f"deploy/{lab.namespace}/operator",))

    assert seen[0]["spec"]["replicas"] == 0
    assert not seen[0]["status"].get("replicas")
    assert lab.read(operator)["spec"] == before["spec"]
    assert owners(lab.read(operator)) == owners(before)
    assert report.outcome == "done"


def test_workload_that_is_updated_stays_down_until_the_end(lab, vault, monkeypatch):
    web = workload("StatefulSet", "web", replicas=1, serviceName="web")
    lab.make(web)
    lab.settled()
    vault.back_up(lab)
    lab.patch(web, {"spec": {"replicas": 3}})
    seen = []
    during(monkeypatch, lambda: seen.append(lab.read(web)))

    report = vault.restore(lab, on_conflict="update", scale_down_first=(f"statefulset/{lab.namespace}/web",))

    assert outcomes(report)["statefulsets", "web"] == "updated"
    assert seen[0]["spec"]["replicas"] == 0
    assert lab.read(web)["spec"]["replicas"] == 1
    assert NOTE not in str(lab.read(web))


def test_only_workloads_that_are_there_can_be_scaled_down(lab, vault):
    lab.make(config_map())
    vault.back_up(lab)

    with pytest.raises(UsageError, match="is not possible"):
        vault.plan(lab, scale_down_first=(f"configmap/{lab.namespace}/settings",))
    with pytest.raises(NotFound, match="cannot be scaled down: it is not in the cluster"):
        vault.plan(lab, scale_down_first=(f"deploy/{lab.namespace}/operator",))


def test_a_rollback_leaves_what_an_owner_in_gitops_makes(lab, vault):
    lab.make(kustomization())
    vault.back_up(lab)
    lab.make(owned(lab, "made", "Kustomization"))
    lab.make(owned(lab, "left", "HelmRelease"))  # there is none of that name, so nobody would make it again

    report = vault.restore(lab, rollback=True)

    assert "would make it again" in entry(report, "configmaps", "made").why
    assert outcomes(report)["configmaps", "made"] == "skipped"
    assert outcomes(report)["configmaps", "left"] == "deleted"
