"""The table of defaults against real servers: what they make of an object with the necessary fields is what they were sent.

Objects are sent as dry runs. Each row is proved by taking it away: then something differs.
"""

from __future__ import annotations

import pytest
from tests.restore_lab import Lab, obj

from holdfast.objects.diff import defaults
from holdfast.objects.diff.defaults import defaults_of, is_default
from holdfast.objects.diff.noise import cleaned
from holdfast.objects.diff.walk import changes, path_text
from holdfast.objects.transforms import Context

ADMISSION = "admissionregistration.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io"


def probes(**handlers):
    """The three probes, which each have one handler."""
    return {f"{name}Probe": {handler: value} for name, (handler, value) in handlers.items()}


def container(name, image="none.invalid/none:1", **fields):
    return {"name": name, "image": image, **fields}


HTTP = ("httpGet", {"port": 80})
GRPC = ("grpc", {"port": 80})
FIELD_REF = {"fieldRef": {"fieldPath": "metadata.name"}}
DOWNWARD = {"items": [{"path": "name", **FIELD_REF}]}
SIDECAR = {"restartPolicy": "Always"}
POD_SPEC = {
    "serviceAccountName": "default",
    "containers": [
        container(
            "a",
            ports=[{"containerPort": 80}],
            env=[{"name": "A", "valueFrom": FIELD_REF}],
            lifecycle={"postStart": {"httpGet": {"port": 80}}, "preStop": {"httpGet": {"port": 80}}},
            **probes(liveness=HTTP, readiness=HTTP, startup=HTTP),
        ),
        container("b", "none.invalid/none", **probes(liveness=GRPC, readiness=GRPC, startup=GRPC)),
        container("c", "none.invalid/none:latest"),
        container("d", f"none.invalid:5000/none@sha256:{'0' * 64}"),
    ],
    "initContainers": [
        container(
            "e",
            ports=[{"containerPort": 81}],
            env=[{"name": "A", "valueFrom": FIELD_REF}],
            lifecycle={"postStart": {"httpGet": {"port": 80}}, "preStop": {"httpGet": {"port": 80}}},
            **SIDECAR,
            **probes(liveness=HTTP, readiness=HTTP, startup=HTTP),
        ),
        container("f", **SIDECAR, **probes(liveness=GRPC, readiness=GRPC, startup=GRPC)),
    ],
    "volumes": [
        {"name": "a", "configMap": {"name": "x"}},
        {"name": "b", "secret": {"secretName": "x"}},
        {"name": "c", "downwardAPI": DOWNWARD},
        {
            "name": "d",
            "projected": {"sources": [{"downwardAPI": DOWNWARD}, {"serviceAccountToken": {"path": "token"}}]},
        },
        {"name": "e", "hostPath": {"path": "/x"}},
        {
            "name": "f",
            "ephemeral": {
                "volumeClaimTemplate": {
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
                }
            },
        },
    ],
}
LABELS = {"app": "x"}
SELECTOR = {"matchLabels": LABELS}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
SUBJECTS = [
    {"kind": "ServiceAccount", "name": "x", "namespace": "x"},
    {"kind": "User", "name": "x"},
    {"kind": "Group", "name": "x"},
]


def template(**fields):
    return {"metadata": {"labels": LABELS}, "spec": POD_SPEC | fields}


def webhook(**fields):
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    return {
        "name": "x.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"service": {"name": "x", "namespace": "x"}},
        "rules": [rule],
        **fields,
    }


def crd(stem):
    schema = {"openAPIV3Schema": {"type": "object"}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    names = {"plural": f"{stem}s", "kind": stem.capitalize()}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions}
    return obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{stem}s.example.com", spec=spec)


def service(**spec):
    return obj("v1", "Service", "x", spec={"ports": [{"port": 80}], **spec})


