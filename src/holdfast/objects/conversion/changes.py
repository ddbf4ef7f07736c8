"""How the fields of a kind changed from one version of its API to the next: one function for each such step.

Each changes an object of an old version, as the API server sent it, in place into what the new version says the same with.
Defaults that the old version had and the new one has no longer are written down. `apiVersion` is not these functions' business.
"""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.objects.fields import Object, at, items, put

_METRICS = "autoscaling.alpha.kubernetes.io/metrics"
_BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
_OBSERVED = ("autoscaling.alpha.kubernetes.io/conditions", "autoscaling.alpha.kubernetes.io/current-metrics")
_MATCH_NONE = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match"
_HOSTNAME = "kubernetes.io/hostname"
_ZONE = "topology.kubernetes.io/zone"


def rename(obj: Object, old: str, new: str) -> None:
    if old in obj:
        obj[new] = obj.pop(old)


# Workloads


def workload(obj: Object) -> None:
    """`apps/v1` demands a selector, where the old versions took the template's labels, and has no rollbackTo."""
    spec = at(obj, "spec")
    if not spec.get("selector"):
        spec["selector"] = {"matchLabels": dict(at(spec, "template", "metadata", "labels"))}
    for field in ("rollbackTo", "templateGeneration"):
        spec.pop(field, None)


def workload_updated_by_hand(obj: Object) -> None:
    """The same for kinds that old versions did not update by themselves unless told to."""
    workload(obj)
    at(obj, "spec").setdefault("updateStrategy", {"type": "OnDelete"})


# Networking


def ingress(obj: Object) -> None:
    spec = at(obj, "spec")
    rename(spec, "backend", "defaultBackend")
    if "defaultBackend" in spec:
        _ingress_backend(at(spec, "defaultBackend"))
    for rule in items(spec, "rules"):
        for path in items(rule, "http", "paths"):
            path.setdefault("pathType", "ImplementationSpecific")
            _ingress_backend(at(path, "backend"))


def _ingress_backend(backend: Object) -> None:
    if "serviceName" in backend:
        port = backend.pop("servicePort", None)
        service: Object = {"name": backend.pop("serviceName")}
        if port is not None:
            service["port"] = {"number": port} if isinstance(port, int) else {"name": port}
        backend["service"] = service


def ingress_class(obj: Object) -> None:
    if parameters := at(obj, "spec", "parameters"):
        parameters.setdefault("scope", "Cluster")


def endpoint_slice(obj: Object) -> None:
    """What else was in `topology` cannot be written any more: v1 shows it, and ignores it when it is sent."""
    for endpoint in items(obj, "endpoints"):
        topology = endpoint.pop("topology", None)
        if isinstance(topology, dict):
            for label, field in ((_HOSTNAME, "nodeName"), (_ZONE, "zone")):
                if label in topology:
                    endpoint.setdefault(field, topology[label])


# Policy and scaling


def disruption_budget(obj: Object) -> None:
    """In v1beta1 an empty selector is for no pod, in v1 for all of the namespace."""
    spec = at(obj, "spec")
    if spec.get("selector") == {}:
        spec["selector"] = {"matchExpressions": [{"key": _MATCH_NONE, "operator": "Exists"}]}


def autoscaler_v1(obj: Object) -> None:
    """All but the CPU target of such an object is kept in annotations."""
    spec, annotations = at(obj, "spec"), at(obj, "metadata", "annotations")
    metrics = [_metric_of_v1(entry) for entry in _decoded(annotations.pop(_METRICS, ""), list)]
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    if percentage is not None:
        target = {"type": "Utilization", "averageUtilization": percentage}
        metrics.insert(0, {"type": "Resource", "resource": {"name": "cpu", "target": target}})
    if metrics:
        spec["metrics"] = metrics
    if behavior := _decoded(annotations.pop(_BEHAVIOR, ""), dict):
        spec["behavior"] = {key[:1].lower() + key[1:]: value for key, value in behavior.items()}
    for annotation in _OBSERVED:
        annotations.pop(annotation, None)
    if "annotations" in at(obj, "metadata") and not annotations:
        del obj["metadata"]["annotations"]


def _decoded(text: Any, wanted: type) -> Any:
    try:
        value = msgspec.json.decode(text) if isinstance(text, str) and text else None
    except msgspec.MsgspecError:
        value = None
    return value if isinstance(value, wanted) else wanted()


