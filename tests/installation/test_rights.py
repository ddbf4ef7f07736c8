"""The roles on a real API server: whoever has one may do what docs/rights.md says, and no more."""

import functools

import pytest
from testbed.control_plane import ControlPlane
from tests.cli.holdfast import Holdfast
from tests.conftest import running
from tests.installation.conftest import RBAC_GROUP, bind
from tests.installation.conftest import may as answer
from tests.installation.reading import RBAC, Reading

from holdfast.api.backup_plan import RUNNER
from holdfast.api.names import GROUP, RESOURCES
from holdfast.assembly import Settings, connect
from holdfast.manifests import rbac
from holdfast.manifests.rights import CONTROLLER, CORE, GROUPS, TABLES
from holdfast.model.cancel import Cancel
from holdfast.objects.exclusions import excluded_kind

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def ruled_cluster(say, tmp_path_factory):
    """A cluster in which Holdfast is installed, for tests that only ask what is allowed."""
    with running(lambda: ControlPlane.start(name="ruled", say=say)) as started:
        holdfast = Holdfast(tmp_path_factory.mktemp("ruled"), KUBECONFIG=started.kubeconfig)
        holdfast("install")
        for namespace in ("shop", "other"):
            started.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
            started.wait_namespace(namespace)
        for role, place in (("view", "shop"), ("edit", "shop"), ("admin", "shop"), ("holdfast-tenant", "shop")):
            user = {"kind": "User", "apiGroup": RBAC_GROUP, "name": f"{role}-of-{place}"}
            bind(started.api, role, user, place)
        runner = {"kind": "ServiceAccount", "name": RUNNER, "namespace": "shop"}
        bind(started.api, "holdfast-tenant-runner", runner, "shop")
        _wait_collected(started)
        yield started


def _wait_collected(cluster):
    """A controller of Kubernetes writes the rights of roles that collect others."""

    def collected():
        roles = {role["metadata"]["name"]: role for role in cluster.api.request("GET", f"{RBAC}/clusterroles")["items"]}
        return all(roles[name].get("rules") for name in ("holdfast-runner", "holdfast-tenant-runner")) and all(
            GROUP in str(roles[name]["rules"]) for name in ("view", "edit", "admin")
        )

    Reading(cluster).wait_until(collected)


@pytest.fixture
def may(ruled_cluster):
    """`may(who, "list secrets in shop")`"""
    return functools.partial(answer, ruled_cluster.api)


OURS = [f"{resource.plural}.{GROUP}" for resource in RESOURCES]
CONTROLLER_ACCOUNT = "holdfast/holdfast-controller"
RUNNER_ACCOUNT = "holdfast/holdfast-runner"
TENANTS_RUNNER = "shop/holdfast-runner"


@pytest.mark.parametrize(
    "question",
    [
        *(f"{verb} secrets in {namespace}" for verb in ("get", "list", "watch") for namespace in ("shop", "holdfast")),
        "create pods in shop",
        "create pods/exec in shop",
        "get pods/exec in shop",
        "get pods/log in shop",
        "create serviceaccounts/token in holdfast",
        "get serviceaccounts in holdfast",
        "create configmaps in shop",
        "delete namespaces",
        "delete persistentvolumeclaims in shop",
        "create backups.holdfast.dev in shop",
        "delete backupplans.holdfast.dev in shop",
        "delete storagelocations.holdfast.dev in shop",
        "create clusterrolebindings.rbac.authorization.k8s.io",
        "bind clusterroles.rbac.authorization.k8s.io",
        "escalate clusterroles.rbac.authorization.k8s.io",
        "impersonate users",
        "update leases.coordination.k8s.io in kube-system",
        *(
            f"{verb} leases.coordination.k8s.io in {place}"
            for verb in ("list", "delete")
            for place in ("shop", "kube-system")
        ),
        *(f"{verb} persistentvolumes" for verb in ("create", "update", "patch", "deletecollection")),
        "update customresourcedefinitions.apiextensions.k8s.io",
    ],
)
def test_the_controller_may_not(may, question):
    assert not may(CONTROLLER_ACCOUNT, question)


@pytest.mark.parametrize(
    "question",
    [
        *(f"list {kind}" for kind in (*OURS, "cronjobs.batch", "jobs.batch", "pods", "namespaces")),
        *(f"watch {kind}" for kind in (*OURS, "cronjobs.batch", "jobs.batch", "pods", "namespaces")),
        *(f"patch {resource.plural}/status.{GROUP} in shop" for resource in RESOURCES),
        *(f"patch {kind} in shop" for kind in OURS),
        *(f"{verb} cronjobs.batch in shop" for verb in ("create", "patch", "delete")),
        *(f"{verb} jobs.batch in shop" for verb in ("create", "delete")),
        *(f"{verb} events in shop" for verb in ("create", "list")),
        *(f"{verb} leases.coordination.k8s.io in holdfast" for verb in ("get", "create", "update", "list", "delete")),
        *(f"{verb} persistentvolumes" for verb in ("list", "delete")),
        "get namespaces in kube-system",
    ],
)  # fmt: skip
def test_the_controller_may(may, question):
    assert may(CONTROLLER_ACCOUNT, question)


