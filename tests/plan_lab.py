"""BackupPlans in a test cluster: their kind, and plans made and removed."""

from testbed.errors import ApiFailed

from holdfast.api.names import API_VERSION, BACKUP_PLANS, GROUP, VERSION

CONFLICT = 409
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": BACKUP_PLANS.group_resource},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": BACKUP_PLANS.plural, "singular": "backupplan", "kind": BACKUP_PLANS.kind},
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def define_plans(cluster, wait_until):
    """So that the cluster serves plans; nothing if it does."""
    try:
        cluster.api.create(_DEFINITIONS, DEFINITION)
    except ApiFailed as error:
        if error.status != CONFLICT:
            raise
    wait_until(lambda: cluster.api.exists(f"/apis/{API_VERSION}/{BACKUP_PLANS.plural}"))


def plan_object(namespace, name="nightly", *, backup=None, **spec):
    """A BackupPlan of all that its namespace has; other fields of the spec by their names there."""
    return {
        "apiVersion": API_VERSION,
        "kind": BACKUP_PLANS.kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "schedule": "0 2 * * *",
            "location": "main",
            "backup": {"namespaces": [namespace], "volumes": "none", **(backup or {})},
            **spec,
        },
    }


def make_plan(cluster, namespace, name="nightly", **fields):
    """Gives `namespace/name`."""
    cluster.api.create(plans_of(namespace), plan_object(namespace, name, **fields))
    return f"{namespace}/{name}"


def plans_of(namespace):
    return f"/apis/{API_VERSION}/namespaces/{namespace}/{BACKUP_PLANS.plural}"
