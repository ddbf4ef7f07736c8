"""BackupPlans in a test cluster: their kind, and plans made and removed."""

from tests.definitions import install_definitions
from tests.operations.harness import connected

from holdfast.api.names import API_VERSION, BACKUP_PLANS


def define_plans(cluster):
    """So that the cluster serves plans; nothing if it does."""
    with connected(cluster.kubeconfig) as live:
        install_definitions(live)


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
