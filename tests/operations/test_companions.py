"""The cluster-scoped objects that come along with what needs them."""

import pytest
from tests.operations.harness import WIDGETS, capture, make, wait_until

RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(scope="module")
def shop(new_namespace, shared_app):
    """A namespace that needs something of every sort, with bystanders that it does not need."""
    name = new_namespace("companions")
    container = {"name": "main", "image": "registry.example.com/web:1"}
    pod = {"containers": [container], "priorityClassName": f"{name}-urgent"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}

    def binding(name, role, subject):
        reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
        return make("ClusterRoleBinding", name, version=f"{RBAC}/v1", roleRef=reference, subjects=[subject])

    runner = {"kind": "ServiceAccount", "name": "runner", "namespace": name}
    group = {"kind": "Group", "apiGroup": RBAC, "name": f"system:serviceaccounts:{name}"}
    stranger = {"kind": "ServiceAccount", "name": "runner", "namespace": "default"}
    shared_app.create(
        make("ServiceAccount", "runner", name),
        make("ClusterRole", f"{name}:reader", version=f"{RBAC}/v1", rules=[]),
        make("ClusterRole", f"{name}:lister", version=f"{RBAC}/v1", rules=[]),
        make("ClusterRole", f"{name}:local", version=f"{RBAC}/v1", rules=[]),
        make("ClusterRole", f"{name}:unused", version=f"{RBAC}/v1", rules=[]),
        binding(f"{name}:readers", f"{name}:reader", runner),
        binding(f"{name}:listers", f"{name}:lister", group),
        binding(f"{name}:strangers", f"{name}:unused", stranger),
        make(
            "RoleBinding",
            "local",
            name,
            version=f"{RBAC}/v1",
            roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": f"{name}:local"},
            subjects=[runner],
        ),
        make("PriorityClass", f"{name}-urgent", version="scheduling.k8s.io/v1", value=1000),
        make("PriorityClass", f"{name}-idle", version="scheduling.k8s.io/v1", value=1),
        make("IngressClass", f"{name}-edge", version="networking.k8s.io/v1", spec={"controller": "example.com/edge"}),
        make("IngressClass", f"{name}-other", version="networking.k8s.io/v1", spec={"controller": "example.com/other"}),
        make(
            "Ingress",
            "web",
            name,
            version="networking.k8s.io/v1",
            spec={
                "ingressClassName": f"{name}-edge",
                "defaultBackend": {"service": {"name": "web", "port": {"number": 80}}},
            },
        ),
        make(
            "Deployment",
            "web",
            name,
            version="apps/v1",
            spec={"selector": {"matchLabels": {"app": "web"}}, "template": template},
        ),
        make("PersistentVolumeClaim", "data", name, spec=claim),
        make("Widget", "first", name, version="backup.example.com/v1"),
    )
    wait_until(lambda: shared_app.read("pvc", name, "data")["status"].get("phase") == "Bound")
    return name


@pytest.fixture(scope="module")
def volume(shared_app, shop):
    return shared_app.read("pvc", shop, "data")["spec"]["volumeName"]


@pytest.fixture(scope="module")
def expected(shop, volume):
    """Every companion with the reason for it."""
    return {
        f"customresourcedefinitions.apiextensions.k8s.io/{WIDGETS['metadata']['name']}": (
            f"defines widgets.backup.example.com/{shop}/first"
        ),
        f"persistentvolumes/{volume}": f"volume of persistentvolumeclaims/{shop}/data",
        "storageclasses.storage.k8s.io/standard": f"storage class of persistentvolumeclaims/{shop}/data",
        f"priorityclasses.scheduling.k8s.io/{shop}-urgent": "priority class of ",
        f"ingressclasses.networking.k8s.io/{shop}-edge": f"ingress class of ingresses.networking.k8s.io/{shop}/web",
        f"clusterroles.{RBAC}/{shop}:reader": f"role of clusterrolebindings.{RBAC}/{shop}:readers",
        f"clusterroles.{RBAC}/{shop}:lister": f"role of clusterrolebindings.{RBAC}/{shop}:listers",
        f"clusterroles.{RBAC}/{shop}:local": f"role of rolebindings.{RBAC}/{shop}/local",
        f"clusterrolebindings.{RBAC}/{shop}:readers": f"binds serviceaccounts/{shop}/runner",
        f"clusterrolebindings.{RBAC}/{shop}:listers": f"binds serviceaccounts/{shop}/",
    }


