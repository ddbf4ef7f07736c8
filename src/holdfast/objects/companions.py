"""Which cluster-scoped objects the selected ones need, for `--cluster-objects auto`.

Three tables. A kind may need an object by itself (its CustomResourceDefinition); an object may name what it needs (a
claim its volume); and RBAC has to be searched the other way round, because a ServiceAccount does not know who binds it.
The collector is fed object by object and keeps keys, never objects. What a key names need not exist: a StorageClass
called `manual` or the class of an old Ingress is often only a name, so a missing companion is no error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from holdfast.errors import ClusterError
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.exclusions import SYSTEM_PRIORITY_PREFIX, excluded_object
from holdfast.objects.label_selector import Expression, LabelSelector
from holdfast.objects.metadata import Glimpse

SERVICE_ACCOUNTS = "serviceaccounts"
CLUSTER_ROLES = "clusterroles.rbac.authorization.k8s.io"
CLUSTER_ROLE_BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"

_RBAC = "rbac.authorization.k8s.io"
_CLAIM_KINDS = frozenset({"persistentvolumeclaims", "persistentvolumes"})
_POD_KINDS = frozenset(
    {
        "pods",
        "podtemplates",
        "replicationcontrollers",
        "cronjobs.batch",
        "daemonsets.apps",
        "deployments.apps",
        "jobs.batch",
        "replicasets.apps",
        "statefulsets.apps",
    }
)
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
        _RBAC,
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)


class _ClaimMetadata(msgspec.Struct):
    annotations: dict[str, str] | None = None


class _Claim(msgspec.Struct):
    metadata: _ClaimMetadata | None = None
    spec: _Spec | None = None


class _Ephemeral(msgspec.Struct, rename="camel"):
    volume_claim_template: _Claim | None = None


class _Volume(msgspec.Struct):
    ephemeral: _Ephemeral | None = None


class _Template(msgspec.Struct):
    spec: _Spec | None = None


class _Spec(msgspec.Struct, rename="camel"):
    """The union of what the specs of all kinds in the tables say, so that one decoder serves them all."""

    priority_class_name: str | None = None
    runtime_class_name: str | None = None
    volumes: list[_Volume] | None = None
    template: _Template | None = None
    job_template: _Template | None = None
    volume_claim_templates: list[_Claim] | None = None
    volume_name: str | None = None
    storage_class_name: str | None = None
    volume_attributes_class_name: str | None = None
    ingress_class_name: str | None = None


class _RoleRef(msgspec.Struct):
    kind: str = ""
    name: str = ""


class _Subject(msgspec.Struct):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class _Expression(msgspec.Struct):
    key: str
    operator: str
    values: list[str] | None = None


class _LabelSelector(msgspec.Struct, rename="camel"):
    match_labels: dict[str, str] | None = None
    match_expressions: list[_Expression] | None = None

    def parsed(self) -> LabelSelector:
        expressions = [Expression(each.key, each.operator, each.values or ()) for each in self.match_expressions or ()]
        return LabelSelector.from_object(self.match_labels or {}, expressions)


class _AggregationRule(msgspec.Struct, rename="camel"):
    cluster_role_selectors: list[_LabelSelector] | None = None


class _Document(msgspec.Struct, rename="camel"):
    """An object of any kind in the tables."""

    metadata: _ClaimMetadata
    spec: _Spec | None = None
    template: _Template | None = None  # of a PodTemplate
    role_ref: _RoleRef | None = None
    subjects: list[_Subject] | None = None
    aggregation_rule: _AggregationRule | None = None


_decoder = msgspec.json.Decoder(_Document)


@dataclass(frozen=True, slots=True)
class KindRule:
    """Asked once for each kind of which something is selected."""

    id: str
    what: str  # what comes along for what, for people
    reason: str  # goes before the object that needs it: `defines widgets.example.com/shop/first`
    needs: Callable[[Resource], Iterator[ObjectKey]]


@dataclass(frozen=True, slots=True)
class ObjectRule:
    """Asked for each object of its kinds."""

    id: str
    what: str
    reason: str
    kinds: frozenset[str]
    needs: Callable[[_Document], Iterator[ObjectKey]]


@dataclass(frozen=True, slots=True)
class SearchRule:
    """All objects of `kind` are looked through for those that belong to what is selected."""

    id: str
    what: str
    reason: str
    kind: str


def _definition(resource: Resource) -> Iterator[ObjectKey]:
    if "." in resource.group and resource.group not in _BUILT_IN_GROUPS:
        yield ObjectKey("apiextensions.k8s.io", "customresourcedefinitions", "", resource.group_resource)


def _volume(document: _Document) -> Iterator[ObjectKey]:
    if document.spec and document.spec.volume_name:
        yield ObjectKey("", "persistentvolumes", "", document.spec.volume_name)


def _claims(document: _Document) -> Iterator[_Claim]:
    """The object itself if it is a claim or a volume, and every claim that its templates would make."""
    yield _Claim(document.metadata, document.spec)
    if document.spec:
        yield from document.spec.volume_claim_templates or ()
    for pod in _pod_specs(document):
        for volume in pod.volumes or ():
            if volume.ephemeral and volume.ephemeral.volume_claim_template:
                yield volume.ephemeral.volume_claim_template


def _storage_class(document: _Document) -> Iterator[ObjectKey]:
    for claim in _claims(document):
        names = {claim.spec.storage_class_name if claim.spec else None}
        if claim.metadata and claim.metadata.annotations:
            names.add(claim.metadata.annotations.get("volume.beta.kubernetes.io/storage-class"))
        yield from (ObjectKey("storage.k8s.io", "storageclasses", "", name) for name in names if name)


def _attributes_class(document: _Document) -> Iterator[ObjectKey]:
    for claim in _claims(document):
        if claim.spec and claim.spec.volume_attributes_class_name:
            name = claim.spec.volume_attributes_class_name
            yield ObjectKey("storage.k8s.io", "volumeattributesclasses", "", name)


def _pod_specs(document: _Document) -> Iterator[_Spec]:
    """The spec of a Pod, of a template, or of a template's template, wherever the kind has it."""
    specs = [document.spec, document.template.spec if document.template else None]
    while specs:
        if spec := specs.pop():
            yield spec
            specs += [template.spec for template in (spec.template, spec.job_template) if template]


