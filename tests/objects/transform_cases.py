"""For each row of the transform table, objects before and after it. `test_transforms` runs them, one row at a time."""

from __future__ import annotations

import json
from typing import NamedTuple

from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.fields import Object
from holdfast.objects.images import parse_images
from holdfast.objects.mapping import NameMap, ObjectMapping
from holdfast.objects.node_labels import parse_node_labels
from holdfast.objects.transforms import Context

REFUSED = None
MAPPED = Context(
    mapping=ObjectMapping(namespaces=NameMap({"shop": "test"}), storage_classes=NameMap({"fast": "standard"}))
)
PLAIN = Context()
SIZED = Context(mapping=ObjectMapping(claim_sizes={"shop/data": "20Gi"}))
PLACED = Context(
    mapping=ObjectMapping(images=parse_images(["old.io=new.io"]), node_labels=parse_node_labels(["zone=a=b", "disk-"]))
)


class Change(NamedTuple):
    """`apply` with one row only. `after` is REFUSED where the object is not restored."""

    what: str
    kind: str
    before: Object
    after: Object | None
    context: Context = PLAIN


class Carry(NamedTuple):
    """`carried` with one row only."""

    what: str
    kind: str
    live: Object
    desired: Object
    body: Object
    context: Context = PLAIN


class Merge(NamedTuple):
    """`merged` with one row only. `result` is None where the row leaves the object to --on-conflict."""

    what: str
    kind: str
    live: Object
    desired: Object
    result: Object | None
    context: Context = PLAIN


Case = Change | Carry | Merge
POD = {"apiVersion": "v1", "kind": "Pod"}


def running(registry: str) -> Object:
    """A pod's spec with every sort of container, and one of another registry."""
    image = f"{registry}/team/app:1"
    return {
        "containers": [{"name": "a", "image": image}, {"name": "b", "image": "other.io/b"}],
        "initContainers": [{"name": "c", "image": image}],
        "ephemeralContainers": [{"name": "d", "image": image}],
        "volumes": [{"name": "e", "image": {"reference": image}}, {"name": "f", "emptyDir": {}}],
    }


def templated(registry: str) -> Object:
    return {"spec": {"template": {"spec": running(registry)}}}


def in_zone(zone: str) -> Object:
    return {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]}]}


def by_name_of(namespace: str) -> Object:
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


def route(namespace: str) -> Object:
    backends = [{"name": "web", "namespace": namespace}, {"name": "own"}, {"name": "far", "namespace": "other"}]
    spec = {"parentRefs": [{"name": "gate", "namespace": namespace}], "rules": [{"backendRefs": backends}]}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": spec}


def planning(*keys: ObjectKey, live: dict[ObjectKey, Object] | None = None, context: Context = PLAIN) -> Context:
    return Context(mapping=context.mapping, live=(live or {}).get, in_plan=lambda key: key in keys)


def service(**spec: object) -> Object:
    return {"spec": spec}


def owned_spec(fields: Object) -> Object:
    return {"managedFields": [{"fieldsV1": {"f:spec": fields}}]}


def applied_spec(spec: Object) -> Object:
    return {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"spec": spec})}}


IP = {"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"]}
HEADLESS = {"clusterIP": "None", "clusterIPs": ["None"]}
EXTERNAL = {"type": "ExternalName", "externalName": "example.com"}

