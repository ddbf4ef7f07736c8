"""A cluster of its own for installations: what they make is for a whole cluster, and other tests list all of theirs."""

import os
import secrets
import subprocess

import pytest
import yaml
from testbed import build, programs
from testbed.control_plane import ControlPlane
from tests.cli.holdfast import Holdfast
from tests.conftest import needed_tools, running
from tests.installation.reading import Reading

from holdfast.assembly import Settings, connect
from holdfast.model.cancel import Cancel

RBAC_GROUP = "rbac.authorization.k8s.io"
IMAGE = "registry.example/holdfast:1.0"


@pytest.fixture(scope="session")
def bare_cluster(say):
    with running(lambda: ControlPlane.start(name="bare", say=say)) as started:
        yield started


@pytest.fixture
def reading(bare_cluster):
    """What there is in the cluster, as an administrator sees it."""
    return Reading(bare_cluster)


@pytest.fixture
def holdfast(tmp_path, bare_cluster):
    """The program with that cluster."""
    return Holdfast(tmp_path, KUBECONFIG=bare_cluster.kubeconfig)


@pytest.fixture
def cleared(holdfast, reading):
    """Nothing of Holdfast is in the cluster before the test, and after it nothing but the namespace."""
    yield
    holdfast("uninstall", "--with-definitions", "--yes")
    reading.wait_until(lambda: not reading.definitions())


@pytest.fixture
def installed(holdfast, cleared):  # noqa: ARG001 - is to be there first
    """Holdfast is installed; its pods stay Pending, since there are no nodes."""
    holdfast("install", "--image", IMAGE)


@pytest.fixture
def helm(say, bare_cluster, tmp_path):
    """`helm("template", …)` → what it printed."""
    with needed_tools():
        build.ensure([programs.HELM], say)

    def run(*arguments, code=0):
        done = subprocess.run(
            [programs.HELM.path, *map(str, arguments)],
            env={**os.environ, "KUBECONFIG": str(bare_cluster.kubeconfig), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run


@pytest.fixture
def kubeconfig_of(bare_cluster, tmp_path):
    """`kubeconfig_of("shop/holdfast-runner")`: with a token of this ServiceAccount, as its pods have one."""

    def log_in(account):
        namespace, _, name = account.partition("/")
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = bare_cluster.api.create(path, request)["status"]["token"]
        content = yaml.safe_load(bare_cluster.kubeconfig.read_text())
        content["users"][0]["user"] = {"token": token}
        kubeconfig = tmp_path / f"{namespace}-{name}.kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(content))
        return kubeconfig

    return log_in


@pytest.fixture
def log_in(bare_cluster):
    """`log_in(role, namespace=None)` → a Cluster for a new account that has just this ClusterRole, in one namespace or in all."""
    made = []

    def as_somebody(role, namespace=None):
        user = f"user-{secrets.token_hex(4)}"
        kubeconfig = bare_cluster.account(user, [], namespace)  # with an empty role of its own
        bind(bare_cluster.api, role, {"kind": "User", "apiGroup": RBAC_GROUP, "name": user}, namespace)
        made.append(connect(Settings(kubeconfig=str(kubeconfig)), Cancel()))
        return made[-1]

    yield as_somebody
    for one in made:
        one.close()


def may(api, who, question):
    """`may(api, who, "list secrets in shop")`; `who` is a user, or an account as `holdfast/holdfast-runner`."""
    verb, what, *place = question.replace(" in ", " ").split()
    resource, _, group = what.partition(".")
    resource, _, subresource = resource.partition("/")
    user = f"system:serviceaccount:{who.replace('/', ':')}" if "/" in who else who
    review = {
        "spec": {
            "user": user,
            "groups": ["system:authenticated", *(["system:serviceaccounts"] if "/" in who else [])],
            "resourceAttributes": {
                "verb": verb,
                "group": group,
                "resource": resource,
                "subresource": subresource,
                "namespace": place[0] if place else "",
                "name": place[1] if len(place) > 1 else "",
            },
        }
    }
    return api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"]


def bind(api, role, subject, namespace=None):
    """Gives a ClusterRole to somebody."""
    scope, place = ("", f"/namespaces/{namespace}") if namespace else ("Cluster", "")
    body = {
        "metadata": {"name": f"test-{secrets.token_hex(4)}"},
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    }
    api.create(f"/apis/{RBAC_GROUP}/v1{place}/{scope.lower()}rolebindings", body)
