"""Discovery, aggregated and plain, against answers as API servers of several ages give them."""

from __future__ import annotations

import json

import pytest
from tests.cluster.local_server import Answer

from holdfast.cluster.discovery import discover
from holdfast.errors import ClusterError
from holdfast.model.kubernetes import Resource

PODS = {
    "resource": "pods",
    "responseKind": {"group": "", "version": "", "kind": "Pod"},
    "scope": "Namespaced",
    "singularResource": "pod",
    "verbs": ["get", "list"],
    "shortNames": ["po"],
    "subresources": [{"subresource": "log", "verbs": ["get"]}, {"subresource": "status", "verbs": ["get"]}],
}
GADGETS = {"resource": "gadgets", "responseKind": {"kind": "Gadget"}, "scope": "Cluster", "verbs": ["get"]}


def version(name, *resources, freshness="Current"):
    return {"version": name, "resources": list(resources), "freshness": freshness}


def group(name, *versions):
    return {"metadata": {"name": name} if name else {}, "versions": list(versions)}


def aggregated(api_version, *groups):
    return {"kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{api_version}", "items": list(groups)}


@pytest.fixture
def surface_of(serve, connect):
    """The surface of a server with these answers by path; others are 404, and a number is an error of that status."""

    def discovered(pages):
        def answer(request):
            page = pages.get(request.path, 404)
            return Answer(page) if isinstance(page, int) else Answer(200, json.dumps(page).encode())

        server = serve(answer)
        return discover(connect(server.url)), server

    return discovered


@pytest.mark.parametrize("api_version", ["v2", "v2beta1"])
def test_aggregated_discovery_takes_two_requests(surface_of, api_version):
    core = aggregated(api_version, group("", version("v1", PODS)))
    others = aggregated(api_version, group("x.test", version("v2", GADGETS), version("v1", GADGETS)))
    surface, server = surface_of({"/api": core, "/apis": others})
    assert surface.resources == (
        Resource("", "v1", "pods", "Pod", True, frozenset({"get", "list"}), "pod", ("po",), frozenset({"log", "status"})),
        Resource("x.test", "v2", "gadgets", "Gadget", False, frozenset({"get"})),
    )  # fmt: skip
    assert surface.served("x.test", "gadgets") == ("v2", "v1")
    assert surface.unavailable == ()
    assert [request.path for request in server.requests] == ["/api", "/apis"]
    assert all(request.headers["Accept"].endswith(",application/json") for request in server.requests)


def test_a_group_whose_server_is_away_is_named_and_does_not_hide_its_other_versions(surface_of):
    stale = version("v2", GADGETS, freshness="Stale")
    down = version("v1beta1", freshness="Stale")
    others = aggregated("v2", group("x.test", stale, version("v1", GADGETS)), group("metrics.k8s.io", down))
    surface, _ = surface_of({"/api": aggregated("v2"), "/apis": others})
    assert surface.unavailable == ("x.test/v2", "metrics.k8s.io/v1beta1")
    assert [one.api_version for one in surface.resources] == ["x.test/v1"]


def test_a_resource_that_the_preferred_version_lacks_is_taken_from_another(surface_of):
    others = aggregated("v2", group("x.test", version("v2"), version("v1", GADGETS)))
    surface, _ = surface_of({"/api": aggregated("v2"), "/apis": others})
    assert [one.api_version for one in surface.resources] == ["x.test/v1"]


def plain(group_version, *resources):
    return {"kind": "APIResourceList", "groupVersion": group_version, "resources": list(resources)}


OLD_SERVER = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": plain(
        "v1",
        {
            "name": "pods", "kind": "Pod", "namespaced": True, "singularName": "pod", "verbs": ["get", "list"],
            "shortNames": ["po"],
        },
        {"name": "pods/log", "kind": "Pod", "namespaced": True, "verbs": ["get"]},
        {"name": "pods/status", "kind": "Pod", "namespaced": True, "verbs": ["get"]},
    ),
    "/apis": {
        "kind": "APIGroupList",
        "groups": [
            {
                "name": "x.test",
                "versions": [{"groupVersion": "x.test/v1", "version": "v1"}, {"groupVersion": "x.test/v2", "version": "v2"}],
                "preferredVersion": {"groupVersion": "x.test/v2", "version": "v2"},
            },
            {"name": "metrics.k8s.io", "versions": [{"groupVersion": "metrics.k8s.io/v1", "version": "v1"}]},
        ],
    },
    "/apis/x.test/v1": plain("x.test/v1", {"name": "gadgets", "kind": "Gadget", "namespaced": False, "verbs": ["get"]}),
    "/apis/x.test/v2": plain("x.test/v2", {"name": "gadgets", "kind": "Gadget", "namespaced": False, "verbs": ["get"]}),
    "/apis/metrics.k8s.io/v1": 503,
}  # fmt: skip


def test_an_old_server_is_asked_group_by_group_with_the_same_result(surface_of):
    surface, _ = surface_of(OLD_SERVER)
    assert surface.resources == (
        Resource("", "v1", "pods", "Pod", True, frozenset({"get", "list"}), "pod", ("po",), frozenset({"log", "status"})),
        Resource("x.test", "v2", "gadgets", "Gadget", False, frozenset({"get"})),
    )  # fmt: skip
    assert surface.served("x.test", "gadgets") == ("v2", "v1")
    assert surface.unavailable == ("metrics.k8s.io/v1",)


def test_something_else_than_an_api_server_is_told_apart(serve, connect):
    server = serve(lambda _: Answer(200, b"<html>Please log in</html>"))
    with pytest.raises(ClusterError) as error:
        discover(connect(server.url))
    assert "not what an API server sends" in str(error.value)
    assert "server address" in error.value.next