SERVICES: dict[str, list[Case]] = {
    "service-cluster-ip": [
        Change("an IP is cleared", "services", service(**IP, ipFamilies=["IPv4"]), service(ipFamilies=["IPv4"])),
        Change("headless stays", "services", service(**HEADLESS), service(**HEADLESS)),
        Change("ExternalName is untouched", "services", service(**EXTERNAL), service(**EXTERNAL)),
        Carry(
            "the allocated IP is kept",
            "services",
            service(**IP),
            service(type="ClusterIP"),
            service(type="ClusterIP", **IP),
        ),
        Carry("an ExternalName gets none", "services", service(**IP), service(**EXTERNAL), service(**EXTERNAL)),
        Carry(
            "headless does not spread",
            "services",
            service(**HEADLESS),
            service(type="ClusterIP"),
            service(type="ClusterIP"),
        ),
    ],
    "service-node-ports": [
        Change(
            "an allocated port is cleared",
            "services",
            service(ports=[{"port": 80, "nodePort": 30080}]),
            service(ports=[{"port": 80}]),
        ),
        Change(
            "a port in the applied manifest is kept, by name",
            "services",
            {
                "metadata": applied_spec({"ports": [{"name": "a", "nodePort": 30080}, {"name": "b"}]}),
                "spec": {
                    "ports": [{"name": "a", "port": 1, "nodePort": 30080}, {"name": "b", "port": 2, "nodePort": 30081}]
                },
            },
            {
                "metadata": applied_spec({"ports": [{"name": "a", "nodePort": 30080}, {"name": "b"}]}),
                "spec": {"ports": [{"name": "a", "port": 1, "nodePort": 30080}, {"name": "b", "port": 2}]},
            },
        ),
        Change(
            "a port in the applied manifest is kept, by number if it has no name",
            "services",
            {
                "metadata": applied_spec({"ports": [{"port": 80, "nodePort": 30080}]}),
                "spec": {"ports": [{"port": 80, "nodePort": 30080}]},
            },
            {
                "metadata": applied_spec({"ports": [{"port": 80, "nodePort": 30080}]}),
                "spec": {"ports": [{"port": 80, "nodePort": 30080}]},
            },
        ),
        Change(
            "a port with an owner is kept",
            "services",
            {
                "metadata": owned_spec({"f:ports": {".": {}, 'k:{"port":80,"protocol":"TCP"}': {"f:nodePort": {}}}}),
                "spec": {
                    "ports": [
                        {"port": 80, "protocol": "TCP", "nodePort": 30080},
                        {"port": 81, "protocol": "TCP", "nodePort": 1},
                    ]
                },
            },
            {
                "metadata": owned_spec({"f:ports": {".": {}, 'k:{"port":80,"protocol":"TCP"}': {"f:nodePort": {}}}}),
                "spec": {
                    "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 81, "protocol": "TCP"}]
                },
            },
        ),
        Change(
            "a broken applied manifest is ignored",
            "services",
            {
                "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{"}},
                "spec": {"ports": [{"port": 80, "nodePort": 30080}]},
            },
            {
                "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{"}},
                "spec": {"ports": [{"port": 80}]},
            },
        ),
        Carry(
            "an allocated port is kept for the same port and protocol",
            "services",
            service(
                ports=[{"port": 53, "protocol": "TCP", "nodePort": 1}, {"port": 53, "protocol": "UDP", "nodePort": 2}]
            ),
            service(type="NodePort", ports=[{"port": 53, "protocol": "UDP"}, {"port": 80, "protocol": "TCP"}]),
            service(
                type="NodePort", ports=[{"port": 53, "protocol": "UDP", "nodePort": 2}, {"port": 80, "protocol": "TCP"}]
            ),
        ),
        Carry(
            "a port of the backup goes first",
            "services",
            service(ports=[{"port": 80, "nodePort": 1}]),
            service(type="NodePort", ports=[{"port": 80, "nodePort": 2}]),
            service(type="NodePort", ports=[{"port": 80, "nodePort": 2}]),
        ),
        Carry(
            "a ClusterIP Service gets none",
            "services",
            service(ports=[{"port": 80, "nodePort": 1}]),
            service(type="ClusterIP", ports=[{"port": 80}]),
            service(type="ClusterIP", ports=[{"port": 80}]),
        ),
    ],
    "service-health-check-port": [
        Change("an allocated port is cleared", "services", service(type="x", healthCheckNodePort=1), service(type="x")),
        Change(
            "an applied port is kept",
            "services",
            {"metadata": applied_spec({"healthCheckNodePort": 1}), "spec": {"healthCheckNodePort": 1}},
            {"metadata": applied_spec({"healthCheckNodePort": 1}), "spec": {"healthCheckNodePort": 1}},
        ),
        Change(
            "an applied null is no port",
            "services",
            {"metadata": applied_spec({"healthCheckNodePort": None}), "spec": {"type": "x", "healthCheckNodePort": 1}},
            {"metadata": applied_spec({"healthCheckNodePort": None}), "spec": {"type": "x"}},
        ),
        Change(
            "an owned port is kept",
            "services",
            {"metadata": owned_spec({"f:healthCheckNodePort": {}}), "spec": {"healthCheckNodePort": 1}},
            {"metadata": owned_spec({"f:healthCheckNodePort": {}}), "spec": {"healthCheckNodePort": 1}},
        ),
        Carry(
            "the allocated port is kept where one is needed",
            "services",
            service(healthCheckNodePort=1),
            service(type="LoadBalancer", externalTrafficPolicy="Local"),
            service(type="LoadBalancer", externalTrafficPolicy="Local", healthCheckNodePort=1),
        ),
        Carry(
            "and not where none is",
            "services",
            service(healthCheckNodePort=1),
            service(type="LoadBalancer", externalTrafficPolicy="Cluster"),
            service(type="LoadBalancer", externalTrafficPolicy="Cluster"),
        ),
    ],
}


def token(name: str, *, data: Object | None = None, uid: str | None = None) -> Object:
    annotations = {"kubernetes.io/service-account.name": "robot"} | (
        {"kubernetes.io/service-account.uid": uid} if uid else {}
    )
    secret = {"type": "kubernetes.io/service-account-token", "metadata": {"name": name, "annotations": annotations}}
    return secret | ({"data": data} if data else {})


def account(name: str = "default", **fields: object) -> Object:
    return {"metadata": {"name": name, **fields.pop("metadata", {})}, **fields}