MANIFESTS = {
    "clusterrolebindings.rbac.authorization.k8s.io": [
        obj(f"{RBAC}/v1", "ClusterRoleBinding", "x", roleRef={"kind": "ClusterRole", "name": "view"}, subjects=SUBJECTS)
    ],
    "cronjobs.batch": [
        obj(
            "batch/v1",
            "CronJob",
            "x",
            spec={
                "schedule": "@daily",
                "jobTemplate": {"spec": {"template": template(restartPolicy="OnFailure")}},
            },
        )
    ],
    "customresourcedefinitions.apiextensions.k8s.io": [crd("gadget")],
    "daemonsets.apps": [obj("apps/v1", "DaemonSet", "x", spec={"selector": SELECTOR, "template": template()})],
    "deployments.apps": [obj("apps/v1", "Deployment", "x", spec={"selector": SELECTOR, "template": template()})],
    "horizontalpodautoscalers.autoscaling": [
        obj(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "x",
            spec={
                "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                    }
                ],
            },
        )
    ],
    "jobs.batch": [
        obj(
            "batch/v1",
            "Job",
            "x",
            metadata={"labels": LABELS},
            spec={"manualSelector": True, "selector": SELECTOR, "template": template(restartPolicy="Never")},
        )
    ],
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": [
        obj(ADMISSION, "MutatingWebhookConfiguration", "x", webhooks=[webhook()])
    ],
    "namespaces": [obj("v1", "Namespace", "x", metadata={"labels": {"kubernetes.io/metadata.name": "x"}}, spec={})],
    "networkpolicies.networking.k8s.io": [
        obj(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "x",
            spec={"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}], "egress": [{"ports": [{"port": 80}]}]},
        ),
        obj("networking.k8s.io/v1", "NetworkPolicy", "y", spec={"podSelector": {}}),
    ],
    "persistentvolumeclaims": [obj("v1", "PersistentVolumeClaim", "x", spec={**CLAIM, "storageClassName": ""})],
    "persistentvolumes": [
        obj(
            "v1",
            "PersistentVolume",
            "x",
            spec={
                "capacity": {"storage": "1Mi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": "/x"},
            },
        )
    ],
    "podtemplates": [obj("v1", "PodTemplate", "x", template=template())],
    "priorityclasses.scheduling.k8s.io": [obj("scheduling.k8s.io/v1", "PriorityClass", "x", value=1)],
    "replicasets.apps": [obj("apps/v1", "ReplicaSet", "x", spec={"selector": SELECTOR, "template": template()})],
    "replicationcontrollers": [
        obj(
            "v1",
            "ReplicationController",
            "x",
            spec={"selector": LABELS, "template": template()},
            metadata={"labels": LABELS},
        )
    ],
    "rolebindings.rbac.authorization.k8s.io": [
        obj(f"{RBAC}/v1", "RoleBinding", "x", roleRef={"kind": "Role", "name": "x"}, subjects=SUBJECTS)
    ],
    "secrets": [obj("v1", "Secret", "x")],
    "services": [
        service(),
        service(type="LoadBalancer", sessionAffinity="ClientIP"),
        service(type="NodePort"),
    ],
    "statefulsets.apps": [
        obj(
            "apps/v1",
            "StatefulSet",
            "x",
            spec={
                "selector": SELECTOR,
                "serviceName": "x",
                "template": template(),
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": CLAIM}],
            },
        )
    ],
    "storageclasses.storage.k8s.io": [obj("storage.k8s.io/v1", "StorageClass", "x", provisioner="example.com/x")],
    "validatingwebhookconfigurations.admissionregistration.k8s.io": [
        obj(ADMISSION, "ValidatingWebhookConfiguration", "x", webhooks=[webhook()])
    ],
}
KINDS = sorted({*defaults._OF_KINDS, *defaults._POD_SPECS} - {"pods"})
"""Pods get more from admission than defaults: accounts, tolerations, tokens; a backup has few of them."""


@pytest.fixture(scope="session", params=["cluster", "old_cluster"])
def lab(request):
    lab = Lab(request.getfixturevalue(request.param), "default")
    yield lab
    lab.close()


def answers(lab, kind):
    """[(as sent, as the server would store it)], neither with what a diff passes over anyway."""
    pairs = []
    for manifest in MANIFESTS[kind]:
        path = lab.path(manifest).rpartition("/")[0]
        answer = lab.send("POST", path, manifest, {"dryRun": "All"})
        namespace = {name: answer["metadata"][name] for name in ("namespace",) if name in answer["metadata"]}
        sent = {**manifest, "metadata": {**manifest["metadata"], **namespace}}
        pairs.append(tuple(cleaned(one, kind, Context()) for one in (sent, answer)))
    return pairs


def differing(pairs, rows):
    return [path_text(change.path) for sent, stored in pairs for change in changes(sent, stored, rows)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_server_fills_in_is_no_difference_and_each_row_is_needed(lab, kind):
    pairs, rows = answers(lab, kind), defaults_of(kind)
    assert not differing(pairs, rows)
    in_use = {
        path for path in rows if differing(pairs, {other: value for other, value in rows.items() if other != path})
    }
    newer = {("spec", "podReplacementPolicy")} if lab.control_plane.version.startswith("1.30") else set()
    assert rows.keys() - in_use <= newer


def test_the_table_is_sorted():
    assert list(defaults._OF_KINDS) == sorted(defaults._OF_KINDS)
    for rows in defaults._OF_KINDS.values():
        assert [key for key in rows if not key.startswith("webhooks")] == sorted(
            key for key in rows if not key.startswith("webhooks")
        )


def test_another_value_is_a_difference():
    rows = defaults_of("deployments.apps")
    path = ("spec", "replicas")
    assert is_default(rows, path, 1, {})
    assert not is_default(rows, path, 2, {})
    assert not is_default(rows, path, True, {})
    assert not is_default(rows, ("spec", "strategy"), {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}, {})
    assert not is_default(rows, ("spec", "strategy"), {}, {})


def test_kinds_of_others_have_no_defaults():
    assert defaults_of("widgets.example.com") == {}
    assert not is_default(defaults_of("deployments.example.com"), ("spec", "replicas"), 1, {})
