from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from holdfast.api import names
from holdfast.cluster import kubeconfig
from holdfast.cluster.cluster import Cluster
from holdfast.cluster.connection import Connection
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource
from holdfast.objects.exclusions import NEVER_BACKED_UP, excluded_kind, excluded_object
from holdfast.objects.metadata import Glimpse, glimpse

ALL_VERBS = frozenset({"create", "delete", "get", "list", "patch", "update", "watch"})
ROOT = Path(__file__).parents[2]
MADE_FOR_A_MOVER = {names.MANAGED_BY: names.MANAGER, names.RUN_LABEL: "20261127-015000-ab12cd"}
MADE_BY_US = {names.MANAGED_BY: names.MANAGER, names.KIND_LABEL: "BackupPlan", names.NAME_LABEL: "nightly"}


def resource(group_resource: str, *, verbs: frozenset[str] = ALL_VERBS) -> Resource:
    plural, _, group = group_resource.partition(".")
    return Resource(group, "v1", plural, plural.capitalize(), namespaced=True, verbs=verbs)


def an_object(name: str = "web", *, namespace: str = "shop", type: str | None = None, **metadata: object) -> Glimpse:  # noqa: A002 - the field's name
    document: dict[str, object] = {"metadata": {"name": name, "namespace": namespace, **metadata}}
    if type is not None:
        document["type"] = type
    return glimpse(json.dumps(document).encode())


def owned_by(kind: str, api_version: str, *, controller: bool = True) -> list[dict[str, object]]:
    return [{"apiVersion": api_version, "kind": kind, "name": "owner", "uid": "u", "controller": controller}]


def written_by(*managers: str) -> list[dict[str, str]]:
    return [{"manager": manager, "operation": "Update"} for manager in managers]


KIND_CASES = [
    ("events", "events"),
    ("events", "events.events.k8s.io"),
    ("leases", "leases.coordination.k8s.io"),
    ("leases", "leasecandidates.coordination.k8s.io"),
    ("nodes", "nodes"),
    ("nodes", "csinodes.storage.k8s.io"),
    ("volume-attachments", "volumeattachments.storage.k8s.io"),
    ("storage-capacities", "csistoragecapacities.storage.k8s.io"),
    ("resource-slices", "resourceslices.resource.k8s.io"),
    ("component-statuses", "componentstatuses"),
    ("metrics", "pods.metrics.k8s.io"),
    ("metrics", "anything.custom.metrics.k8s.io"),
    ("metrics", "anything.external.metrics.k8s.io"),
    ("storage-versions", "storageversions.internal.apiserver.k8s.io"),
    ("certificate-requests", "certificatesigningrequests.certificates.k8s.io"),
    ("certificate-requests", "podcertificaterequests.certificates.k8s.io"),
    ("twin-groups", "ingresses.extensions"),
    ("holdfast-runs", "backups.holdfast.dev"),
    ("holdfast-runs", "restores.holdfast.dev"),
    ("velero-runs", "backups.velero.io"),
    ("velero-runs", "restores.velero.io"),
    ("velero-runs", "podvolumerestores.velero.io"),
]

VERB_CASES = [
    ("not-storable", frozenset({"create"})),
    ("not-storable", frozenset({"get", "list"})),
    ("not-storable", frozenset()),
]

SA_TOKEN = "kubernetes.io/service-account-token"
RBAC_DEFAULTS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
FLOW_CONTROL = "flowcontrol.apiserver.k8s.io"
AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate"

