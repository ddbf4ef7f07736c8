"""The whole package against a real API server, as an ordinary account with rights by RBAC."""

from __future__ import annotations

import json
import os
import secrets
import threading

import pytest

from holdfast.cluster import kubeconfig
from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.cluster.connection import Connection
from holdfast.cluster.settings import Impersonation
from holdfast.errors import ApiRefused
from holdfast.model.cancel import Cancel


@pytest.fixture
def open_cluster():
    """`open_cluster(kubeconfig_path) -> Cluster`"""
    opened = []

    def connected(path):
        opened.append(Cluster(Connection(kubeconfig.load(os.fspath(path), None, os.environ), cancel=Cancel())))
        return opened[-1]

    yield connected
    for one in opened:
        one.close()


@pytest.fixture
def live(open_cluster, cluster):
    """The test cluster through the package under test."""
    return open_cluster(cluster.kubeconfig)


@pytest.fixture
def find(live):
    return live.api_surface().find


def configmap(name, **data):
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}).encode()


def refused(call):
    with pytest.raises(ApiRefused) as error:
        call()
    return error.value


def test_a_cluster_is_told_by_its_kube_system_namespace_and_version(live, cluster, find):
    uid, version = live.identity()
    assert json.loads(live.get(find("namespaces"), "", "kube-system"))["metadata"]["uid"] == uid
    assert version.startswith(f"v{cluster.version}")


def test_discovery_finds_the_kinds_of_a_real_server(live, find):
    deployments = find("deploy")
    assert (deployments.api_version, deployments.kind, deployments.namespaced) == ("apps/v1", "Deployment", True)
    assert {"get", "list", "create"} <= deployments.verbs
    assert {"scale", "status"} <= deployments.subresources
    assert not find("clusterroles").namespaced
    assert find("horizontalpodautoscalers").version == "v2"
    assert "v1" in live.api_surface().served("autoscaling", "horizontalpodautoscalers")
    assert live.api_surface().unavailable == ()


def test_an_older_server_is_discovered_as_well(open_cluster, old_cluster):
    surface = open_cluster(old_cluster.kubeconfig).api_surface()
    assert surface.find("deployments.apps").api_version == "apps/v1"
    assert len(surface.resources) > 40


def test_an_api_service_that_is_down_is_named(live, find):
    services = find("apiservices")
    name = "v1.down-for-tests.test"
    spec = {
        "group": "down-for-tests.test", "version": "v1", "groupPriorityMinimum": 10, "versionPriority": 10,
        "insecureSkipTLSVerify": True, "service": {"namespace": "default", "name": "nobody"},
    }  # fmt: skip
    body = {"apiVersion": services.api_version, "kind": services.kind, "metadata": {"name": name}, "spec": spec}
    live.create(services, "", json.dumps(body).encode())
    try:
        for _ in range(100):
            if live.refresh_surface().unavailable:
                break
            threading.Event().wait(0.1)
        assert live.api_surface().unavailable == ("down-for-tests.test/v1",)
        assert live.api_surface().find("deployments").kind == "Deployment"
    finally:
        live.delete(services, "", name)


