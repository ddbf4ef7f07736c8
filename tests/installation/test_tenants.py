"""Tenants trying to break out, on a real API server, with accounts that have just a tenant's role in one namespace.

What the roles of an administrator may and may not is in test_rights.py; spellings of URLs are in tests/controller.
"""

import json
import secrets

import msgspec
import pytest
from testbed.errors import ApiFailed
from tests.cli.holdfast import Holdfast
from tests.installation.reading import Reading
from tests.installation.tenants import CRON_JOBS, JOBS, PODS, ROLE_BINDINGS, SECRETS, is_forbidden, kind

from holdfast.api.names import BACKUP_PLANS, BACKUPS, RESOURCES, RESTORES, STORAGE_LOCATIONS
from holdfast.api.storage_location import StorageLocation
from holdfast.cluster.cluster import PatchType
from holdfast.controller.allowed_locations import refused_location, refused_reference
from holdfast.errors import ApiRefused
from holdfast.manifests.installation import CLUSTER_ROLES

pytestmark = pytest.mark.cluster


HOME = "holdfast"
SPECS = {
    STORAGE_LOCATIONS: {"url": "s3:https://minio.example/team", "secret": "login"},
    BACKUP_PLANS: {"schedule": "daily", "location": "main", "backup": {"namespaces": ["x"]}},
    BACKUPS: {"location": "main", "namespaces": ["x"]},
    RESTORES: {"location": "main", "backup": "latest", "namespaces": ["x"]},
}


@pytest.fixture(scope="module")
def tenants_cluster(bare_cluster, tmp_path_factory):
    """Holdfast is installed; its namespace has a location with a Secret."""
    holdfast = Holdfast(tmp_path_factory.mktemp("tenants"), KUBECONFIG=bare_cluster.kubeconfig)
    holdfast("install")
    reading = Reading(bare_cluster)
    reading.make_location(HOME, "main", "s3:https://minio.example/backups")
    secret = {"metadata": {"name": "login"}, "stringData": {"password": "correct horse"}}
    bare_cluster.api.create(f"/api/v1/namespaces/{HOME}/secrets", secret)
    _wait_collected(reading)
    yield bare_cluster
    bare_cluster.api.request("DELETE", f"/api/v1/namespaces/{HOME}/secrets/login")
    holdfast("uninstall", "--with-definitions", "--yes")
    reading.wait_until(lambda: not reading.definitions())


def _wait_collected(reading):
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/{}"
    reading.wait_until(
        lambda: all("holdfast.dev" in str(reading.get(path.format(role))["rules"]) for role in ("edit", "admin"))
    )


@pytest.fixture
def team(tenants_cluster, make_namespace):
    return make_namespace(within=tenants_cluster)


@pytest.fixture
def other(tenants_cluster, make_namespace):
    """Another tenant's namespace, with a location of its own."""
    name = make_namespace(within=tenants_cluster)
    Reading(tenants_cluster).make_location(name, "theirs", "s3:https://minio.example/theirs")
    return name


@pytest.fixture
def tenant(log_in, team):
    """Somebody who has the tenant's role alone, in `team`."""
    return log_in("holdfast-tenant", team)


def body(resource, spec, name="mine", **more):
    metadata = {"name": name}
    return json.dumps(
        {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec, **more}
    ).encode()


def create(cluster, resource, namespace, spec=None, name="mine"):
    return cluster.create(resource, namespace, body(resource, SPECS.get(resource) if spec is None else spec, name))


# In the own namespace: what the role is for


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_a_tenant_has_objects_in_the_own_namespace(tenant, team, resource):
    create(tenant, resource, team)
    assert tenant.get(resource, team, "mine") is not None
    tenant.delete(resource, team, "mine")


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_a_tenant_does_not_write_what_the_controller_says(tenant, team, resource):
    """A status that could be written would be a way to say that an object was accepted, or had ended well."""
    create(tenant, resource, team)
    status = json.dumps({"status": {"phase": "Done"}}).encode()
    assert is_forbidden(tenant.patch, resource, team, "mine", status, patch_type=PatchType.MERGE, subresource="status")


# Other namespaces


