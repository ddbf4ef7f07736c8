"""A cluster of its own for installations: what they make is for a whole cluster, and other tests list all of theirs."""

import os
import subprocess

import pytest
from testbed import build, programs
from testbed.control_plane import ControlPlane
from tests.cli.holdfast import Holdfast
from tests.conftest import needed_tools, running
from tests.installation.reading import Reading

IMAGE = "registry.example/holdfast:1.0"


@pytest.fixture(scope="session")
def bare_cluster(say):
    with running(lambda: ControlPlane.start(name="bare", say=say)) as started:
        yield started


@pytest.fixture
def reading(bare_cluster):
    """What there is in the cluster, as an administrator sees it."""
    return Reading(bare_cluster)


@pytest.fixture
def holdfast(tmp_path, bare_cluster):
    """The program with that cluster."""
    return Holdfast(tmp_path, KUBECONFIG=bare_cluster.kubeconfig)


@pytest.fixture
def cleared(holdfast, reading):
    """Nothing of Holdfast is in the cluster, before and after the test, but for its empty namespace."""

    def clear():
        holdfast("uninstall", "--with-definitions", "--yes")
        reading.wait_until(lambda: not reading.definitions())

    clear()
    yield
    clear()


@pytest.fixture
def installed(holdfast, cleared):
    """Holdfast is installed; its pods stay Pending, since there are no nodes."""
    holdfast("install", "--image", IMAGE)


@pytest.fixture
def helm(say, bare_cluster, tmp_path):
    """`helm("template", …)` → what it printed."""
    with needed_tools():
        build.ensure([programs.HELM], say)

    def run(*arguments, code=0):
        done = subprocess.run(
            [programs.HELM.path, *map(str, arguments)],
            env={**os.environ, "KUBECONFIG": str(bare_cluster.kubeconfig), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run


@pytest.fixture
def client(bare_cluster, tmp_path):
    """`client(kubeconfig)` → a Cluster for this account."""
    from holdfast.assembly import Settings, connect  # noqa: PLC0415
    from holdfast.model.cancel import Cancel  # noqa: PLC0415

    made = []

    def connected(kubeconfig):
        made.append(connect(Settings(kubeconfig=str(kubeconfig)), Cancel()))
        return made[-1]

    yield connected
    for one in made:
        one.close()
