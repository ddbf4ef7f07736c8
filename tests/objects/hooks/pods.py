"""Pods as an API server gives them, with what hooks look at."""


def pod(name="db-0", namespace="shop", *, containers=("db", "proxy"), annotations=None, labels=None, **fields):
    """`containers` are names, or whole containers. All of them run unless `status` says otherwise."""
    specs = [{"name": one, "image": f"testbed/{one}:1"} if isinstance(one, str) else one for one in containers]
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels or {},
            "annotations": annotations or {},
            "ownerReferences": fields.get("owners", []),
        },
        "spec": {"containers": specs, "initContainers": fields.get("init", [])},
        "status": fields.get("status")
        or {
            "phase": "Running",
            "containerStatuses": [{"name": one["name"], "state": {"running": {}}} for one in specs],
        },
    }


def owner(kind, name):
    return {"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": True}
