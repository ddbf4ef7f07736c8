"""Objects of old API versions, as their servers sent them, and the same in the version that is served today."""

from holdfast.objects.fields import copied

POD = {"containers": [{"name": "main", "image": "none.invalid/none:1"}]}
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": POD}
SELECTED = {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}
WORKED = {"restartPolicy": "Never", **POD}
RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]


def of(api_version, kind, **fields):
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "x-one", **fields.pop("metadata", {})},
        **fields,
    }


def same(old, new, kind, **fields):
    return of(old, kind, **fields), of(new, kind, **fields)


def workload(old, kind, before=None, after=None):
    return of(old, kind, spec=before or {"template": TEMPLATE}), of("apps/v1", kind, spec=SELECTED | (after or {}))


def ingress(api_version):
    paths = [{"path": "/a", "backend": {"serviceName": "web", "servicePort": 80}}]
    paths.append({"path": "/b", "pathType": "Exact", "backend": {"serviceName": "web", "servicePort": "http"}})
    paths.append(
        {"path": "/c", "backend": {"resource": {"apiGroup": "example.com", "kind": "Bucket", "name": "static"}}}
    )
    rules = [{"host": "web.example.com", "http": {"paths": paths}}, {"host": "all.example.com"}]
    before = {"backend": {"serviceName": "rest", "servicePort": 8080}, "rules": rules, "ingressClassName": "nginx"}

    paths = [{"path": "/a", "pathType": "ImplementationSpecific", "backend": named("web", number=80)}]
    paths.append({"path": "/b", "pathType": "Exact", "backend": named("web", name="http")})
    bucket = {"resource": {"apiGroup": "example.com", "kind": "Bucket", "name": "static"}}
    paths.append({"path": "/c", "pathType": "ImplementationSpecific", "backend": bucket})
    rules = [{"host": "web.example.com", "http": {"paths": paths}}, {"host": "all.example.com"}]
    after = {"defaultBackend": named("rest", number=8080), "rules": rules, "ingressClassName": "nginx"}
    return of(api_version, "Ingress", spec=before), of("networking.k8s.io/v1", "Ingress", spec=after)


def named(service, **port):
    return {"service": {"name": service, "port": port}}


def autoscaler(version, **spec):
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return of(
        f"autoscaling/{version}",
        "HorizontalPodAutoscaler",
        spec={"maxReplicas": 3, "scaleTargetRef": reference, **spec},
    )


def metric(sort, **fields):
    return {"type": sort, sort[0].lower() + sort[1:]: fields}


def metrics_v2beta1():
    described = {"apiVersion": "v1", "kind": "Service", "name": "web"}
    labels = {"matchLabels": {"a": "b"}}
    before = [
        metric("Resource", name="cpu", targetAverageUtilization=80),
        metric("Resource", name="memory", targetAverageValue="1Gi"),
        metric("ContainerResource", name="cpu", container="main", targetAverageUtilization=70),
        metric("Pods", metricName="queue", targetAverageValue="5", selector=labels),
        metric("Object", target=described, metricName="hits", targetValue="9"),
        metric("Object", target=described, metricName="hits", targetValue="0", averageValue="3"),
        metric("External", metricName="jobs", metricSelector=labels, targetValue="7"),
        metric("External", metricName="jobs", targetAverageValue="2"),
    ]
    after = [
        metric("Resource", name="cpu", target={"type": "Utilization", "averageUtilization": 80}),
        metric("Resource", name="memory", target={"type": "AverageValue", "averageValue": "1Gi"}),
        metric(
            "ContainerResource", name="cpu", container="main", target={"type": "Utilization", "averageUtilization": 70}
        ),
        metric(
            "Pods", metric={"name": "queue", "selector": labels}, target={"type": "AverageValue", "averageValue": "5"}
        ),
        metric("Object", describedObject=described, metric={"name": "hits"}, target={"type": "Value", "value": "9"}),
        metric(
            "Object",
            describedObject=described,
            metric={"name": "hits"},
            target={"type": "AverageValue", "averageValue": "3"},
        ),
        metric("External", metric={"name": "jobs", "selector": labels}, target={"type": "Value", "value": "7"}),
        metric("External", metric={"name": "jobs"}, target={"type": "AverageValue", "averageValue": "2"}),
    ]
    return autoscaler("v2beta1", metrics=before), autoscaler("v2", metrics=after)


