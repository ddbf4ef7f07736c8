from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.errors import ClusterError
from holdfast.model.kubernetes import Resource
from holdfast.objects.companions import BY_KIND, BY_OBJECT, BY_SEARCH, CompanionCollector
from holdfast.objects.metadata import glimpse

ROOT = Path(__file__).parents[2]
RBAC = "rbac.authorization.k8s.io"
BINDINGS = f"clusterrolebindings.{RBAC}"
ROLES = f"clusterroles.{RBAC}"
CUSTOM = "shops.example.com"


def resource(group_resource: str) -> Resource:
    plural, _, group = group_resource.partition(".")
    return Resource(group, "v1", plural, plural.capitalize(), namespaced=True)


def document(
    name: str, namespace: str = "shop", *, metadata: dict[str, object] | None = None, **fields: object
) -> bytes:
    return json.dumps({"metadata": {"name": name, "namespace": namespace, **(metadata or {})}, **fields}).encode()


def feed(collector: CompanionCollector, kind: str, data: bytes) -> None:
    collector.feed(resource(kind), glimpse(data), data)


def search(collector: CompanionCollector, kind: str, data: bytes) -> None:
    collector.search(resource(kind), glimpse(data), data)


def needs_of(collector: CompanionCollector) -> dict[str, str]:
    """Without the definitions of kinds: `KIND_CASES` are about those."""
    needed = {str(key): reason for key, reason in collector.needed().items()}
    return {key: reason for key, reason in needed.items() if not key.startswith("customresourcedefinitions.")}


def pod_spec(**fields: object) -> dict[str, object]:
    return {"spec": {"containers": [{"name": "main"}], **fields}}


def in_template(**pod: object) -> dict[str, object]:
    return {"template": pod_spec(**pod)}


def annotated(key: str, value: str) -> dict[str, object]:
    return {"annotations": {key: value}}


KIND_CASES = [
    (
        "definitions",
        "widgets.example.com",
        document("w", spec={"anything": 1}),
        {"customresourcedefinitions.apiextensions.k8s.io/widgets.example.com": "defines widgets.example.com/shop/w"},
    ),
    (
        "definitions",
        "gateways.gateway.networking.k8s.io",
        document("g"),
        {
            "customresourcedefinitions.apiextensions.k8s.io/gateways.gateway.networking.k8s.io": (
                "defines gateways.gateway.networking.k8s.io/shop/g"
            )
        },
    ),
]

POD_KINDS = {
    "pods": pod_spec,
    "podtemplates": in_template,
    "replicationcontrollers": lambda **pod: {"spec": in_template(**pod)},
    "cronjobs.batch": lambda **pod: {"spec": {"jobTemplate": {"spec": in_template(**pod)}}},
    "daemonsets.apps": lambda **pod: {"spec": in_template(**pod)},
    "deployments.apps": lambda **pod: {"spec": in_template(**pod)},
    "jobs.batch": lambda **pod: {"spec": in_template(**pod)},
    "replicasets.apps": lambda **pod: {"spec": in_template(**pod)},
    "statefulsets.apps": lambda **pod: {"spec": in_template(**pod)},
    CUSTOM: lambda **pod: {"spec": {"parts": [{"worker": pod_spec(**pod)}]}},
}

CLAIM_CLASSES = [
    ("storage-classes", "storageClassName", "storageclasses", "storage class of"),
    ("attributes-classes", "volumeAttributesClassName", "volumeattributesclasses", "volume attributes class of"),
]


def with_ephemeral_claim(fields: Callable[..., dict[str, object]]) -> Callable[[dict[str, str]], dict[str, object]]:
    return lambda spec: fields(volumes=[{"ephemeral": {"volumeClaimTemplate": {"spec": spec}}}])


CLAIM_KINDS = [
    ("persistentvolumeclaims", lambda spec: {"spec": spec}),
    ("persistentvolumes", lambda spec: {"spec": spec}),
    ("statefulsets.apps", lambda spec: {"spec": {"volumeClaimTemplates": [{"spec": spec}]}}),
    *((kind, with_ephemeral_claim(fields)) for kind, fields in POD_KINDS.items()),
]