@pytest.mark.parametrize("page_size", [1, 3, 500])
def test_listed_objects_are_byte_for_byte_what_a_get_gives(live, find, namespace, page_size):
    kind = find("configmaps")
    for number in range(5):
        live.create(kind, namespace, configmap(f"c{number}", text="<&>\u2028\x01ü\U0001f600", number=str(number)))
    pages = list(live.list(kind, namespace=namespace, page_size=page_size))
    items = [item for page in pages for item in page.items]
    names = [json.loads(item)["metadata"]["name"] for item in items]
    assert names == ["c0", "c1", "c2", "c3", "c4", "kube-root-ca.crt"]
    assert items == [live.get(kind, namespace, name) for name in names]
    assert len({page.resource_version for page in pages}) == 1
    assert len(pages) == -(-6 // page_size)


@pytest.mark.parametrize("name", ["clusterroles", "namespaces", "customresourcedefinitions", "apiservices"])
def test_listed_objects_of_the_whole_cluster_are_what_a_get_gives(live, find, name):
    kind = find(name)
    first = next(live.list(kind, page_size=5)).items
    assert first == [live.get(kind, "", json.loads(item)["metadata"]["name"]) for item in first]


def test_a_list_is_narrowed_by_labels(live, find, namespace):
    for name, labels in (("a", {"app": "x"}), ("b", {"app": "y"}), ("c", {})):
        body = {"metadata": {"name": name, "labels": labels}}
        live.create(find("configmaps"), namespace, json.dumps(body).encode())
    (page,) = live.list(find("configmaps"), namespace=namespace, label_selector="app in (x,y),app!=y")
    assert [json.loads(item)["metadata"]["name"] for item in page.items] == ["a"]


def test_an_object_is_created_replaced_patched_and_deleted(live, find, namespace):
    kind = find("configmaps")
    created = json.loads(live.create(kind, namespace, configmap("a", v="1"), field_manager="maker"))
    assert created["metadata"]["managedFields"][0]["manager"] == "maker"
    created["data"] = {"v": "2"}
    replaced = live.replace(kind, namespace, "a", json.dumps(created).encode())
    assert live.get(kind, namespace, "a") == replaced
    merged = live.patch(kind, namespace, "a", b'{"data":{"w":"3"}}', patch_type=PatchType.MERGE)
    assert json.loads(merged)["data"] == {"v": "2", "w": "3"}
    live.delete(kind, namespace, "a", uid=created["metadata"]["uid"])
    assert live.get(kind, namespace, "a") is None


def test_applying_creates_and_takes_fields_with_force_only(live, find, namespace):
    kind = find("configmaps")
    live.patch(kind, namespace, "a", configmap("a", v="1"), patch_type=PatchType.APPLY, field_manager="one")

    def apply(**options):
        return live.patch(
            kind, namespace, "a", configmap("a", v="2"), patch_type=PatchType.APPLY, field_manager="two", **options
        )

    error = refused(apply)
    assert (error.reason, error.causes[0][0]) == ("Conflict", ".data.v")
    assert json.loads(apply(force=True))["data"] == {"v": "2"}


def test_a_dry_run_changes_nothing(live, find, namespace):
    kind = find("configmaps")
    assert json.loads(live.create(kind, namespace, configmap("a"), dry_run=True))["metadata"]["uid"]
    assert live.get(kind, namespace, "a") is None
    live.create(kind, namespace, configmap("a", v="1"))
    live.patch(kind, namespace, "a", b'{"data":{"v":"2"}}', patch_type=PatchType.MERGE, dry_run=True)
    live.delete(kind, namespace, "a", dry_run=True)
    assert json.loads(live.get(kind, namespace, "a"))["data"] == {"v": "1"}


def test_status_is_changed_as_a_subresource(live, find, namespace):
    jobs = find("jobs")
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none"}]}
    body = {"metadata": {"name": "a"}, "spec": {"suspend": True, "template": {"spec": pod}}}
    live.create(jobs, namespace, json.dumps(body).encode())
    patch = b'{"status":{"conditions":[{"type":"OfATest","status":"True"}]}}'
    changed = live.patch(jobs, namespace, "a", patch, patch_type=PatchType.MERGE, subresource="status")
    assert json.loads(changed)["status"]["conditions"][-1]["type"] == "OfATest"


def test_refusals_are_told_apart_by_their_reason(live, find, namespace):
    kind = find("configmaps")
    stale = live.create(kind, namespace, configmap("a"))
    live.patch(kind, namespace, "a", b'{"data":{"v":"2"}}', patch_type=PatchType.MERGE)
    assert refused(lambda: live.create(kind, namespace, configmap("a"))).reason == "AlreadyExists"
    assert refused(lambda: live.replace(kind, namespace, "a", stale)).reason == "Conflict"
    assert refused(lambda: live.delete(kind, namespace, "a", uid="another")).reason == "Conflict"
    assert refused(lambda: live.delete(kind, namespace, "b")).reason == "NotFound"
    invalid = refused(lambda: live.create(kind, namespace, configmap("A B")))
    assert (invalid.status, invalid.reason, invalid.causes[0][0]) == (422, "Invalid", "metadata.name")


def test_a_missing_kind_is_not_a_missing_object(live, find, namespace):
    kind = find("configmaps")
    assert live.get(kind, namespace, "missing") is None
    assert live.get(kind, "no-such-namespace", "missing") is None
    for other in (("", "v1", "nothings"), ("apps", "v1", "nothings"), ("no.such.group", "v1", "nothings")):
        group, version, plural = other
        gone = type(kind)(group, version, plural, "Nothing", namespaced=True)
        assert refused(lambda gone=gone: live.get(gone, namespace, "missing")).status == 404


def test_names_with_colons_are_names(live, find):
    kind, name = find("clusterroles"), f"test:{secrets.token_hex(4)}:a"
    live.create(kind, "", json.dumps({"metadata": {"name": name}, "rules": []}).encode())
    assert json.loads(live.get(kind, "", name))["metadata"]["name"] == name
    live.delete(kind, "", name)
    assert live.get(kind, "", name) is None


def test_a_narrow_account_is_told_what_it_may_not(open_cluster, cluster, namespace, find):
    user = f"narrow-{secrets.token_hex(4)}"
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]
    narrow = open_cluster(cluster.account(user, rules, namespace))
    (page,) = narrow.list(find("configmaps"), namespace=namespace)
    assert len(page.items) == 1
    error = refused(lambda: list(narrow.list(find("secrets"), namespace=namespace)))
    assert (error.status, error.reason) == (403, "Forbidden")
    assert str(error).startswith(f"cannot list secrets in {namespace}: secrets is forbidden")
    assert refused(lambda: narrow.create(find("configmaps"), namespace, configmap("a"))).reason == "Forbidden"
    assert "kube-system" in str(refused(narrow.identity))


