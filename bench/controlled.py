"""A cluster with our kinds and no node, plans in it, and controllers as processes of their own, with just their own rights."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from testbed.api import JsonObject
from testbed.control_plane import ControlPlane
from testbed.errors import SetupFailed

from bench.audit import Audit
from bench.bare import BareApi
from bench.command import beside_python, clean_environment
from bench.sample import Sample
from holdfast.api.names import API_VERSION, RESOURCES
from holdfast.assembly import Settings, connect
from holdfast.cluster.cluster import PatchType
from holdfast.manifests.crds.definitions import definitions
from holdfast.manifests.rbac import roles
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource

ACCOUNT = "holdfast-controller"
HOME = "holdfast"
_PATIENCE = 600.0  # seconds
_PLURALS = {resource.kind: resource.plural for resource in RESOURCES}
_CRDS = Resource(
    group="apiextensions.k8s.io",
    version="v1",
    plural="customresourcedefinitions",
    kind="CustomResourceDefinition",
    namespaced=False,
)
_RARELY = "0 4 1 1 *"
"""Once a year, so that no run disturbs."""


class Controlled:
    """One cluster from construction to `stop`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.audit = Audit(directory, ACCOUNT)
        self.cluster = ControlPlane.start(name="bench-controller", api_server=self.audit.flags)
        self.cluster.wait_ready()
        self.bare = BareApi(self.cluster.admin_kubeconfig)
        self._define()
        self.bare.create_namespace(HOME)
        rules = {(role["kind"], role["metadata"]["name"]): role["rules"] for _, role in roles(HOME) if "rules" in role}
        self.cluster.account(ACCOUNT, rules["Role", ACCOUNT], namespace=HOME)
        self.kubeconfig = self.cluster.account(ACCOUNT, rules["ClusterRole", ACCOUNT])

    def stop(self) -> None:
        self.bare.close()
        self.cluster.stop()

    def create(self, bodies: Sequence[JsonObject]) -> None:
        """Objects of our kinds, many at once."""
        self.bare.create_all(
            Sample(number, _PLURALS[body["kind"]], body["metadata"]["name"], body) for number, body in enumerate(bodies)
        )

    def change(self, namespace: str, plan: str, schedule: str) -> float:
        """Changes the schedule of a plan; seconds from before that until its CronJob has it."""
        begun = time.perf_counter()
        path = f"/apis/{API_VERSION}/namespaces/{namespace}/backupplans/{plan}"
        status, found = self.bare.request("GET", path)
        body = json.loads(found)
        body["spec"]["schedule"] = schedule
        status, answer = self.bare.request("PUT", path, json.dumps(body).encode())
        if status != 200:
            raise SetupFailed(f"{path} answered {status}", why=answer.decode())
        path = f"/apis/batch/v1/namespaces/{namespace}/cronjobs/plan-{plan}"
        self.wait(lambda: json.loads(self.bare.request("GET", path)[1])["spec"]["schedule"] == schedule, pause=0.005)
        return time.perf_counter() - begun

    def count(self, path: str) -> int:
        """How many objects a list has."""
        found = json.loads(self.bare.request("GET", f"{path}?limit=1&resourceVersion=")[1])
        return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0))

    def versions(self) -> dict[str, str]:
        """The resourceVersion of each of our objects and of each CronJob."""
        paths = [f"/apis/{API_VERSION}/{resource.plural}" for resource in RESOURCES] + ["/apis/batch/v1/cronjobs"]
        found = {}
        for path in paths:
            for one in json.loads(self.bare.request("GET", path)[1])["items"]:
                metadata = one["metadata"]
                found[f"{path}/{metadata['namespace']}/{metadata['name']}"] = metadata["resourceVersion"]
        return found

    def wait(self, reached: Callable[[], bool], *, pause: float = 0.1) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not reached():
            if time.monotonic() > deadline:
                raise SetupFailed("the controller did not get there", why=f"see {self.directory}")
            time.sleep(pause)

    def _define(self) -> None:
        with contextlib.closing(connect(Settings(kubeconfig=str(self.cluster.admin_kubeconfig)), Cancel())) as admin:
            for one in definitions():
                body, name = json.dumps(one).encode(), one["metadata"]["name"]
                admin.patch(_CRDS, "", name, body, patch_type=PatchType.APPLY, field_manager="bench", force=True)
            for one in definitions():
                admin.wait_established(one["metadata"]["name"])