OBJECT_CASES = [
    (
        "volumes",
        "persistentvolumeclaims",
        document("data", spec={"volumeName": "pv-1"}),
        {"persistentvolumes/pv-1": "volume of persistentvolumeclaims/shop/data"},
    ),
    (
        "storage-classes",
        "persistentvolumeclaims",
        document("data", metadata=annotated("volume.beta.kubernetes.io/storage-class", "old"), spec={}),
        {"storageclasses.storage.k8s.io/old": "storage class of persistentvolumeclaims/shop/data"},
    ),
    *(
        (
            rule,
            kind,
            document("x", **fields({field: "fast"})),
            {f"{plural}.storage.k8s.io/fast": f"{reason} {kind}/shop/x"},
        )
        for rule, field, plural, reason in CLAIM_CLASSES
        for kind, fields in CLAIM_KINDS
    ),
    *(
        (
            "priority-classes",
            kind,
            document("x", **fields(priorityClassName="high")),
            {"priorityclasses.scheduling.k8s.io/high": f"priority class of {kind}/shop/x"},
        )
        for kind, fields in POD_KINDS.items()
    ),
    *(
        (
            "runtime-classes",
            kind,
            document("x", **fields(runtimeClassName="gvisor")),
            {"runtimeclasses.node.k8s.io/gvisor": f"runtime class of {kind}/shop/x"},
        )
        for kind, fields in POD_KINDS.items()
    ),
    (
        "ingress-classes",
        "ingresses.networking.k8s.io",
        document("web", spec={"ingressClassName": "nginx"}),
        {"ingressclasses.networking.k8s.io/nginx": "ingress class of ingresses.networking.k8s.io/shop/web"},
    ),
    (
        "ingress-classes",
        "ingresses.networking.k8s.io",
        document("web", metadata=annotated("kubernetes.io/ingress.class", "old")),
        {"ingressclasses.networking.k8s.io/old": "ingress class of ingresses.networking.k8s.io/shop/web"},
    ),
    (
        "gateway-classes",
        "gateways.gateway.networking.k8s.io",
        document("edge", spec={"gatewayClassName": "mesh"}),
        {
            "gatewayclasses.gateway.networking.k8s.io/mesh": (
                "gateway class of gateways.gateway.networking.k8s.io/shop/edge"
            )
        },
    ),
    (
        "bound-roles",
        f"rolebindings.{RBAC}",
        document("b", roleRef={"kind": "ClusterRole", "name": "reader"}),
        {f"{ROLES}/reader": f"role of rolebindings.{RBAC}/shop/b"},
    ),
    (
        "bound-roles",
        BINDINGS,
        document("b", "", roleRef={"kind": "ClusterRole", "name": "reader"}),
        {f"{ROLES}/reader": f"role of {BINDINGS}/b"},
    ),
]

NEEDS_NOTHING = [
    ("configmaps", document("c", data={"spec": "x"})),
    ("pods", document("p", spec={"priorityClassName": "system-node-critical"})),
    ("pods", document("p", spec={"volumes": [{"name": "x", "emptyDir": {}}]})),
    ("persistentvolumeclaims", document("c", spec={"storageClassName": ""})),
    ("persistentvolumeclaims", document("c", spec=None)),
    (f"rolebindings.{RBAC}", document("b", roleRef={"kind": "Role", "name": "reader"})),
    ("ingresses.networking.k8s.io", document("i", spec={})),
    ("leases.coordination.k8s.io", document("l")),
    (CUSTOM, document("s", spec={"priorityClassName": "high", "template": {"spec": {"runtimeClassName": "gvisor"}}})),
    (CUSTOM, document("s", spec="a text")),
]


@pytest.mark.parametrize(("kind", "data", "needs"), [case[1:] for case in KIND_CASES])
def test_a_custom_resource_brings_the_definition_of_its_kind(kind, data, needs):
    collector = CompanionCollector()
    feed(collector, kind, data)
    assert {str(key): reason for key, reason in collector.needed().items()} == needs


@pytest.mark.parametrize(("rule", "kind", "data", "needs"), OBJECT_CASES)
def test_an_object_brings_what_its_rule_says(rule, kind, data, needs):
    collector = CompanionCollector()
    feed(collector, kind, data)
    assert needs_of(collector) == needs, rule


@pytest.mark.parametrize(("kind", "data"), NEEDS_NOTHING)
def test_an_object_that_names_nothing_brings_nothing(kind, data):
    collector = CompanionCollector()
    feed(collector, kind, data)
    assert needs_of(collector) == {}


def test_the_first_reason_is_kept():
    collector = CompanionCollector()
    for name in ("one", "two"):
        feed(collector, "pods", document(name, spec={"priorityClassName": "high"}))
    assert needs_of(collector) == {"priorityclasses.scheduling.k8s.io/high": "priority class of pods/shop/one"}


def test_only_kinds_of_the_tables_are_decoded():
    collector = CompanionCollector()
    seen = glimpse(document("c"))
    collector.feed(resource("configmaps"), seen, b"not JSON")
    with pytest.raises(ClusterError, match="pods/shop/c cannot be read"):
        collector.feed(resource("pods"), seen, b"not JSON")


SERVICE_ACCOUNT = {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}


def with_account() -> CompanionCollector:
    collector = CompanionCollector()
    feed(collector, "serviceaccounts", document("web"))
    return collector


