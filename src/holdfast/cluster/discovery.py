"""Asks an API server which kinds it serves: two requests where discovery is aggregated (Kubernetes 1.27 and newer).

Older servers are asked group by group. A group whose own API server (an APIService) does not answer is no error: it is
named in the result, so that a backup can say what it could not see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from holdfast.cluster.answers import decode
from holdfast.cluster.connection import JSON, Connection
from holdfast.cluster.surface import ApiSurface
from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import Resource

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
_ACCEPT = ",".join((_AGGREGATED.format("v2"), _AGGREGATED.format("v2beta1"), JSON))


class _ResponseKind(msgspec.Struct):
    kind: str = ""


class _Subresource(msgspec.Struct):
    subresource: str


class _AggregatedResource(msgspec.Struct, rename="camel"):
    resource: str
    response_kind: _ResponseKind | None = None
    scope: str = ""
    singular_resource: str = ""
    verbs: list[str] = []
    short_names: list[str] = []
    subresources: list[_Subresource] = []


class _AggregatedVersion(msgspec.Struct):
    version: str
    resources: list[_AggregatedResource] = []
    freshness: str = ""


class _GroupName(msgspec.Struct):
    name: str = ""


class _AggregatedGroup(msgspec.Struct):
    metadata: _GroupName
    versions: list[_AggregatedVersion] = []


class _GroupVersion(msgspec.Struct, rename="camel"):
    version: str


class _Group(msgspec.Struct, rename="camel"):
    name: str
    versions: list[_GroupVersion] = []
    preferred_version: _GroupVersion | None = None


class _Roots(msgspec.Struct):
    """All answers that `/api` and `/apis` give: aggregated has `items`, plain `/api` versions and `/apis` groups."""

    kind: str = ""
    items: list[_AggregatedGroup] = []
    versions: list[str] = []
    groups: list[_Group] = []


class _PlainResource(msgspec.Struct, rename="camel"):
    name: str
    kind: str
    namespaced: bool
    singular_name: str = ""
    verbs: list[str] = []
    short_names: list[str] = []


class _PlainResources(msgspec.Struct):
    resources: list[_PlainResource] = []


def discover(connection: Connection) -> ApiSurface:
    """Raises ClusterUnreachable, ApiRefused."""
    served: list[Resource] = []
    unavailable: list[str] = []
    for root in ("/api", "/apis"):
        body = connection.request("GET", root, accept=_ACCEPT, what="cannot ask what the cluster serves").body
        roots = decode(body, _Roots, f"discovery at {root}")
        if roots.kind == "APIGroupDiscoveryList":
            _take_aggregated(roots.items, served, unavailable)
        else:
            groups = roots.groups or [_Group("", [_GroupVersion(version) for version in roots.versions])]
            _take_plain(connection, groups, served, unavailable)
    return ApiSurface(served, unavailable)


def _take_aggregated(groups: Iterable[_AggregatedGroup], served: list[Resource], unavailable: list[str]) -> None:
    for group in groups:
        name = group.metadata.name
        for version in group.versions:
            if version.freshness == "Stale":  # remembered from before its API server went away, or nothing at all
                unavailable.append(f"{name}/{version.version}")
                continue
            served.extend(
                Resource(
                    group=name,
                    version=version.version,
                    plural=one.resource,
                    kind=one.response_kind.kind if one.response_kind else "",
                    namespaced=one.scope == "Namespaced",
                    verbs=frozenset(one.verbs),
                    singular=one.singular_resource,
                    short_names=tuple(one.short_names),
                    subresources=frozenset(sub.subresource for sub in one.subresources),
                )
                for one in version.resources
            )


def _take_plain(
    connection: Connection, groups: Iterable[_Group], served: list[Resource], unavailable: list[str]
) -> None:
    for group in groups:
        versions = [one.version for one in group.versions]
        if group.preferred_version is not None and group.preferred_version.version in versions:
            versions.remove(group.preferred_version.version)
            versions.insert(0, group.preferred_version.version)
        for version in versions:
            path = f"/apis/{group.name}/{version}" if group.name else f"/api/{version}"
            try:
                body = connection.request("GET", path).body
            except ApiRefused:
                unavailable.append(f"{group.name}/{version}")
                continue
            served.extend(_plain(group.name, version, decode(body, _PlainResources, f"discovery at {path}")))


def _plain(group: str, version: str, answer: _PlainResources) -> Iterator[Resource]:
    subresources: dict[str, set[str]] = {}
    for one in answer.resources:  # `pods/exec` is listed as a resource of its own
        plural, slash, subresource = one.name.partition("/")
        if slash:
            subresources.setdefault(plural, set()).add(subresource)
    for one in answer.resources:
        if "/" not in one.name:
            yield Resource(
                group=group,
                version=version,
                plural=one.name,
                kind=one.kind,
                namespaced=one.namespaced,
                verbs=frozenset(one.verbs),
                singular=one.singular_name,
                short_names=tuple(one.short_names),
                subresources=frozenset(subresources.get(one.name, ())),
            )
