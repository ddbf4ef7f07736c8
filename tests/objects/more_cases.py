"""Cases for the rows about releases of Helm, snapshots, early versions, traces of Velero, and what was held still."""

from __future__ import annotations

import base64
import gzip
import json

from tests.objects.transform_cases import MAPPED, REFUSED, Carry, Case, Change

from holdfast.objects.fields import Object
from holdfast.objects.transforms.helm import _written

# Helm

MANIFEST = """---
# Source: shop/templates/web.yaml
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: {namespace}
---
kind: RoleBinding
subjects:
- kind: ServiceAccount
  name: web
  namespace: "{namespace}" # quoted
- namespace: other
"""


def release(namespace: str, *, level: int = 9) -> Object:
    """As `helm install` writes it; the level of compression makes no difference to what it says."""
    content = {
        "name": "web",
        "info": {"status": "deployed", "description": "Über all"},
        "chart": {"metadata": {"name": "web", "version": "1.0.0"}},
        "manifest": MANIFEST.format(namespace=namespace),
        "hooks": [{"name": "test", "manifest": f"metadata:\n  namespace: {namespace}\n"}],
        "version": 1,
        "namespace": namespace,
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return {"text": base64.b64encode(gzip.compress(text, level, mtime=0)).decode(), "content": content}


def secret(namespace: str, *, level: int = 9, name: str = "sh.helm.release.v1.web.v1") -> Object:
    data = base64.b64encode(release(namespace, level=level)["text"].encode()).decode()
    return {"kind": "Secret", "metadata": {"name": name}, "type": "helm.sh/release.v1", "data": {"release": data}}


def stored_in_config_map(namespace: str) -> Object:
    data = {"release": release(namespace)["text"]}
    return {"kind": "ConfigMap", "metadata": {"name": "sh.helm.release.v1.web.v1"}, "data": data}


_OTHER_SECRET = secret("shop", name="backup-of-a-release")
_BROKEN = {**secret("shop"), "data": {"release": "bm8gcmVsZWFzZQ=="}}
_BOMB = {**secret("shop"), "data": {"release": _written({"a": "0" * (65 << 20)}, {"kind": "Secret"})}}

HELM: dict[str, list[Case]] = {
    "helm-release": [
        Change("its namespace and those of its manifest change", "secrets", secret("shop"), secret("test"), MAPPED),
        Change(
            "so they do in a ConfigMap",
            "configmaps",
            stored_in_config_map("shop"),
            stored_in_config_map("test"),
            MAPPED,
        ),
        Change("it stays without a mapping", "secrets", secret("shop", level=1), secret("shop", level=1)),
        Change("other Secrets stay", "secrets", _OTHER_SECRET, _OTHER_SECRET, MAPPED),
        Change("what cannot be read stays", "secrets", _BROKEN, _BROKEN, MAPPED),
        Change("what is far too large stays", "secrets", _BOMB, _BOMB, MAPPED),
        Carry(
            "the same in other bytes is the same",
            "secrets",
            secret("test", level=1),
            secret("test"),
            secret("test", level=1),
        ),
        Carry("another release is another", "secrets", secret("shop"), secret("test"), secret("test")),
    ],
}

# Snapshots


def content(**spec: object) -> Object:
    return {"spec": spec}


def reference(namespace: str, **fields: object) -> Object:
    return {"name": "daily", "namespace": namespace, **fields}


SNAPSHOTS: dict[str, list[Case]] = {
    "snapshot-of-claim": [
        Change(
            "one of a claim is not made again",
            "volumesnapshots.snapshot.storage.k8s.io",
            {"spec": {"source": {"persistentVolumeClaimName": "data"}}},
            REFUSED,
        ),
        Change(
            "one of a content that exists is",
            "volumesnapshots.snapshot.storage.k8s.io",
            {"spec": {"source": {"volumeSnapshotContentName": "snap-1"}}},
            {"spec": {"source": {"volumeSnapshotContentName": "snap-1"}}},
        ),
    ],
    "snapshot-content": [
        Change(
            "one that a driver made is not made again",
            "volumesnapshotcontents.snapshot.storage.k8s.io",
            content(source={"volumeHandle": "vol-1"}),
            REFUSED,
        ),
        Change(
            "one that a user made is bound anew and deletes nothing",
            "volumesnapshotcontents.snapshot.storage.k8s.io",
            content(
                deletionPolicy="Delete",
                source={"snapshotHandle": "snap-1"},
                volumeSnapshotRef=reference("shop", uid="1", resourceVersion="2"),
            ),
            content(deletionPolicy="Retain", source={"snapshotHandle": "snap-1"}, volumeSnapshotRef=reference("test")),
            MAPPED,
        ),
        Carry(
            "a live binding is kept",
            "volumesnapshotcontents.snapshot.storage.k8s.io",
            content(volumeSnapshotRef=reference("shop", uid="1", resourceVersion="2")),
            content(volumeSnapshotRef=reference("shop")),
            content(volumeSnapshotRef=reference("shop", uid="1", resourceVersion="2")),
        ),
        Carry(
            "one to another snapshot is not",
            "volumesnapshotcontents.snapshot.storage.k8s.io",
            content(volumeSnapshotRef=reference("other", uid="1")),
            content(volumeSnapshotRef=reference("shop")),
            content(volumeSnapshotRef=reference("shop")),
        ),
    ],
}

# Early versions

_OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


def definition(*schemas: Object, **spec: object) -> Object:
    return {"spec": {"versions": [{"name": "v1", **schema} for schema in schemas], **spec}}


EARLY_VERSIONS: dict[str, list[Case]] = {
    "unknown-fields": [
        Change(
            "they are allowed by the schema of each version",
            _DEFINITIONS,
            definition({}, {"schema": {"openAPIV3Schema": {"type": "object"}}}, preserveUnknownFields=True),
            definition({"schema": {"openAPIV3Schema": _OPEN}}, {"schema": {"openAPIV3Schema": _OPEN}}),
        ),
        Change(
            "others stay",
            _DEFINITIONS,
            definition({"schema": {"openAPIV3Schema": {"type": "object"}}}),
            definition({"schema": {"openAPIV3Schema": {"type": "object"}}}),
        ),
    ],
    "webhook-side-effects": [
        Change(
            f"{before} becomes {after}",
            "validatingwebhookconfigurations.admissionregistration.k8s.io",
            {"webhooks": [{"sideEffects": before}]},
            {"webhooks": [{"sideEffects": after}]},
        )
        for before, after in (
            ("Unknown", "NoneOnDryRun"),
            ("Some", "NoneOnDryRun"),
            ("None", "None"),
            ("NoneOnDryRun", "NoneOnDryRun"),
        )
    ],
}

# Velero

_WAITER = {"name": "restore-wait", "image": "velero/velero:v1.16.0", "command": ["/velero-restore-helper"]}
_OWN = {"name": "restore-wait", "image": "busybox"}


def claim(**labels: str) -> Object:
    return {"spec": {"storageClassName": "fast", "selector": {"matchLabels": labels}}}


VELERO: dict[str, list[Case]] = {
    "velero-waiting-container": [
        Change("it goes", "pods", {"spec": {"initContainers": [_WAITER]}}, {}),
        Change(
            "others stay, also one of that name",
            "pods",
            {"spec": {"initContainers": [_WAITER, {"name": "first"}, _OWN]}},
            {"spec": {"initContainers": [{"name": "first"}, _OWN]}},
        ),
    ],
    "velero-claim-selector": [
        Change(
            "the label goes",
            "persistentvolumeclaims",
            claim(**{"velero.io/dynamic-pv-restore": "shop.data.x"}),
            {"spec": {"storageClassName": "fast"}},
        ),
        Change("a user's selector stays", "persistentvolumeclaims", claim(disk="a"), claim(disk="a")),
        Carry(
            "a live one is kept",
            "persistentvolumeclaims",
            claim(**{"velero.io/dynamic-pv-restore": "shop.data.x"}),
            {"spec": {"storageClassName": "fast"}},
            claim(**{"velero.io/dynamic-pv-restore": "shop.data.x"}),
        ),
    ],
}

# Workloads


def mounting(*volumes: Object, account: str = "robot") -> Object:
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    container = {"name": "main", **({"volumeMounts": mounts} if mounts else {})}
    return {
        "spec": {
            "serviceAccountName": account,
            "containers": [container],
            **({"volumes": [*volumes]} if volumes else {}),
        }
    }


_TOKEN = {"name": "robot-token-x2b4c", "secret": {"secretName": "robot-token-x2b4c"}}
_DATA = {"name": "data", "emptyDir": {}}
_ACCESS = {"name": "kube-api-access-abcde", "projected": {}}
_HELD = {"annotations": {"holdfast.dev/paused": "3"}, "labels": {"holdfast.dev/paused": "true"}}

WORKLOADS: dict[str, list[Case]] = {
    "pod-token-volumes": [
        Change("a generated token is not mounted", "pods", mounting(_TOKEN), mounting()),
        Change("others are", "pods", mounting(_DATA, _TOKEN), mounting(_DATA)),
        Change(
            "also a token of another account",
            "pods",
            mounting(_TOKEN, account="other"),
            mounting(_TOKEN, account="other"),
        ),
        Carry(
            "what admission mounts is kept", "pods", mounting(_DATA, _ACCESS), mounting(_DATA), mounting(_DATA, _ACCESS)
        ),
        Carry(
            "a Pod that has its own is not given a second",
            "pods",
            mounting(_ACCESS),
            mounting({**_ACCESS, "name": "kube-api-access-fghij"}),
            mounting({**_ACCESS, "name": "kube-api-access-fghij"}),
        ),
    ],
    "held-still": [
        Change(
            "it acts again",
            "deployments.apps",
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web", **_HELD},
                "spec": {"replicas": 0},
            },
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 3}},
        ),
        Change(
            "what its user stopped stays",
            "deployments.apps",
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 0}},
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 0}},
        ),
        Change(
            "another kind of the name is none of ours",
            "applications.argoproj.io",
            {"apiVersion": "app.k8s.io/v1beta1", "kind": "Application", "metadata": _HELD},
            {"apiVersion": "app.k8s.io/v1beta1", "kind": "Application", "metadata": _HELD},
        ),
    ],
}