def _priority_class(document: _Document) -> Iterator[ObjectKey]:
    for spec in _pod_specs(document):
        name = spec.priority_class_name
        if name and not name.startswith(SYSTEM_PRIORITY_PREFIX):
            yield ObjectKey("scheduling.k8s.io", "priorityclasses", "", name)


def _runtime_class(document: _Document) -> Iterator[ObjectKey]:
    for spec in _pod_specs(document):
        if spec.runtime_class_name:
            yield ObjectKey("node.k8s.io", "runtimeclasses", "", spec.runtime_class_name)


def _ingress_class(document: _Document) -> Iterator[ObjectKey]:
    names = {document.spec.ingress_class_name if document.spec else None}
    if document.metadata.annotations:
        names.add(document.metadata.annotations.get("kubernetes.io/ingress.class"))
    yield from (ObjectKey("networking.k8s.io", "ingressclasses", "", name) for name in names if name)


def _bound_role(document: _Document) -> Iterator[ObjectKey]:
    if document.role_ref and document.role_ref.kind == "ClusterRole":
        yield ObjectKey(_RBAC, "clusterroles", "", document.role_ref.name)


BY_KIND: tuple[KindRule, ...] = (
    KindRule(
        "definitions",
        "the CustomResourceDefinition of a custom resource",
        "defines",
        _definition,
    ),
)

