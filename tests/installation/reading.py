"""Short ways to ask an API server what there is, and to put objects of ours into it."""

import time

from testbed.accounts import TESTER
from testbed.errors import ApiFailed

OURS = "/apis/holdfast.dev/v1alpha1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
_PATIENCE = 60.0


class Reading:
    def __init__(self, cluster):
        self.cluster = cluster
        self.api = cluster.api

    def names(self, path):
        """Names in a collection; none if it is not served."""
        try:
            return [item["metadata"]["name"] for item in self.api.request("GET", path)["items"]]
        except ApiFailed as error:
            if error.status != 404:
                raise
            return []

    def ours(self, path):
        return [name for name in self.names(path) if name.startswith("holdfast") and name != TESTER]

    def get(self, path):
        return self.api.request("GET", path)

    def definitions(self):
        return [
            name
            for name in self.names("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
            if name.endswith(".holdfast.dev")
        ]

    def make(self, namespace, plural, kind, name, spec, **metadata):
        body = {
            "apiVersion": "holdfast.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, **metadata},
            "spec": spec,
        }
        return self.api.create(f"{OURS}/namespaces/{namespace}/{plural}", body)

    def make_location(self, namespace, name="main", url="s3:https://minio.example/backups"):
        return self.make(namespace, "storagelocations", "StorageLocation", name, {"url": url, "secret": "login"})

    def make_plan(self, namespace, name="nightly", **metadata):
        spec = {"schedule": "daily", "location": "main", "backup": {"namespaces": [namespace]}}
        return self.make(namespace, "backupplans", "BackupPlan", name, spec, **metadata)

    def make_cron_job(self, plan):
        """As the controller makes it for a plan."""
        metadata = plan["metadata"]
        namespace = metadata["namespace"]
        owner = {key: plan[key] for key in ("apiVersion", "kind")} | {key: metadata[key] for key in ("name", "uid")}
        labels = {
            "app.kubernetes.io/managed-by": "holdfast",
            "holdfast.dev/kind": "BackupPlan",
            "holdfast.dev/role": "backup",
        }
        body = {
            "metadata": {
                "name": f"plan-{metadata['name']}",
                "labels": labels,
                "annotations": {"holdfast.dev/hash": "0123"},
                "ownerReferences": [{**owner, "controller": True}],
            },
            "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"metadata": {"labels": labels}, "spec": _JOB}},
        }
        return self.api.create(f"/apis/batch/v1/namespaces/{namespace}/cronjobs", body)

    def make_job(self, cron_job):
        """A run of it that has not ended: there are no nodes."""
        template = cron_job["spec"]["jobTemplate"]
        namespace = cron_job["metadata"]["namespace"]
        owner = {"apiVersion": "batch/v1", "kind": "CronJob", "controller": True}
        owner |= {key: cron_job["metadata"][key] for key in ("name", "uid")}
        metadata = {"name": "run", "labels": template["metadata"]["labels"], "ownerReferences": [owner]}
        body = {"metadata": metadata, "spec": template["spec"]}
        return self.api.create(f"/apis/batch/v1/namespaces/{namespace}/jobs", body)

    def wait_until(self, condition):
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(0.05)


_JOB = {
    "template": {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "holdfast", "image": "example.invalid/holdfast"}]}
    }
}