# Holdfast's own kinds

_PLANS = "backupplans.holdfast.dev"


def plan(stamp: str | None = None, **metadata: str) -> Object:
    return {
        "metadata": {"name": "nightly", **metadata, **({"annotations": {"holdfast.dev/uid": stamp}} if stamp else {})}
    }


OWN_KINDS: dict[str, list[Case]] = {
    "copied-plan": [
        Change("the original's stamp stays", _PLANS, plan("u-1", uid="u-1"), plan("u-1", uid="u-1")),
        Change("also one that was copied before", _PLANS, plan("u-0", uid="u-1"), plan("u-0", uid="u-1")),
        Change("one that was never taken up gets its own UID", _PLANS, plan(uid="u-1"), plan("u-1", uid="u-1")),
        Change("or what is no UID", _PLANS, plan(), plan("of-a-copy")),
        Change("a location likewise", "storagelocations.holdfast.dev", plan(uid="u-1"), plan("u-1", uid="u-1")),
        Carry("a live one keeps its own", _PLANS, plan("u-2"), plan("u-1"), plan("u-2")),
        Carry("or goes on without", _PLANS, plan(), plan("u-1"), plan()),
    ],
}

MORE: dict[str, list[Case]] = {**HELM, **SNAPSHOTS, **EARLY_VERSIONS, **VELERO, **OWN_KINDS, **WORKLOADS}