@pytest.mark.parametrize(
    "subject", [SERVICE_ACCOUNT, {"kind": "Group", "name": "system:serviceaccounts:shop"}], ids=["account", "group"]
)
def test_a_binding_of_a_selected_account_comes_along_with_its_role(subject):
    collector = with_account()
    other = {"kind": "User", "name": "somebody"}
    role = {"kind": "ClusterRole", "name": "reader"}
    search(collector, BINDINGS, document("b", "", subjects=[other, subject], roleRef=role))
    assert needs_of(collector) == {
        f"{BINDINGS}/b": "binds serviceaccounts/shop/web",
        f"{ROLES}/reader": f"role of {BINDINGS}/b",
    }


@pytest.mark.parametrize(
    "subjects",
    [
        None,
        [{**SERVICE_ACCOUNT, "namespace": "other"}],
        [{**SERVICE_ACCOUNT, "name": "other"}],
        [{"kind": "User", "name": "web"}],
        [{"kind": "Group", "name": "system:serviceaccounts"}],
        [{"kind": "Group", "name": "system:serviceaccounts:other"}],
    ],
)
def test_a_binding_of_others_stays(subjects):
    collector = with_account()
    role = {"kind": "ClusterRole", "name": "reader"}
    search(collector, BINDINGS, document("b", "", subjects=subjects, roleRef=role))
    assert needs_of(collector) == {}


def test_an_excluded_binding_stays():
    collector = with_account()
    labels = {"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}
    role = {"kind": "ClusterRole", "name": "reader"}
    search(collector, BINDINGS, document("b", "", metadata=labels, subjects=[SERVICE_ACCOUNT], roleRef=role))
    assert needs_of(collector) == {}


def aggregate(name: str, *selectors: dict[str, object], **labels: str) -> bytes:
    return document(name, "", metadata={"labels": labels}, aggregationRule={"clusterRoleSelectors": list(selectors)})


def bound_to(role: str) -> CompanionCollector:
    collector = CompanionCollector()
    feed(collector, f"rolebindings.{RBAC}", document("b", roleRef={"kind": "ClusterRole", "name": role}))
    return collector


def test_roles_aggregated_into_a_needed_one_come_along_at_any_depth_and_in_any_order():
    collector = bound_to("top")
    for data in (
        document("leaf", "", metadata={"labels": {"to": "middle"}}),
        document("unrelated", "", metadata={"labels": {"to": "nowhere"}}),
        aggregate("middle", {"matchLabels": {"to": "middle"}}, to="top"),
        aggregate(
            "top",
            {"matchLabels": {"none": "x"}},
            {"matchExpressions": [{"key": "to", "operator": "In", "values": ["top"]}]},
        ),
        aggregate("not-needed", {"matchLabels": {"to": "nowhere"}}),
    ):
        search(collector, ROLES, data)
    assert needs_of(collector) == {
        f"{ROLES}/top": f"role of rolebindings.{RBAC}/shop/b",
        f"{ROLES}/middle": f"aggregated into {ROLES}/top",
        f"{ROLES}/leaf": f"aggregated into {ROLES}/middle",
    }


def test_roles_that_aggregate_each_other_are_followed_once():
    collector = bound_to("one")
    search(collector, ROLES, aggregate("one", {"matchLabels": {"to": "one"}}, to="two"))
    search(collector, ROLES, aggregate("two", {"matchLabels": {"to": "two"}}, to="one"))
    assert set(needs_of(collector)) == {f"{ROLES}/one", f"{ROLES}/two"}


def test_a_default_role_stays_and_what_people_aggregate_into_it_comes_along():
    collector = bound_to("edit")
    default = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    search(collector, ROLES, aggregate("edit", {"matchLabels": {"to-edit": "true"}}, **default))
    search(collector, ROLES, document("system:to-edit", "", metadata={"labels": {"to-edit": "true", **default}}))
    search(collector, ROLES, document("widgets-edit", "", metadata={"labels": {"to-edit": "true"}}))
    assert needs_of(collector) == {f"{ROLES}/widgets-edit": f"aggregated into {ROLES}/edit"}


SEARCH_CASES = {
    "bindings": test_a_binding_of_a_selected_account_comes_along_with_its_role,
    "aggregated-roles": test_roles_aggregated_into_a_needed_one_come_along_at_any_depth_and_in_any_order,
}


def test_every_rule_has_a_case_for_each_of_its_kinds():
    assert {case[0] for case in KIND_CASES} == {rule.id for rule in BY_KIND}
    assert set(SEARCH_CASES) == {rule.id for rule in BY_SEARCH}
    tested = {(case[0], case[1]) for case in OBJECT_CASES}
    assert tested == {
        (rule.id, kind) for rule in BY_OBJECT for kind in {*rule.kinds, *([CUSTOM] if rule.custom else [])}
    }


def test_the_documented_table_is_the_table():
    rules = [*BY_KIND, *BY_OBJECT, *BY_SEARCH]
    table = [
        "| comes along | its reason reads |",
        "|---|---|",
        *(f"| {rule.what} | {rule.reason} … |" for rule in rules),
    ]
    assert "\n".join(table) in (ROOT / "docs" / "selection.md").read_text("utf-8")