OBJECT_CASES = [
    (
        "mirror-pods",
        "pods",
        an_object(annotations={"kubernetes.io/config.mirror": "x"}, ownerReferences=owned_by("Node", "v1")),
    ),
    ("controlled-pods", "pods", an_object(ownerReferences=owned_by("ReplicaSet", "apps/v1"))),
    ("controller-revisions", "controllerrevisions.apps", an_object(ownerReferences=owned_by("StatefulSet", "apps/v1"))),
    ("ephemeral-volume-claims", "persistentvolumeclaims", an_object(ownerReferences=owned_by("Pod", "v1"))),
    ("pod-resource-claims", "resourceclaims.resource.k8s.io", an_object(ownerReferences=owned_by("Pod", "v1"))),
    ("api-server-address", "services", an_object("kubernetes", namespace="default")),
    ("api-server-address", "endpoints", an_object("kubernetes", namespace="default")),
    ("api-server-address", "endpointslices.discovery.k8s.io", an_object("kubernetes", namespace="default")),
    ("endpoints", "endpoints", an_object(labels={"endpoints.kubernetes.io/managed-by": "endpoint-controller"})),
    ("endpoints", "endpoints", an_object(managedFields=written_by("kube-controller-manager"))),
    ("endpoints", "endpoints", an_object(managedFields=written_by("endpoint-controller"))),
    ("endpoints", "endpoints", an_object(annotations={"endpoints.kubernetes.io/last-change-trigger-time": "t"})),
    (
        "endpoint-slices",
        "endpointslices.discovery.k8s.io",
        an_object(labels={"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}),
    ),
    (
        "endpoint-slices",
        "endpointslices.discovery.k8s.io",
        an_object(labels={"endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"}),
    ),
    ("cluster-certificates", "configmaps", an_object("kube-root-ca.crt")),
    ("cluster-certificates", "configmaps", an_object("openshift-service-ca.crt")),
    ("server-config-maps", "configmaps", an_object("extension-apiserver-authentication", namespace="kube-system")),
    (
        "server-config-maps",
        "configmaps",
        an_object("kube-apiserver-legacy-service-account-token-tracking", namespace="kube-system"),
    ),
    (
        "generated-tokens",
        "secrets",
        an_object("default-token-x2b4z", type=SA_TOKEN, annotations={"kubernetes.io/service-account.name": "default"}),
    ),
    (
        "generated-tokens",
        "secrets",
        an_object("a" * 58 + "x2b4z", type=SA_TOKEN, annotations={"kubernetes.io/service-account.name": "a" * 60}),
    ),
    *(
        ("holdfast-movers", kind, an_object(labels=MADE_FOR_A_MOVER))
        for kind in ("jobs.batch", "pods", "persistentvolumeclaims", "persistentvolumes", "secrets")
    ),
    *(("holdfast-jobs", kind, an_object(labels=MADE_BY_US)) for kind in ("cronjobs.batch", "jobs.batch", "pods")),
    ("bootstrap-tokens", "secrets", an_object(namespace="kube-system", type="bootstrap.kubernetes.io/token")),
    (
        "automanaged-api-services",
        "apiservices.apiregistration.k8s.io",
        an_object(labels={"kube-aggregator.kubernetes.io/automanaged": "onstart"}),
    ),
    *(
        (
            "bootstrap-rbac",
            f"{plural}.rbac.authorization.k8s.io",
            an_object(labels=RBAC_DEFAULTS, managedFields=written_by("kube-apiserver")),
        )
        for plural in ("clusterroles", "clusterrolebindings", "roles", "rolebindings")
    ),
    (
        "bootstrap-rbac",
        "clusterroles.rbac.authorization.k8s.io",
        an_object(labels=RBAC_DEFAULTS, managedFields=written_by("k3s", "clusterrole-aggregation-controller")),
    ),
    ("system-priority-classes", "priorityclasses.scheduling.k8s.io", an_object("system-node-critical")),
    *(
        (
            "flow-control",
            f"{plural}.{FLOW_CONTROL}",
            an_object(annotations={"apf.kubernetes.io/autoupdate-spec": "true"}),
        )
        for plural in ("flowschemas", "prioritylevelconfigurations")
    ),
    (
        "allocated-addresses",
        "ipaddresses.networking.k8s.io",
        an_object("10.0.0.1", labels={"ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"}),
    ),
    ("default-service-cidr", "servicecidrs.networking.k8s.io", an_object("kubernetes")),
    ("being-deleted", "configmaps", an_object(deletionTimestamp="2026-01-01T00:00:00Z")),
    ("being-deleted", "widgets.example.com", an_object(deletionTimestamp="2026-01-01T00:00:00Z")),
    ("opted-out", "configmaps", an_object(labels={"holdfast.dev/exclude-from-backup": "true"})),
    ("opted-out", "widgets.example.com", an_object(labels={"velero.io/exclude-from-backup": "true"})),
]

KEPT = [
    ("an ordinary object", "configmaps", an_object()),
    ("a pod that stands alone", "pods", an_object()),
    (
        "a pod with an owner that is no controller",
        "pods",
        an_object(ownerReferences=owned_by("X", "v1", controller=False)),
    ),
    (
        "old ReplicaSets, which are the rollout history",
        "replicasets.apps",
        an_object(ownerReferences=owned_by("Deployment", "apps/v1")),
    ),
    ("a StatefulSet's claim", "persistentvolumeclaims", an_object(ownerReferences=owned_by("StatefulSet", "apps/v1"))),
    ("somebody's Service called kubernetes", "services", an_object("kubernetes")),
    ("hand-made Endpoints", "endpoints", an_object(managedFields=written_by("kubectl-client-side-apply"))),
    (
        "hand-made EndpointSlices",
        "endpointslices.discovery.k8s.io",
        an_object(labels={"endpointslice.kubernetes.io/managed-by": "staff"}),
    ),
    ("a Secret called kube-root-ca.crt", "secrets", an_object("kube-root-ca.crt")),
    ("a ConfigMap of the server's name elsewhere", "configmaps", an_object("extension-apiserver-authentication")),
    (
        "a token with a name of its own",
        "secrets",
        an_object("ci", type=SA_TOKEN, annotations={"kubernetes.io/service-account.name": "ci"}),
    ),
    (
        "a token whose name has no generated end",
        "secrets",
        an_object("ci-token-admin", type=SA_TOKEN, annotations={"kubernetes.io/service-account.name": "ci"}),
    ),
    (
        "a Secret that looks like a token",
        "secrets",
        an_object("ci-token-x2b4z", type="Opaque", annotations={"kubernetes.io/service-account.name": "ci"}),
    ),
    ("somebody's APIService", "apiservices.apiregistration.k8s.io", an_object()),
    (
        "a default binding with an added subject",
        "clusterrolebindings.rbac.authorization.k8s.io",
        an_object("cluster-admin", labels=RBAC_DEFAULTS, managedFields=written_by("kube-apiserver", "kubectl-edit")),
    ),
    (
        "a default role that is not reconciled",
        "clusterroles.rbac.authorization.k8s.io",
        an_object(labels=RBAC_DEFAULTS, annotations={AUTO_UPDATE: "false"}),
    ),
    ("somebody's PriorityClass", "priorityclasses.scheduling.k8s.io", an_object("high")),
    (
        "an edited FlowSchema",
        f"flowschemas.{FLOW_CONTROL}",
        an_object(annotations={"apf.kubernetes.io/autoupdate-spec": "false"}),
    ),
    ("somebody's IPAddress", "ipaddresses.networking.k8s.io", an_object("10.0.0.1")),
    ("an added ServiceCIDR", "servicecidrs.networking.k8s.io", an_object("more")),
    ("an opt-out label with another value", "configmaps", an_object(labels={"velero.io/exclude-from-backup": "false"})),
    ("a plan", "backupplans.holdfast.dev", an_object()),
    ("a location", "storagelocations.holdfast.dev", an_object()),
    ("Holdfast's own Deployment", "deployments.apps", an_object(labels=MADE_BY_US)),
    ("a CronJob of the chart", "cronjobs.batch", an_object(labels={names.MANAGED_BY: names.MANAGER})),
    ("somebody's Job", "jobs.batch", an_object(labels={names.KIND_LABEL: "Backup", names.MANAGED_BY: "Helm"})),
    ("a schedule of Velero", "schedules.velero.io", an_object()),
]


@pytest.mark.parametrize(("row", "kind"), KIND_CASES)
def test_a_kind_of_the_table_is_not_even_listed(row, kind):
    found = excluded_kind(resource(kind))
    assert found is not None
    assert found.id == row


@pytest.mark.parametrize(("row", "kind"), KIND_CASES)
def test_an_object_of_an_excluded_kind_is_excluded_too(row, kind):
    found = excluded_object(resource(kind), an_object())
    assert found is not None
    assert found.id == row


@pytest.mark.parametrize(("row", "verbs"), VERB_CASES)
def test_a_kind_that_cannot_be_listed_or_created_is_excluded(row, verbs):
    found = excluded_kind(resource("tokenreviews.authentication.k8s.io", verbs=verbs))
    assert found is not None
    assert found.id == row


@pytest.mark.parametrize(("row", "kind", "seen"), OBJECT_CASES)
def test_an_object_of_the_table_is_excluded_by_its_row(row, kind, seen):
    found = excluded_object(resource(kind), seen)
    assert found is not None
    assert found.id == row


@pytest.mark.parametrize("kind", sorted({kind for _, kind, _ in OBJECT_CASES}))
def test_a_kind_of_which_only_some_objects_are_excluded_is_listed(kind):
    assert excluded_kind(resource(kind)) is None


@pytest.mark.parametrize(("kind", "seen"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
def test_what_is_not_in_the_table_is_kept(kind, seen):
    assert excluded_kind(resource(kind)) is None
    assert excluded_object(resource(kind), seen) is None


def test_every_row_has_a_case():
    cases = {row for row, *_ in [*KIND_CASES, *VERB_CASES, *OBJECT_CASES]}
    assert cases == {row.id for row in NEVER_BACKED_UP}


def test_rows_have_their_own_ids_say_what_they_match_and_give_a_reason_without_full_stop():
    ids = [row.id for row in NEVER_BACKED_UP]
    assert len(ids) == len(set(ids))
    for row in NEVER_BACKED_UP:
        assert not row.reason.endswith(".")
        assert bool(row.kinds) + bool(row.groups) + bool(row.required_verbs) <= 1
        assert row.kinds or row.groups or row.required_verbs or row.matches


def test_the_documented_table_is_the_table():
    table = ["| what | why |", "|---|---|", *(f"| {row.what} | {row.reason} |" for row in NEVER_BACKED_UP)]
    assert "\n".join(table) in (ROOT / "docs" / "selection.md").read_text("utf-8")


APPS = "apps/v1"
POD_TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "c", "image": "none.invalid/c"}]},
}
WORKLOAD = {"selector": {"matchLabels": {"app": "web"}}, "template": POD_TEMPLATE}
HAND_MADE = [
    ("v1", "configmaps", {"kind": "ConfigMap", "metadata": {"name": "settings"}}),
    ("v1", "pods", {"kind": "Pod", "metadata": {"name": "alone"}, "spec": POD_TEMPLATE["spec"]}),
    (
        "v1",
        "services",
        {"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}},
    ),
    ("v1", "services", {"kind": "Service", "metadata": {"name": "outside"}, "spec": {"ports": [{"port": 80}]}}),
    (
        "v1",
        "endpoints",
        {
            "kind": "Endpoints",
            "metadata": {"name": "outside"},
            "subsets": [{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"port": 80}]}],
        },
    ),
    (
        "v1",
        "secrets",
        {
            "kind": "Secret",
            "metadata": {"name": "ci", "annotations": {"kubernetes.io/service-account.name": "default"}},
            "type": SA_TOKEN,
        },
    ),
    (APPS, "deployments", {"kind": "Deployment", "metadata": {"name": "web"}, "spec": WORKLOAD}),
    (
        APPS,
        "statefulsets",
        {"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {**WORKLOAD, "serviceName": "web"}},
    ),
]
MADE_BY_CONTROLLERS = {
    "pods",
    "replicasets.apps",
    "controllerrevisions.apps",
    "endpoints",
    "endpointslices.discovery.k8s.io",
}


