"""The accounts of docs/security.md can do what the page says, on a real API server, and no more."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from holdfast.assembly import Settings, connect
from holdfast.model.cancel import Cancel
from holdfast.objects.exclusions import excluded_kind

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
NAMESPACED = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Role": RBAC + "/namespaces/{}/roles",
    "RoleBinding": RBAC + "/namespaces/{}/rolebindings",
}
CLUSTER_SCOPED = {"ClusterRole": f"{RBAC}/clusterroles", "ClusterRoleBinding": f"{RBAC}/clusterrolebindings"}


def manifests(title):
    """The objects of the page's YAML block that begins with this comment."""
    (block,) = re.findall(rf"```yaml\n# {title}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return list(yaml.safe_load_all(block))


@pytest.fixture
def kubeconfig_of(cluster, tmp_path):
    """`kubeconfig_of(title, namespace)`: applies a block, in `namespace` instead of its own, and logs in as its account."""
    made = []

    def apply(title, namespace):
        objects = manifests(title)
        for obj in objects:
            if "namespace" in obj["metadata"]:
                obj["metadata"]["namespace"] = namespace
            for subject in obj.get("subjects", ()):
                if subject["kind"] == "ServiceAccount":
                    subject["namespace"] = namespace
            kind = obj["kind"]
            path = CLUSTER_SCOPED.get(kind) or NAMESPACED[kind].format(namespace)
            cluster.api.create(path, obj)
            if kind in CLUSTER_SCOPED:
                made.append(f"{path}/{obj['metadata']['name']}")
        account = next(obj["metadata"]["name"] for obj in objects if obj["kind"] == "ServiceAccount")
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        accounts = NAMESPACED["ServiceAccount"].format(namespace)
        token = cluster.api.create(f"{accounts}/{account}/token", request)["status"]["token"]
        content = yaml.safe_load(cluster.kubeconfig.read_text())
        content["users"][0]["user"] = {"token": token}
        file = tmp_path / f"{account}.kubeconfig"
        file.write_text(yaml.safe_dump(content))
        return file

    yield apply
    for path in made:
        cluster.api.request("DELETE", path)


@pytest.fixture
def holdfast(tmp_path):
    """`holdfast(kubeconfig, *arguments)` → (exit code, the JSON that it printed)."""

    def run(kubeconfig, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", "from holdfast.cli.main import run; run()", *arguments, "-o", "json"],
            env={
                **os.environ,
                "KUBECONFIG": str(kubeconfig),
                "HOLDFAST_REPOSITORY": str(tmp_path / "repository"),
                "HOLDFAST_PASSWORD": "correct horse",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    assert run("", "repository", "init")[0] == 0
    return run


@pytest.fixture
def shop(cluster, make_namespace):
    """A namespace with an application in it, a role among its objects."""
    name = make_namespace()
    core, apps = f"/api/v1/namespaces/{name}", f"/apis/apps/v1/namespaces/{name}"
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "example.invalid/web"}]},
    }
    cluster.api.create(f"{core}/configmaps", {"metadata": {"name": "settings"}, "data": {"colour": "green"}})
    cluster.api.create(f"{core}/secrets", {"metadata": {"name": "login"}, "stringData": {"user": "shop"}})
    cluster.api.create(
        f"{apps}/deployments",
        {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template}},
    )
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "delete"]}
    cluster.api.create(f"{RBAC}/namespaces/{name}/roles", {"metadata": {"name": "cleaner"}, "rules": [rule]})
    return name


def lose(cluster, namespace):
    cluster.api.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/settings")
    cluster.api.request("DELETE", f"/api/v1/namespaces/{namespace}/secrets/login")
    cluster.api.request("DELETE", f"{RBAC}/namespaces/{namespace}/roles/cleaner")


