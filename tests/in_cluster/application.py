"""An application with data: a Deployment whose pod writes into a claim, and then waits."""

import json

from tests.in_cluster.installed import until

IMAGE = "testbed/busybox:1"
WRITES = """
test -f /data/rows || {{ mkdir -p /data/deep; echo {rows} > /data/rows; ln -s rows /data/link; : > /data/deep/empty; }}
exec sleep 3600
"""


def claim(name="data", storage_class="standard"):
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}
    spec |= {"storageClassName": storage_class}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def deployment(rows, claim_name="data", **metadata):
    container = {
        "name": "web",
        "image": IMAGE,
        "command": ["sh", "-c", WRITES.format(rows=rows)],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    pod = {
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}],
    }
    labels = {"app": "web"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels, **metadata}, "spec": pod}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def give_data(space, rows, **metadata):
    """A claim with files, and the Deployment that wrote them; gives when they are there."""
    apply(space, claim(), deployment(rows, **metadata))
    until(lambda: read(space) == rows)


def apply(space, *things):
    for thing in things:
        space.kubectl("apply", "-f", "-", input=json.dumps(thing))


def read(space, path="/data/rows"):
    """What the application's pod sees in a file; "" while it does not run."""
    found = [
        pod
        for pod in space.list("Pod")
        if pod["metadata"]["labels"].get("app") == "web" and pod["status"].get("phase") == "Running"
    ]
    return space.ask("exec", found[0]["metadata"]["name"], "--", "cat", path).strip() if found else ""


def lose_data(space):
    """The Deployment and the claim, whose volume goes with it."""
    space.kubectl("delete", "deployment", "web")
    space.kubectl("delete", "pvc", "data")
