"""Our kinds on real API servers of two versions: what they take, refuse, fill in, merge and show."""

from __future__ import annotations

import copy
import json
import subprocess

import msgspec
import pytest
from msgspec import inspect
from testbed import build, programs
from tests.conftest import needed_tools
from tests.definitions import backup, backup_plan, install_definitions, restore, storage_location
from tests.restore_lab import APPLY_PATCH, Lab

from holdfast.api import names
from holdfast.api.backup import Backup
from holdfast.api.backup_plan import BackupPlan
from holdfast.api.conditions import Condition
from holdfast.api.names import FINALIZER, MANAGER, STAMP_ANNOTATION
from holdfast.api.restore import Restore
from holdfast.api.run_status import RunStatus
from holdfast.api.storage_location import StorageLocation
from holdfast.errors import ApiRefused

MODELS = {"StorageLocation": StorageLocation, "BackupPlan": BackupPlan, "Backup": Backup, "Restore": Restore}
NOW = "2026-11-23T05:00:00Z"


@pytest.fixture(scope="module", params=["cluster", "old_cluster"])
def lab(request):
    lab = Lab(request.getfixturevalue(request.param))
    install_definitions(lab.cluster)
    yield lab.new_namespace("kinds")
    lab.close()


@pytest.fixture(scope="module")
def kubectl(lab, say):
    """`kubectl("get", "backups") -> what it prints`"""
    with needed_tools():
        build.ensure([programs.KUBECTL], say)
    base = [programs.KUBECTL.path, f"--kubeconfig={lab.control_plane.kubeconfig}", f"--namespace={lab.namespace}"]

    def run(*arguments, body=None):
        given = None if body is None else json.dumps(body)
        done = subprocess.run([*base, *arguments], input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def made(lab):
    """`made(thing) -> the object`, deleted after the test."""
    things = []

    def make(thing):
        things.append(thing)
        return lab.make(thing)

    yield make
    for thing in things:
        if lab.find(thing):
            lab.delete(thing)


def with_plan(**fields):
    return backup_plan(backup={"namespaces": ["shop"]} | fields)


REFUSED = [
    (backup(allNamespaces=True), "Use one of them; excludeNamespaces"),
    (restore(allNamespaces=True, namespaces=["a"]), "Use one of them; excludeNamespaces"),
    (with_plan(allNamespaces=True), "Use one of them; excludeNamespaces"),
    (backup(namespaces=[]), "Nothing is selected"),
    (with_plan(namespaces=[]), "Nothing is selected"),
    (backup(namespaces=[], clusterObjects="none"), "Nothing is selected"),
    (backup(labels={"a,b": "c"}), "A label of a backup is not usable"),
    (backup(labels={"a": "b,c"}), "A label of a backup is not usable"),
    (backup(keepFor="soon"), "spec.keepFor"),
    (backup(type="sometimes"), "Unsupported value"),
    (backup(namespaces=["a", "a"]), "Duplicate value"),
    (backup(namespaces=["a"] * 257), "Too many"),
    (backup(location=""), "spec.location"),
    (backup(serviceAccountName="Not/One"), "spec.serviceAccountName"),
    (restore(rollback=True, mapNamespaces={"a": "b"}), "Restore into the other namespace without rollback"),
    (restore(rollback=True, onConflict="update"), "Leave out one of them"),
    (restore(rollback=True, onConflict="fail"), "Leave out one of them"),
    (restore(deleteData=True), "Add rollback: true"),
    (restore(deleteData=True, rollback=False), "Add rollback: true"),
    (restore(backup="shop-1", plan="shop/nightly"), "Write backup: latest"),
    (restore(backup="shop-1", before="2026-11-23"), "Write backup: latest"),
    (restore(plan="nightly"), "Write plan: NAMESPACE/NAME"),
    (restore(dryRun=True, wait=True), "Leave out dryRun or wait"),
    (backup_plan(retention={"keepDaily": 0, "keepLast": 0}), "These rules keep nothing"),
    (backup_plan(retention={"keepDaily": -2}), "spec.retention.keepDaily"),
    (backup_plan(retention={"keepWithin": "30 days"}), "spec.retention.keepWithin"),
    (backup_plan(schedule="TZ=Europe/Berlin 0 3 * * *"), "Write it into timeZone"),
    (backup_plan(schedule=" 0 3 * * *"), "Write it without them"),
    (backup_plan(schedule=""), "spec.schedule"),
    (backup_plan(timeZone="Local"), "Name one, as Europe/Berlin"),
    (backup_plan(timeZone="../etc/passwd"), "spec.timeZone"),
    (backup_plan(startingDeadlineSeconds=1), "spec.startingDeadlineSeconds"),
    (backup(volumes="overwrite"), "Unsupported value"),
    (backup(volumePolicy={"version": "v2", "volumePolicies": [{"action": {"type": "skip"}}]}), "Unsupported value"),
    (backup(volumePolicy={"version": "v1", "volumePolicies": [{"action": {"type": "keep"}}]}), "Unsupported value"),
    (backup(volumePolicy={"version": "v1", "volumePolicies": []}), "spec.volumePolicy.volumePolicies"),
    (backup(volumePolicy={"version": "v1"}), "spec.volumePolicy.volumePolicies"),
    (backup(movers={"parallel": 0}), "spec.movers.parallel"),
    (backup(hooks=[{"when": "before-backup"}]), "A hook has no command"),
    (backup(hooks=[{"when": "dump", "name": "a"}]), "A dump has nothing to do"),
    (backup(hooks=[{"when": "sometimes", "command": ["a"]}]), "Unsupported value"),
    (backup(hooks=[{"when": "before-backup", "command": ["a"], "timeout": "soon"}]), "spec.hooks[0].timeout"),
    (restore(hooks=[{"when": "after-restore", "command": []}]), "A hook has no command"),
    (backup(movers={"memory": "much"}), "spec.movers.memory"),
    (restore(movers={"cpu": "-1"}), "spec.movers.cpu"),
    (restore(volumes="sometimes"), "Unsupported value"),
    (restore(volumeClaims=["shop/data", "shop/data"]), "Duplicate value"),
    (storage_location(secret="other/store"), "Write only its name"),
    (storage_location(maintenance={"secret": "other/store"}), "Write only its name"),
    (storage_location(url="s3:http://me:secret@store/b"), "Put credentials into the Secret"),
    (storage_location(secret=""), "spec.secret"),
]
TAKEN = [
    backup(namespaces=[], allNamespaces=True),
    backup(namespaces=[], objects=["configmap/shop/settings"]),
    backup(namespaces=[], workloads=["deployment/shop/web"]),
    backup(namespaces=[], namespaceSelector="team=shop"),
    backup(namespaces=[], includeKinds=["clusterroles"]),
    backup(namespaces=[], clusterObjects="all"),
    backup(labels={"team": "shop"}, keepFor="1y6m"),
    backup(volumePolicy={"version": "v1", "volumePolicies": [{"action": {"type": "snapshot"}}]}),
    backup(movers={"parallel": 1, "cpu": "1.5"}),
    restore(),
    restore(volumes="overwrite", volumeClaims=["shop/data"]),
    restore(rollback=True, deleteData=True),
    restore(rollback=True, onConflict="replace"),
    restore(plan="shop/nightly", before="2026-11-23T14:00"),
    restore(mapNamespaces={"shop": "shop-copy"}, quarantine=True, wait=True),
    backup_plan(retention={}),
    backup_plan(retention={"keepDaily": 7, "keepLast": 0}),
    backup_plan(retention={"keepLast": -1}),
    backup_plan(retention={"keepWithin": "30d", "keepLast": 0}),
    backup_plan(location="holdfast/main"),
    backup_plan(schedule="H H * * *", timeZone="America/Argentina/Buenos_Aires", suspend=True, fullEvery="7d"),
    storage_location(url="s3:https://store.example:9000/backups@2", maintenance={}),
    storage_location(maintenance={"secret": "store-care", "prune": {"suspend": True}, "check": {"readData": "100%"}}),
]


POD = {
    "resources": {"requests": {"cpu": "100m"}},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"operator": "Exists"}],
    "priorityClassName": "low",
    "labels": {"team": "shop"},
    "annotations": {"note": "any text, with blanks"},
}
SELECTION = {
    "namespaces": ["shop", "web-*"],
    "allNamespaces": False,
    "excludeNamespaces": ["web-test"],
    "namespaceSelector": "team in (shop,web)",
    "selector": "app=web,!canary",
    "excludeSelector": "tier=cache",
    "includeKinds": ["deploy", "cm"],
    "excludeKinds": ["secrets"],
    "objects": ["configmap/shop/settings"],
    "workloads": ["deployment/shop/web"],
    "clusterObjects": "none",
}
MOVERS = {"parallel": 8, "parallelPerNode": 3, "cpu": "500m", "memory": "2Gi"}
POLICY = {
    "version": "v1",
    "volumePolicies": [
        {
            "conditions": {"csi": {"driver": "x", "volumeAttributes": {"a": "b"}}, "capacity": "0,1Gi"},
            "action": {"type": "fs-backup", "parameters": {"any": ["thing"]}},
        }
    ],
}
HOOKS = [
    {
        "name": "quiesce",
        "when": "before-backup",
        "namespaces": ["shop"],
        "excludeNamespaces": ["shop-test"],
        "selector": "app=db",
        "pods": ["db-*"],
        "container": "db",
        "command": ["sh", "-c", "fsfreeze --freeze /data && echo $(date) $$"],
        "timeout": "1m30s",
        "onError": "continue",
        "thaw": ["fsfreeze", "--unfreeze", "/data"],
        "thawAfter": "5m",
    },
    {"name": "all.sql", "when": "dump", "recipe": "mysql", "load": ["mariadb"], "onError": "fail"},
    {"when": "after-restore", "command": ["true"], "waitTimeout": "10m", "waitForReady": True, "onError": "fail"},
]
BACKUP = SELECTION | {
    "hooks": HOOKS,
    "dumps": "auto",
    "noHooks": True,
    "volumes": "none",
    "volumePolicy": POLICY,
    "excludePaths": ["shop/data:cache/*"],
    "movers": MOVERS,
    "type": "differential",
    "labels": {"team": "shop"},
    "keepFor": "1y6m",
}
FULL = [
    storage_location(
        maintenance={
            "secret": "care",
            "serviceAccountName": "care",
            "timeZone": "Asia/Shanghai",
            "forgetSchedule": "hourly",
            "prune": {"schedule": "weekly", "suspend": True, "maxUnused": "5%", "maxRepack": "20G"},
            "check": {"schedule": "daily", "suspend": True, "readData": "10%"},
        },
        pod=POD,
    ),
    backup_plan(
        timeZone="Europe/Berlin",
        suspend=True,
        startingDeadlineSeconds=60,
        serviceAccountName="mine",
        backup=BACKUP,
        fullEvery="7d",
        retention={
            **{f"keep{unit}": 3 for unit in ("Last", "Hourly", "Daily", "Weekly", "Monthly", "Yearly")},
            "keepWithin": "30d",
        },
        pod=POD,
    ),
    backup(**BACKUP, serviceAccountName="mine", deletionPolicy="Delete", pod=POD),
    restore(
        **SELECTION,
        serviceAccountName="mine",
        plan="shop/nightly",
        before="2026-11-23T14:00",
        mapNamespaces={"shop": "copy"},
        mapStorageClasses={"fast": "slow"},
        mapImages={"docker.io": "mirror.example"},
        onConflict="update",
        rollback=False,
        deleteData=False,
        restoreStatus=["deploy"],
        volumes="overwrite",
        volumeClaims=["shop/data"],
        volumeSizes={"shop/data": "20Gi"},
        hooks=HOOKS,
        dumps="none",
        noHooks=True,
        movers=MOVERS,
        quarantine=True,
        wait=True,
        dryRun=False,
        pod=POD,
    ),
]


