"""API versions that the target does not serve: well-known moves, custom kinds, and restores between two minor versions."""

import pytest
from tests.operations.restore.aged import AgedLab
from tests.restore_lab import (
    Lab,
    Vault,
    claim,
    config_map,
    entry,
    essence,
    eventually,
    obj,
    outcomes,
    owned_by,
    owners,
    pod_spec,
    service,
    unique,
    workload,
)


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
def second(second_cluster, namespace):
    lab = Lab(second_cluster, namespace)
    lab.end_later(namespace)
    yield lab
    lab.close()


# Built-in kinds, as a cluster of years ago had them


def plain(_thing):
    """The fields are the same."""


def without_selector(thing):
    del thing["spec"]["selector"]


def old_ingress(thing):
    for rule in thing["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            named = path["backend"].pop("service")
            path["backend"] = {"serviceName": named["name"], "servicePort": named["port"]["number"]}


def of_beta_deployment(thing):
    for owner in thing["metadata"].get("ownerReferences", ()):
        owner["apiVersion"] = "apps/v1beta1"


def scaling_beta_deployment(thing):
    thing["spec"]["scaleTargetRef"]["apiVersion"] = "apps/v1beta1"


LONG_AGO = {
    "deployments.apps": ("apps", "v1beta1", without_selector),
    "cronjobs.batch": ("batch", "v1beta1", plain),
    "poddisruptionbudgets.policy": ("policy", "v1beta1", plain),
    "ingresses.networking.k8s.io": ("networking.k8s.io", "v1beta1", old_ingress),
    "horizontalpodautoscalers.autoscaling": ("autoscaling", "v2beta2", scaling_beta_deployment),
    "configmaps": ("", "v1", of_beta_deployment),
}
CRON_JOB = obj(
    "batch/v1",
    "CronJob",
    "nightly",
    spec={"schedule": "1 1 * * *", "jobTemplate": {"spec": {"template": {"spec": pod_spec(restartPolicy="Never")}}}},
)
BUDGET = obj(
    "policy/v1", "PodDisruptionBudget", "web", spec={"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
)
PATHS = [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]
INGRESS = obj(
    "networking.k8s.io/v1", "Ingress", "web", spec={"rules": [{"host": "a.example.com", "http": {"paths": PATHS}}]}
)
AUTOSCALER = obj(
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    "web",
    spec={"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
)


def make_web(lab):
    web = lab.make(workload("Deployment", "web", replicas=0))
    for thing in (CRON_JOB, BUDGET, INGRESS, AUTOSCALER):
        lab.make(thing)
    lab.make(config_map(metadata=owned_by(web)))
    lab.settled()


def test_backup_of_old_versions_comes_back_in_new_ones(lab, vault):
    make_web(lab)
    vault.back_up(AgedLab(lab, LONG_AGO))
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)
    mapped = {"namespaces": {lab.namespace: copy.namespace}}

    plan = vault.plan(lab, **mapped)
    report = vault.restore(lab, **mapped)

    assert entry(plan, "poddisruptionbudgets", "web").why.endswith(
        "sent as policy/v1 instead of policy/v1beta1: an empty selector goes on being for no pod"
    )
    converted = {item.name for item in plan.objects if "sent as" in item.why}
    assert converted == {"web", "nightly"}
    assert (report.outcome, report.errors) == ("done", [])
    web = copy.read(workload("Deployment", "web"))
    assert web["spec"]["selector"] == {"matchLabels": {"app": "web"}}
    assert copy.read(INGRESS)["spec"]["rules"][0]["http"]["paths"] == PATHS
    assert copy.read(CRON_JOB)["spec"]["schedule"] == "1 1 * * *"
    assert copy.read(AUTOSCALER)["spec"]["scaleTargetRef"]["apiVersion"] == "apps/v1"
    (owner,) = copy.read(config_map())["metadata"]["ownerReferences"]
    assert (owner["apiVersion"], owner["uid"]) == ("apps/v1", web["metadata"]["uid"])
    assert owners(copy.read(CRON_JOB)) == owners(lab.read(CRON_JOB))  # the fields are the same, so their owners are
    before = copy.settled()
    again = vault.restore(lab, on_conflict="update", **mapped)
    assert copy.settled() == before
    assert again.counts["created"] == again.counts["updated"] == again.counts["failed"] == 0


def test_live_object_of_a_newer_version_is_compared_and_updated(lab, vault):
    make_web(lab)
    vault.back_up(AgedLab(lab, LONG_AGO))
    lab.patch(CRON_JOB, {"spec": {"schedule": "2 2 * * *"}})

    plan = vault.plan(lab)
    report = vault.restore(lab, on_conflict="update")

    assert entry(plan, "cronjobs", "nightly").differences == ["spec.schedule"]
    assert outcomes(plan)["ingresses", "web"] == outcomes(plan)["deployments", "web"] == "unchanged"
    assert outcomes(report)["cronjobs", "nightly"] == "updated"
    assert lab.read(CRON_JOB)["spec"]["schedule"] == "1 1 * * *"


def test_version_without_a_known_move_is_blocked(lab, vault):
    lab.make(CRON_JOB)
    vault.back_up(AgedLab(lab, {"cronjobs.batch": ("batch", "v7", plain)}))

    blocked = entry(vault.plan(lab), "cronjobs", "nightly")

    assert (blocked.action, blocked.why) == ("blocked", "the cluster serves cronjobs.batch only as v1, not v7")
    assert blocked.next == "Restore into a cluster that serves this version."


# Custom kinds


def schema(**more):
    properties = {"spec": {"type": "object", "properties": {"size": {"type": "integer"}} | more}}
    return {"openAPIV3Schema": {"type": "object", "properties": properties}}


def versioned(stem, versions, **spec):
    """A definition; `versions` is {name: (served, schema)}, the first one is stored."""
    names = {"plural": f"{stem}s", "singular": stem, "kind": stem.capitalize()}
    listed = [
        {"name": name, "served": served, "storage": not number, "schema": what}
        for number, (name, (served, what)) in enumerate(versions.items())
    ]
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": listed, **spec}
    return obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{stem}s.example.com", spec=spec)


@pytest.fixture
def stem():
    return unique("thing").replace("-", "")


def install(lab, definition):
    lab.make(definition)
    lab.cluster.wait_established(definition["metadata"]["name"])


def back_up_one(lab, vault, stem, definition):
    """A backup of one object of version v2, made by server-side apply."""
    install(lab, definition)
    lab.server_side_apply(obj("example.com/v2", stem.capitalize(), "one", spec={"size": 1}))
    vault.back_up(lab)


def restored(vault, second, stem):
    return entry(vault.plan(second), f"{stem}s", "one"), entry(vault.restore(second), f"{stem}s", "one")


def test_version_that_is_known_and_not_served_is_the_same_by_the_definition(lab, vault, second, stem):
    back_up_one(lab, vault, stem, versioned(stem, {"v2": (True, schema())}))
    install(second, versioned(stem, {"v3": (True, schema()), "v2": (False, schema())}))

    planned, result = restored(vault, second, stem)

    assert result.result == "created"
    note = "sent as example.com/v3 instead of example.com/v2: for the cluster's definition both are the same"
    assert note in planned.why
    live = second.read(obj("example.com/v3", stem.capitalize(), "one"))
    assert live["spec"] == {"size": 1}
    assert [owner["apiVersion"] for owner in owners(live)] == ["example.com/v3"]
    assert outcomes(vault.restore(second))[f"{stem}s", "one"] == "unchanged"


def test_target_that_is_older_is_served_by_what_the_backups_definition_knows(lab, vault, second, stem):
    back_up_one(lab, vault, stem, versioned(stem, {"v2": (True, schema()), "v1": (True, schema())}))
    install(second, versioned(stem, {"v1": (True, schema())}))

    planned, result = restored(vault, second, stem)

    assert (
        "sent as example.com/v1 instead of example.com/v2: for the backup's definition both are the same" in planned.why
    )
    assert result.result == "created"
    assert second.read(obj("example.com/v1", stem.capitalize(), "one"))["spec"] == {"size": 1}


def test_versions_with_other_schemas_are_blocked_until_the_old_one_is_served(lab, vault, second, stem):
    back_up_one(lab, vault, stem, versioned(stem, {"v2": (True, schema())}))
    wider = schema(color={"type": "string"})
    newer = versioned(stem, {"v3": (True, wider), "v2": (False, schema())})
    install(second, newer)

    planned, result = restored(vault, second, stem)

    kind = f"{stem}s.example.com"
    why = f"the cluster serves {kind} only as v3, not v2, and the schemas of v2 and v3 differ, and it has no conversion"
    assert (planned.action, planned.why, result.result) == ("blocked", why, "failed")
    assert planned.next == (
        f"Serve v2 for the time of the restore: set `served: true` for it in the definition {kind}."
    )
    served = versioned(stem, {"v3": (True, wider), "v2": (True, schema())})
    second.patch(newer, {"spec": {"versions": served["spec"]["versions"]}})
    eventually(
        lambda: second.cluster.refresh_surface().by_kind("example.com/v2", stem.capitalize()),
        "the old version is served",
    )
    assert outcomes(vault.restore(second))[f"{stem}s", "one"] == "created"


def test_conversion_by_a_webhook_is_not_done_without_it(lab, vault, second, stem):
    back_up_one(lab, vault, stem, versioned(stem, {"v2": (True, schema())}))
    client = {"clientConfig": {"url": "https://127.0.0.1:1/"}, "conversionReviewVersions": ["v1"]}
    conversion = {"strategy": "Webhook", "webhook": client}
    install(second, versioned(stem, {"v3": (True, schema()), "v2": (False, schema())}, conversion=conversion))

    planned, _ = restored(vault, second, stem)

    assert planned.action == "blocked"
    assert "only its conversion webhook knows how v2 becomes v3" in planned.why
    assert planned.next.startswith("Serve v2 for the time of the restore")


# Between two minor versions


def rich_namespace(lab, stem):
    """A bit of everything that both minor versions have, made by several managers, with owners."""
    install(lab, versioned(stem, {"v1": (True, schema())}))
    web = lab.make(workload("Deployment", "web", replicas=2), "helm")
    lab.patch(workload("Deployment", "web"), {"spec": {"replicas": 1}}, "kubectl-scale")
    for thing in (CRON_JOB, BUDGET, INGRESS, AUTOSCALER, service(), service("nodes", type="NodePort"), claim()):
        lab.make(thing)
    lab.make(service("alone", clusterIP="None"))
    lab.make(workload("DaemonSet", "agent"))
    lab.make(workload("StatefulSet", "db", serviceName="db", volumeClaimTemplates=[claim("disk")]))
    lab.server_side_apply(config_map())
    lab.make(config_map("owned", metadata=owned_by(web) | {"finalizers": ["example.com/keep"]}))
    lab.make(obj("v1", "Secret", "login", stringData={"password": "secret"}))
    lab.make(obj("v1", "ServiceAccount", "robot"))
    lab.make(obj("v1", "LimitRange", "small", spec={"limits": [{"type": "Container", "max": {"cpu": "8"}}]}))
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    lab.make(obj("rbac.authorization.k8s.io/v1", "Role", "reader", rules=rules))
    group = "rbac.authorization.k8s.io"
    lab.make(obj(
        f"{group}/v1", "RoleBinding", "reader", roleRef={"apiGroup": group, "kind": "Role", "name": "reader"},
        subjects=[{"kind": "ServiceAccount", "name": "robot", "namespace": lab.namespace}],
    ))  # fmt: skip
    policy = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"namespaceSelector": {}}]}]}
    lab.make(obj("networking.k8s.io/v1", "NetworkPolicy", "fence", spec=policy))
    lab.make(obj("example.com/v1", stem.capitalize(), "one", spec={"size": 1}))
    lab.settled()


