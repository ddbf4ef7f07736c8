"""An application with volumes in a real cluster, and `holdfast` as a person runs it beside it, with a repository that pods reach.

Volumes are directories of this machine: tests fill and compare them there, without any of the product's code.
"""

import time
from pathlib import Path

import yaml
from testbed.holdfast_image import HOLDFAST
from testbed.images import BUSYBOX
from tests.cli.holdfast import PASSWORD, Holdfast

PATIENCE = 240.0  # seconds; only a failing test waits so long


def until(answer, tell=lambda: "", seconds=PATIENCE):
    """What `answer` gives once it is true; `tell` says what there was instead."""
    deadline = time.monotonic() + seconds
    while not (found := answer()):
        assert time.monotonic() < deadline, tell()
        time.sleep(0.1)
    return found


def claim(name, **spec):
    """A PersistentVolumeClaim."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "4Gi"}}, **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def pod_spec(script, claim_name, **more):
    """Of a pod that runs a script with the claim's volume at /data."""
    container = {
        "name": "main",
        "image": BUSYBOX.reference,
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}] if claim_name else []
    return {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0, **more}


def pod(name, script, claim_name, **more):
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec(script, claim_name, **more)}


def stateful_set(name, replicas, script):
    """With a claim called `data` for each of its pods."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "serviceName": name,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(script, None)},
            "volumeClaimTemplates": [claim("data")],
        },
    }


class Scene:
    def __init__(self, cluster, namespace, server, home):
        self.cluster, self.namespace = cluster, namespace
        bucket = f"scene-{namespace}"
        server.create_bucket(bucket)
        self.holdfast = Holdfast(
            home,
            KUBECONFIG=cluster.kubeconfig,
            HOLDFAST_REPOSITORY=server.repository(bucket),
            HOLDFAST_MOVER_REPOSITORY=f"s3:{cluster.url_for_pods(server.url)}/{bucket}",
            HOLDFAST_PASSWORD=PASSWORD,
            HOLDFAST_IMAGE=HOLDFAST.reference,
            **server.environment,
        )
        self.holdfast("repository", "init")

    def apply(self, *objects):
        self.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(objects))

    def kubectl(self, *arguments, input=None):  # noqa: A002 - subprocess calls it so
        return self.cluster.kubectl(f"--namespace={self.namespace}", *arguments, input=input)

    def wait_ready(self, *pods):
        names = [f"pod/{name}" for name in pods]
        # A pod that does not exist yet is an error for `kubectl wait`.
        until(lambda: all(self.exists("", "pods", name) for name in pods))
        self.kubectl("wait", "--for=condition=Ready", "--timeout=180s", *names)

    def exists(self, group, plural, name):
        base = f"/apis/{group}" if group else "/api/v1"
        return self.cluster.api.exists(f"{base}/namespaces/{self.namespace}/{plural}/{name}")

    def volume(self, claim_name, namespace=None):
        """Where the files of a claim are, once it is bound."""
        base = f"/api/v1/namespaces/{namespace or self.namespace}/persistentvolumeclaims/{claim_name}"
        bound = until(lambda: self.cluster.api.request("GET", base)["spec"].get("volumeName"))
        volume = self.cluster.api.request("GET", f"/api/v1/persistentvolumes/{bound}")
        directory = self.cluster.volumes_directory / Path(volume["spec"]["hostPath"]["path"]).name
        until(directory.is_dir)
        return directory

    def back_up(self, *flags, code=0):
        """The run's document."""
        return self.holdfast(
            "backup", "create", "-n", self.namespace, "--progress", "lines", *flags, "-o", "json", code=code
        ).document

    def volumes(self, backup="latest"):
        """What a backup's record says of volumes, by name of the claim."""
        record = self.holdfast("backup", "show", backup, "-o", "json").document
        return {volume["name"]: volume for volume in record["volumes"]}

    def left(self):
        """What movers could have left in the cluster."""
        objects = []
        for path in (
            "/apis/batch/v1/jobs",
            "/api/v1/persistentvolumes",
            "/api/v1/persistentvolumeclaims",
            "/apis/coordination.k8s.io/v1/leases",
            "/api/v1/secrets",
        ):
            items = self.cluster.api.request("GET", f"{path}?labelSelector=holdfast.dev/run")["items"]
            objects += [f"{path}/{item['metadata']['name']}" for item in items]
        return objects