def said(thing):
    return f"{thing['kind']} {json.dumps(thing['spec'])[:70]}"


@pytest.mark.parametrize(
    ("thing", "message"), REFUSED, ids=lambda value: said(value) if isinstance(value, dict) else ""
)
def test_what_makes_no_sense_is_refused_with_the_way_out(lab, thing, message):
    with pytest.raises(ApiRefused) as refusal:
        lab.make(thing)
    assert refusal.value.reason == "Invalid"
    assert message in refusal.value.why


def holds(whole, part):
    """Whether the object has all that the manifest says; defaults may be beside it."""
    if isinstance(part, dict):
        return all(name in whole and holds(whole[name], value) for name, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return whole == part


@pytest.mark.parametrize("thing", TAKEN, ids=said)
def test_what_makes_sense_is_taken(made, thing):
    assert holds(made(thing)["spec"], thing["spec"])


def fields_of(model):
    return {field.encode_name: field for field in inspect.type_info(model).fields}


@pytest.mark.parametrize("thing", FULL, ids=lambda one: one["kind"])
def test_every_field_is_taken_as_the_model_reads_it(made, thing):
    spec = made(thing)["spec"]
    assert spec == thing["spec"]
    model = MODELS[thing["kind"]]
    assert spec.keys() == fields_of(fields_of(model)["spec"].type.cls).keys()
    read = msgspec.to_builtins(msgspec.convert({"metadata": {}, "spec": spec}, model).spec)
    assert holds(spec, read)  # with another value than the default each; the model leaves out what is none


@pytest.mark.parametrize("thing", [backup(), restore()], ids=["Backup", "Restore"])
@pytest.mark.parametrize(
    "change",
    [
        {"location": "other"},
        {"volumes": "none"},
        {"movers": {"parallel": 2}},
        {"namespaces": ["other"]},
        {"namespaces": None, "allNamespaces": True},
        {"selector": "a=b"},
        {"pod": {"resources": {"limits": {"memory": "1Gi"}}}},
        {"serviceAccountName": "admin"},
    ],
    ids=str,
)
def test_a_request_stays_as_it_is(lab, made, thing, change):
    made(thing)
    with pytest.raises(ApiRefused, match="a request that is carried out once") as refusal:
        lab.patch(thing, {"spec": change})
    assert "Create another object" in refusal.value.why


def test_the_deletion_policy_of_a_backup_may_change(lab, made):
    made(backup(pod={"resources": {"limits": {"memory": "1Gi"}}, "tolerations": [{"operator": "Exists"}]}))
    assert lab.patch(backup(), {"spec": {"deletionPolicy": "Delete"}})["spec"]["deletionPolicy"] == "Delete"
    with pytest.raises(ApiRefused, match="only deletionPolicy may change"):
        lab.patch(backup(), {"spec": {"deletionPolicy": "Retain", "type": "full"}})


def test_labels_annotations_and_finalizers_of_a_request_may_change(lab, made):
    made(backup())
    change = {"metadata": {"annotations": {STAMP_ANNOTATION: "x"}, "finalizers": [FINALIZER]}}
    assert lab.patch(backup(), change)["metadata"]["finalizers"] == [FINALIZER]


def test_a_plan_and_a_location_may_change(lab, made):
    made(backup_plan())
    made(storage_location())
    assert lab.patch(backup_plan(), {"spec": {"schedule": "@daily", "suspend": True}})["spec"]["suspend"]
    assert lab.patch(storage_location(), {"spec": {"url": "/srv"}})["spec"]["url"] == "/srv"


def test_defaults_are_filled_in_where_they_say_something(made):
    spec = made(backup_plan())["spec"]
    assert spec == {
        "schedule": "0 3 * * *",
        "timeZone": "Etc/UTC",
        "suspend": False,
        "startingDeadlineSeconds": 600,
        "location": "main",
        "serviceAccountName": "holdfast-runner",
        "backup": {
            "namespaces": ["shop"],
            "clusterObjects": "auto",
            "volumes": "auto",
            "dumps": "given",
            "type": "incremental",
        },
    }
    assert made(storage_location(maintenance={}))["spec"]["maintenance"] == {
        "serviceAccountName": "default",
        "timeZone": "Etc/UTC",
        "forgetSchedule": "daily",
        "prune": {"schedule": "weekly"},
        "check": {"schedule": "weekly", "readData": "5%"},
    }
    assert made(backup())["spec"]["deletionPolicy"] == "Retain"
    assert made(restore())["spec"]["onConflict"] == "skip"
    assert made(restore(name="other"))["spec"]["volumes"] == "auto"


@pytest.mark.parametrize("thing", [storage_location(), backup_plan(), backup(), restore()], ids=lambda one: one["kind"])
def test_defaults_are_those_of_the_models(made, thing):
    model = MODELS[thing["kind"]]
    assert (
        msgspec.convert(made(thing), model).spec == msgspec.convert(copy.deepcopy(thing) | {"metadata": {}}, model).spec
    )


@pytest.mark.parametrize("thing", [storage_location(), backup_plan(), backup(), restore()], ids=lambda one: one["kind"])
def test_a_model_goes_to_the_server_and_back(made, thing):
    model = msgspec.convert(made(thing), MODELS[thing["kind"]])
    again = made(json.loads(msgspec.json.encode(model)) | {"metadata": {"name": "again"}})
    assert msgspec.convert(again, MODELS[thing["kind"]]).spec == model.spec


def test_status_is_kept_apart_from_the_spec(lab, made):
    made(backup())
    condition = Condition(type="Complete", status="True", reason="Done", last_transition_time=NOW)
    status = {"phase": "Done", "conditions": [msgspec.to_builtins(condition)], "run": {"outcome": "done"}}
    lab.patch(backup(), {"spec": {"deletionPolicy": "Delete"}, "status": status}, subresource="status")
    lab.patch(backup(), {"status": {"phase": "Failed"}})
    live = lab.read(backup())
    assert (live["spec"]["deletionPolicy"], live["status"]["phase"]) == ("Retain", "Done")
    assert live["metadata"]["generation"] == 1
    assert msgspec.convert(live, Backup).status.conditions == [condition]


def test_a_phase_that_does_not_exist_is_refused(lab, made):
    made(backup())
    with pytest.raises(ApiRefused, match='phase: Unsupported value: "Resting"'):
        lab.patch(backup(), {"status": {"phase": "Resting"}}, subresource="status")


@pytest.fixture
def two_managers(lab):
    """A plan that a user applies from a manifest and the controller writes to, without force."""

    def apply(thing, manager, subresource=""):
        query = {"fieldManager": manager}
        body = {"apiVersion": thing["apiVersion"], "kind": thing["kind"], **thing}
        return lab.send("PATCH", lab.path(thing, subresource), body, query, content_type=APPLY_PATCH)

    thing = backup_plan(name="applied")
    yield apply
    if lab.find(thing):
        lab.delete(thing)


def test_a_users_manifest_and_the_controller_do_not_get_into_each_others_way(two_managers):
    mine = backup_plan(name="applied", retention={"keepDaily": 7})
    two_managers(mine, "kubectl")
    head = {"apiVersion": mine["apiVersion"], "kind": mine["kind"]}
    stamp = {**head, "metadata": {"name": "applied", "annotations": {STAMP_ANNOTATION: "x"}, "finalizers": [FINALIZER]}}
    two_managers(stamp, MANAGER)
    ready = {"type": "Ready", "status": "True", "reason": "Scheduled", "lastTransitionTime": NOW}
    status = {**head, "metadata": {"name": "applied"}, "status": {"cron": "0 3 * * *", "conditions": [ready]}}
    two_managers(status, MANAGER, "status")
    healthy = {**ready, "type": "Healthy"}
    other = {**head, "metadata": {"name": "applied"}, "status": {"conditions": [healthy]}}
    two_managers(other, "another", "status")

    mine["spec"]["retention"] = {"keepWeekly": 4}
    live = two_managers(mine, "kubectl")

    assert live["spec"]["retention"] == {"keepWeekly": 4}
    assert live["metadata"]["annotations"][STAMP_ANNOTATION] == "x"
    assert [one["type"] for one in live["status"]["conditions"]] == ["Ready", "Healthy"]


def test_two_managers_may_each_add_namespaces(two_managers):
    two_managers(backup_plan(name="applied", backup={"namespaces": ["shop"]}), "one")
    live = two_managers(backup_plan(name="applied", backup={"namespaces": ["web"]}), "two")
    assert live["spec"]["backup"]["namespaces"] == ["shop", "web"]


def test_unknown_fields_are_refused_or_dropped_as_the_caller_wishes(lab):
    path = lab.path(backup()).rpartition("/")[0]
    thing = backup(namespcaes=["typing error"])
    with pytest.raises(ApiRefused, match=r'unknown field "spec\.namespcaes"'):
        lab.send("POST", path, thing, {"fieldValidation": "Strict", "dryRun": "All"})
    answer = lab.cluster.connection.request(
        "POST", path, {"fieldValidation": "Warn", "dryRun": "All"}, json.dumps(thing).encode()
    )
    assert 'unknown field \\"spec.namespcaes' in answer.headers["Warning"]
    assert "namespcaes" not in json.loads(answer.body)["spec"]


def test_settings_of_pods_are_kept_whatever_kubernetes_they_are_for(made):
    pod = {
        "resources": {"limits": {"memory": "1Gi", "example.com/gpu": 1}, "claims": [{"name": "new"}]},
        "tolerations": [{"key": "backup", "operator": "Exists", "tolerationSeconds": 60}],
        "nodeSelector": {"disk": "fast"},
    }
    assert made(backup_plan(pod=pod))["spec"]["pod"] == pod


# kubectl


def test_kubectl_explains_every_kind(kubectl):
    for resource in names.RESOURCES:
        told = kubectl("explain", f"{resource.plural}.spec", f"--api-version={names.API_VERSION}")
        assert "DESCRIPTION" in told
        assert "<no description>" not in told
    assert "A length of time" not in kubectl("explain", "hfp.spec.retention")
    assert "-1 keeps all" in kubectl("explain", "hfp.spec.retention.keepLast")


def test_kubectl_shows_what_matters(lab, made, kubectl):
    made(backup())
    made(backup_plan())
    made(storage_location())
    made(restore())
    run = msgspec.to_builtins(RunStatus(name="shop-20261123-050000", outcome="partial", counts={"objects": 42}))
    lab.patch(backup(), {"status": {"phase": "Partial", "run": run}}, subresource="status")
    healthy = {"type": "Healthy", "status": "False", "reason": "RunFailed", "lastTransitionTime": NOW}
    lab.patch(
        backup_plan(), {"status": {"conditions": [healthy], "lastSuccess": NOW, "nextRun": NOW}}, subresource="status"
    )

    head, line = kubectl("get", "hfb").splitlines()
    assert head.split() == ["NAME", "PHASE", "OUTCOME", "OBJECTS", "BACKUP", "AGE"]
    assert line.split()[:5] == ["before-upgrade", "Partial", "partial", "42", "shop-20261123-050000"]
    head, line = kubectl("get", "hfp").splitlines()
    assert head.split() == [
        "NAME", "SCHEDULE", "SUSPENDED", "NEXT", "LAST", "LAST", "GOOD", "HEALTHY", "AGE",
    ]  # fmt: skip
    assert "0 3 * * *" in line
    assert " False " in line
    everything = kubectl("get", "holdfast")
    for name in ("backup", "backupplan", "storagelocation", "restore"):
        assert f"{name}.holdfast.dev/" in everything


def test_kubectl_waits_for_conditions(lab, made, kubectl):
    made(backup())
    done = {"type": "Complete", "status": "True", "reason": "Done", "lastTransitionTime": NOW}
    lab.patch(backup(), {"status": {"conditions": [done]}}, subresource="status")
    assert "condition met" in kubectl("wait", "--for=condition=Complete", "hfb/before-upgrade", "--timeout=20s")


def test_kubectl_apply_takes_a_manifest_again(kubectl, made):
    made(backup_plan())
    for more in ((), ("--server-side", "--force-conflicts")):
        told = kubectl("apply", *more, "-f", "-", body=backup_plan(retention={"keepDaily": 7}))
        assert "backupplan.holdfast.dev/nightly" in told