def refs(*names: str) -> list[Object]:
    return [{"name": name} for name in names]


def subjects(namespace: str) -> Object:
    return {
        "subjects": [
            {"kind": "ServiceAccount", "name": "robot", "namespace": namespace},
            {"kind": "ServiceAccount", "name": "robot", "namespace": "infra"},
            {"kind": "User", "name": f"system:serviceaccount:{namespace}:robot"},
            {"kind": "User", "name": "shop"},
            {"kind": "Group", "name": f"system:serviceaccounts:{namespace}"},
            {"kind": "Group", "name": "system:serviceaccounts"},
        ]
    }


def binding(*namespaces: str, role: str = "view") -> Object:
    found = [{"kind": "ServiceAccount", "name": "robot", "namespace": namespace} for namespace in namespaces]
    return {"roleRef": {"name": role}, "subjects": found}


BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"
ROLES = "clusterroles.rbac.authorization.k8s.io"
FILLED = {"token": "dA==", "ca.crt": "Yw==", "namespace": "bg=="}

ACCESS: dict[str, list[Case]] = {
    "generated-token": [
        Change("a generated name is refused", "secrets", token("robot-token-x2b4c"), REFUSED),
        Change("a name of its own is kept", "secrets", token("robot-token-main"), token("robot-token-main")),
        Change(
            "the name of another account is kept", "secrets", token("other-token-x2b4c"), token("other-token-x2b4c")
        ),
        Change(
            "another type of Secret is kept",
            "secrets",
            {**token("robot-token-x2b4c"), "type": "Opaque"},
            {**token("robot-token-x2b4c"), "type": "Opaque"},
        ),
    ],
    "token-secret": [
        Change("token and UID are cleared", "secrets", token("key", data=FILLED, uid="1"), token("key")),
        Change(
            "the user's own data is kept",
            "secrets",
            token("key", data={**FILLED, "note": "bg=="}),
            token("key", data={"note": "bg=="}),
        ),
        Change(
            "other Secrets are untouched",
            "secrets",
            {"type": "Opaque", "data": FILLED},
            {"type": "Opaque", "data": FILLED},
        ),
        Carry(
            "the target's token is kept",
            "secrets",
            token("key", data=FILLED, uid="2"),
            token("key", data={"note": "bg=="}),
            token("key", data={"note": "bg==", **FILLED}, uid="2"),
        ),
        Carry("other Secrets are untouched", "secrets", {"data": FILLED}, {"type": "Opaque"}, {"type": "Opaque"}),
    ],
    "service-account-token-references": [
        Change(
            "generated names are dropped",
            "serviceaccounts",
            account("robot", secrets=refs("robot-token-x2b4c", "pull")),
            account("robot", secrets=refs("pull")),
        ),
        Change(
            "no empty list is left",
            "serviceaccounts",
            account("robot", secrets=refs("robot-token-x2b4c")),
            account("robot"),
        ),
        Carry(
            "the target's generated tokens are kept, in their place",
            "serviceaccounts",
            account("robot", secrets=refs("robot-token-x2b4c", "old", "pull")),
            account("robot", secrets=refs("pull", "new")),
            account("robot", secrets=refs("robot-token-x2b4c", "pull", "new")),
        ),
    ],
    "default-service-account": [
        Merge(
            "what is missing is added, and nothing is overwritten",
            "serviceaccounts",
            account(metadata={"labels": {"a": "live"}}, imagePullSecrets=refs("x")),
            account(
                metadata={"labels": {"a": "old", "b": "old"}, "annotations": {"c": "old"}},
                imagePullSecrets=refs("x", "y"),
                secrets=refs("z"),
                automountServiceAccountToken=False,
            ),
            account(
                metadata={"labels": {"a": "live", "b": "old"}, "annotations": {"c": "old"}},
                imagePullSecrets=refs("x", "y"),
                secrets=refs("z"),
                automountServiceAccountToken=False,
            ),
        ),
        Merge(
            "a setting of the target stays",
            "serviceaccounts",
            account(automountServiceAccountToken=True),
            account(automountServiceAccountToken=False),
            account(automountServiceAccountToken=True),
        ),
        Merge("other accounts are not merged", "serviceaccounts", account("robot"), account("robot"), None),
    ],
    "aggregated-rules": [
        Change("sums are cleared", ROLES, {"aggregationRule": {}, "rules": [{}]}, {"aggregationRule": {}}),
        Change("rules of their own are kept", ROLES, {"rules": [{}]}, {"rules": [{}]}),
        Carry(
            "the target's sum is kept",
            ROLES,
            {"rules": [{}]},
            {"aggregationRule": {}},
            {"aggregationRule": {}, "rules": [{}]},
        ),
        Carry("rules of their own are not carried", ROLES, {"rules": [{}]}, {}, {}),
    ],
    "binding-subjects": [
        Change("subjects are mapped", BINDINGS, subjects("shop"), subjects("test"), MAPPED),
        Change("without mapping nothing changes", BINDINGS, subjects("shop"), subjects("shop")),
    ],
    "shared-cluster-role-binding": [
        Merge("subjects are added", BINDINGS, binding("shop"), binding("test"), binding("shop", "test"), MAPPED),
        Merge("subjects are added once", BINDINGS, binding("test"), binding("test"), binding("test"), MAPPED),
        Merge("another role is left alone", BINDINGS, binding("shop"), binding("test", role="edit"), None, MAPPED),
        Merge("without mapping --on-conflict decides", BINDINGS, binding("shop"), binding("test"), None),
    ],
}

