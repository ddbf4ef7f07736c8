"""Scenarios of the rows for Helm's releases, snapshots, early versions, and what Velero or Holdfast left behind."""

from __future__ import annotations

from tests.definitions import backup_plan, install_definitions
from tests.objects.more_cases import release, secret
from tests.restore.transforms.scenarios import claim, deployment, into, obj, pod_spec, row, token_secret
from tests.restore.transforms.stage import Stage, Table

from holdfast.api.names import API_VERSION, STAMP_ANNOTATION
from holdfast.cluster.cluster import Cluster
from holdfast.objects.comparison import differences
from holdfast.objects.fields import Object
from holdfast.objects.pausing import PAUSES, paused
from holdfast.objects.transforms import apply

SNAPSHOT_GROUP = "snapshot.storage.k8s.io"
OPEN = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}


def serve(stage: Stage, group: str, plural: str, kind: str, *, scope: str = "Namespaced") -> None:
    """The kind, without the program behind it."""
    names = {"plural": plural, "singular": kind.lower(), "kind": kind}
    version = {"name": "v1", "served": True, "storage": True, "schema": OPEN}
    spec = {"group": group, "scope": scope, "names": names, "versions": [version]}
    approved = {"annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}}
    made = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", metadata=approved, spec=spec)
    stage.eventually(lambda: stage.find(made) is None, "an earlier test's kind is gone")
    stage.make(made)
    stage.eventually(lambda: stage.serves(f"{group}/v1", kind), "the kind is served")


def again(stage: Stage, transforms: Table, backup: Object) -> Object | None:
    stage.delete(backup)
    return stage.restore(backup, transforms)


@row("helm-release")
def release_is_of_its_new_namespace(stage: Stage, transforms: Table) -> None:
    other = stage.new_namespace()
    context = stage.context(into(stage, other))
    backup = stage.make({"apiVersion": "v1", **secret(stage.namespace, level=1)})

    made = stage.restore(backup, transforms, context)

    assert made["data"] == secret(other)["data"]
    assert release(other)["content"]["manifest"].count(other) == 2
    # As another version of gzip would have written it: it says the same, and is the same.
    stage.patch(made, {"data": secret(other, level=1)["data"]})
    desired = apply(transforms, "secrets", backup, context).object
    assert differences(stage.read(made), desired, transforms, "secrets", context) == []


@row("snapshot-of-claim")
def snapshot_is_not_made_again(stage: Stage, transforms: Table) -> None:
    serve(stage, SNAPSHOT_GROUP, "volumesnapshots", "VolumeSnapshot")
    spec = {"source": {"persistentVolumeClaimName": "data"}}

    assert (
        again(stage, transforms, stage.make(obj(f"{SNAPSHOT_GROUP}/v1", "VolumeSnapshot", "daily", spec=spec))) is None
    )


@row("snapshot-content")
def snapshot_in_storage_is_bound_anew(stage: Stage, transforms: Table) -> None:
    serve(stage, SNAPSHOT_GROUP, "volumesnapshotcontents", "VolumeSnapshotContent", scope="Cluster")
    reference = {"name": "daily", "namespace": stage.namespace, "uid": "11111111-1111-1111-1111-111111111111"}
    spec = {"deletionPolicy": "Delete", "source": {"snapshotHandle": "s-1"}, "volumeSnapshotRef": reference}
    backup = stage.make(obj(f"{SNAPSHOT_GROUP}/v1", "VolumeSnapshotContent", stage.unique("content"), spec=spec))

    made = again(stage, transforms, backup)

    assert made["spec"]["deletionPolicy"] == "Retain"
    assert made["spec"]["volumeSnapshotRef"] == {"name": "daily", "namespace": stage.namespace}


@row("unknown-fields")
def early_definition_is_accepted(stage: Stage, transforms: Table) -> None:
    stem = stage.unique("early").replace("-", "")
    names = {"plural": f"{stem}s", "singular": stem, "kind": stem.capitalize()}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    made = stage.make(obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{stem}s.example.com", spec=spec))
    early = {**made, "spec": {**made["spec"], "preserveUnknownFields": True}}  # no server makes such a thing any more

    stage.delete(made)
    stage.restore(early, transforms)

    stage.eventually(lambda: stage.serves("example.com/v1", names["kind"]), "the kind is served")
    thing = stage.eventually(
        lambda: _made(stage, obj("example.com/v1", names["kind"], "one", anything=1)), "it is made"
    )
    assert thing["anything"] == 1


def _made(stage: Stage, thing: Object) -> Object | None:
    found = stage.find({**thing, "metadata": {"name": "one", "namespace": stage.namespace}})
    return found or stage.make(thing)


@row("webhook-side-effects")
def early_webhook_is_accepted(stage: Stage, transforms: Table) -> None:
    hook = {
        "name": "check.example.com",
        "clientConfig": {"url": "https://hooks.example.com/check"},
        "rules": [{"apiGroups": ["example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["x"]}],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    api_version = "admissionregistration.k8s.io/v1"
    made = stage.make(obj(api_version, "ValidatingWebhookConfiguration", stage.unique("check"), webhooks=[hook]))
    early = {**made, "webhooks": [{**made["webhooks"][0], "sideEffects": "Unknown"}]}

    stage.delete(made)

    assert stage.restore(early, transforms)["webhooks"][0]["sideEffects"] == "NoneOnDryRun"


@row("velero-waiting-container")
def pod_does_not_wait_for_velero(stage: Stage, transforms: Table) -> None:
    waiter = {"name": "restore-wait", "image": "none.invalid/velero:1", "command": ["/velero-restore-helper", "uid"]}

    made = again(stage, transforms, stage.make(obj("v1", "Pod", "alone", spec=pod_spec(initContainers=[waiter]))))

    assert "initContainers" not in made["spec"]


@row("velero-claim-selector")
def claim_does_not_select_velero_s_volume(stage: Stage, transforms: Table) -> None:
    selector = {"matchLabels": {"velero.io/dynamic-pv-restore": "shop.data.abcde"}}

    assert "selector" not in again(stage, transforms, stage.make(claim(spec={"selector": selector})))["spec"]


@row("copied-plan")
def plan_rests_until_it_is_resumed(stage: Stage, transforms: Table) -> None:
    install_definitions(Cluster(stage.connection))
    stage.eventually(lambda: stage.serves(API_VERSION, "BackupPlan"), "the kind is served")
    backup = stage.make(backup_plan())
    taken_up = stage.make(backup_plan(name="taken-up"))
    stamp = {"metadata": {"annotations": {STAMP_ANNOTATION: taken_up["metadata"]["uid"]}}}
    taken_up = stage.patch(taken_up, stamp)

    for before in (backup, taken_up):
        made = again(stage, transforms, before)
        stamp = made["metadata"].get("annotations", {}).get(STAMP_ANNOTATION)
        assert stamp == before["metadata"]["uid"] != made["metadata"]["uid"]

    # A live one is not put to rest by an update, and nothing differs because of the stamp.
    live = stage.patch(backup, {"metadata": {"annotations": {STAMP_ANNOTATION: stage.read(backup)["metadata"]["uid"]}}})
    desired = apply(transforms, "backupplans.holdfast.dev", backup, stage.context()).object
    assert differences(live, desired, transforms, "backupplans.holdfast.dev", stage.context()) == []


@row("pod-token-volumes")
def pod_gets_a_token_of_the_target(stage: Stage, transforms: Table) -> None:
    token = stage.make(token_secret("default-token-x2b4c"))
    mount = {"name": "default-token-x2b4c", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    volume = {"name": "default-token-x2b4c", "secret": {"secretName": "default-token-x2b4c"}}
    main = {"name": "main", "image": "none.invalid/none:1", "volumeMounts": [mount]}
    backup = stage.make(obj("v1", "Pod", "alone", spec={"containers": [main], "volumes": [volume]}))
    stage.delete(token)
    stage.delete(backup)

    made = stage.restore(backup, transforms)

    (injected,) = made["spec"]["volumes"]
    assert injected["name"].startswith("kube-api-access-")
    context = stage.context()
    desired = apply(transforms, "pods", backup, context).object
    assert differences(stage.read(backup), desired, transforms, "pods", context) == []


@row("held-still")
def workload_that_was_held_still_acts_again(stage: Stage, transforms: Table) -> None:
    backup = stage.make(paused(deployment(replicas=2), PAUSES["deployments.apps"]))
    assert backup["spec"]["replicas"] == 0

    made = again(stage, transforms, backup)

    assert made["spec"]["replicas"] == 2
    assert "holdfast.dev/paused" not in str(made["metadata"].get("annotations"))
