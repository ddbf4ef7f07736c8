"""Volumes through movers in pods of a real node, beside the same files read directly, and what is gained side by side.

Direct is `backup files` of the volume's directory, by a process beside the node, into the same S3 server. Each run has a
repository of its own, so that all of it is stored each time. Movers may use as many processors as the direct process, unless
a row says otherwise.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from testbed import s3
from testbed.cache import Say
from testbed.errors import ToolMissing
from testbed.holdfast_image import HOLDFAST
from testbed.loopback import wait_until
from testbed.node_cluster import NodeCluster

from bench import trees
from bench.command import beside_python, clean_environment, measured
from bench.row import Row, number

_SIZE = 512_000_000
_QUARTERS = tuple(f"quarter-{place}" for place in range(4))
_SPEED, _TOGETHER, _START = 0.8, 1.5, 3.0
_PASSWORD = "bench"


def rows(*, runs: int, say: Say) -> Iterator[Row]:
    """Rows without values on a machine that cannot run pods."""
    try:
        with ExitStack() as ending:
            yield from _VolumesBench(ending, runs, say).rows()
    except ToolMissing:
        yield Row(id="volumes", what="volumes through pods", values=[], unit="×", floor=_SPEED, more_is_better=True)


class _VolumesBench:
    def __init__(self, ending: ExitStack, runs: int, say: Say) -> None:
        self._runs = runs
        self._say = say
        self._cluster = NodeCluster.start(name="bench-volumes", say=say)
        ending.callback(self._cluster.stop)
        self._cluster.wait_ready()
        self._cluster.import_image(HOLDFAST, say)
        self._server = s3.versitygw(say=say)
        ending.callback(self._server.stop)
        self._scratch = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-bench-")))

    def rows(self) -> Iterator[Row]:
        whole, parts, empty = (
            self._space("whole", "data"),
            self._space("parts", *_QUARTERS),
            self._space("empty", "data"),
        )
        shutil.rmtree(whole["data"])
        trees.big(whole["data"], size=_SIZE)
        for place, directory in enumerate(parts.values()):
            shutil.rmtree(directory)
            trees.big(directory, size=_SIZE // 4, seed=2 + place)
        yield self._speed(whole["data"])
        yield self._together()
        yield self._start(empty["data"])

    def _speed(self, directory: Path) -> Row:
        self._say(f"a volume of {_SIZE // 1_000_000:,} MB through a pod, and directly")
        processors = ["--mover-cpu", str(os.cpu_count() or 1)]
        through, direct, all_of_it = [], [], []
        for _ in range(self._runs):
            environment = self._new_repository()
            seconds, document = self._run(environment, "backup", "create", "-n", "whole", *processors)
            [volume] = self._volumes(environment, document)
            through.append(_between(volume))
            all_of_it.append(seconds)
            direct.append(self._run(self._new_repository(), "backup", "files", str(directory))[0])
        return Row(
            id="volumes-speed",
            what="speed of a volume through a pod ÷ directly",
            values=[theirs / ours for ours, theirs in zip(through, direct, strict=True)],
            unit="×",
            floor=_SPEED,
            more_is_better=True,
            peer=f"{_median(through)} s in the pod, {_median(all_of_it)} s with all around it; directly {_median(direct)} s",
            peer_values=direct,
        )

    def _together(self) -> Row:
        self._say("four volumes with half a processor each, side by side and one after the other")
        half = ["--mover-cpu", "500m", "--parallel-per-node", "4"]
        together: list[float] = []
        alone: list[float] = []
        for _ in range(self._runs):
            for seconds, parallel in ((together, 4), (alone, 1)):
                command = ["backup", "create", "-n", "parts", *half, "--parallel-volumes", str(parallel)]
                seconds.append(self._run(self._new_repository(), *command)[0])
        return Row(
            id="volumes-together",
            what="four volumes side by side, half a processor each, × as fast",
            values=[one / other for one, other in zip(alone, together, strict=True)],
            unit="×",
            floor=_TOGETHER,
            more_is_better=True,
            peer=f"{_median(together)} s; one after the other {_median(alone)} s",
            peer_values=alone,
        )

    def _start(self, directory: Path) -> Row:
        self._say("an empty volume, and a pod that does nothing")
        (directory / "file").write_bytes(b"1")
        beyond, bare = [], []
        for _ in range(self._runs):
            with_volume = self._run(self._new_repository(), "backup", "create", "-n", "empty")[0]
            without = self._run(self._new_repository(), "backup", "create", "-n", "empty", "--volumes", "none")[0]
            bare.append(self._bare_pod())
            beyond.append(max(0.0, with_volume - without - bare[-1]))
        return Row(
            id="volumes-start",
            what="a volume with nothing in it, beyond the start of a pod",
            values=beyond,
            unit="s",
            floor=_START,
            more_is_better=False,
            peer=f"the pod alone {_median(bare)} s",
            peer_values=bare,
        )

    def _space(self, name: str, *claims: str) -> dict[str, Path]:
        """A namespace with claims, and where their volumes are."""
        self._cluster.kubectl("create", "namespace", name)
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
        objects = [
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": claim}, "spec": spec}
            for claim in claims
        ]
        self._cluster.kubectl("apply", "-n", name, "-f", "-", input=yaml.safe_dump_all(objects))
        return {claim: self._directory(name, claim) for claim in claims}

    def _directory(self, namespace: str, claim: str) -> Path:
        path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}"

        def bound() -> str:
            return str(self._cluster.api.request("GET", path)["spec"].get("volumeName", ""))

        wait_until(lambda: bool(bound()), claim, self._cluster.workspace)
        volume = self._cluster.api.request("GET", f"/api/v1/persistentvolumes/{bound()}")
        directory = self._cluster.volumes_directory / Path(volume["spec"]["hostPath"]["path"]).name
        wait_until(directory.is_dir, claim, self._cluster.workspace)
        return directory

    def _bare_pod(self) -> float:
        """Seconds until a pod with the image and the volume has ended without doing anything."""
        name = f"bare-{secrets.token_hex(3)}"
        container = {
            "name": "bare",
            "image": HOLDFAST.reference,
            "args": ["--version"],
            "volumeMounts": [{"name": "volume", "mountPath": "/volume"}],
        }
        volumes = [{"name": "volume", "persistentVolumeClaim": {"claimName": "data"}}]
        spec = {"restartPolicy": "Never", "containers": [container], "volumes": volumes}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        begun = time.perf_counter()
        self._cluster.api.create("/api/v1/namespaces/empty/pods", pod)
        path = f"/api/v1/namespaces/empty/pods/{name}"
        while self._cluster.api.request("GET", path)["status"].get("phase") != "Succeeded":
            time.sleep(0.05)
        return time.perf_counter() - begun

    def _new_repository(self) -> dict[str, str]:
        """The environment of commands that use it."""
        bucket = f"bench-{secrets.token_hex(4)}"
        self._server.create_bucket(bucket)
        environment = clean_environment() | {
            **self._server.environment,
            "KUBECONFIG": str(self._cluster.kubeconfig),
            "HOLDFAST_REPOSITORY": self._server.repository(bucket),
            "HOLDFAST_MOVER_REPOSITORY": f"s3:{self._cluster.url_for_pods(self._server.url)}/{bucket}",
            "HOLDFAST_PASSWORD": _PASSWORD,
            "HOLDFAST_IMAGE": HOLDFAST.reference,
            "HOLDFAST_CACHE_DIR": str(self._scratch / bucket),
        }
        self._run(environment, "repository", "init")
        return environment

    def _run(self, environment: dict[str, str], *arguments: str) -> tuple[float, dict[str, Any]]:
        """(seconds, what it printed with `-o json`). Raises CommandFailed."""
        used, output = measured([beside_python(), *arguments, "-o", "json"], environment)
        return used.seconds, json.loads(output)

    def _volumes(self, environment: dict[str, str], document: dict[str, Any]) -> list[dict[str, Any]]:
        record = self._run(environment, "backup", "show", document["id"])[1]
        return list(record["volumes"])


def _between(volume: dict[str, Any]) -> float:
    begun, ended = (dt.datetime.fromisoformat(volume[name]) for name in ("startedAt", "finishedAt"))
    return (ended - begun).total_seconds()


def _median(values: list[float]) -> str:
    return number(statistics.median(values))