CLAIM = "persistentvolumeclaims"
VOLUME = "persistentvolumes"
PV1 = ObjectKey("", VOLUME, "", "pv1")
CLAIM_DATA = ObjectKey("", CLAIM, "shop", "data")
BETA = "volume.beta.kubernetes.io/storage-class"


def claim(**spec: object) -> Object:
    return {"metadata": {"name": "data", "namespace": "shop"}, "spec": {"volumeMode": "Filesystem", **spec}}


def reference(namespace: str = "shop", **fields: object) -> Object:
    return {"namespace": namespace, "name": "data", **fields}


def volume(claim_reference: Object | None = None, phase: str | None = None, **metadata: object) -> Object:
    spec = {"capacity": {}} | ({"claimRef": claim_reference} if claim_reference else {})
    return {"metadata": {"name": "pv1", **metadata}, "spec": spec} | ({"status": {"phase": phase}} if phase else {})


def noted(**annotations: str) -> Object:
    return {"metadata": {"annotations": annotations}}


STORAGE: dict[str, list[Case]] = {
    "storage-class": [
        Change("a claim", CLAIM, claim(storageClassName="fast"), claim(storageClassName="standard"), MAPPED),
        Change(
            "a class without mapping", CLAIM, claim(storageClassName="slow"), claim(storageClassName="slow"), MAPPED
        ),
        Change("the old annotation", CLAIM, noted(**{BETA: "fast"}), noted(**{BETA: "standard"}), MAPPED),
        Change(
            "claim templates",
            "statefulsets.apps",
            {"spec": {"volumeClaimTemplates": [{"spec": {"storageClassName": "fast"}}]}},
            {"spec": {"volumeClaimTemplates": [{"spec": {"storageClassName": "standard"}}]}},
            MAPPED,
        ),
        Change("without mapping", CLAIM, claim(storageClassName="fast"), claim(storageClassName="fast")),
    ],
    "claim-size": [
        Change("the claim", CLAIM, claim(), claim(resources={"requests": {"storage": "20Gi"}}), SIZED),
        Change("another claim", CLAIM, noted(), noted(), SIZED),
    ],
    "provisioned-volume": [
        Change("a provisioned volume", VOLUME, volume(annotations={"pv.kubernetes.io/provisioned-by": "csi"}), REFUSED),
        Change("a static volume", VOLUME, volume(), volume()),
    ],
    "volume-claim-reference": [
        Change(
            "the UID goes and the namespace is mapped",
            VOLUME,
            volume(reference(uid="1", resourceVersion="2")),
            volume(reference("test")),
            MAPPED,
        ),
        Change("a volume without a claim", VOLUME, volume(), volume()),
        Carry(
            "a live binding is kept",
            VOLUME,
            volume(reference(uid="3"), "Bound", annotations={"pv.kubernetes.io/bound-by-controller": "yes"}),
            volume(reference()),
            volume(reference(uid="3"), annotations={"pv.kubernetes.io/bound-by-controller": "yes"}),
        ),
        Carry(
            "a binding since the backup is kept",
            VOLUME,
            volume(reference(uid="3"), "Bound"),
            volume(),
            volume(reference(uid="3")),
        ),
        Carry(
            "a binding to another claim is a difference",
            VOLUME,
            volume(reference("else", uid="3"), "Bound"),
            volume(reference()),
            volume(reference()),
        ),
        Carry(
            "a dead binding is not kept",
            VOLUME,
            volume(reference(uid="3"), "Released"),
            volume(reference()),
            volume(reference()),
        ),
        Merge(
            "a released volume is freed for its claim",
            VOLUME,
            volume(reference(uid="1", resourceVersion="2"), "Released"),
            volume(reference()),
            volume(reference(), "Released"),
            planning(CLAIM_DATA),
        ),
        Merge(
            "but not if the claim is not restored",
            VOLUME,
            volume(reference(uid="1"), "Released"),
            volume(reference()),
            None,
        ),
        Merge(
            "nor if it is that of another claim",
            VOLUME,
            volume(reference("else", uid="1"), "Released"),
            volume(reference()),
            None,
            planning(CLAIM_DATA),
        ),
        Merge(
            "nor if it is bound",
            VOLUME,
            volume(reference(uid="1"), "Bound"),
            volume(reference()),
            None,
            planning(CLAIM_DATA),
        ),
    ],
    "claim-data-source": [
        Change(
            "a filled claim", CLAIM, claim(volumeName="pv1", dataSource={}, dataSourceRef={}), claim(volumeName="pv1")
        ),
        Change("a claim that waits", CLAIM, claim(dataSource={}), claim(dataSource={})),
        Carry("the live source is kept", CLAIM, claim(dataSource={"a": 1}), claim(), claim(dataSource={"a": 1})),
        Carry("the backup's goes first", CLAIM, claim(dataSource={"a": 1}), claim(dataSource={}), claim(dataSource={})),
    ],
    "claim-volume-name": [
        Change("a volume that is not there", CLAIM, claim(volumeName="pv1"), claim()),
        Change("a claim without a volume", CLAIM, claim(), claim()),
        Change("a volume that is restored", CLAIM, claim(volumeName="pv1"), claim(volumeName="pv1"), planning(PV1)),
        Change(
            "a free volume", CLAIM, claim(volumeName="pv1"), claim(volumeName="pv1"), planning(live={PV1: volume()})
        ),
        Change(
            "a volume that waits for this claim",
            CLAIM,
            claim(volumeName="pv1"),
            claim(volumeName="pv1"),
            planning(live={PV1: volume(reference())}),
        ),
        Change(
            "a volume that waits for the claim under its new name",
            CLAIM,
            claim(volumeName="pv1"),
            claim(volumeName="pv1"),
            planning(live={PV1: volume(reference("test"))}, context=MAPPED),
        ),
        Change(
            "a volume that belongs to another claim",
            CLAIM,
            claim(volumeName="pv1"),
            claim(),
            planning(PV1, live={PV1: volume(reference("else"))}),
        ),
        Change(
            "a volume that belongs to a claim that is gone",
            CLAIM,
            claim(volumeName="pv1"),
            claim(),
            planning(live={PV1: volume(reference(uid="1"), "Released")}),
        ),
        Change(
            "a volume that the restore frees",
            CLAIM,
            claim(volumeName="pv1"),
            claim(volumeName="pv1"),
            planning(PV1, live={PV1: volume(reference(uid="1"), "Released")}),
        ),
        Change(
            "a volume that is being deleted",
            CLAIM,
            claim(volumeName="pv1"),
            claim(),
            planning(PV1, live={PV1: volume(deletionTimestamp="now")}),
        ),
        Carry("the live volume is kept", CLAIM, claim(volumeName="pv2"), claim(), claim(volumeName="pv2")),
        Carry(
            "the backup's goes first", CLAIM, claim(volumeName="pv2"), claim(volumeName="pv1"), claim(volumeName="pv1")
        ),
    ],
    "claim-binding-notes": [
        Change(
            "notes of controllers go, others stay",
            CLAIM,
            noted(
                **{
                    "pv.kubernetes.io/bind-completed": "yes",
                    "pv.kubernetes.io/bound-by-controller": "yes",
                    "volume.kubernetes.io/selected-node": "n1",
                    "volume.kubernetes.io/storage-provisioner": "p",
                    "volume.beta.kubernetes.io/storage-provisioner": "p",
                    "team": "a",
                }
            ),
            noted(team="a"),
        ),
        Change("no empty map is left", CLAIM, noted(**{"pv.kubernetes.io/bind-completed": "yes"}), {}),
        Carry(
            "the live notes are kept",
            CLAIM,
            noted(**{"pv.kubernetes.io/bind-completed": "yes", "team": "b"}),
            noted(team="a"),
            noted(**{"pv.kubernetes.io/bind-completed": "yes", "team": "a"}),
        ),
    ],
}