BY_OBJECT: tuple[ObjectRule, ...] = (
    ObjectRule(
        "volumes",
        "the PersistentVolume that a PersistentVolumeClaim is bound to",
        "volume of",
        frozenset({"persistentvolumeclaims"}),
        _volume,
    ),
    ObjectRule(
        "storage-classes",
        "the StorageClass of a PersistentVolumeClaim, of its volume, and of claims that a pod or StatefulSet makes",
        "storage class of",
        _CLAIM_KINDS | _POD_KINDS,
        _storage_class,
    ),
    ObjectRule(
        "attributes-classes",
        "the VolumeAttributesClass, likewise",
        "volume attributes class of",
        _CLAIM_KINDS | _POD_KINDS,
        _attributes_class,
    ),
    ObjectRule(
        "priority-classes",
        "the PriorityClass of a pod or pod template",
        "priority class of",
        _POD_KINDS,
        _priority_class,
    ),
    ObjectRule(
        "runtime-classes",
        "the RuntimeClass of a pod or pod template",
        "runtime class of",
        _POD_KINDS,
        _runtime_class,
    ),
    ObjectRule(
        "ingress-classes",
        "the IngressClass of an Ingress",
        "ingress class of",
        frozenset({"ingresses.networking.k8s.io"}),
        _ingress_class,
    ),
    ObjectRule(
        "bound-roles",
        "the ClusterRole that a RoleBinding or a ClusterRoleBinding names",
        "role of",
        frozenset({f"rolebindings.{_RBAC}", CLUSTER_ROLE_BINDINGS}),
        _bound_role,
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
        self._rules: dict[str, tuple[ObjectRule, ...]] = {}
        self._accounts: set[tuple[str, str]] = set()
        self._account_groups: dict[str, str] = {}  # system:serviceaccounts:<namespace> → an account in it
        self._roles: dict[str, Mapping[str, str]] = {}  # names → labels
        self._aggregating: dict[str, tuple[LabelSelector, ...]] = {}
        self._excluded_roles: set[str] = set()

    def feed(self, resource: Resource, seen: Glimpse, data: bytes | memoryview | msgspec.Raw) -> None:
        """Notes what an included object needs. Only kinds in the tables are decoded (ClusterError if they cannot)."""
        kind = resource.group_resource
        rules = self._rules.get(kind)
        if rules is None:
            rules = self._rules[kind] = tuple(rule for rule in BY_OBJECT if kind in rule.kinds)
            for kind_rule in BY_KIND:
                for need in kind_rule.needs(resource):
                    self._note(need, f"{kind_rule.reason} {_key(resource, seen)}")
        if kind == SERVICE_ACCOUNTS:
            self._accounts.add((seen.namespace, seen.name))
            self._account_groups.setdefault(f"system:serviceaccounts:{seen.namespace}", str(_key(resource, seen)))
        if rules:
            document = _decode(resource, seen, data)
            for rule in rules:
                for need in rule.needs(document):
                    self._note(need, f"{rule.reason} {_key(resource, seen)}")

    def search(self, resource: Resource, seen: Glimpse, data: bytes | memoryview | msgspec.Raw) -> None:
        """Looks at one of all objects of a kind in `BY_SEARCH`, whether selected or not."""
        match resource.group_resource:
            case kind if kind == CLUSTER_ROLE_BINDINGS:
                if not excluded_object(resource, seen):
                    self._search_binding(resource, seen, _decode(resource, seen, data))
            case kind if kind == CLUSTER_ROLES:
                self._search_role(resource, seen, _decode(resource, seen, data))

    def needed(self) -> Mapping[ObjectKey, str]:
        """What is needed → the first reason found. Kubernetes' own roles are not named, as they are never backed up."""
        self._follow_aggregation()
        return {
            key: reason
            for key, reason in self._needed.items()
            if key.group_resource != CLUSTER_ROLES or key.name not in self._excluded_roles
        }

    def _search_binding(self, resource: Resource, seen: Glimpse, document: _Document) -> None:
        for subject in document.subjects or ():
            account = self._bound_account(subject)
            if account:
                self._note(_key(resource, seen), f"binds {account}")
                for need in _bound_role(document):
                    self._note(need, f"role of {_key(resource, seen)}")
                return

    def _bound_account(self, subject: _Subject) -> str:
        """The selected ServiceAccount that the subject is or contains, "" if there is none."""
        if subject.kind == "ServiceAccount" and (subject.namespace, subject.name) in self._accounts:
            return str(ObjectKey("", SERVICE_ACCOUNTS, subject.namespace, subject.name))
        if subject.kind == "Group":
            return self._account_groups.get(subject.name, "")
        return ""

    def _search_role(self, resource: Resource, seen: Glimpse, document: _Document) -> None:
        """Excluded roles are remembered too: `edit` may be bound here, and other people's roles aggregated into it."""
        if excluded_object(resource, seen):
            self._excluded_roles.add(seen.name)
        if seen.labels:
            self._roles[seen.name] = seen.labels
        if document.aggregation_rule:
            selectors = document.aggregation_rule.cluster_role_selectors or ()
            self._aggregating[seen.name] = tuple(selector.parsed() for selector in selectors)

    def _follow_aggregation(self) -> None:
        pending = [key for key in self._needed if key.group_resource == CLUSTER_ROLES]
        while pending:
            aggregate = pending.pop()
            for selector in self._aggregating.get(aggregate.name, ()):
                for name, labels in self._roles.items():
                    role = aggregate._replace(name=name)
                    if role not in self._needed and selector.matches(labels):
                        self._note(role, f"aggregated into {aggregate}")
                        pending.append(role)

    def _note(self, key: ObjectKey, reason: str) -> None:
        self._needed.setdefault(key, reason)


def _key(resource: Resource, seen: Glimpse) -> ObjectKey:
    return ObjectKey(resource.group, resource.plural, seen.namespace, seen.name)


def _decode(resource: Resource, seen: Glimpse, data: bytes | memoryview | msgspec.Raw) -> _Document:
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ClusterError(
            f"{_key(resource, seen)} cannot be read",
            why=str(error),
            next="Leave it out with the label holdfast.dev/exclude-from-backup=true, or use --cluster-objects all.",
        ) from error