def test_no_right_of_the_controller_is_for_everything():
    for right in CONTROLLER.rights:
        assert "*" not in (*right.groups, *right.resources, *right.verbs)


@pytest.mark.parametrize(
    "question",
    [
        "list secrets",
        "list widgets.example.test",  # of custom resources that a restore brings
        "create widgets.example.test in other",
        "delete deployments.apps in shop",
        "escalate clusterroles.rbac.authorization.k8s.io",
        "bind roles.rbac.authorization.k8s.io in shop",
        "create pods/exec in shop",
    ],
)
def test_the_runner_may_restore_a_cluster(may, question):
    assert may(RUNNER_ACCOUNT, question)


@pytest.mark.parametrize(
    "question", ["list secrets in holdfast", "get configmaps in holdfast", "create pods in holdfast"]
)
def test_maintenance_may_nothing(may, question):
    assert not may("holdfast/holdfast-maintenance", question)


@pytest.mark.parametrize(
    ("user", "allowed"),
    [
        ("view-of-shop", {"get", "list", "watch"}),
        ("edit-of-shop", {"get", "list", "watch", "create", "update", "patch", "delete"}),
        ("admin-of-shop", {"get", "list", "watch", "create", "update", "patch", "delete"}),
        ("holdfast-tenant-of-shop", {"get", "list", "watch", "create", "update", "patch", "delete"}),
    ],
)
def test_people_may_with_our_objects_what_they_may_with_others(may, user, allowed):
    verbs = ("get", "list", "watch", "create", "update", "patch", "delete")
    for kind in OURS:
        assert {verb for verb in verbs if may(user, f"{verb} {kind} in shop")} == allowed
        assert not any(may(user, f"{verb} {kind} in {place}") for verb in verbs for place in ("other", "holdfast"))
    for resource in RESOURCES:
        assert not may(user, f"patch {resource.plural}/status.{GROUP} in shop")


@pytest.mark.parametrize(
    "question",
    [
        "list secrets in other",
        "get secrets in holdfast",
        "get namespaces in other other",
        "list namespaces",
        "create namespaces",
        "create pods/exec in other",
        "get pods/log in other",
        "create pods/exec in holdfast",
        "create jobs.batch in holdfast",
        "create serviceaccounts/token in shop",
        *(f"{verb} {kind}.rbac.authorization.k8s.io in shop" for verb in ("create", "bind", "escalate", "patch", "delete")
          for kind in ("roles", "rolebindings")),
        "create clusterroles.rbac.authorization.k8s.io",
        "create customresourcedefinitions.apiextensions.k8s.io",
        "create mutatingwebhookconfigurations.admissionregistration.k8s.io",
        *(f"{verb} persistentvolumes" for verb in ("get", "list", "create", "patch", "delete")),
        "patch resourcequotas in shop",
        "delete limitranges in shop",
        "patch endpoints in shop",
        "create endpointslices.discovery.k8s.io in shop",
        "create backups.holdfast.dev in shop",
        "create restores.holdfast.dev in shop",
    ],
)  # fmt: skip
def test_the_runner_of_a_tenant_may_not(may, question):
    assert not may(TENANTS_RUNNER, question)


@pytest.mark.parametrize(
    "question",
    [
        "get namespaces in shop shop",
        "list secrets in shop",
        "list roles.rbac.authorization.k8s.io in shop",
        "get backupplans.holdfast.dev in shop",
        "create backupplans.holdfast.dev in shop",
        *(f"{verb} deployments.apps in shop" for verb in ("list", "create", "update", "patch", "delete")),
        *(f"{verb} persistentvolumeclaims in shop" for verb in ("list", "create")),
        *(f"{verb} pods/exec in shop" for verb in ("get", "create")),
    ],
)
def test_the_runner_of_a_tenant_may(may, question):
    assert may(TENANTS_RUNNER, question)


def test_the_runner_reads_every_kind_that_can_be_backed_up(ruled_cluster):
    """By name, so that without the rights for restores, too, nothing is missing."""
    cluster = connect(Settings(kubeconfig=str(ruled_cluster.kubeconfig)), Cancel())
    try:
        kinds = [kind for kind in cluster.api_surface().resources if excluded_kind(kind) is None]
    finally:
        cluster.close()
    assert {kind.plural for kind in kinds if not kind.group} == set(CORE)
    assert {kind.group for kind in kinds if kind.group} <= set(GROUPS)


def test_every_right_says_why():
    for table in TABLES:
        assert table.who
        assert table.rights or table.collects
        assert all(right.why for right in table.rights)


def test_the_account_of_runs_is_the_one_that_plans_name_if_they_name_none():
    assert rbac.RUNNER_ACCOUNT == RUNNER
