"""Kinds by every name they have."""

from __future__ import annotations

import pytest

from holdfast.cluster.surface import ApiSurface
from holdfast.errors import UsageError
from holdfast.model.kubernetes import Resource


def kind(group, version, plural, name, *short_names, namespaced=True):
    return Resource(group, version, plural, name, namespaced, singular=name.lower(), short_names=short_names)


SERVED = [
    kind("", "v1", "pods", "Pod", "po"),
    kind("", "v1", "events", "Event", "ev"),
    kind("", "v1", "services", "Service", "svc"),
    kind("apps", "v1", "deployments", "Deployment", "deploy"),
    kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa"),
    kind("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa"),
    kind("events.k8s.io", "v1", "events", "Event", "ev"),
    kind("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    kind("serving.test", "v1", "services", "Service", "pods"),
    Resource("shop.test", "v1", "orders", "PurchaseOrder", namespaced=True),
]


@pytest.fixture
def surface():
    return ApiSurface(SERVED, ["metrics.k8s.io/v1beta1"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pods", "v1/pods"),
        ("pod", "v1/pods"),
        ("po", "v1/pods"),
        ("Pod", "v1/pods"),
        ("pods.v1", "v1/pods"),
        ("pods.v1.", "v1/pods"),
        ("deploy", "apps/v1/deployments"),
        ("Deployment", "apps/v1/deployments"),
        ("deployments.apps", "apps/v1/deployments"),
        ("deploy.apps", "apps/v1/deployments"),
        ("deployments.v1.apps", "apps/v1/deployments"),
        ("hpa", "autoscaling/v2/horizontalpodautoscalers"),
        ("hpa.v1.autoscaling", "autoscaling/v1/horizontalpodautoscalers"),
        ("events", "v1/events"),
        ("events.events.k8s.io", "events.k8s.io/v1/events"),
        ("roles.rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1/roles"),
        ("roles.v1.rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1/roles"),
        ("services", "v1/services"),
        ("services.serving.test", "serving.test/v1/services"),
        ("purchaseorder", "shop.test/v1/orders"),
    ],
)
def test_a_kind_is_found_by_any_of_its_names(surface, text, expected):
    found = surface.find(text)
    assert f"{found.api_version}/{found.plural}" == expected


@pytest.mark.parametrize("text", ["", ".", "pods.v2", "deployments.batch", "hpa.v3.autoscaling", "p"])
def test_what_is_not_served_is_not_found(surface, text):
    with pytest.raises(UsageError):
        surface.find(text)


def test_near_matches_are_offered(surface):
    with pytest.raises(UsageError) as error:
        surface.find("deploymnets")
    assert error.value.what == "the cluster has no kind 'deploymnets'"
    assert error.value.next.startswith("Did you mean deployments.apps?")


def test_one_resource_per_kind_in_the_preferred_version(surface):
    assert [one.version for one in surface.resources if one.group == "autoscaling"] == ["v2"]
    assert len(surface.resources) == len(SERVED) - 1


def test_objects_are_looked_up_by_their_exact_version(surface):
    assert surface.by_kind("autoscaling/v1", "HorizontalPodAutoscaler").version == "v1"
    assert surface.by_kind("v1", "Pod").plural == "pods"
    assert surface.by_kind("autoscaling/v9", "HorizontalPodAutoscaler") is None


def test_versions_are_told_with_the_preferred_one_first(surface):
    assert surface.served("autoscaling", "horizontalpodautoscalers") == ("v2", "v1")
    assert surface.served("autoscaling", "nothing") == ()
    assert surface.preferred("autoscaling", "horizontalpodautoscalers").version == "v2"
    assert surface.preferred("autoscaling", "nothing") is None


def test_what_is_not_available_is_named(surface):
    assert surface.unavailable == ("metrics.k8s.io/v1beta1",)
