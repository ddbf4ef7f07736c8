"""Rights for the data of volumes and for hooks: enough where movers run, none elsewhere, and none where they are not wanted."""

import functools

import pytest
from tests.installation.conftest import IMAGE, bind
from tests.installation.conftest import may as answer
from tests.installation.reading import RBAC

from holdfast.manifests.data_rights import MOVERS, RUNNER_HOOKS, RUNNER_VOLUMES, TENANT_RUNNER_VOLUMES
from holdfast.manifests.rights import RUNNER_BACKUP

pytestmark = pytest.mark.cluster
RUNNER = "holdfast/holdfast-runner"


def questions(table, namespace=""):
    """Each right of a table as a question."""
    place = f" in {namespace}" if namespace else ""
    return [
        f"{verb} {resource}{f'.{group}' if group else ''}{place}"
        for right in table.rights
        for group in right.groups
        for resource in right.resources
        for verb in right.verbs
    ]


@pytest.fixture
def install(holdfast, reading, cleared):  # noqa: ARG001 - removes it
    """`install("--no-hooks")`, and Kubernetes has collected the rights of runs."""

    def run(*flags):
        holdfast("install", "--image", IMAGE, *flags)
        wanted = {"rbac.holdfast.dev/aggregate-to-runner": "holdfast-runner"}
        wanted["rbac.holdfast.dev/aggregate-to-tenant-runner"] = "holdfast-tenant-runner"

        def collected():
            roles = reading.get(f"{RBAC}/clusterroles")["items"]
            return all(_rules(roles, label) == _rules_of(roles, name) for label, name in wanted.items())

        reading.wait_until(collected)

    return run


def _rules(roles, label):
    return sorted(
        str(rule) for role in roles if label in role["metadata"].get("labels", {}) for rule in role.get("rules") or ()
    )


def _rules_of(roles, name):
    return sorted(str(rule) for role in roles if role["metadata"]["name"] == name for rule in role.get("rules") or ())


@pytest.fixture
def may(bare_cluster):
    return functools.partial(answer, bare_cluster.api)


@pytest.fixture
def shop(bare_cluster, make_namespace):
    """A namespace with an account for a tenant's runs."""
    name = make_namespace(within=bare_cluster)
    bind(
        bare_cluster.api,
        "holdfast-tenant-runner",
        {"kind": "ServiceAccount", "name": "holdfast-runner", "namespace": name},
        name,
    )
    return name


def test_a_runner_that_may_not_restore_makes_movers_in_holdfasts_namespace_only(install, may, shop):
    install("--backups-only")
    for question in (*questions(RUNNER_VOLUMES), *questions(MOVERS, "holdfast"), *questions(RUNNER_HOOKS, shop)):
        assert may(RUNNER, question), question
    reads = set(questions(RUNNER_BACKUP, shop))
    for question in questions(MOVERS, shop):
        if question not in reads and not question.startswith(("get jobs", "list jobs")):
            assert not may(RUNNER, question), question
    for question in (
        "create pods",
        "create secrets",
        "delete pods",
        "patch jobs.batch",
        "update persistentvolumeclaims",
    ):
        for namespace in ("holdfast", shop):
            assert not may(RUNNER, f"{question} in {namespace}"), question
    assert not may(RUNNER, "update persistentvolumes")
    assert not may(RUNNER, "deletecollection persistentvolumes")


def test_the_runner_of_a_tenant_makes_movers_in_its_own_namespace(install, may, shop):
    install()
    tenant = f"{shop}/holdfast-runner"
    for question in questions(TENANT_RUNNER_VOLUMES, shop):
        assert may(tenant, question), question
    for question in (*questions(TENANT_RUNNER_VOLUMES, "holdfast"), *questions(RUNNER_VOLUMES)):
        assert not may(tenant, question), question


def test_backups_only_without_volumes_and_hooks_writes_nothing(install, may, shop):
    """What a run of an earlier version could do with this flag alone."""
    install("--backups-only", "--no-volumes", "--no-hooks")
    verbs = ("create", "update", "patch", "delete")
    kinds = ("persistentvolumes", "jobs.batch", "persistentvolumeclaims", "leases.coordination.k8s.io", "pods/exec")
    for namespace in ("holdfast", shop):
        for kind in kinds:
            assert not any(may(RUNNER, f"{verb} {kind} in {namespace}") for verb in verbs), kind
        assert not may(RUNNER, f"get pods/exec in {namespace}")
        assert not may(RUNNER, f"get pods/log in {namespace}")
    assert may(RUNNER, "list persistentvolumes")


def test_an_upgrade_takes_away_what_is_not_wanted_any_more(install, reading, may, shop):
    install()
    tenant = f"{shop}/holdfast-runner"
    assert may(tenant, f"create pods/exec in {shop}")
    install("--no-volumes", "--no-hooks")
    assert not may(tenant, f"create pods/exec in {shop}")
    assert not may(tenant, f"get pods/log in {shop}")
    assert "holdfast-movers" not in reading.names(f"{RBAC}/namespaces/holdfast/rolebindings")
    assert may(RUNNER, f"create pods/exec in {shop}")  # whoever restores may do anything