MADE_BY_CONTROLLERS = {"Pod", "ControllerRevision", "ReplicaSet"}


def kept(lab):
    """{(kind, name): what a user would compare} of what is backed up and not made by a controller."""
    things = lab.objects()
    return {
        key: without_nulls(essence(thing, lab.namespace))
        for key, thing in things.items()
        if key[0] not in MADE_BY_CONTROLLERS and key[1] not in ("kube-root-ca.crt", "default") and not is_of_volume(key)
    }


def without_nulls(value):
    """Servers before 1.34 send `creationTimestamp: null` in templates."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def is_of_volume(key):
    """Claims that a StatefulSet makes for itself: its new pods have them too."""
    return key[0] == "PersistentVolumeClaim" and key[1] != "data"


@pytest.fixture(params=[("old_cluster", "cluster"), ("cluster", "old_cluster")], ids="->".join)
def move(request):
    """A namespace in one cluster, and the same, not there yet, in the other."""
    here, there = (Lab(request.getfixturevalue(name)) for name in request.param)
    lab = here.new_namespace("rich")
    target = there.within(lab.namespace)
    there.end_later(lab.namespace)
    yield lab, target
    for side in (lab, target):
        if side.find(config_map("owned")):
            side.patch(config_map("owned"), {"metadata": {"finalizers": None}})
        side.close()


def test_rich_namespace_moves_between_minor_versions(move, vault, stem):
    lab, target = move
    rich_namespace(lab, stem)
    vault.back_up(lab)

    plan = vault.plan(target)
    report = vault.restore(target)
    target.delete_later(versioned(stem, {}))

    assert not plan.counts.get("blocked")
    assert (report.outcome, report.errors) == ("done", [])
    target.settled()
    before, after = kept(lab), kept(target)
    assert before.keys() == after.keys()
    different = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    assert different == {}
    for key in [("ConfigMap", "settings"), ("Deployment", "web"), ("CronJob", "nightly"), ("Role", "reader")]:
        assert owners(target.objects()[key]) == owners(lab.objects()[key])
    (owner,) = target.read(config_map("owned"))["metadata"]["ownerReferences"]
    assert owner["uid"] == target.read(workload("Deployment", "web"))["metadata"]["uid"]
    versions = target.settled()
    again = vault.restore(target, on_conflict="update")
    assert target.settled() == versions
    assert again.counts["created"] == again.counts["updated"] == again.counts["failed"] == 0
