"""`python -m demo.schedule`: Holdfast installed in a real cluster makes backups every minute, forgets old ones, tells of a
failure, and restores by a custom resource.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from testbed import programs, s3
from testbed.errors import SetupFailed
from testbed.holdfast_image import HOLDFAST
from testbed.images import BUSYBOX
from testbed.node_cluster import NodeCluster

from demo.listener import Listener, listening
from demo.scenario import NotTheSame
from demo.stage import CommandFailed, Stage

_PLAN = "holdfast/every-minute"
_RUNS = 3
_KEPT = 2
_PATIENCE = 240.0  # seconds for what a cluster does within a minute or two
_APPLICATION = f"""\
apiVersion: v1
kind: Namespace
metadata: {{name: shop}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings, namespace: shop}}
data: {{colour: green}}
---
apiVersion: v1
kind: Secret
metadata: {{name: token, namespace: shop}}
stringData: {{token: very secret}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: web
        image: {BUSYBOX.reference}
        command: [sh, -c, "trap exit TERM; while true; do sleep 1; done"]
"""
_RESTORE = """\
apiVersion: holdfast.dev/v1alpha1
kind: Restore
metadata:
  name: bring-back-the-shop
  namespace: holdfast
spec:
  location: main
  backup: latest
  plan: holdfast/every-minute
  wait: true
"""


def main() -> int:
    """0 if all of it was seen, 1 if not, 130 if it was interrupted."""
    stage = Stage(Console(highlight=False))
    try:
        with ExitStack() as running, tempfile.TemporaryDirectory(prefix="holdfast-demo-") as directory:
            play(stage, running, Path(directory))
    except (CommandFailed, NotTheSame, SetupFailed, TimeoutError) as error:
        stage.fail(f"\nThe demonstration failed: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    stage.show_table()
    return 0


def play(stage: Stage, running: ExitStack, directory: Path) -> None:
    """All of it. What is started ends with `running`. Raises CommandFailed, NotTheSame, SetupFailed, TimeoutError."""
    with stage.step("Start a cluster with a node, and an S3 server"):
        cluster = NodeCluster.start(name="schedule", say=stage.say)
        running.callback(cluster.stop)
        cluster.wait_ready()
        cluster.import_image(HOLDFAST)
        server = s3.versitygw()
        running.callback(server.stop)
        server.create_bucket("backups")
        listener = running.enter_context(listening())
        url = f"s3:{cluster.url_for_pods(server.url)}/backups"
        stage.export({"KUBECONFIG": str(cluster.kubeconfig), **server.environment})
    story = _Story(stage, cluster, listener, directory)
    story.install(HOLDFAST.reference, url, server.repository("backups"))
    story.see_runs()
    story.see_retention()
    story.see_a_failure()
    story.restore()


class _Story:
    def __init__(self, stage: Stage, cluster: NodeCluster, listener: Listener, directory: Path) -> None:
        self._stage = stage
        self._cluster = cluster
        self._listener = listener
        self._directory = directory
        self._here: list[str] = []  # the flags that reach the repository from outside of the cluster
        self._before: dict[str, object] = {}

    def install(self, image: str, url: str, url_here: str) -> None:
        with self._stage.step("Install Holdfast, and give it a place for backups"):
            address = self._cluster.url_for_pods(self._listener.url).replace("http://", "json://")
            self._write("urls", f"# where people are told\n{address}\n")
            self._kubectl("create", "namespace", "holdfast")
            self._kubectl(
                "create",
                "secret",
                "generic",
                "holdfast-notifications",
                "-n",
                "holdfast",
                "--from-file",
                self._path("urls"),
            )
            self._stage.run("holdfast", "install", "--image", image, "--wait", lines=12)
            password = self._path("password")
            self._stage.run(
                "holdfast", "repository", "init", "-r", url_here, "--password-file", self._new_password(password)
            )
            self._stage.run(
                "holdfast", "location", "add", "holdfast/main", "--url", url, "--password-file", password,
                "--credentials-from-env", "--maintenance",
            )  # fmt: skip
            self._kubectl("wait", "-n", "holdfast", "--for=condition=Ready", "storagelocation/main", "--timeout=120s")
            self._here = ["-r", url_here, "--password-file", password]
        with self._stage.step("An application, and a plan that backs it up every minute"):
            self._kubectl("apply", "-f", self._write("shop.yaml", _APPLICATION))
            self._kubectl("rollout", "status", "-n", "shop", "deployment/web", "--timeout=120s")
            self._before = self._objects()
            self._stage.run(
                "holdfast", "plan", "create", _PLAN, "--schedule", "* * * * *", "--location", "main", "-n", "shop",
                "--keep-last", str(_KEPT),
            )  # fmt: skip

    def see_runs(self) -> None:
        with self._stage.step(f"See {_RUNS} runs of its CronJob"):
            self._until("three good runs", lambda: len(self._good_runs()) >= _RUNS, _PATIENCE + 60)
            self._kubectl("get", "cronjobs,jobs,pods", "-n", "holdfast", "-l", "holdfast.dev/kind=BackupPlan")
            self._stage.run("holdfast", "plan", "show", _PLAN, lines=40)

    def see_retention(self) -> None:
        with self._stage.step("See retention at work: the newest two stay"):
            self._until("old backups to go", lambda: len(self._backups()) <= _KEPT + 1, _PATIENCE)
            self._stage.run("holdfast", "backup", "list", *self._here)
            self._kubectl("get", "jobs", "-n", "holdfast", "-l", "holdfast.dev/role=forget")

    def see_a_failure(self) -> None:
        with self._stage.step("Break it, and be told: somebody changes the password in the Secret"):
            right = self._json("get", "secret", "-n", "holdfast", "location-main")["data"]["password"]
            self._set_password(base64.b64encode(b"not the password").decode())
            message = self._listener.wait_for(lambda one: "fail" in str(one.get("title", "")).lower(), _PATIENCE)
            self._stage.say(f"A message came: {message['title']}\n{message['message']}")
            self._kubectl("get", "backupplans", "-n", "holdfast")
        with self._stage.step("Mend it, and be told again"):
            self._set_password(right)
            message = self._listener.wait_for(lambda one: "works again" in str(one.get("title", "")), _PATIENCE)
            self._stage.say(f"A message came: {message['title']}\n{message['message']}")

    def restore(self) -> None:
        with self._stage.step("Lose the application, and restore it with `kubectl apply`"):
            self._stage.run("holdfast", "plan", "pause", _PLAN)
            self._kubectl("delete", "namespace", "shop")
            manifest = self._write("restore.yaml", _RESTORE)
            self._stage.say(_RESTORE)
            self._kubectl("apply", "-f", manifest)
            self._kubectl(
                "wait", "-n", "holdfast", "--for=condition=Complete", "restore/bring-back-the-shop", "--timeout=180s"
            )
            self._kubectl("get", "restores", "-n", "holdfast")
        with self._stage.step("Compare it with what was there before"):
            after = self._objects()
            if after != self._before:
                raise NotTheSame(f"before: {self._before}\nafter: {after}")
            self._stage.say(f"{len(after)} objects, all as before.")

    def _good_runs(self) -> list[str]:
        recent = self._json("get", "backupplan", "-n", "holdfast", "every-minute").get("status", {}).get("recent", [])
        return [run["job"] for run in recent if run.get("outcome") == "done"]

    def _backups(self) -> list[str]:
        output = self._quietly("holdfast", "backup", "list", "-o", "json", *self._here)
        return [entry["id"] for entry in yaml.safe_load(output) if entry["outcome"] == "done"]

    def _objects(self) -> dict[str, object]:
        """What a person gave the application: its objects without what the cluster adds."""
        found = self._json("get", "deployments,configmaps,secrets", "-n", "shop")["items"]
        return {
            f"{item['kind']}/{item['metadata']['name']}": item.get("spec") or item.get("data")
            for item in found
            if item["metadata"]["name"] != "kube-root-ca.crt"
        }

    def _set_password(self, encoded: str) -> None:
        patch = f'{{"data":{{"password":"{encoded}"}}}}'
        self._quietly(str(programs.KUBECTL.path), "patch", "secret", "-n", "holdfast", "location-main", "-p", patch)

    def _new_password(self, path: str) -> str:
        self._write("password", base64.b64encode(os.urandom(18)).decode())
        return path

    def _path(self, name: str) -> str:
        return str(self._directory / name)

    def _write(self, name: str, text: str) -> str:
        (self._directory / name).write_text(text, encoding="utf-8")
        return self._path(name)

    def _kubectl(self, *arguments: str) -> None:
        self._stage.run(programs.KUBECTL.path, *arguments)

    def _json(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self._quietly(str(programs.KUBECTL.path), *arguments, "-o", "json"))
        return found

    def _quietly(self, *command: str) -> str:
        return self._stage.ask(*command)

    def _until(self, what: str, is_so: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds:.0f} s for {what}")
            time.sleep(2)


if __name__ == "__main__":
    sys.exit(main())