def cluster_scoped(taken):
    return {key: reason for key, reason in taken.items() if key.count("/") == 1 and not key.startswith("namespaces/")}


def test_what_is_needed_comes_along_with_its_reason_and_nothing_else(live, shop, expected):
    found = cluster_scoped(capture(live, shop)[0])
    assert found.keys() == expected.keys()
    for key, reason in expected.items():
        assert found[key].startswith(reason)


def test_none_takes_no_cluster_scoped_object_but_the_namespace(live, shop):
    taken, _ = capture(live, shop, cluster_objects="none")
    assert cluster_scoped(taken) == {}
    assert f"namespaces/{shop}" in taken


def test_all_takes_the_bystanders_too(live, shop, expected):
    found = cluster_scoped(capture(live, shop, cluster_objects="all")[0])
    bystanders = {f"clusterroles.{RBAC}/{shop}:unused", f"priorityclasses.scheduling.k8s.io/{shop}-idle"}
    assert found.keys() > expected.keys() | bystanders


def test_companions_follow_what_is_selected_and_not_the_namespace(live, shop):
    taken, _ = capture(live, shop, include_kinds=("ingresses",))
    assert cluster_scoped(taken).keys() == {f"ingressclasses.networking.k8s.io/{shop}-edge"}


def test_labels_that_narrow_the_objects_do_not_narrow_the_companions(live, shop, shared_app):
    shared_app.create(make("Widget", "labelled", shop, version="backup.example.com/v1", labels={"take": "me"}))
    taken, _ = capture(live, shop, selector="take=me")
    assert cluster_scoped(taken).keys() == {
        f"customresourcedefinitions.apiextensions.k8s.io/{WIDGETS['metadata']['name']}"
    }


def test_an_excluded_kind_is_no_companion(live, shop, expected):
    taken, _ = capture(live, shop, exclude_kinds=("persistentvolumes",))
    assert expected.keys() - cluster_scoped(taken).keys() == {
        key for key in expected if key.startswith("persistentvol")
    }


def test_a_companion_that_asks_to_stay_out_stays_out(live, new_namespace, shared_app):
    name = new_namespace("companions-hidden")
    container = {"name": "main", "image": "registry.example.com/web:1"}
    shared_app.create(
        make(
            "PriorityClass",
            f"{name}-hidden",
            version="scheduling.k8s.io/v1",
            value=7,
            labels={"holdfast.dev/exclude-from-backup": "true"},
        ),
        make("Pod", "bare", name, spec={"containers": [container], "priorityClassName": f"{name}-hidden"}),
    )
    taken, captured = capture(live, name)
    assert cluster_scoped(taken) == {}
    assert captured.excluded["excluded: its label asks to stay out of backups"] == 1


def test_a_companion_that_does_not_exist_is_no_problem(live, new_namespace, shared_app):
    name = new_namespace("companions-missing")
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
        "storageClassName": "manual",
    }
    shared_app.create(make("PersistentVolumeClaim", "data", name, spec=claim))
    taken, captured = capture(live, name)
    assert cluster_scoped(taken) == {}
    assert captured.problems == []


def test_the_roles_of_the_cluster_itself_are_not_taken(live, new_namespace, shared_app):
    name = new_namespace("companions-view")
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": name}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"}
    shared_app.create(make("RoleBinding", "viewers", name, version=f"{RBAC}/v1", roleRef=reference, subjects=[subject]))
    assert cluster_scoped(capture(live, name)[0]) == {}