def autoscaler_v1():
    kept = '[{"type":"Pods","pods":{"metricName":"queue","targetAverageValue":"5"}}]'
    before = autoscaler("v1", targetCPUUtilizationPercentage=80)
    before["metadata"]["annotations"] = {
        "autoscaling.alpha.kubernetes.io/metrics": kept,
        "autoscaling.alpha.kubernetes.io/conditions": "[]",
        "autoscaling.alpha.kubernetes.io/behavior": '{"ScaleDown":{"stabilizationWindowSeconds":60}}',
    }
    after = [
        metric("Resource", name="cpu", target={"type": "Utilization", "averageUtilization": 80}),
        metric("Pods", metric={"name": "queue"}, target={"type": "AverageValue", "averageValue": "5"}),
    ]
    return before, autoscaler("v2", metrics=after, behavior={"scaleDown": {"stabilizationWindowSeconds": 60}})


def webhooks(kind):
    hook = {
        "name": "check.example.com",
        "clientConfig": {"url": "https://example.com/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    }
    other = {**hook, "name": "other.example.com", "sideEffects": "NoneOnDryRun", "failurePolicy": "Fail"}
    other |= {"matchPolicy": "Equivalent", "timeoutSeconds": 5, "admissionReviewVersions": ["v1", "v1beta1"]}
    old, new = "admissionregistration.k8s.io/v1beta1", "admissionregistration.k8s.io/v1"
    defaults = {"sideEffects": "None", "failurePolicy": "Ignore", "matchPolicy": "Exact", "timeoutSeconds": 30}
    defaults["admissionReviewVersions"] = ["v1beta1"]
    return of(old, kind, webhooks=[{**hook, "sideEffects": "Unknown"}, other]), of(
        new, kind, webhooks=[{**hook, **defaults}, other]
    )


def definition(before, after):
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    common = {"group": "old.example.com", "scope": "Namespaced", "names": names}
    metadata = {"name": "things.old.example.com"}
    old, new = "apiextensions.k8s.io/v1beta1", "apiextensions.k8s.io/v1"
    return (
        of(old, "CustomResourceDefinition", metadata=metadata, spec=common | before),
        of(new, "CustomResourceDefinition", metadata=metadata, spec=common | after),
    )


SCHEMA = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
OPEN = "x-kubernetes-preserve-unknown-fields"


def version(name="v1", *, stored=True, **fields):
    return {"name": name, "served": True, "storage": stored, **fields}


def requests(**request):
    return {"devices": {"requests": [{"name": "gpu", **request}]}}


CASES = {
    "Deployment of extensions": workload("extensions/v1beta1", "Deployment", {"template": TEMPLATE, "rollbackTo": {}}),
    "ReplicaSet of extensions": workload("extensions/v1beta1", "ReplicaSet"),
    "DaemonSet of extensions": workload(
        "extensions/v1beta1", "DaemonSet", {"template": TEMPLATE, "templateGeneration": 3},
        {"updateStrategy": {"type": "OnDelete"}},
    ),
    "Deployment of apps/v1beta1": workload("apps/v1beta1", "Deployment", SELECTED | {"rollbackTo": {}}),
    "Deployment of apps/v1beta2": workload("apps/v1beta2", "Deployment", SELECTED),
    "DaemonSet of apps/v1beta2": workload("apps/v1beta2", "DaemonSet", SELECTED),
    "ReplicaSet of apps/v1beta2": workload("apps/v1beta2", "ReplicaSet", SELECTED),
    "StatefulSet of apps/v1beta1": workload(
        "apps/v1beta1", "StatefulSet", {"template": TEMPLATE, "serviceName": "web"},
        {"serviceName": "web", "updateStrategy": {"type": "OnDelete"}},
    ),
    "StatefulSet of apps/v1beta2": workload(
        "apps/v1beta2", "StatefulSet", SELECTED | {"serviceName": "web"}, {"serviceName": "web"}
    ),
    "Ingress of extensions": ingress("extensions/v1beta1"),
    "Ingress": ingress("networking.k8s.io/v1beta1"),
    "NetworkPolicy of extensions": same(
        "extensions/v1beta1", "networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}, "policyTypes": ["Ingress"]}
    ),
    "IngressClass": (
        of("networking.k8s.io/v1beta1", "IngressClass",
           spec={"controller": "example.com/a", "parameters": {"apiGroup": "example.com", "kind": "P", "name": "p"}}),
        of("networking.k8s.io/v1", "IngressClass",
           spec={"controller": "example.com/a",
                 "parameters": {"apiGroup": "example.com", "kind": "P", "name": "p", "scope": "Cluster"}}),
    ),
    "IngressClass without parameters": same(
        "networking.k8s.io/v1beta1", "networking.k8s.io/v1", "IngressClass", spec={"controller": "example.com/a"}
    ),
    "EndpointSlice": (
        of("discovery.k8s.io/v1beta1", "EndpointSlice", addressType="IPv4", endpoints=[
            {"addresses": ["10.0.0.1"], "topology": {
                "kubernetes.io/hostname": "n1", "topology.kubernetes.io/zone": "a", "topology.kubernetes.io/region": "r"}},
            {"addresses": ["10.0.0.2"]}]),
        of("discovery.k8s.io/v1", "EndpointSlice", addressType="IPv4", endpoints=[
            {"addresses": ["10.0.0.1"], "nodeName": "n1", "zone": "a"},
            {"addresses": ["10.0.0.2"]}]),
    ),
    "PodDisruptionBudget": same(
        "policy/v1beta1", "policy/v1", "PodDisruptionBudget",
        spec={"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    ),
    "PodDisruptionBudget for no pod": (
        of("policy/v1beta1", "PodDisruptionBudget", spec={"minAvailable": 1, "selector": {}}),
        of("policy/v1", "PodDisruptionBudget", spec={"minAvailable": 1, "selector": {"matchExpressions": [
            {"key": "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match", "operator": "Exists"}]}}),
    ),
    "CronJob": same(
        "batch/v1beta1", "batch/v1", "CronJob",
        spec={"schedule": "1 * * * *", "jobTemplate": {"spec": {"template": {"spec": WORKED}}}},
    ),
    "HorizontalPodAutoscaler of v2beta2": (
        autoscaler("v2beta2", metrics=[metric("Resource", name="cpu", target={"type": "Utilization", "averageUtilization": 8})]),
        autoscaler("v2", metrics=[metric("Resource", name="cpu", target={"type": "Utilization", "averageUtilization": 8})]),
    ),
    "HorizontalPodAutoscaler of v2beta1": metrics_v2beta1(),
    "HorizontalPodAutoscaler of v1": autoscaler_v1(),
    "Role": same("rbac.authorization.k8s.io/v1beta1", "rbac.authorization.k8s.io/v1", "Role", rules=RULES),
    "ClusterRole": same("rbac.authorization.k8s.io/v1beta1", "rbac.authorization.k8s.io/v1", "ClusterRole", rules=RULES),
    "RoleBinding": same(
        "rbac.authorization.k8s.io/v1beta1", "rbac.authorization.k8s.io/v1", "RoleBinding",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        subjects=[{"kind": "ServiceAccount", "name": "robot", "namespace": "default"}],
    ),
    "ValidatingWebhookConfiguration": webhooks("ValidatingWebhookConfiguration"),
    "MutatingWebhookConfiguration": webhooks("MutatingWebhookConfiguration"),
    "ValidatingAdmissionPolicy": same(
        "admissionregistration.k8s.io/v1beta1", "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy",
        spec={"validations": [{"expression": "true"}], "matchConstraints": {"resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}},
    ),
    "CustomResourceDefinition with one version": definition(
        {"version": "v1", "preserveUnknownFields": True},
        {"versions": [version(schema={"openAPIV3Schema": {"type": "object", OPEN: True}})]},
    ),
    "CustomResourceDefinition with all it can have": definition(
        {
            "version": "v1",
            "versions": [version(), version("v2", stored=False)],
            "validation": {"openAPIV3Schema": SCHEMA},
            "additionalPrinterColumns": [{"name": "Size", "type": "integer", "JSONPath": ".spec.size"}],
            "subresources": {"status": {}},
            "preserveUnknownFields": False,
            "conversion": {
                "strategy": "Webhook", "conversionReviewVersions": ["v1", "v1beta1"],
                "webhookClientConfig": {"service": {"namespace": "a", "name": "b", "path": "/c", "port": 443}},
            },
        },
        {
            "versions": [
                version(
                    name, stored=name == "v1", schema={"openAPIV3Schema": SCHEMA}, subresources={"status": {}},
                    additionalPrinterColumns=[{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                )
                for name in ("v1", "v2")
            ],
            "conversion": {
                "strategy": "Webhook",
                "webhook": {
                    "conversionReviewVersions": ["v1", "v1beta1"],
                    "clientConfig": {"service": {"namespace": "a", "name": "b", "path": "/c", "port": 443}},
                },
            },
        },
    ),
    "CustomResourceDefinition with a schema for each version": definition(
        {
            "preserveUnknownFields": True, "conversion": {"strategy": "None"},
            "versions": [version(schema={"openAPIV3Schema": SCHEMA},
                                 additionalPrinterColumns=[{"name": "A", "type": "string", "JSONPath": ".a"}])],
        },
        {
            "conversion": {"strategy": "None"},
            "versions": [version(schema={"openAPIV3Schema": SCHEMA | {OPEN: True}},
                                 additionalPrinterColumns=[{"name": "A", "type": "string", "jsonPath": ".a"}])],
        },
    ),
    "APIService": same(
        "apiregistration.k8s.io/v1beta1", "apiregistration.k8s.io/v1", "APIService",
        metadata={"name": "v1.old.example.com"},
        spec={"group": "old.example.com", "version": "v1", "groupPriorityMinimum": 10, "versionPriority": 10,
              "service": {"namespace": "a", "name": "b"}, "insecureSkipTLSVerify": True},
    ),
    "PriorityClass": same("scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1", "PriorityClass", value=7),
    "StorageClass": same("storage.k8s.io/v1beta1", "storage.k8s.io/v1", "StorageClass", provisioner="example.com/none"),
    "CSIDriver": same("storage.k8s.io/v1beta1", "storage.k8s.io/v1", "CSIDriver", spec={"attachRequired": False}),
    "Lease": same("coordination.k8s.io/v1beta1", "coordination.k8s.io/v1", "Lease", spec={"holderIdentity": "me"}),
    "RuntimeClass": same("node.k8s.io/v1beta1", "node.k8s.io/v1", "RuntimeClass", handler="runc"),
    "RuntimeClass of v1alpha1": (
        of("node.k8s.io/v1alpha1", "RuntimeClass", spec={"runtimeHandler": "runc", "scheduling": {"nodeSelector": {"a": "b"}}}),
        of("node.k8s.io/v1", "RuntimeClass", handler="runc", scheduling={"nodeSelector": {"a": "b"}}),
    ),
    "FlowSchema": same(
        "flowcontrol.apiserver.k8s.io/v1beta3", "flowcontrol.apiserver.k8s.io/v1", "FlowSchema",
        spec={"priorityLevelConfiguration": {"name": "global-default"}, "matchingPrecedence": 9000},
    ),
}  # fmt: skip
"""name → (before, after); served by 1.30 and 1.34 alike"""

CASES_OF_NEW_SERVERS = {
    "ResourceClaimTemplate": (
        of("resource.k8s.io/v1beta1", "ResourceClaimTemplate", spec={"spec": requests(deviceClassName="gpu", count=2)}),
        of("resource.k8s.io/v1", "ResourceClaimTemplate",
           spec={"spec": requests(exactly={"deviceClassName": "gpu", "count": 2})}),
    ),
    "ResourceClaim with alternatives": same(
        "resource.k8s.io/v1beta1", "resource.k8s.io/v1", "ResourceClaim",
        spec=requests(firstAvailable=[{"name": "big", "deviceClassName": "gpu"}]),
    ),
    "DeviceClass": same("resource.k8s.io/v1beta1", "resource.k8s.io/v1", "DeviceClass", spec={}),
    "ResourceClaim of v1beta2": same(
        "resource.k8s.io/v1beta2", "resource.k8s.io/v1", "ResourceClaim", spec=requests(exactly={"deviceClassName": "gpu"})
    ),
    "ServiceCIDR": same(
        "networking.k8s.io/v1beta1", "networking.k8s.io/v1", "ServiceCIDR", spec={"cidrs": ["10.99.0.0/24"]}
    ),
    "VolumeAttributesClass": same(
        "storage.k8s.io/v1beta1", "storage.k8s.io/v1", "VolumeAttributesClass",
        driverName="example.com", parameters={"a": "b"},
    ),
}  # fmt: skip
"""The same for kinds that 1.34 serves and 1.30 does not."""


def fresh(case):
    """Objects that a test may change."""
    return copied(case[0]), copied(case[1])