JOB = "jobs.batch"
REPLICA_SET = "replicasets.apps"
UID_LABELS = {"controller-uid": "1", "batch.kubernetes.io/controller-uid": "1"}
NEW_LABELS = {"controller-uid": "2", "batch.kubernetes.io/controller-uid": "2"}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "1", "controller": True}
WEB = ObjectKey("apps", "deployments", "shop", "web")


def pinned(labels: Object, **spec: object) -> Object:
    return {
        "metadata": {"labels": {"app": "x", **labels}},
        "spec": {
            **spec,
            "selector": {"matchLabels": {"app": "x", **labels}},
            "template": {"metadata": {"labels": {"app": "x", **labels}}},
        },
    }


def replica_set(*owners: Object, replicas: int = 3) -> Object:
    metadata = {"name": "web-1", "namespace": "shop"} | ({"ownerReferences": list(owners)} if owners else {})
    return {"metadata": metadata, "spec": {"replicas": replicas}}


def finished(kind: str, status: str = "True") -> Object:
    return {"status": {"conditions": [{"type": "Suspended", "status": "True"}, {"type": kind, "status": status}]}}


def controlled_by(kind: str, **fields: object) -> Object:
    return {"metadata": {"ownerReferences": [{"kind": kind, "name": "x", **fields}]}}