@pytest.mark.cluster
@pytest.mark.parametrize("version", ["cluster", "old_cluster"])
class TestAgainstTheServer:
    @pytest.fixture
    def control_plane(self, request, version):
        return request.getfixturevalue(version)

    @pytest.fixture
    def product(self, control_plane):
        connected = Cluster(Connection(kubeconfig.load(str(control_plane.kubeconfig), None, {}), cancel=Cancel()))
        yield connected
        connected.close()

    def test_of_a_namespace_what_people_made_and_rollout_history_remain(self, product, control_plane, make_namespace):
        namespace = make_namespace(within=control_plane)
        for api_version, plural, body in HAND_MADE:
            kind = product.api_surface().by_kind(api_version, body["kind"])
            assert kind.plural == plural
            product.create(kind, namespace, json.dumps({"apiVersion": api_version, **body}).encode())
        self.wait_for_controllers(product, namespace)

        kept = {f"{kind}/{seen.name}" for kind, seen, row in self.judged(product, namespace) if row is None}
        histories = {name for name in kept if name.startswith("replicasets.apps/web-")}
        assert len(histories) == 1
        made = {
            f"{plural}{'.apps' if version == APPS else ''}/{body['metadata']['name']}"
            for version, plural, body in HAND_MADE
        }
        assert kept - histories == made | {"serviceaccounts/default"}

    def test_what_a_new_cluster_has_of_its_own_is_excluded(self, product):
        rows = {row.id for _, _, row in self.judged(product, None) if row}
        assert rows >= {
            "api-server-address",
            "automanaged-api-services",
            "bootstrap-rbac",
            "cluster-certificates",
            "flow-control",
            "server-config-maps",
            "system-priority-classes",
        }
        kept = {f"{kind}/{seen.name}" for kind, seen, row in self.judged(product, None) if row is None}
        assert not {name for name in kept if "system:" in name or name.startswith("priorityclasses")}
        assert "flowschemas.flowcontrol.apiserver.k8s.io/catch-all" not in kept

    def judged(self, product, namespace):
        """(kind, object, row or None) of everything that a backup would look at; None for the whole cluster."""
        for kind in product.api_surface().resources:
            if excluded_kind(kind) or (namespace and not kind.namespaced):
                continue
            for page in product.list(kind, namespace=namespace):
                for item in page.items:
                    seen = glimpse(item)
                    yield kind.group_resource, seen, excluded_object(kind, seen)

    def wait_for_controllers(self, product, namespace):
        """Until each controller has made something; ends as a failure of the test that waits."""
        deadline = time.monotonic() + 60
        missing = MADE_BY_CONTROLLERS
        while missing and time.monotonic() < deadline:
            time.sleep(0.2)
            made = {kind for kind, seen, row in self.judged(product, namespace) if row or seen.controller}
            missing = MADE_BY_CONTROLLERS - made
        assert not missing
