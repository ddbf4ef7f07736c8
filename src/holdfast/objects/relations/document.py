"""An object as far as rules about relations look at it: its glimpse, and the few parts that can name other objects.

What rules never look at (managedFields, status, the data of Secrets) is skipped by the decoder and never kept.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec

from holdfast.errors import ClusterError
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.fields import Object, at, text
from holdfast.objects.metadata import Glimpse, key_of
from holdfast.objects.relations.pods import PodTemplate, pod_templates, templates_within
from holdfast.objects.relations.references import Reference, references_within

# A CustomResourceDefinition's group has a dot in it, so that built-in groups without one need no mention.
_BUILT_IN_GROUPS = frozenset(
    {
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)


class _Body(TypedDict, total=False):
    spec: Any
    template: Any  # of a PodTemplate
    roleRef: Any
    subjects: Any
    aggregationRule: Any
    imagePullSecrets: Any  # of a ServiceAccount
    secrets: Any


_decoder = msgspec.json.Decoder(_Body)


def is_custom(resource: Resource) -> bool:
    """Whether a CustomResourceDefinition, or somebody's own API server, brings the kind."""
    return "." in resource.group and resource.group not in _BUILT_IN_GROUPS


class Kinds:
    """The kinds of a cluster or a backup, found as objects name each other: by group and kind."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._by_kind: dict[tuple[str, str], Resource] = {}
        for resource in resources:
            self._by_kind.setdefault((resource.group, resource.kind), resource)

    def key(self, group: str, kind: str, namespace: str, name: str) -> ObjectKey | None:
        """None for kinds that are not there."""
        resource = self._by_kind.get((group, kind))
        if resource is None or not name:
            return None
        return ObjectKey(group, resource.plural, namespace if resource.namespaced else "", name)


_NO_KINDS = Kinds()


@dataclass(frozen=True, eq=False)
class Document:
    resource: Resource
    seen: Glimpse
    body: Object
    kinds: Kinds

    @property
    def key(self) -> ObjectKey:
        return key_of(self.resource, self.seen)

    @property
    def spec(self) -> Object:
        return at(self.body, "spec")

    @functools.cached_property
    def pod_templates(self) -> tuple[PodTemplate, ...]:
        if is_custom(self.resource):
            return tuple(templates_within(self.body))
        return tuple(pod_templates(self.resource.group_resource, self.body, self.seen.labels))

    @functools.cached_property
    def references(self) -> tuple[Reference, ...]:
        """What fields name: those of pod templates, and of custom resources all in their spec."""
        values = [self.spec] if is_custom(self.resource) else [template.spec for template in self.pod_templates]
        return tuple(dict.fromkeys(found for each in values for found in references_within(each, self.seen.namespace)))

    def beside(self, group: str, plural: str, name: str) -> ObjectKey:
        """An object in the same namespace."""
        return ObjectKey(group, plural, self.seen.namespace, name)

    def referred(self, reference: Object, *, group: str = "", kind: str = "") -> ObjectKey | None:
        """What `{apiVersion or group, kind, name}` means here; `group` and `kind` are what missing fields mean."""
        if version := text(reference, "apiVersion"):
            group = version.rpartition("/")[0]
        elif "group" in reference:
            group = text(reference, "group")
        namespace = text(reference, "namespace") or self.seen.namespace
        return self.kinds.key(group, text(reference, "kind") or kind, namespace, text(reference, "name"))


def read_document(
    resource: Resource, seen: Glimpse, data: bytes | memoryview | msgspec.Raw, kinds: Kinds = _NO_KINDS
) -> Document:
    """Raises ClusterError if the bytes are no object."""
    try:
        body: Any = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ClusterError(
            f"{key_of(resource, seen)} cannot be read",
            why=str(error),
            next="Leave it out with the label holdfast.dev/exclude-from-backup=true, or use --cluster-objects all.",
        ) from error
    return Document(resource, seen, body, kinds)
