"""The users' Dockerfile, built for real, makes the image that the testbed makes."""

import json
import tarfile
from pathlib import Path

import pytest
from testbed import buildah, containerd
from testbed.holdfast_image import HOLDFAST
from tests.conftest import needed_tools
from tests.image.pods import Pods

from holdfast.version import VERSION

CHECKOUT = Path(__file__).parents[2]
REFERENCE = "docker.io/testbed/holdfast:dockerfile"


@pytest.fixture(scope="module")
def built(node_cluster, say, tmp_path_factory):  # noqa: ARG001 - where nodes cannot run, buildah cannot
    with needed_tools():
        return buildah.build(CHECKOUT / "deploy/Dockerfile", CHECKOUT, REFERENCE, tmp_path_factory.mktemp("built"), say)


def description(archive):
    """(what containers run by default, the files of all layers) of a docker archive."""
    with tarfile.open(archive) as opened:
        [image] = json.load(opened.extractfile("manifest.json"))
        configuration = json.load(opened.extractfile(image["Config"]))["config"]
        files = set()
        for layer in image["Layers"]:
            with tarfile.open(fileobj=opened.extractfile(layer)) as members:
                files |= {
                    (member.name.removeprefix("./").rstrip("/"), member.mode & 0o7777, member.uid, member.gid)
                    for member in members
                    if member.isfile()
                }
    return {key: sorted(configuration[key]) for key in ("Env", "Entrypoint", "User")}, files


def test_it_holds_the_same_files_and_runs_the_same(built, tmp_path, say):
    configuration, files = description(built)
    expected_configuration, expected_files = description(HOLDFAST.archive(tmp_path, say))
    assert configuration == expected_configuration
    assert files ^ expected_files == set()


def test_it_runs(built, node_cluster, space):
    containerd.import_images(node_cluster.nodes[0].machine, built)
    assert Pods(node_cluster, space, REFERENCE).run("built", "--version") == f"holdfast {VERSION}\n"
