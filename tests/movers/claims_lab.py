"""Claims and volumes of a real cluster, and a run that has no movers."""

import datetime as dt
import time

from testbed.errors import ApiFailed

from holdfast.model.run import new_run_id
from holdfast.operations.movers.task import MoverSettings

CORE = "/api/v1"
VOLUMES = f"{CORE}/persistentvolumes"


class Run:
    """What a run tells its exposures, with an owner that is there."""

    def __init__(self, cluster, home, image="i"):
        self.run_id = new_run_id(dt.datetime.now(dt.UTC))
        self.settings = MoverSettings(namespace=home, image=image, repository="s3:https://s3/b", cluster_name="c")
        self.labels = {"holdfast.dev/run": self.run_id, "app.kubernetes.io/managed-by": "holdfast"}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"owner-{self.run_id}"}}
        made = cluster.api.create(f"{CORE}/namespaces/{home}/configmaps", body)
        self.owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": made["metadata"]["name"]} | {
            "uid": made["metadata"]["uid"]
        }


class Objects:
    """The claims and volumes of a cluster, as an administrator sees them."""

    def __init__(self, cluster):
        self.api = cluster.api

    def claim(self, namespace, name):
        return self._get(f"{CORE}/namespaces/{namespace}/persistentvolumeclaims/{name}")

    def volume(self, name):
        return self._get(f"{VOLUMES}/{name}")

    def make_claim(self, namespace, name="data", **spec):
        body = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}} | spec,
        }
        return self.api.create(f"{CORE}/namespaces/{namespace}/persistentvolumeclaims", body)

    def bound_claim(self, namespace, name="data", **spec):
        self.make_claim(namespace, name, **spec)
        return self.when(lambda: self.claim(namespace, name), lambda it: it["status"].get("phase") == "Bound")

    def delete_claim(self, namespace, name):
        self.api.request("DELETE", f"{CORE}/namespaces/{namespace}/persistentvolumeclaims/{name}")
        self.when(lambda: self.claim(namespace, name), lambda it: it is None)

    def when(self, look, fits, patience=30):
        end = time.monotonic() + patience
        while not fits(found := look()):
            assert time.monotonic() < end, found
            time.sleep(0.1)
        return found

    def gone(self, namespace, name):
        self.when(lambda: (self.claim(namespace, name), self.volume(name)), lambda it: it == (None, None))

    def _get(self, path):
        try:
            return self.api.request("GET", path)
        except ApiFailed as error:
            if error.status != 404:
                raise
            return None