@pytest.mark.parametrize("role", ["holdfast-tenant", "edit", "admin"])
@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_no_object_in_another_namespace_is_made_read_changed_or_deleted(log_in, team, other, role, resource):
    tenant = log_in(role, team)
    nothing = b'{"spec": {}}'
    for namespace in (other, HOME, "default", "kube-system"):
        assert is_forbidden(create, tenant, resource, namespace)
        assert is_forbidden(tenant.get, resource, namespace, "main")
        assert is_forbidden(list, tenant.list(resource, namespace=namespace))
        assert is_forbidden(tenant.patch, resource, namespace, "main", nothing, patch_type=PatchType.MERGE)
        assert is_forbidden(tenant.delete, resource, namespace, "main")
    assert is_forbidden(list, tenant.list(resource))


def test_an_object_with_another_namespace_inside_is_refused(tenant, team, other):
    """The namespace of the address is what rights are asked for, and the object must say the same."""
    spec = SPECS[BACKUPS]
    metadata = {"name": "mine", "namespace": other}
    foreign = json.dumps(
        {"apiVersion": BACKUPS.api_version, "kind": "Backup", "metadata": metadata, "spec": spec}
    ).encode()
    with pytest.raises(ApiRefused, match="does not match the namespace"):
        tenant.create(BACKUPS, team, foreign)


@pytest.mark.parametrize("role", ["holdfast-tenant", "edit", "admin"])
def test_holdfasts_secrets_accounts_and_runs_are_out_of_reach(log_in, team, role):
    tenant = log_in(role, team)
    assert is_forbidden(tenant.get, SECRETS, HOME, "login")
    assert is_forbidden(list, tenant.list(SECRETS, namespace=HOME))
    request = b'{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}'
    token = "/api/v1/namespaces/holdfast/serviceaccounts/holdfast-runner/token"
    assert is_forbidden(tenant.connection.request, "POST", token, {}, request)
    for resource in (PODS, JOBS, CRON_JOBS):
        assert is_forbidden(create, tenant, resource, HOME, {})


def test_the_role_alone_does_not_even_read_the_own_secrets_or_make_pods(tenant, team):
    assert is_forbidden(list, tenant.list(SECRETS, namespace=team))
    for resource in (PODS, JOBS, CRON_JOBS):
        assert is_forbidden(create, tenant, resource, team, {})


# Rights


@pytest.mark.parametrize("role", ["holdfast-tenant", "edit", "admin"])
@pytest.mark.parametrize(
    "wanted", ["holdfast-runner", "holdfast-runner-restore", "holdfast-controller", "cluster-admin"]
)
def test_nobody_binds_a_role_of_holdfasts_to_an_account_of_theirs(log_in, team, role, wanted):
    assert is_forbidden(log_in(role, team).create, ROLE_BINDINGS, team, binding(wanted, team))