def counted(**annotations: str) -> Object:
    return {"metadata": {"annotations": {"team": "a", **annotations}}}


WORKLOADS: dict[str, list[Case]] = {
    "finished-pod": [
        Change("it has succeeded", "pods", {"status": {"phase": "Succeeded"}}, REFUSED),
        Change("it has failed", "pods", {"status": {"phase": "Failed"}}, REFUSED),
        Change("it runs", "pods", {"status": {"phase": "Running"}}, {"status": {"phase": "Running"}}),
    ],
    "pod-node": [
        Change("the node is cleared", "pods", {"spec": {"a": 1, "nodeName": "n1"}}, {"spec": {"a": 1}}),
        Carry(
            "the live node is kept", "pods", {"spec": {"nodeName": "n2"}}, {"spec": {}}, {"spec": {"nodeName": "n2"}}
        ),
    ],
    "pod-priority": [
        Change(
            "the class stays, its numbers go",
            "pods",
            {"spec": {"priorityClassName": "c", "priority": 1, "preemptionPolicy": "Never"}},
            {"spec": {"priorityClassName": "c"}},
        ),
        Carry("the live numbers are kept", "pods", {"spec": {"priority": 2}}, {"spec": {}}, {"spec": {"priority": 2}}),
    ],
    "pod-ephemeral-containers": [
        Change("they are cleared", "pods", {"spec": {"a": 1, "ephemeralContainers": [{}]}}, {"spec": {"a": 1}}),
        Carry(
            "the live ones are kept",
            "pods",
            {"spec": {"ephemeralContainers": [{}]}},
            {"spec": {}},
            {"spec": {"ephemeralContainers": [{}]}},
        ),
    ],
    "finished-job": [
        Change("it is complete", JOB, finished("Complete"), REFUSED),
        Change("it has failed", JOB, finished("Failed"), REFUSED),
        Change("it goes on", JOB, finished("Complete", "False"), finished("Complete", "False")),
        Change("it has just begun", JOB, {"status": {}}, {"status": {}}),
    ],
    "cron-job-run": [
        Change("a CronJob controls it", JOB, controlled_by("CronJob", controller=True), REFUSED),
        Change(
            "something else controls it",
            JOB,
            controlled_by("Task", controller=True),
            controlled_by("Task", controller=True),
        ),
        Change("a CronJob merely owns it", JOB, controlled_by("CronJob"), controlled_by("CronJob")),
    ],
    "job-selector": [
        Change("the UID is cleared everywhere", JOB, pinned(UID_LABELS), pinned({})),
        Change(
            "a manual selector is kept",
            JOB,
            pinned(UID_LABELS, manualSelector=True),
            pinned(UID_LABELS, manualSelector=True),
        ),
        Carry("the live UID is kept", JOB, pinned(NEW_LABELS), pinned({}), pinned(NEW_LABELS)),
        Carry(
            "a manual selector is the user's",
            JOB,
            pinned(NEW_LABELS),
            pinned({}, manualSelector=True),
            pinned({}, manualSelector=True),
        ),
    ],
    "deployment-history": [
        Change(
            "the Deployment is restored", REPLICA_SET, replica_set(DEPLOYMENT), replica_set(replicas=0), planning(WEB)
        ),
        Change(
            "the Deployment is live",
            REPLICA_SET,
            replica_set(DEPLOYMENT),
            replica_set(replicas=0),
            planning(live={WEB: {}}),
        ),
        Change(
            "the Deployment has a new namespace",
            REPLICA_SET,
            replica_set(DEPLOYMENT),
            replica_set(replicas=0),
            planning(WEB._replace(namespace="test"), context=MAPPED),
        ),
        Change("there is no Deployment", REPLICA_SET, replica_set(DEPLOYMENT), replica_set(DEPLOYMENT)),
        Change(
            "other owners are kept",
            REPLICA_SET,
            replica_set({"kind": "X"}, DEPLOYMENT),
            replica_set({"kind": "X"}, replicas=0),
            planning(WEB),
        ),
        Change("it stands alone", REPLICA_SET, replica_set(), replica_set(), planning(WEB)),
        Carry(
            "an adopted one keeps owner and replicas",
            REPLICA_SET,
            replica_set(DEPLOYMENT, replicas=2),
            replica_set(replicas=0),
            replica_set(DEPLOYMENT, replicas=2),
        ),
        Carry(
            "one that stands alone is the user's", REPLICA_SET, replica_set(replicas=2), replica_set(), replica_set()
        ),
    ],
    "rollout-counters": [
        Change(
            "a revision is cleared",
            "deployments.apps",
            counted(**{"deployment.kubernetes.io/revision": "2"}),
            counted(),
        ),
        Carry(
            "the live generation is kept",
            "daemonsets.apps",
            counted(**{"deprecated.daemonset.template.generation": "4"}),
            counted(),
            counted(**{"deprecated.daemonset.template.generation": "4"}),
        ),
    ],
}


