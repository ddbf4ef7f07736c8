"""Holdfast installed in a cluster whose pods run: the image, the probes, the level of the namespace, the lease, an upgrade."""

import pytest
from tests.cli.holdfast import Holdfast
from tests.installation.reading import Reading

HOME = "/api/v1/namespaces/holdfast"


@pytest.fixture
def reading(node_cluster):
    return Reading(node_cluster)


@pytest.fixture
def holdfast(tmp_path, node_cluster, reading):
    ready = Holdfast(tmp_path, KUBECONFIG=node_cluster.kubeconfig)
    yield ready
    ready("uninstall", "--with-definitions", "--yes")
    reading.wait_until(lambda: not reading.definitions())


def test_the_controller_comes_to_work_and_hands_over_in_an_upgrade(holdfast, reading, holdfast_image):
    assert "at work" in holdfast("install", "--image", holdfast_image, "--wait", "--timeout", "3m").err
    reading.wait_until(lambda: leader(reading) in reading.names(f"{HOME}/pods"))
    holdfast("install", "--image", holdfast_image, "--replicas", "1", "--wait", "--timeout", "3m")
    reading.wait_until(lambda: len(reading.names(f"{HOME}/pods")) == 1)
    (left,) = reading.names(f"{HOME}/pods")
    reading.wait_until(lambda: leader(reading) == left)


def test_an_image_that_cannot_be_pulled_is_named(holdfast):
    problem = holdfast("install", "--image", "example.invalid/holdfast:1", "--wait", "--timeout", "20s", code=1).problem
    assert "example.invalid/holdfast:1" in problem[1]
    assert problem[2]


def leader(reading):
    """The pod that holds the lease; "" while none does."""
    leases = reading.get("/apis/coordination.k8s.io/v1/namespaces/holdfast/leases")["items"]
    return leases[0]["spec"].get("holderIdentity", "") if leases else ""
