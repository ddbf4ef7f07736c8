"""`python -m demo.picture` makes the pictures demo.svg and restore.svg anew, from real output of real commands."""

from __future__ import annotations

import tempfile
from pathlib import Path

from testbed.cache import to_terminal
from testbed.control_plane import ControlPlane

from demo.application import Application, delete
from demo.mistake import make_mistake
from demo.recording import Recording
from demo.scenario import Place


def main() -> None:
    cluster = ControlPlane.start(say=to_terminal)
    try:
        cluster.wait_ready()
        with tempfile.TemporaryDirectory() as directory:
            _play(Place("the cluster", cluster.kubeconfig, "shop"), Path(directory))
    finally:
        cluster.stop()


def _play(place: Place, directory: Path) -> None:
    environment = {
        "KUBECONFIG": str(place.kubeconfig),
        "HOLDFAST_REPOSITORY": str(directory / "repository"),
        "HOLDFAST_PASSWORD": "correct horse battery staple",
        "HOLDFAST_CLUSTER_NAME": "harbour",
    }
    with place.connected() as cluster:
        application = Application(cluster, place.namespace)
        application.install()
        lost = Recording(environment)
        lost.output("holdfast", "repository", "init")
        lost.run("holdfast", "backup", "create", "-n", place.namespace, "--volumes", "none")
        lost.run("holdfast", "backup", "list")
        lost.run("holdfast", "backup", "cat", "latest", f"deployment/{place.namespace}/web", "-o", "yaml")
        delete(application)
        lost.say("the namespace is deleted")
        lost.run("holdfast", "restore", "run", "latest")
        lost.run("holdfast", "repository", "check", "--read-data")
        lost.save("demo")

        harmed = Recording(environment)
        harmed.output("holdfast", "backup", "create", "-n", place.namespace, "--volumes", "none")
        harmed.say("somebody applies the wrong manifest, and deletes a Secret")
        make_mistake(cluster, place.namespace)
        harmed.run("holdfast", "backup", "diff", "latest", "live", "-n", place.namespace, lines=40)
        harmed.run("holdfast", "restore", "plan", "latest", "-n", place.namespace, "--rollback", lines=24)
        harmed.run("holdfast", "restore", "run", "latest", "-n", place.namespace, "--rollback", "--yes", lines=14)
        harmed.say("was the rollback the mistake?")
        harmed.run("holdfast", "restore", "undo", "--dry-run", lines=30)
        harmed.save("restore")


if __name__ == "__main__":
    main()
