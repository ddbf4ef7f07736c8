"""How long a pod of Holdfast's image takes from its container's start until it has read the first object.

The end is what the API server notes in its audit log: its answer to the first list of objects in the namespace. Before that lie
the start of Python, imports, asking what the cluster serves, and opening the repository, which is in an S3 server.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import yaml
from testbed import accounts, containerd, s3
from testbed.api import JsonObject
from testbed.cache import Say
from testbed.errors import SetupFailed, ToolMissing
from testbed.holdfast_image import HOLDFAST
from testbed.loopback import wait_until
from testbed.node_cluster import NodeCluster

from bench.command import Command
from bench.row import Row

_SPACE, _ACCOUNT, _BUCKET = "pods", "reader", "pods"
_USER = f"system:serviceaccount:{_SPACE}:{_ACCOUNT}"
_READ_ALL: accounts.Rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}
_PASSWORD = "bench"
_OBJECTS = 20
_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [_USER], "verbs": ["list"]}, {"level": "None"}],
}


def first_object(*, runs: int, say: Say) -> Row:
    """Without values on a machine that cannot run pods."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            values = _measured(Path(directory), runs)
        except ToolMissing as missing:
            say(str(missing))
            values = []
    return Row(
        id="pod-start",
        what="pod, from its container's start to the first object read",
        values=values,
        unit="s",
        floor=3,
        goal=1,
        more_is_better=False,
    )


def _measured(directory: Path, runs: int) -> list[float]:
    policy, log = directory / "policy.yaml", directory / "audit.log"
    policy.write_text(yaml.safe_dump(_POLICY))
    flags = [f"--audit-policy-file={policy}", f"--audit-log-path={log}"]
    with ExitStack() as ending:
        cluster = NodeCluster.start(name="bench-pods", api_server=flags)
        ending.callback(cluster.stop)
        store = s3.versitygw(name="bench-pods-s3")
        ending.callback(store.stop)
        bench = _Bench(cluster, store, log)
        bench.prepare()
        return [bench.run(f"run-{number}") for number in range(runs)]


class _Bench:
    def __init__(self, cluster: NodeCluster, store: s3.S3Server, log: Path) -> None:
        self._cluster = cluster
        self._store = store
        self._log = log

    def prepare(self) -> None:
        """A namespace with objects, an account that may read them, a repository."""
        cluster = self._cluster
        cluster.wait_ready()
        cluster.import_image(HOLDFAST)
        cluster.kubectl("create", "namespace", _SPACE)
        cluster.wait_namespace(_SPACE)
        cluster.kubectl("create", "serviceaccount", f"--namespace={_SPACE}", _ACCOUNT)
        accounts.grant(cluster.api, _USER, [_READ_ALL])
        for number in range(_OBJECTS):
            cluster.kubectl("create", "configmap", f"--namespace={_SPACE}", f"object-{number}", "--from-literal=a=b")
        self._store.create_bucket(_BUCKET)
        repository = {"HOLDFAST_REPOSITORY": self._store.repository(_BUCKET), "HOLDFAST_PASSWORD": _PASSWORD}
        ours = Command.beside_python()
        Command(ours.program, {**ours.environment, **repository, **self._store.environment}).run("repository", "init")

    def run(self, name: str) -> float:
        """Seconds of one pod."""
        cluster = self._cluster
        url = cluster.url_for_pods(self._store.url)
        variables = {"HOLDFAST_REPOSITORY": f"s3:{url}/{_BUCKET}", "HOLDFAST_PASSWORD": _PASSWORD}
        cluster.kubectl("create", "-f", "-", input=yaml.safe_dump(_pod(name, variables | self._store.environment)))
        wait_until(lambda: self._status(name).get("phase") in {"Succeeded", "Failed"}, name, cluster.workspace)
        status = self._status(name)
        if status["phase"] == "Failed":
            raise SetupFailed(f"pod {name} failed", why=cluster.kubectl("logs", f"--namespace={_SPACE}", name))
        container = status["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        started = containerd.started_at(cluster.nodes[0].machine, container)
        answered = [dt.datetime.fromisoformat(event["stageTimestamp"]).timestamp() for event in self._lists()]
        return min(time for time in answered if time > started) - started

    def _status(self, name: str) -> JsonObject:
        found: JsonObject = self._cluster.api.request("GET", f"/api/v1/namespaces/{_SPACE}/pods/{name}")
        status: JsonObject = found["status"]
        return status

    def _lists(self) -> list[JsonObject]:
        """Answered lists of objects in the namespace."""
        events = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [event for event in events if event["objectRef"].get("namespace") == _SPACE]


def _pod(name: str, variables: Mapping[str, str]) -> JsonObject:
    """As the controller makes them, as far as that costs time."""
    container = {
        "name": "holdfast",
        "image": HOLDFAST.reference,
        "args": ["backup", "create", "--namespace", _SPACE],
        "env": [{"name": variable, "value": value} for variable, value in variables.items()],
        "securityContext": {"readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": _SPACE},
        "spec": {
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
            "restartPolicy": "Never",
            "serviceAccountName": _ACCOUNT,
        },
    }
