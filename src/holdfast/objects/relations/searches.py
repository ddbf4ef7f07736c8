"""What is found because of what it points at, or whose pods it selects: all objects of these kinds are looked through."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.fields import Object, at, items, text, texts
from holdfast.objects.label_selector import Expression, LabelSelector
from holdfast.objects.metadata import Glimpse
from holdfast.objects.relations.document import Document
from holdfast.objects.relations.needs import CERTIFICATES, DEFAULT_ACCOUNT, INGRESSES, ROLE_BINDINGS, ROUTES, owners
from holdfast.objects.relations.references import ACCOUNTS, CLAIMS, CONFIG_MAPS, SECRETS
from holdfast.objects.relations.rule import PointingRule, SelectingRule

SERVICES = "services"
_NUMBERED = re.compile(r"(?P<stem>.+)-[0-9]+")
_HELM_RELEASE = re.compile(r"sh\.helm\.release\.v1\.(?P<release>.+)\.v[0-9]+")
# What an object answers to besides its own name. No kind of a cluster is called so.
_CLAIM_STEM = "claims made from a template"
_RELEASE = "Helm releases"


def is_shared_account(resource: Resource, seen: Glimpse) -> bool:
    """Whether it is the ServiceAccount `default`, which all pods of its namespace share if they name none.

    What binds it is not for one workload, so it brings along nothing but its Secrets.
    """
    return resource.group_resource == ACCOUNTS and seen.name == DEFAULT_ACCOUNT


def answers(document: Document) -> Iterator[ObjectKey]:
    """All that other objects can point at and mean this one: it, and names that stand for it."""
    kind, seen = document.resource.group_resource, document.seen
    if is_shared_account(document.resource, seen):
        return
    if kind == ACCOUNTS:
        yield document.beside("", ACCOUNTS, "")
    yield document.key
    if kind == "statefulsets.apps":
        for claim in items(document.spec, "volumeClaimTemplates"):
            yield document.beside("", _CLAIM_STEM, f"{text(claim, 'metadata', 'name')}-{seen.name}")
    if release := seen.annotations.get("meta.helm.sh/release-name"):
        namespace = seen.annotations.get("meta.helm.sh/release-namespace") or seen.namespace
        yield ObjectKey("", _RELEASE, namespace, release)


def accounts(subjects: list[Object]) -> Iterator[ObjectKey]:
    """The ServiceAccounts that a binding binds; one without a name stands for all of its namespace."""
    for subject in subjects:
        name = text(subject, "name")
        if text(subject, "kind") == "ServiceAccount":
            yield ObjectKey("", ACCOUNTS, text(subject, "namespace"), name)
        elif text(subject, "kind") == "Group" and name.startswith("system:serviceaccounts:"):
            yield ObjectKey("", ACCOUNTS, name.rpartition(":")[2], "")


def selector(value: Object) -> LabelSelector:
    """An object's `matchLabels` and `matchExpressions`."""
    labels = {key: wanted for key, wanted in at(value, "matchLabels").items() if isinstance(wanted, str)}
    expressions = [
        Expression(text(each, "key"), text(each, "operator"), texts(each, "values"))
        for each in items(value, "matchExpressions")
    ]
    return LabelSelector.from_object(labels, expressions)


def _claim_stem(document: Document) -> Iterator[ObjectKey]:
    if numbered := _NUMBERED.fullmatch(document.seen.name):
        yield document.beside("", _CLAIM_STEM, numbered["stem"])


def _release(document: Document) -> Iterator[ObjectKey]:
    if found := _HELM_RELEASE.fullmatch(document.seen.name):
        yield document.beside("", _RELEASE, found["release"])


def _scale_target(document: Document) -> Iterator[ObjectKey]:
    if found := document.referred(at(document.spec, "scaleTargetRef"), group="apps", kind="Deployment"):
        yield found


def _targets(document: Document) -> Iterator[ObjectKey]:
    for reference in (at(document.spec, "targetRef"), *items(document.spec, "targetRefs")):
        if found := document.referred(reference):
            yield found


def _ingress_backends(document: Document) -> Iterator[ObjectKey]:
    backends = [at(document.spec, "defaultBackend")]
    for rule in items(document.spec, "rules"):
        backends += [at(path, "backend") for path in items(rule, "http", "paths")]
    for backend in backends:
        yield document.beside("", SERVICES, text(backend, "service", "name"))


def _route_backends(document: Document) -> Iterator[ObjectKey]:
    for rule in items(document.spec, "rules"):
        for backend in items(rule, "backendRefs"):
            if found := document.referred(backend, kind="Service"):
                yield found