def test_who_is_impersonated_counts(cluster, namespace, find):
    settings = kubeconfig.load(os.fspath(cluster.admin_kubeconfig), None, os.environ)
    whom = Impersonation("nobody-in-particular", groups=("a", "b"), extra={"reason": ("test",)})
    connection = Connection(
        type(settings)(**{name: getattr(settings, name) for name in settings.__slots__} | {"impersonation": whom}),
        cancel=Cancel(),
    )
    error = refused(lambda: list(Cluster(connection).list(find("configmaps"), namespace=namespace)))
    connection.close()
    assert 'User "nobody-in-particular" cannot list' in error.why


@pytest.fixture
def gadgets(live):
    """A custom kind that keeps unknown fields, established."""
    plural = f"gadgets{secrets.token_hex(3)}"
    group = "holdfast-tests.example"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    body = {
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": plural[:-1], "kind": plural.capitalize(), "listKind": "GadgetList"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    definitions = live.api_surface().find("customresourcedefinitions")
    live.create(definitions, "", json.dumps(body).encode())
    live.wait_established(f"{plural}.{group}", timeout=60)
    yield f"{plural}.{group}"
    live.delete(definitions, "", f"{plural}.{group}")


def test_objects_of_a_new_kind_are_made_at_once_and_keep_every_field(live, gadgets, namespace):
    kind = live.refresh_surface().find(gadgets)
    future = {"deep": [{"a": None}, 1.5, 2**63 - 1, "<&>\u2028"], "n": {}}
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "a"}, "future": future}
    created = live.create(kind, namespace, json.dumps(body).encode())
    (page,) = live.list(kind, namespace=namespace)
    assert page.items == [live.get(kind, namespace, "a")] == [created]
    assert json.loads(created)["future"]["deep"][1:] == future["deep"][1:]
    assert json.loads(created)["future"]["n"] == {}


def test_many_threads_share_one_connection(live, find, namespace):
    kind, failed = find("configmaps"), []

    def work(thread):
        try:
            for number in range(20):
                name = f"c-{thread}-{number}"
                created = live.create(kind, namespace, configmap(name, v=name))
                if live.get(kind, namespace, name) != created:
                    failed.append(name)
        except Exception as error:  # noqa: BLE001 - shown below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sum(len(page.items) for page in live.list(kind, namespace=namespace)) == 24 * 20 + 1
