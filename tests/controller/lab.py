"""A controller with just its own rights beside a real API server."""

import contextlib
import secrets
import threading
import time
import urllib.request

from testbed.errors import ApiFailed
from tests.definitions import install_definitions

from holdfast.api.names import API_VERSION, RESOURCES
from holdfast.assembly import Settings, connect
from holdfast.controller.serve import ControllerOptions, serve
from holdfast.manifests.rbac import roles
from holdfast.model.cancel import Cancel
from holdfast.model.clock import SystemClock

ACCOUNT = "holdfast-controller"
HOME = "holdfast"
PATIENCE = 60.0
PATHS = {
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Event": "/api/v1/namespaces/{}/events",
    **{one.kind: f"/apis/{API_VERSION}/namespaces/{{}}/{one.plural}" for one in RESOURCES},
}


def define(cluster):
    with contextlib.closing(connect(Settings(kubeconfig=str(cluster.admin_kubeconfig)), Cancel())) as admin:
        install_definitions(admin)


def make_home(cluster):
    if not cluster.api.exists(f"/api/v1/namespaces/{HOME}"):
        cluster.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})


def wait_for(answer, seconds=PATIENCE):
    """What `answer` gives once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = answer()
        if found:
            return found
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


class Objects:
    """Objects of one namespace."""

    def __init__(self, cluster, namespace):
        self.api = cluster.api
        self.namespace = namespace

    def create(self, body):
        metadata = {**body["metadata"], "namespace": self.namespace}
        return self.api.create(PATHS[body["kind"]].format(self.namespace), {**body, "metadata": metadata})

    def get(self, kind, name):
        try:
            return self.api.request("GET", f"{PATHS[kind].format(self.namespace)}/{name}")
        except ApiFailed as error:
            if error.status != 404:
                raise
            return None

    def list(self, kind):
        return self.api.request("GET", PATHS[kind].format(self.namespace))["items"]

    def edit(self, kind, name, **spec):
        body = self.get(kind, name)
        path = f"{PATHS[kind].format(self.namespace)}/{name}"
        return self.api.request("PUT", path, {**body, "spec": {**body["spec"], **spec}})

    def delete(self, kind, name):
        self.api.request("DELETE", f"{PATHS[kind].format(self.namespace)}/{name}")

    def put_status(self, kind, name, status):
        body = self.get(kind, name)
        path = f"{PATHS[kind].format(self.namespace)}/{name}/status"
        return self.api.request("PUT", path, {**body, "status": status})

    def condition(self, kind, name, wanted):
        """(status, reason, message), or None."""
        body = self.get(kind, name) or {}
        for one in body.get("status", {}).get("conditions", []):
            if one["type"] == wanted:
                return one["status"], one["reason"], one["message"]
        return None

    def wait_condition(self, kind, name, wanted, status, reason=None):
        def fits():
            found = self.condition(kind, name, wanted)
            return found and found[0] == status and reason in (None, found[1]) and found

        return wait_for(fits)


class Controller:
    """One replica, in threads of this process."""

    def __init__(self, kubeconfig, identity="one", **options):
        self.cancel = Cancel()
        self.said = []
        self.error = None
        self._cluster = connect(Settings(kubeconfig=str(kubeconfig)), self.cancel)
        self._options = ControllerOptions(namespace=HOME, image="holdfast:1", identity=identity, port=0, **options)
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            serve(self._cluster, self._options, SystemClock(), self.cancel, self.said.append)
        except Exception as error:  # noqa: BLE001 - the test shows it
            self.error = error

    def start(self):
        self._thread.start()
        return self

    @property
    def leads(self):
        return any("is the leader" in line for line in self.said)

    def decisions(self):
        """How many it has made."""
        port = next(line for line in self.said if "port" in line).rsplit(maxsplit=1)[1]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        counts = [line for line in lines if line.startswith("holdfast_controller_reconcile_duration_seconds_count")]
        return sum(float(line.rsplit(maxsplit=1)[1]) for line in counts)

    def stop(self):
        self.cancel.request()
        self._thread.join()
        self._cluster.close()
        if self.error:
            raise self.error


def account(cluster):
    """The kubeconfig of an account with the controller's rights."""
    user = f"{ACCOUNT}-{secrets.token_hex(3)}"  # clusters are shared with other modules
    rules = {(role["kind"], role["metadata"]["name"]): role.get("rules") for _, role in roles(HOME)}
    cluster.account(user, rules["Role", ACCOUNT], namespace=HOME)
    return cluster.account(user, rules["ClusterRole", ACCOUNT])