def named(name: str, **labels: str) -> Object:
    return {"metadata": {"name": name} | ({"labels": labels} if labels else {})}


def picking(namespace: str) -> Object:
    expression = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace, "infra"]}
    return {
        "spec": {
            "ingress": [
                {
                    "from": [
                        {
                            "namespaceSelector": {
                                "matchLabels": {"kubernetes.io/metadata.name": namespace, "team": "shop"}
                            }
                        },
                        {"namespaceSelector": {"matchExpressions": [expression]}},
                        {"podSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}},
                    ]
                }
            ]
        }
    }


def near(namespace: str) -> Object:
    term = {"topologyKey": "kubernetes.io/hostname", "namespaces": [namespace, "infra"]}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return {"spec": {"template": {"spec": {"affinity": affinity}}}}


def called(namespace: str) -> Object:
    return {"service": {"namespace": namespace, "name": "hook"}}


WEBHOOKS = "validatingwebhookconfigurations.admissionregistration.k8s.io"

NAMESPACES: dict[str, list[Case]] = {
    "namespace-name": [
        Change(
            "name and label are mapped",
            "namespaces",
            named("shop", **{"kubernetes.io/metadata.name": "shop", "team": "shop"}),
            named("test", **{"kubernetes.io/metadata.name": "test", "team": "shop"}),
            MAPPED,
        ),
        Change("a label is not made up", "namespaces", named("shop"), named("test"), MAPPED),
        Change("another namespace", "namespaces", named("infra"), named("infra"), MAPPED),
    ],
    "images": [
        Change("pods", "pods", {**POD, "spec": running("old.io")}, {**POD, "spec": running("new.io")}, PLACED),
        Change("templates", "deployments.apps", templated("old.io"), templated("new.io"), PLACED),
        Change(
            "cron jobs",
            "cronjobs.batch",
            {"spec": {"jobTemplate": templated("old.io")}},
            {"spec": {"jobTemplate": templated("new.io")}},
            PLACED,
        ),
        Change(
            "pod templates",
            "podtemplates",
            {"template": {"spec": running("old.io")}},
            {"template": {"spec": running("new.io")}},
            PLACED,
        ),
        Change("custom kinds", "rollouts.argoproj.io", templated("old.io"), templated("new.io"), PLACED),
        Change(
            "custom kinds without containers stay",
            "widgets.example.com",
            {"spec": {"template": {"spec": {"image": "old.io/a:1"}}}},
            {"spec": {"template": {"spec": {"image": "old.io/a:1"}}}},
            PLACED,
        ),
        Change("without mapping", "deployments.apps", templated("old.io"), templated("old.io")),
    ],
    "node-labels": [
        Change(
            "pods",
            "pods",
            {**POD, "spec": {"nodeSelector": {"zone": "a", "disk": "ssd"}}},
            {**POD, "spec": {"nodeSelector": {"zone": "b"}}},
            PLACED,
        ),
        Change(
            "volumes",
            "persistentvolumes",
            {"kind": "PersistentVolume", "spec": {"nodeAffinity": {"required": in_zone("a")}}},
            {"kind": "PersistentVolume", "spec": {"nodeAffinity": {"required": in_zone("b")}}},
            PLACED,
        ),
        Change(
            "storage classes",
            "storageclasses.storage.k8s.io",
            {
                "kind": "StorageClass",
                "allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["a"]}]}],
            },
            {
                "kind": "StorageClass",
                "allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["b"]}]}],
            },
            PLACED,
        ),
        Change(
            "without mapping",
            "pods",
            {**POD, "spec": {"nodeSelector": {"zone": "a"}}},
            {**POD, "spec": {"nodeSelector": {"zone": "a"}}},
        ),
    ],
    "namespace-fields": [
        Change(
            "a route",
            "httproutes.gateway.networking.k8s.io",
            route("shop"),
            route("test"),
            MAPPED,
        ),
        Change("without mapping", "httproutes.gateway.networking.k8s.io", route("shop"), route("shop")),
    ],
    "namespace-selectors": [
        Change(
            "of operators",
            "prometheuses.monitoring.coreos.com",
            {"spec": {"serviceMonitorNamespaceSelector": by_name_of("shop")}},
            {"spec": {"serviceMonitorNamespaceSelector": by_name_of("test")}},
            MAPPED,
        ),
        Change(
            "of gateways",
            "gateways.gateway.networking.k8s.io",
            {
                "spec": {
                    "listeners": [
                        {"allowedRoutes": {"namespaces": {"from": "Selector", "selector": by_name_of("shop")}}}
                    ]
                }
            },
            {
                "spec": {
                    "listeners": [
                        {"allowedRoutes": {"namespaces": {"from": "Selector", "selector": by_name_of("test")}}}
                    ]
                }
            },
            MAPPED,
        ),
        Change(
            "of policies",
            "validatingadmissionpolicies.admissionregistration.k8s.io",
            {"spec": {"matchConstraints": {"namespaceSelector": by_name_of("shop")}}},
            {"spec": {"matchConstraints": {"namespaceSelector": by_name_of("test")}}},
            MAPPED,
        ),
        Change("selectors", "networkpolicies.networking.k8s.io", picking("shop"), picking("test"), MAPPED),
        Change("affinity", "deployments.apps", near("shop"), near("test"), MAPPED),
        Change("without mapping", "networkpolicies.networking.k8s.io", picking("shop"), picking("shop")),
    ],
    "service-references": [
        Change(
            "webhooks",
            WEBHOOKS,
            {"webhooks": [{"clientConfig": called("shop")}, {"clientConfig": {"url": "https://example.com"}}]},
            {"webhooks": [{"clientConfig": called("test")}, {"clientConfig": {"url": "https://example.com"}}]},
            MAPPED,
        ),
        Change(
            "API services",
            "apiservices.apiregistration.k8s.io",
            {"spec": called("shop")},
            {"spec": called("test")},
            MAPPED,
        ),
        Change(
            "conversions",
            "customresourcedefinitions.apiextensions.k8s.io",
            {"spec": {"conversion": {"webhook": {"clientConfig": called("shop")}}}},
            {"spec": {"conversion": {"webhook": {"clientConfig": called("test")}}}},
            MAPPED,
        ),
    ],
    "namespace": [
        Change(
            "the namespace is mapped",
            "configmaps",
            {"metadata": {"namespace": "shop"}},
            {"metadata": {"namespace": "test"}},
            MAPPED,
        ),
        Change("a cluster-scoped object gets none", ROLES, {"metadata": {}}, {"metadata": {}}, MAPPED),
    ],
}


def finalized(*finalizers: str) -> Object:
    return {"metadata": {"name": "x"} | ({"finalizers": list(finalizers)} if finalizers else {})}


def widget(**fields: object) -> Object:
    return {"apiVersion": "example.com/v1", "kind": "Widget", **fields}


WITHOUT_STATUS = Context(subresources=lambda _api_version, _kind: frozenset({"scale"}))
SERVER_METADATA = {
    "uid": "1",
    "resourceVersion": "2",
    "creationTimestamp": "then",
    "generation": 3,
    "selfLink": "/x",
    "deletionTimestamp": "now",
    "deletionGracePeriodSeconds": 0,
    "managedFields": [],
}

SERVER_FIELDS: dict[str, list[Case]] = {
    "finalizers": [
        Change(
            "those with a future are kept",
            "configmaps",
            finalized(
                "example.com/a", "orphan", "foregroundDeletion", "kubernetes.io/pvc-protection", "external-attacher/csi"
            ),
            finalized("example.com/a"),
        ),
        Change("no empty list is left", "configmaps", finalized("orphan"), finalized()),
        Carry(
            "the live protection is kept, in its place",
            "configmaps",
            finalized("kubernetes.io/pvc-protection", "example.com/b", "example.com/a"),
            finalized("example.com/a", "example.com/c"),
            finalized("kubernetes.io/pvc-protection", "example.com/a", "example.com/c"),
        ),
    ],
    "generate-name": [
        Change("it is dropped", "configmaps", {"metadata": {"name": "a-1", "generateName": "a-"}}, named("a-1")),
        Carry(
            "the live one is kept",
            "configmaps",
            {"metadata": {"name": "a-1", "generateName": "a-"}},
            named("a-1"),
            {"metadata": {"name": "a-1", "generateName": "a-"}},
        ),
    ],
    "status": [
        Change("it is dropped", "widgets.example.com", widget(status={"a": 1}), widget()),
        Change(
            "it is data where the server keeps none apart",
            "widgets.example.com",
            widget(status={"a": 1}),
            widget(status={"a": 1}),
            WITHOUT_STATUS,
        ),
        Carry(
            "the live one is kept", "widgets.example.com", widget(status={"a": 2}), widget(), widget(status={"a": 2})
        ),
        Carry(
            "data is not carried",
            "widgets.example.com",
            widget(status={"a": 2}),
            widget(status={"a": 1}),
            widget(status={"a": 1}),
            WITHOUT_STATUS,
        ),
    ],
    "server-metadata": [
        Change("it is dropped", "configmaps", {"metadata": {"name": "a", **SERVER_METADATA}}, named("a")),
        Carry(
            "the live one is kept",
            "configmaps",
            {"metadata": {"name": "a", **SERVER_METADATA}},
            named("a"),
            {"metadata": {"name": "a", **SERVER_METADATA}},
        ),
    ],
}

CASES: dict[str, list[Case]] = {**SERVICES, **ACCESS, **STORAGE, **WORKLOADS, **NAMESPACES, **SERVER_FIELDS}
