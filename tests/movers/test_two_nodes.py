"""Volumes of a cluster with two nodes: one that both use, and one whose node stops in the middle."""

import secrets

import pytest
from testbed.holdfast_image import HOLDFAST
from testbed.storage import shared_volume
from tests.conftest import needed_tools
from tests.in_cluster.gate import Gate
from tests.movers.scene import Scene, claim, pod, until
from tests.operations.file_trees import picture

MINUTES = 1200.0  # Kubernetes takes its time to give up a node
SLEEP = "exec sleep 2147483647"


@pytest.fixture(scope="module")
def cluster(two_node_cluster, say):
    with needed_tools():
        two_node_cluster.import_image(HOLDFAST, say)
    return two_node_cluster


@pytest.fixture
def scene(cluster, s3_server, tmp_path):
    namespace = f"nodes-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", namespace)
    yield Scene(cluster, namespace, s3_server, tmp_path)
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def test_a_volume_that_pods_on_two_nodes_share_is_read_once_with_what_both_wrote(scene, tmp_path):
    name = f"shared-{scene.namespace}"
    scene.apply(
        *shared_volume(name, scene.namespace),
        *(
            pod(f"on-{node.name}", f"hostname >/data/$HOSTNAME; {SLEEP}", name, nodeName=node.name)
            for node in scene.cluster.nodes
        ),
    )
    scene.wait_ready("on-node-1", "on-node-2")
    until(lambda: len(picture(scene.volume(name))) == 3)
    backup = scene.back_up()
    assert backup["counts"]["volumesSaved"] == 1
    scene.holdfast(
        "restore", "files", backup["id"], f"/volumes/{scene.namespace}/{name}", "--target", tmp_path / "back"
    )
    back = tmp_path / "back" / "volumes" / scene.namespace / name
    assert picture(back) == picture(scene.volume(name))
    scene.cluster.kubectl("delete", "namespace", scene.namespace, "--wait=false")
    scene.cluster.kubectl("delete", "persistentvolume", name, "--wait=false")


def test_a_node_that_stops_in_the_middle_costs_its_own_volumes_only(scene, s3_server):
    """The movers are held at the door of the repository, so that the node certainly stops while they are at work."""
    gate = Gate(s3_server.url)
    scene.holdfast.environment["HOLDFAST_MOVER_REPOSITORY"] = scene.holdfast.environment["HOLDFAST_REPOSITORY"].replace(
        s3_server.url, scene.cluster.url_for_pods(gate.url)
    )
    scene.apply(
        *(claim(node.name) for node in scene.cluster.nodes),
        *(pod(node.name, SLEEP, node.name, nodeName=node.name) for node in scene.cluster.nodes),
    )
    scene.wait_ready("node-1", "node-2")
    for node in scene.cluster.nodes:
        (scene.volume(node.name) / "file").write_text(f"of {node.name}")
    lost = scene.cluster.nodes[1]
    gate.hold("/data/")
    run = scene.holdfast.start("backup", "create", "-n", scene.namespace, "--name", "half", "--progress", "lines")
    assert gate.held.wait(120)
    until(lambda: movers_on(scene.cluster) == {"node-1", "node-2"})
    lost.unplug()
    try:
        gate.let_go()
        done = run.end(seconds=MINUTES)
    finally:
        lost.plug_in()
        gate.close()
    assert done.code == 3, done.err
    volumes = scene.volumes("half")
    assert volumes["node-1"]["outcome"] == "done"
    assert volumes["node-2"]["outcome"] == "failed"
    assert volumes["node-2"]["why"]
    until(lambda: not scene.left(), lambda: f"left: {scene.left()}")


def movers_on(cluster):
    """The nodes on which a container of a mover runs."""
    pods = cluster.api.request("GET", "/api/v1/pods?labelSelector=holdfast.dev/run")["items"]
    return {
        one["spec"].get("nodeName")
        for one in pods
        for state in one["status"].get("containerStatuses", ())
        if "running" in state["state"]
    }
