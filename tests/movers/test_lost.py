"""Nodes that do not answer any more, and a coordinator that was killed."""

import datetime as dt
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.movers.lab import Lab, moved, says, wait_for

from holdfast.operations.movers import sweep

DONE = moved(files=3)
LONG = 600.0  # seconds; Kubernetes takes two minutes and a half to give a node up


@pytest.fixture
def wide(two_node_cluster, make_namespace):
    """In a cluster with two nodes, both plugged in again afterwards."""
    made = Lab(two_node_cluster, make_namespace(within=two_node_cluster))
    made.claim()
    unplugged = []

    def unplug(name):
        [node] = [one for one in two_node_cluster.nodes if one.name == name]
        node.unplug()
        unplugged.append(node)

    made.unplug = unplug
    yield made
    for node in unplugged:
        node.plug_in()
        wait_for(lambda node=node: is_ready(two_node_cluster, node.name), LONG)
    made.close()


def is_ready(cluster, name):
    found = cluster.api.request("GET", f"/api/v1/nodes/{name}")
    conditions = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    return conditions["Ready"] == "True" and not found["spec"].get("taints")


SCRIPT = f"[ -e /volume/tried ] && {{ {says(DONE, then='exit 0;')} }}; sleep 600"


def test_what_a_lost_node_was_reading_is_read_on_another(wide):
    """The volume says that it was tried once the first mover's node is gone."""
    with wide.running(wide.task(SCRIPT, claim="data")) as ends:
        pod = wide.running_pod()
        first = pod["spec"]["nodeName"]
        volume = directory_of(wide, "data")
        wide.unplug(first)
        (volume / "tried").touch()
        [end] = ends.result(LONG)
    assert (end.moved, end.problem, end.attempts) == (DONE, None, 2)
    assert end.node != first
    assert f"the node {first} does not answer" in wide.progress.all_texts()


def directory_of(lab, claim):
    volume = lab.get("persistentvolumes", lab.get("persistentvolumeclaims", claim)["spec"]["volumeName"])
    return lab.cluster.volumes_directory / Path(volume["spec"]["hostPath"]["path"]).name


def test_what_a_lost_node_was_writing_is_not_written_by_two(wide):
    with wide.running(wide.task("sleep 600", writes=True)) as ends:
        node = wide.running_pod()["spec"]["nodeName"]
        wide.unplug(node)
        [end] = ends.result(LONG)
    assert (end.moved, end.attempts) == (None, 1)
    assert end.problem.what == "shop/data was not written"
    assert end.problem.why == f"the node {node} does not answer"


def test_what_a_killed_coordinator_left_goes_with_the_next_run(live, monkeypatch):
    monkeypatch.setattr(sweep, "DURATION", dt.timedelta(seconds=15))  # it was renewed every ten
    command = [sys.executable, "-m", "tests.movers.coordinator", str(live.kubeconfig), live.namespace, "killed"]
    killed = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    live.running_pod()
    assert {one.partition("/")[0] for one in live.left()} == {"leases", "jobs", "pods", "secrets"}
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    wait_for(lambda: sweep.sweep(live.connection, live.namespace) == ["killed"])
    assert wait_for(lambda: not live.left())
    [end] = run_again(live)
    assert end.moved == DONE


def run_again(live):
    with live.movers() as movers:
        return movers.run([live.task(says(DONE))])
