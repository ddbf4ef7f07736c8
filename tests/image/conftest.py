"""Pods of Holdfast's image in a namespace that holds them to the strictest of Kubernetes' pod security standards."""

import secrets

import pytest
from tests.cli.holdfast import PASSWORD, Holdfast
from tests.image.pods import Pods


@pytest.fixture
def space(make_namespace, node_cluster):
    """A fresh namespace that refuses pods that are not `restricted`."""
    return make_namespace(within=node_cluster, labels={"pod-security.kubernetes.io/enforce": "restricted"})


@pytest.fixture
def pods(node_cluster, holdfast_image, space):
    """Runs Holdfast in pods; see tests/image/pods.py."""
    running = Pods(node_cluster, space, holdfast_image)
    yield running
    running.close()


@pytest.fixture
def bucket(s3_server):
    """The name of an empty bucket."""
    name = f"image-{secrets.token_hex(4)}"
    s3_server.create_bucket(name)
    return name


@pytest.fixture
def outside(tmp_path, s3_server, bucket):
    """The program on this machine, with an empty repository in the bucket."""
    environment = {"HOLDFAST_REPOSITORY": s3_server.repository(bucket), "HOLDFAST_PASSWORD": PASSWORD}
    ready = Holdfast(tmp_path, **environment, **s3_server.environment)
    ready("repository", "init")
    return ready


@pytest.fixture
def from_pods(node_cluster, s3_server, bucket):
    """What makes a pod use that repository."""
    url = node_cluster.url_for_pods(s3_server.url)
    return {"HOLDFAST_REPOSITORY": f"s3:{url}/{bucket}", "HOLDFAST_PASSWORD": PASSWORD, **s3_server.environment}
