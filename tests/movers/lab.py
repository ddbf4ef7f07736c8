"""Movers of one run in a real cluster, and what is left of them."""

import base64
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from testbed.errors import ApiFailed

from holdfast.assembly import Settings, connect
from holdfast.model.cancel import Cancel
from holdfast.model.run import Outcome
from holdfast.operations.movers.contract import Moved, Told, Warned, encode_line
from holdfast.operations.movers.run import Movers
from holdfast.operations.movers.task import MoverSettings, MoverTask

BUSYBOX = "testbed/busybox:1"
PASSWORD = "correct-horse-of-movers"
RUN = "20261123-051942-7f3a9c"
PATIENCE = 180.0
KINDS = {
    "leases": "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
    "jobs": "/apis/batch/v1/namespaces/{}/jobs",
    "pods": "/api/v1/namespaces/{}/pods",
    "secrets": "/api/v1/namespaces/{}/secrets",
    "persistentvolumeclaims": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "resourcequotas": "/api/v1/namespaces/{}/resourcequotas",
    "persistentvolumes": "/api/v1/persistentvolumes",
}
OF_RUNS = "labelSelector=holdfast.dev/run"


def wait_for(answer, seconds=PATIENCE):
    """What `answer` gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := answer()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return found


def says(*messages, then=""):
    """A script that says these, and goes on."""
    lines = "".join(f"echo '{encode_line(one).decode().strip()}'\n" for one in messages)
    return f"{lines}{then}"


def told(files, size=0, **totals):
    return Told(files=files, bytes=size, **totals)


def moved(outcome="done", **fields):
    return Moved(outcome=Outcome(outcome), **fields)


def warned(text):
    return Warned(text=text)


class Recorder:
    """A Progress that keeps everything."""

    wants_totals = True

    def __init__(self):
        self.notes, self.warnings, self.expected = [], [], []
        self.files = self.bytes = 0
        self._lock = threading.Lock()

    def phase(self, name, total=None, size=None): ...

    def expect(self, total, size):
        self.expected.append((total, size))

    def advance(self, count=1, size=0):
        with self._lock:
            self.files += count
            self.bytes += size

    def note(self, message):
        self.notes.append(message)

    def warn(self, message):
        self.warnings.append(message)

    def all_texts(self):
        return "\n".join([*self.notes, *self.warnings])


class Lab:
    """`kubeconfig` is whose account the run has; None for one that has all rights."""

    def __init__(self, cluster, namespace, kubeconfig=None):
        self.cluster, self.namespace = cluster, namespace
        self.kubeconfig = kubeconfig or cluster.kubeconfig
        self.cancel = Cancel()
        self.progress = Recorder()
        self.connection = connect(Settings(kubeconfig=str(self.kubeconfig)), self.cancel)

    def close(self):
        self.connection.close()

    def settings(self, **changes):
        standard = {
            "namespace": self.namespace,
            "image": BUSYBOX,
            "repository": "s3:http://nowhere.test/backups",
            "cluster_name": "here",
            "credentials": {"password": PASSWORD.encode()},
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        }
        return MoverSettings(**standard | changes)

    def movers(self, run=RUN, **changes):
        return Movers(self.connection, self.settings(**changes), run, self.cancel, self.progress)

    def task(self, script="", claim="data", **changes):
        standard = {
            "namespace": "shop",
            "claim": claim,
            "mounted_claim": claim,
            "command": ["sh", "-c", script],
        }
        return MoverTask(**standard | changes)

    @contextmanager
    def running(self, *tasks, **changes):
        """The run in a thread of its own: gives a future of its ends. Its movers are gone afterwards."""
        with ThreadPoolExecutor(1) as pool, self.movers(**changes) as movers:
            future = pool.submit(movers.run, tasks)
            try:
                yield future
            finally:
                if not future.done():
                    self.cancel.request()
                with contextlib.suppress(BaseException):
                    future.result()

    def claim(self, name="data", size="16Mi"):
        body = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
        }
        return self.create("persistentvolumeclaims", body)

    def create(self, kind, body):
        return self.cluster.api.create(KINDS[kind].format(self.namespace), body)

    def list(self, kind, query=OF_RUNS):
        return self.cluster.api.request("GET", f"{KINDS[kind].format(self.namespace)}?{query}")["items"]

    def get(self, kind, name):
        return self.cluster.api.request("GET", f"{KINDS[kind].format(self.namespace)}/{name}")

    def delete(self, kind, name):
        self.cluster.api.request("DELETE", f"{KINDS[kind].format(self.namespace)}/{name}")

    def put(self, kind, name, change, subresource=""):
        """Changes an object by a function."""
        path = f"{KINDS[kind].format(self.namespace)}/{name}"
        while True:
            body = self.cluster.api.request("GET", path)
            change(body)
            try:
                return self.cluster.api.request("PUT", f"{path}{subresource}", body)
            except ApiFailed as error:
                if error.status != 409:
                    raise

    def only(self, kind):
        """The object of this kind that a run made, once there is one."""
        [one] = wait_for(lambda: self.list(kind))
        return one

    def running_pod(self, number=1):
        """The `number`th pod that runs, once there is one."""

        def look():
            pods = sorted(self.list("pods"), key=lambda pod: pod["metadata"]["creationTimestamp"])
            states = [one["state"] for pod in pods[number - 1 :] for one in pod["status"].get("containerStatuses", ())]
            return pods[number - 1] if any("running" in state for state in states) else None

        return wait_for(look)

    def left(self):
        """All that carries the label of a run."""
        kinds = ("leases", "jobs", "pods", "secrets", "persistentvolumeclaims", "persistentvolumes")
        return [f"{kind}/{one['metadata']['name']}" for kind in kinds for one in self.list(kind)]

    def secret_of_run(self):
        found = self.get("secrets", f"holdfast-run-{RUN}")
        return {key: base64.b64decode(value) for key, value in found["data"].items()}