def _openshift_backends(document: Document) -> Iterator[ObjectKey]:
    for backend in (at(document.spec, "to"), *items(document.spec, "alternateBackends")):
        yield document.beside("", SERVICES, text(backend, "name"))


def _filled_secret(document: Document) -> Iterator[ObjectKey]:
    yield document.beside("", SECRETS, text(document.spec, "secretName"))


def _bound(document: Document) -> Iterator[ObjectKey]:
    return accounts(items(document.body, "subjects"))


def _addressed_service(document: Document) -> Iterator[ObjectKey]:
    is_slice = document.resource.plural == "endpointslices"
    name = document.seen.labels.get("kubernetes.io/service-name", "") if is_slice else document.seen.name
    yield document.beside("", SERVICES, name)


def _service_selector(document: Document) -> LabelSelector | None:
    labels = {"matchLabels": at(document.spec, "selector")}
    return selector(labels) if labels["matchLabels"] else None


def _budget_selector(document: Document) -> LabelSelector | None:
    return selector(at(document.spec, "selector")) if isinstance(document.spec.get("selector"), dict) else None


def _policy_selector(document: Document) -> LabelSelector | None:
    return selector(at(document.spec, "podSelector"))


POINTING: tuple[PointingRule, ...] = (
    PointingRule(
        id="owned",
        what="everything that an object owns (`ownerReferences`), of any kind",
        reason="owned by",
        every=True,
        points_at=owners,
        belongs=True,
    ),
    PointingRule(
        id="claims-of-templates",
        what="the claims that a StatefulSet made from its `volumeClaimTemplates`: `<template>-<name>-<number>`",
        reason="claim of",
        kinds=frozenset({CLAIMS}),
        points_at=_claim_stem,
    ),
    PointingRule(
        id="autoscalers",
        what="HorizontalPodAutoscalers, KEDA's ScaledObjects and others with a `scaleTargetRef`",
        reason="scales",
        kinds=frozenset({"horizontalpodautoscalers.autoscaling"}),
        custom=True,
        points_at=_scale_target,
    ),
    PointingRule(
        id="targets",
        what="custom resources with a `targetRef` or `targetRefs`: VerticalPodAutoscalers, Canaries, policies of gateways",
        reason="applies to",
        custom=True,
        points_at=_targets,
    ),
    PointingRule(
        id="ingresses",
        what="Ingresses with a Service as a backend",
        reason="routes to",
        kinds=frozenset({INGRESSES}),
        points_at=_ingress_backends,
    ),
    PointingRule(
        id="routes",
        what="HTTPRoutes and the other routes of the Gateway API, likewise",
        reason="routes to",
        kinds=ROUTES,
        points_at=_route_backends,
    ),
    PointingRule(
        id="openshift-routes",
        what="OpenShift's Routes, likewise",
        reason="routes to",
        kinds=frozenset({"routes.route.openshift.io"}),
        points_at=_openshift_backends,
    ),
    PointingRule(
        id="certificates",
        what="cert-manager's Certificate that fills a Secret",
        reason="fills",
        kinds=frozenset({CERTIFICATES}),
        points_at=_filled_secret,
    ),
    PointingRule(
        id="addresses",
        what="Endpoints and EndpointSlices of a Service without a selector",
        reason="addresses of",
        kinds=frozenset({"endpoints", "endpointslices.discovery.k8s.io"}),
        points_at=_addressed_service,
    ),
    PointingRule(
        id="role-bindings",
        what="RoleBindings of a ServiceAccount, or of all in the namespace; none for the account `default`",
        reason="binds",
        kinds=frozenset({ROLE_BINDINGS}),
        points_at=_bound,
    ),
    PointingRule(
        id="helm-releases",
        what="Helm's records of the release that made the workload, all revisions: Secrets (or ConfigMaps)"
        " `sh.helm.release.v1.<release>.v<revision>`",
        reason="Helm release of",
        kinds=frozenset({SECRETS, CONFIG_MAPS}),
        points_at=_release,
        of_workload=True,
    ),
)

SELECTING: tuple[SelectingRule, ...] = (
    SelectingRule(
        id="services",
        what="Services that select the workload's pods",
        reason="selects the pods of",
        kinds=frozenset({SERVICES}),
        selects=_service_selector,
    ),
    SelectingRule(
        id="disruption-budgets",
        what="PodDisruptionBudgets, likewise",
        reason="limits disruptions of",
        kinds=frozenset({"poddisruptionbudgets.policy"}),
        selects=_budget_selector,
    ),
    SelectingRule(
        id="network-policies",
        what="NetworkPolicies, likewise",
        reason="filters the traffic of",
        kinds=frozenset({"networkpolicies.networking.k8s.io"}),
        selects=_policy_selector,
    ),
)
