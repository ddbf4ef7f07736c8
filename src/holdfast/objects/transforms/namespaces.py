"""Rows for `--map-namespace`: an object's own namespace, and the places where objects name namespaces."""

from __future__ import annotations

from holdfast.objects.fields import Object, at, items, maps_within, namespace_of, put
from holdfast.objects.mapping import NameMap
from holdfast.objects.transforms.transform import Context, Transform

_NAME_LABEL = "kubernetes.io/metadata.name"
_WEBHOOKS = frozenset(
    f"{plural}.admissionregistration.k8s.io"
    for plural in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
)
_POLICIES = frozenset(
    f"{plural}.admissionregistration.k8s.io"
    for plural in (
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    )
)
_SELECTORS_OF_OPERATORS = frozenset(
    {
        "alertmanagers.monitoring.coreos.com",
        "gateways.gateway.networking.k8s.io",
        "prometheusagents.monitoring.coreos.com",
        "prometheuses.monitoring.coreos.com",
        "thanosrulers.monitoring.coreos.com",
    }
)
_WITH_PODS = frozenset(
    {
        "pods",
        "podtemplates",
        "replicationcontrollers",
        "deployments.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "replicasets.apps",
        "jobs.batch",
        "cronjobs.batch",
    }
)


def _map_namespace_name(obj: Object, context: Context) -> None:
    metadata = at(obj, "metadata")
    metadata["name"] = context.mapping.namespaces[metadata["name"]]
    if _NAME_LABEL in at(metadata, "labels"):
        metadata["labels"][_NAME_LABEL] = metadata["name"]


def _map_namespace(obj: Object, context: Context) -> None:
    if namespace := namespace_of(obj):
        put(obj, "metadata", "namespace", value=context.mapping.namespaces[namespace])


def _map_selectors(obj: Object, context: Context) -> None:
    if not context.mapping.namespaces:
        return
    for part in maps_within(obj):
        for field in part:
            if field.endswith(("amespaceSelector", "namespaces")):  # `serviceMonitorNamespaceSelector`, allowedRoutes
                selector = at(part, field)
                _map_selector(at(selector, "selector") or selector, context.mapping.namespaces)
        if "topologyKey" in part and isinstance(part.get("namespaces"), list):  # a pod affinity term
            part["namespaces"] = [context.mapping.namespaces[name] for name in part["namespaces"]]


def _map_selector(selector: Object, namespaces: NameMap) -> None:
    labels = at(selector, "matchLabels")
    if _NAME_LABEL in labels:
        labels[_NAME_LABEL] = namespaces[labels[_NAME_LABEL]]
    for expression in items(selector, "matchExpressions"):
        if expression.get("key") == _NAME_LABEL and expression.get("values"):
            expression["values"] = [namespaces[name] for name in expression["values"]]


def _map_service_references(obj: Object, context: Context) -> None:
    spec = at(obj, "spec")
    services = [
        *(at(webhook, "clientConfig", "service") for webhook in items(obj, "webhooks")),
        at(spec, "conversion", "webhook", "clientConfig", "service"),  # of a CustomResourceDefinition
        at(spec, "service"),  # of an APIService
    ]
    for service in services:
        if "namespace" in service:
            service["namespace"] = context.mapping.namespaces[service["namespace"]]


NAMESPACES: tuple[Transform, ...] = (
    Transform(
        "namespace-name",
        "With --map-namespace, the Namespace is created under its new name, and its name label follows.",
        frozenset({"namespaces"}),
        change=_map_namespace_name,
    ),
    Transform(
        "namespace-selectors",
        "With --map-namespace, selectors and affinity terms that pick a namespace by its name pick the new name,"
        " or the application would be cut off from itself.",
        _WEBHOOKS | _POLICIES | _SELECTORS_OF_OPERATORS | _WITH_PODS | {"networkpolicies.networking.k8s.io"},
        change=_map_selectors,
    ),
    Transform(
        "service-references",
        "With --map-namespace, webhooks, API services and CRD conversions call the Service in its new namespace.",
        _WEBHOOKS | {"apiservices.apiregistration.k8s.io", "customresourcedefinitions.apiextensions.k8s.io"},
        change=_map_service_references,
    ),
    Transform(
        "namespace",
        "With --map-namespace, the object is created in the new namespace.",
        change=_map_namespace,
    ),
)