class Controller:
    """`holdfast controller`, from construction to `stop`."""

    def __init__(self, controlled: Controlled, identity: str) -> None:
        self._log = controlled.directory / f"{identity}.log"
        argv = [beside_python(), "controller", "--namespace", HOME, "--image", "holdfast:1", "--identity", identity]
        environment = clean_environment() | {"KUBECONFIG": str(controlled.kubeconfig)}
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*map(str, argv), "--port", "0", "--notifications", "/nonexistent"],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._wait = controlled.wait

    def wait_leader(self) -> None:
        self._wait(lambda: "is the leader" in self._said())

    def wait_waiting(self) -> None:
        self._wait(lambda: "waits for the lease" in self._said())

    def wait_decided(self, count: int) -> None:
        """Until so many decisions were made."""
        self._wait(lambda: self.decisions() >= count)

    def decisions(self) -> int:
        text = self.scrape().decode()
        name = r"holdfast_controller_reconcile_duration_seconds_count\{.*\} (\S+)"
        return sum(int(float(count)) for count in re.findall(name, text))

    def scrape(self) -> bytes:
        """The metrics; nothing before it serves them."""
        port = re.search(r"probes on port (\d+)", self._said())
        if port is None:
            return b""
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/metrics", timeout=30) as answer:
            content: bytes = answer.read()
            return content

    def memory(self) -> tuple[float, float]:
        """(MB now, MB at most)"""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        now, most = (int(re.search(rf"{field}:\s+(\d+)", status)[1]) / 1000 for field in ("VmRSS", "VmHWM"))  # type: ignore[index]
        return now * 1.024, most * 1.024

    def cpu(self) -> float:
        """Seconds of the processor since it began."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait()

    def _said(self) -> str:
        text = self._log.read_text()
        if self._process.poll() is not None:
            raise SetupFailed("the controller ended", why=text)
        return text


class Kubelet:
    """Ends the pods of tests of locations as a kubelet would, so that locations are ready: from construction to `stop`."""

    def __init__(self, controlled: Controlled) -> None:
        self._controlled = controlled
        self._bare = BareApi(controlled.cluster.admin_kubeconfig)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        path = "/api/v1/pods?labelSelector=holdfast.dev/role%3Dtest&fieldSelector=status.phase%3DPending"
        while not self._ending.wait(0.5):
            for pod in json.loads(self._bare.request("GET", path)[1])["items"]:
                self._end(pod)
        self._bare.close()

    def _end(self, pod: JsonObject) -> None:
        now = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
        report = {"outcome": "done", "exitCode": 0, "finishedAt": now, "id": "repository", "counts": {"backups": 1}}
        ended = {
            "exitCode": 0,
            "reason": "Completed",
            "message": json.dumps(report),
            "startedAt": now,
            "finishedAt": now,
        }
        container = {"name": "holdfast", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
        status = {"phase": "Succeeded", "containerStatuses": [container | {"state": {"terminated": ended}}]}
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        self._bare.request("PUT", path, json.dumps(pod | {"status": status}).encode())


def location(namespace: str) -> JsonObject:
    return _object("StorageLocation", namespace, "main", {"url": f"s3:http://store/{namespace}", "secret": "store"})


def plan(namespace: str, name: str) -> JsonObject:
    spec = {"schedule": _RARELY, "location": "main", "backup": {"namespaces": [namespace]}}
    return _object("BackupPlan", namespace, name, spec)


def _object(kind: str, namespace: str, name: str, spec: JsonObject) -> JsonObject:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