def custom_groups(cluster):
    """Groups that other tests may have defined in the same cluster; the page tells to add them."""
    found = cluster.api.request("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    return {item["spec"]["group"] for item in found["items"]}


def missing_built_in(cluster, errors):
    """Errors about kinds that are not custom."""
    custom = custom_groups(cluster)
    return [error for error in errors if not any(f".{group} " in f"{error['what']} " for group in custom)]


def results(report):
    return {f"{item['kind']}/{item['name']}": item["result"] for item in report["objects"]}


def test_the_backup_role_names_every_kind_that_can_be_backed_up(cluster):
    rules = next(obj for obj in manifests("backup of everything") if obj["kind"] == "ClusterRole")["rules"]
    core, rest = rules
    with contextlib.closing(connect(Settings(kubeconfig=str(cluster.kubeconfig)), Cancel())) as connected:
        surface = connected.api_surface()
    custom = custom_groups(cluster)
    kinds = [kind for kind in surface.resources if excluded_kind(kind) is None and kind.group not in custom]
    assert {kind.plural for kind in kinds if not kind.group} == set(core["resources"])
    assert {kind.group for kind in kinds if kind.group} <= set(rest["apiGroups"])


def test_the_backup_role_backs_up_everything(cluster, shop, make_namespace, kubeconfig_of, holdfast):
    account = kubeconfig_of("backup of everything", make_namespace())
    _, run = holdfast(account, "backup", "create", "-A", "--volumes", "none")
    assert missing_built_in(cluster, run["errors"]) == []
    _, saved = holdfast(account, "backup", "browse", run["id"], f"/objects/core/v1/secrets/{shop}")
    assert [entry["path"].rpartition("/")[2] for entry in saved] == ["login.json"]


def test_the_backup_role_cannot_run_commands_or_write(cluster, shop, make_namespace, kubeconfig_of):
    account = kubeconfig_of("backup of everything", make_namespace())
    for verb, resource, subresource in (
        ("get", "pods", "exec"),
        ("get", "nodes", "proxy"),
        ("create", "configmaps", ""),
        ("delete", "configmaps", ""),
    ):
        assert not may(cluster, account, verb, resource, subresource, shop), f"{verb} {resource}/{subresource}"
    assert may(cluster, account, "list", "secrets", "", shop)


def may(cluster, kubeconfig, verb, resource, subresource, namespace):
    """The API server's own word about an account, by its token."""
    token = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    user = cluster.api.create("/apis/authentication.k8s.io/v1/tokenreviews", review)["status"]["user"]
    question = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user["username"],
            "groups": user["groups"],
            "resourceAttributes": {
                "verb": verb,
                "resource": resource,
                "subresource": subresource,
                "namespace": namespace,
            },
        },
    }
    return cluster.api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", question)["status"]["allowed"]


def test_the_restore_role_restores_roles_with_more_rights_than_its_own(
    cluster, shop, make_namespace, kubeconfig_of, holdfast
):
    assert holdfast(cluster.kubeconfig, "backup", "create", "-n", shop, "--name", "before")[0] == 0
    lose(cluster, shop)
    account = kubeconfig_of("restore of everything", make_namespace())
    code, report = holdfast(account, "restore", "run", "before", "-n", shop)
    assert code == 0, report["errors"]
    restored = results(report)
    assert restored["configmaps/settings"] == restored["secrets/login"] == "created"
    assert restored["roles.rbac.authorization.k8s.io/cleaner"] == "created"


def test_the_restore_role_cannot_delete(cluster, shop, make_namespace, kubeconfig_of):
    account = kubeconfig_of("restore of everything", make_namespace())
    assert not may(cluster, account, "delete", "configmaps", "", shop)


def test_a_tenant_backs_up_the_own_namespace(cluster, shop, kubeconfig_of, holdfast):
    account = kubeconfig_of("backup and restore of the namespace shop", shop)
    _, run = holdfast(account, "backup", "create", "-n", shop, "--cluster-objects", "none")
    assert missing_built_in(cluster, run["errors"]) == []
    _, saved = holdfast(account, "backup", "browse", run["id"], f"/objects/core/v1/secrets/{shop}")
    assert [entry["path"].rpartition("/")[2] for entry in saved] == ["login.json"]


def test_a_tenant_restores_applications_and_is_told_which_roles_are_missing(cluster, shop, kubeconfig_of, holdfast):
    account = kubeconfig_of("backup and restore of the namespace shop", shop)
    holdfast(account, "backup", "create", "-n", shop, "--cluster-objects", "none", "--name", "before")
    lose(cluster, shop)
    code, report = holdfast(account, "restore", "run", "before", "-n", shop)
    restored = results(report)
    assert restored["configmaps/settings"] == restored["secrets/login"] == "created"
    assert restored["deployments.apps/web"] == "unchanged"
    assert {name for name, result in restored.items() if result == "failed"} == {
        "roles.rbac.authorization.k8s.io/cleaner"
    }
    assert code == 3


def test_a_tenant_reads_no_other_namespace(cluster, shop, make_namespace, kubeconfig_of, holdfast):
    account = kubeconfig_of("backup and restore of the namespace shop", shop)
    other = make_namespace()
    assert not may(cluster, account, "list", "secrets", "", other)
    code, run = holdfast(account, "backup", "create", "-n", other, "--cluster-objects", "none")
    assert code == 1
    assert other in run["errors"][0]["what"]