def binding(role, namespace):
    """Gives a ClusterRole to the default account of a namespace."""
    obj = {
        "apiVersion": ROLE_BINDINGS.api_version,
        "kind": "RoleBinding",
        "metadata": {"name": "mine"},
        "roleRef": {"apiGroup": ROLE_BINDINGS.group, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    }
    return json.dumps(obj).encode()


def test_an_admin_of_a_namespace_gives_the_role_for_tenants_to_an_account_there_and_nowhere_else(log_in, team, other):
    tenant = log_in("admin", team)
    tenant.create(ROLE_BINDINGS, team, binding("holdfast-tenant-runner", team))
    assert is_forbidden(tenant.create, ROLE_BINDINGS, other, binding("holdfast-tenant-runner", team))
    everywhere = kind("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
    wide = binding("holdfast-tenant-runner", team).replace(b'"RoleBinding"', b'"ClusterRoleBinding"')
    assert is_forbidden(tenant.create, everywhere, "", wide)


@pytest.mark.parametrize("role", ["holdfast-tenant", "edit", "admin"])
def test_nobody_adds_to_the_roles_that_collect_others(log_in, team, role):
    """A role with the right label becomes part of every runner; such roles belong to the cluster."""
    tenant = log_in(role, team)
    collected = {
        "apiVersion": CLUSTER_ROLES.api_version,
        "kind": "ClusterRole",
        "metadata": {"name": "mine", "labels": {"rbac.holdfast.dev/aggregate-to-runner": "true"}},
        "rules": [],
    }
    assert is_forbidden(tenant.create, CLUSTER_ROLES, "", json.dumps(collected).encode())
    change = b'{"rules": []}'
    for name in ("holdfast-controller", "holdfast-tenant-runner", "holdfast-runner"):
        assert is_forbidden(tenant.patch, CLUSTER_ROLES, "", name, change, patch_type=PatchType.MERGE)


# What the controller would make: pods in the object's own namespace with names that lead nowhere else


@pytest.mark.parametrize("account", [f"{HOME}/holdfast-runner", f"{HOME}:holdfast-runner", "../holdfast/runner"])
def test_an_account_of_another_namespace_cannot_be_written_into_a_pod(tenants_cluster, team, account):
    assert "serviceAccountName" in refusal(tenants_cluster, team, serviceAccountName=account)


@pytest.mark.parametrize("name", [f"{HOME}/login", "../holdfast/login", "/login"])
@pytest.mark.parametrize("field", ["secret", "maintenance"])
def test_a_secret_of_another_namespace_cannot_be_written_into_a_location(tenant, team, field, name):
    """Kubernetes takes any text for the name of a pod's Secret, so the schema is what says no."""
    spec = {**SPECS[STORAGE_LOCATIONS], field: name if field == "secret" else {"secret": name}}
    with pytest.raises(ApiRefused) as error:
        create(tenant, STORAGE_LOCATIONS, team, spec)
    assert error.value.reason == "Invalid"


@pytest.mark.parametrize("resource", [BACKUP_PLANS, BACKUPS, RESTORES], ids=lambda resource: resource.kind)
def test_an_account_of_another_namespace_cannot_be_written_into_our_objects(tenant, team, resource):
    with pytest.raises(ApiRefused) as error:
        create(tenant, resource, team, {**SPECS[resource], "serviceAccountName": f"{HOME}/holdfast-runner"})
    assert error.value.reason == "Invalid"


def refusal(cluster, namespace, **spec):
    """Why a Job with such a pod is refused, "" if it is not."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "example.invalid/a"}], **spec}
    job = {"metadata": {"name": f"run-{secrets.token_hex(4)}"}, "spec": {"template": {"spec": pod}}}
    try:
        cluster.api.create(f"/apis/batch/v1/namespaces/{namespace}/jobs?dryRun=All", job)
    except ApiFailed as error:
        return error.why
    return ""


# Locations, as the controller reads them


def locations(cluster):
    items = cluster.api.request("GET", "/apis/holdfast.dev/v1alpha1/storagelocations")["items"]
    return [msgspec.convert(item, StorageLocation) for item in items]


@pytest.mark.parametrize("name", ["main", "holdfast/main"])
def test_holdfasts_location_cannot_be_named(tenants_cluster, tenant, team, name):
    """The schema may refuse it as well; then there is no object to ask about."""
    try:
        create(tenant, BACKUPS, team, {**SPECS[BACKUPS], "location": name})
    except ApiRefused as error:
        assert error.reason == "Invalid"  # noqa: PT017 - either answer keeps the tenant out
        return
    found = json.loads(tenant.get(BACKUPS, team, "mine"))
    assert refused_reference(team, found["spec"]["location"], locations(tenants_cluster), HOME)


def test_another_tenants_location_cannot_be_named(tenants_cluster, team, other):
    """A bare name means the own namespace; there it is missing, whatever others have."""
    known = locations(tenants_cluster)
    assert refused_reference(team, f"{other}/theirs", known, HOME)
    assert refused_reference(team, "theirs", known, HOME) is None
    assert not [one for one in known if one.metadata.namespace == team]


@pytest.mark.parametrize(
    "url",
    [
        "s3:https://minio.example/backups",
        "s3:http://MINIO.example:80/backups/inner/",
        "s3://minio.example/backups/./x",
        "s3:https://backups.minio.example/any/thing",
    ],
)
def test_a_location_of_ones_own_does_not_lead_into_holdfasts_repository(tenants_cluster, tenant, team, url):
    create(tenant, STORAGE_LOCATIONS, team, {"url": url, "secret": "login"})
    known = locations(tenants_cluster)
    (mine,) = [one for one in known if one.metadata.namespace == team]
    assert refused_location(mine, known, HOME)
