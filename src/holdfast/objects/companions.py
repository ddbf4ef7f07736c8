"""Which cluster-scoped objects the selected ones need, for `--cluster-objects auto`.

Three tables. A kind may need an object by itself (its CustomResourceDefinition); an object may name what it needs (a
claim its volume), as it does in `holdfast.objects.relations`; and RBAC has to be searched the other way round, because a
ServiceAccount does not know who binds it. The collector is fed object by object and keeps keys, never objects. What a key
names need not exist: a StorageClass called `manual` or the class of an old Ingress is often only a name, so a missing
companion is no error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.exclusions import SYSTEM_PRIORITY_PREFIX, excluded_object
from holdfast.objects.fields import Object, at, items, text
from holdfast.objects.label_selector import LabelSelector
from holdfast.objects.metadata import Glimpse, key_of
from holdfast.objects.relations.document import Document, is_custom, read_document
from holdfast.objects.relations.needs import INGRESSES, ROLE_BINDINGS
from holdfast.objects.relations.pods import POD_KINDS
from holdfast.objects.relations.references import ACCOUNTS, CLAIMS
from holdfast.objects.relations.rule import NamingRule
from holdfast.objects.relations.searches import accounts, selector

CLUSTER_ROLES = "clusterroles.rbac.authorization.k8s.io"
CLUSTER_ROLE_BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"

_RBAC = "rbac.authorization.k8s.io"
_CLAIM_KINDS = frozenset({CLAIMS, "persistentvolumes"})


@dataclass(frozen=True, slots=True)
class KindRule:
    """Asked once for each kind of which something is selected."""

    id: str
    what: str  # what comes along for what, for people
    reason: str  # goes before the object that needs it: `defines widgets.example.com/shop/first`
    needs: Callable[[Resource], Iterator[ObjectKey]]


@dataclass(frozen=True, slots=True)
class SearchRule:
    """All objects of `kind` are looked through for those that belong to what is selected."""

    id: str
    what: str
    reason: str
    kind: str


def _definition(resource: Resource) -> Iterator[ObjectKey]:
    if is_custom(resource):
        yield ObjectKey("apiextensions.k8s.io", "customresourcedefinitions", "", resource.group_resource)


def _volume(document: Document) -> Iterator[ObjectKey]:
    yield ObjectKey("", "persistentvolumes", "", text(document.spec, "volumeName"))


def _claims(document: Document) -> Iterator[Object]:
    """The object itself if it is a claim or a volume, and every claim that its templates would make."""
    if document.resource.group_resource in _CLAIM_KINDS:
        yield {"metadata": {"annotations": document.seen.annotations}, "spec": document.spec}
    yield from items(document.spec, "volumeClaimTemplates")
    for _, spec in document.pod_templates:
        for volume in items(spec, "volumes"):
            yield at(volume, "ephemeral", "volumeClaimTemplate")


def _storage_class(document: Document) -> Iterator[ObjectKey]:
    for claim in _claims(document):
        for name in (
            text(claim, "spec", "storageClassName"),
            text(claim, "metadata", "annotations", "volume.beta.kubernetes.io/storage-class"),
        ):
            yield ObjectKey("storage.k8s.io", "storageclasses", "", name)


def _attributes_class(document: Document) -> Iterator[ObjectKey]:
    for claim in _claims(document):
        name = text(claim, "spec", "volumeAttributesClassName")
        yield ObjectKey("storage.k8s.io", "volumeattributesclasses", "", name)


def _priority_class(document: Document) -> Iterator[ObjectKey]:
    for _, spec in document.pod_templates:
        name = text(spec, "priorityClassName")
        if not name.startswith(SYSTEM_PRIORITY_PREFIX):
            yield ObjectKey("scheduling.k8s.io", "priorityclasses", "", name)


def _runtime_class(document: Document) -> Iterator[ObjectKey]:
    for _, spec in document.pod_templates:
        yield ObjectKey("node.k8s.io", "runtimeclasses", "", text(spec, "runtimeClassName"))


def _ingress_class(document: Document) -> Iterator[ObjectKey]:
    for name in (
        text(document.spec, "ingressClassName"),
        document.seen.annotations.get("kubernetes.io/ingress.class", ""),
    ):
        yield ObjectKey("networking.k8s.io", "ingressclasses", "", name)


def _gateway_class(document: Document) -> Iterator[ObjectKey]:
    name = text(document.spec, "gatewayClassName")
    yield ObjectKey("gateway.networking.k8s.io", "gatewayclasses", "", name)


def _bound_role(document: Document) -> Iterator[ObjectKey]:
    role = at(document.body, "roleRef")
    if text(role, "kind") == "ClusterRole":
        yield ObjectKey(_RBAC, "clusterroles", "", text(role, "name"))


BY_KIND: tuple[KindRule, ...] = (
    KindRule(
        "definitions",
        "the CustomResourceDefinition of a custom resource",
        "defines",
        _definition,
    ),
)

BY_OBJECT: tuple[NamingRule, ...] = (
    NamingRule(
        id="volumes",
        what="the PersistentVolume that a PersistentVolumeClaim is bound to",
        reason="volume of",
        kinds=frozenset({CLAIMS}),
        names=_volume,
    ),
    NamingRule(
        id="storage-classes",
        what="the StorageClass of a PersistentVolumeClaim, of its volume, and of claims that a pod or StatefulSet makes",
        reason="storage class of",
        kinds=_CLAIM_KINDS | POD_KINDS,
        custom=True,
        names=_storage_class,
    ),
    NamingRule(
        id="attributes-classes",
        what="the VolumeAttributesClass, likewise",
        reason="volume attributes class of",
        kinds=_CLAIM_KINDS | POD_KINDS,
        custom=True,
        names=_attributes_class,
    ),
    NamingRule(
        id="priority-classes",
        what="the PriorityClass of a pod or pod template, also inside a custom resource",
        reason="priority class of",
        kinds=POD_KINDS,
        custom=True,
        names=_priority_class,
    ),
    NamingRule(
        id="runtime-classes",
        what="the RuntimeClass, likewise",
        reason="runtime class of",
        kinds=POD_KINDS,
        custom=True,
        names=_runtime_class,
    ),
    NamingRule(
        id="ingress-classes",
        what="the IngressClass of an Ingress",
        reason="ingress class of",
        kinds=frozenset({INGRESSES}),
        names=_ingress_class,
    ),
    NamingRule(
        id="gateway-classes",
        what="the GatewayClass of a Gateway",
        reason="gateway class of",
        kinds=frozenset({"gateways.gateway.networking.k8s.io"}),
        names=_gateway_class,
    ),
    NamingRule(
        id="bound-roles",
        what="the ClusterRole that a RoleBinding or a ClusterRoleBinding names",
        reason="role of",
        kinds=frozenset({ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS}),
        names=_bound_role,
    ),
)

BY_SEARCH: tuple[SearchRule, ...] = (
    SearchRule(
        "bindings",
        "each ClusterRoleBinding of a selected ServiceAccount, or of all ServiceAccounts of its namespace",
        "binds",
        CLUSTER_ROLE_BINDINGS,
    ),
    SearchRule(
        "aggregated-roles",
        "the ClusterRoles that are aggregated into one that is needed",
        "aggregated into",
        CLUSTER_ROLES,
    ),
)


class CompanionCollector:
    """Gathers needs over a whole backup, in memory that grows with what is needed and not with what is fed.

    Order of use: `feed` every included object; then `search` every object of the kinds in `BY_SEARCH`, in their order;
    then fetch what `needed` names. Feeding a fetched companion may add needs (a volume's StorageClass), so repeat
    `needed` until it names nothing new. Not thread-safe.
    """

    def __init__(self) -> None:
        self._needed: dict[ObjectKey, str] = {}
        self._rules: dict[str, tuple[NamingRule, ...]] = {}
        self._accounts: dict[ObjectKey, ObjectKey] = {}  # what bindings may name → an account that is meant
        self._roles: dict[str, Mapping[str, str]] = {}  # names → labels
        self._aggregating: dict[str, tuple[LabelSelector, ...]] = {}
        self._excluded_roles: set[str] = set()

    def feed(self, resource: Resource, seen: Glimpse, data: bytes | memoryview | msgspec.Raw) -> None:
        """Notes what an included object needs. Only kinds in the tables are decoded (ClusterError if they cannot)."""
        kind = resource.group_resource
        rules = self._rules.get(kind)
        if rules is None:
            rules = self._rules[kind] = tuple(rule for rule in BY_OBJECT if rule.applies_to(resource))
            for kind_rule in BY_KIND:
                for need in kind_rule.needs(resource):
                    self._note(need, f"{kind_rule.reason} {key_of(resource, seen)}")
        if kind == ACCOUNTS:
            account = key_of(resource, seen)
            self._accounts[account] = account
            self._accounts.setdefault(account._replace(name=""), account)
        if rules:
            document = read_document(resource, seen, data)
            for rule in rules:
                for need in rule.names(document):
                    if need.name and need not in self._needed:
                        self._needed[need] = f"{rule.reason} {document.key}"

    def search(self, resource: Resource, seen: Glimpse, data: bytes | memoryview | msgspec.Raw) -> None:
        """Looks at one of all objects of a kind in `BY_SEARCH`, whether selected or not."""
        match resource.group_resource:
            case kind if kind == CLUSTER_ROLE_BINDINGS:
                if not excluded_object(resource, seen):
                    self._search_binding(read_document(resource, seen, data))
            case kind if kind == CLUSTER_ROLES:
                self._search_role(read_document(resource, seen, data))

    def needed(self) -> Mapping[ObjectKey, str]:
        """What is needed → the first reason found. Kubernetes' own roles are not named, as they are never backed up."""
        self._follow_aggregation()
        return {
            key: reason
            for key, reason in self._needed.items()
            if key.group_resource != CLUSTER_ROLES or key.name not in self._excluded_roles
        }

    def _search_binding(self, binding: Document) -> None:
        """A binding of a selected ServiceAccount, or of a group that contains one."""
        bound = (self._accounts.get(account) for account in accounts(items(binding.body, "subjects")))
        account = next(filter(None, bound), None)
        if account is not None:
            self._note(binding.key, f"binds {account}")
            for need in _bound_role(binding):
                self._note(need, f"role of {binding.key}")

    def _search_role(self, role: Document) -> None:
        """Excluded roles are remembered too: `edit` may be bound here, and other people's roles aggregated into it."""
        name = role.seen.name
        if excluded_object(role.resource, role.seen):
            self._excluded_roles.add(name)
        if role.seen.labels:
            self._roles[name] = role.seen.labels
        if rule := at(role.body, "aggregationRule"):
            self._aggregating[name] = tuple(map(selector, items(rule, "clusterRoleSelectors")))

    def _follow_aggregation(self) -> None:
        pending = [key for key in self._needed if key.group_resource == CLUSTER_ROLES]
        while pending:
            aggregate = pending.pop()
            for wanted in self._aggregating.get(aggregate.name, ()):
                for name, labels in self._roles.items():
                    role = aggregate._replace(name=name)
                    if role not in self._needed and wanted.matches(labels):
                        self._note(role, f"aggregated into {aggregate}")
                        pending.append(role)

    def _note(self, key: ObjectKey, reason: str) -> None:
        if key.name:
            self._needed.setdefault(key, reason)