def _metric_of_v1(entry: Any) -> Any:
    metric: Object = dict(entry) if isinstance(entry, dict) else {}
    _metric(metric)
    return metric


def autoscaler_v2beta1(obj: Object) -> None:
    for metric in items(obj, "spec", "metrics"):
        _metric(metric)


def _metric(metric: Object) -> None:
    """`targetAverageValue: 5` → `target: {type: AverageValue, averageValue: 5}`, and the metric by name and selector."""
    for sort in ("resource", "containerResource", "pods", "object", "external"):
        source = at(metric, sort)
        if not source:
            continue
        if sort == "object":
            rename(source, "target", "describedObject")
            rename(source, "averageValue", "targetAverageValue")
        _target(source)
        if "metricName" in source:
            source["metric"] = {"name": source.pop("metricName")}
            for field in ("selector", "metricSelector"):
                if field in source:
                    source["metric"]["selector"] = source.pop(field)


def _target(source: Object) -> None:
    for old, sort, new in (
        ("targetAverageUtilization", "Utilization", "averageUtilization"),
        ("targetAverageValue", "AverageValue", "averageValue"),
        ("targetValue", "Value", "value"),
    ):
        amount = source.pop(old, None)
        if amount not in (None, "0"):  # object metrics with an average have a targetValue of 0 as well
            source.setdefault("target", {"type": sort, new: amount})


# Extending the API


def webhooks(obj: Object) -> None:
    """v1 wants no side effects declared where v1beta1 let them be unknown, and has other defaults."""
    for webhook in items(obj, "webhooks"):
        if webhook.get("sideEffects") not in ("None", "NoneOnDryRun"):
            webhook["sideEffects"] = "None"
        for field, default in (
            ("admissionReviewVersions", ["v1beta1"]),
            ("failurePolicy", "Ignore"),
            ("matchPolicy", "Exact"),
            ("timeoutSeconds", 30),
        ):
            webhook.setdefault(field, default)


def definition(obj: Object) -> None:
    """One schema, and what else was said once for all versions, becomes a part of each version."""
    spec = at(obj, "spec")
    keeps_unknown = spec.pop("preserveUnknownFields", True)
    common: Object = {
        field: spec.pop(field) for field in ("validation", "additionalPrinterColumns", "subresources") if field in spec
    }
    single = spec.pop("version", None)
    if not items(spec, "versions") and single:
        spec["versions"] = [{"name": single, "served": True, "storage": True}]
    for version in items(spec, "versions"):
        _definition_version(version, common, keeps_unknown=keeps_unknown is not False)
    _definition_conversion(at(spec, "conversion"))
    spec.setdefault("scope", "Namespaced")


def _definition_version(version: Object, common: Object, *, keeps_unknown: bool) -> None:
    schema = at(version, "schema") or dict(at(common, "validation"))
    root: Object = dict(at(schema, "openAPIV3Schema"))
    root.setdefault("type", "object")
    if keeps_unknown:
        root["x-kubernetes-preserve-unknown-fields"] = True
    version["schema"] = {**schema, "openAPIV3Schema": root}
    columns = version.get("additionalPrinterColumns", common.get("additionalPrinterColumns"))
    if columns:
        version["additionalPrinterColumns"] = [
            {("jsonPath" if key == "JSONPath" else key): value for key, value in column.items()} for column in columns
        ]
    if "subresources" in common:
        version.setdefault("subresources", common["subresources"])


def _definition_conversion(conversion: Object) -> None:
    client, versions = conversion.pop("webhookClientConfig", None), conversion.pop("conversionReviewVersions", None)
    if conversion.get("strategy") == "Webhook":
        put(conversion, "webhook", "clientConfig", value=client or {})
        put(conversion, "webhook", "conversionReviewVersions", value=versions or ["v1beta1"])


def runtime_class_v1alpha1(obj: Object) -> None:
    """What was below `spec` is at the top."""
    spec = obj.pop("spec", None)
    if isinstance(spec, dict):
        rename(spec, "runtimeHandler", "handler")
        obj.update(spec)


def resource_claim(obj: Object) -> None:
    """A request for devices of one class has what it asks for below `exactly`."""
    spec = at(obj, "spec", "spec") if obj.get("kind") == "ResourceClaimTemplate" else at(obj, "spec")
    for request in items(spec, "devices", "requests"):
        if "deviceClassName" in request:
            exactly = {key: request.pop(key) for key in list(request) if key not in ("name", "firstAvailable")}
            request["exactly"] = exactly
