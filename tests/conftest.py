"""Real servers for tests, from the testbed: built, started and ended on demand, and only for tests that ask for them.

Where the machine lacks what a server needs (Go, npm, apt), the tests that ask for it are skipped and counted at the end;
with the environment variable CI set, they fail instead.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager

import pytest
from testbed import azure, build, gcs, programs, prometheus, restic, s3
from testbed.control_plane import ControlPlane
from testbed.errors import ApiFailed, ToolMissing
from testbed.holdfast_image import HOLDFAST
from testbed.node_cluster import NodeCluster

SKIPPED = "testbed: "
CLUSTER_FIXTURES = {"cluster", "second_cluster", "old_cluster", "node_cluster", "two_node_cluster"}


def pytest_collection_modifyitems(items):
    for item in items:
        if CLUSTER_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.cluster)


def pytest_terminal_summary(terminalreporter):
    reasons = Counter()
    for report in terminalreporter.stats.get("skipped", ()):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if SKIPPED in reason:
            reasons[reason.partition(SKIPPED)[2]] += 1
    if reasons:
        terminalreporter.section("tests that did not run", sep="!", red=True)
        for reason, count in reasons.items():
            terminalreporter.line(f"{count} skipped because {reason}", red=True)


@pytest.fixture(scope="session", autouse=True)
def _no_cache_at_home(tmp_path_factory):
    """Caches of repositories go where tests' files go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDFAST_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def say(pytestconfig):
    """Prints a line to the terminal itself: pytest would keep it for a failure's report, and builds take minutes."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def to_terminal(line):
        with capture.global_and_fixture_disabled():
            sys.stdout.write(f"\n{line}")
            sys.stdout.flush()

    return to_terminal


@contextmanager
def needed_tools():
    """Turns a missing tool into a skip, or into a failure under CI."""
    try:
        yield
    except ToolMissing as missing:
        reason = f"{missing.what} ({missing.why}). {missing.next}"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(SKIPPED + reason)


@contextmanager
def running(start):
    """A server for the rest of the session."""
    with ExitStack() as ending:
        with needed_tools():
            server = start()
        ending.callback(server.stop)
        if isinstance(server, ControlPlane):
            server.wait_ready()
        yield server


@pytest.fixture(scope="session")
def cluster(say):
    """The control plane that most tests share. Use `namespace` for what a test creates in it."""
    with running(lambda: ControlPlane.start(say=say)) as started:
        yield started


@pytest.fixture(scope="session")
def second_cluster(say):
    """Another one of the same version, to restore into."""
    with running(lambda: ControlPlane.start(name="second", say=say)) as started:
        yield started


@pytest.fixture(scope="session")
def old_cluster(say):
    """One of an older minor version."""
    with running(lambda: ControlPlane.start("1.30", name="old", say=say)) as started:
        yield started


@pytest.fixture(scope="session")
def node_cluster(say):
    """One with a node: its pods run, with network, services and volumes. It knows the image `images.BUSYBOX`."""
    with running(lambda: NodeCluster.start(name="node", say=say)) as started:
        yield started


@pytest.fixture(scope="session")
def holdfast_image(node_cluster, say):
    """What a pod's `image` says to run this checkout's Holdfast; `node_cluster` knows it."""
    with needed_tools():
        node_cluster.import_image(HOLDFAST, say)
    return HOLDFAST.reference


@pytest.fixture(scope="session")
def two_node_cluster(say):
    """The same with two nodes."""
    with running(lambda: NodeCluster.start(name="two-nodes", say=say, nodes=2)) as started:
        yield started


@pytest.fixture(scope="session")
def s3_server(say):
    with running(lambda: s3.versitygw(say=say)) as started:
        yield started


@pytest.fixture(scope="session")
def minio_server(say):
    with running(lambda: s3.minio(say=say)) as started:
        yield started


@pytest.fixture(scope="session")
def gcs_server(say):
    with running(lambda: gcs.GcsServer(say=say)) as started:
        yield started


@pytest.fixture(scope="session")
def azure_server(say):
    with running(lambda: azure.AzureServer(say=say)) as started:
        yield started


@pytest.fixture(scope="session")
def restic_old(say):
    """Path of restic 0.14, the version of Debian 12."""
    with needed_tools():
        return restic.binary(restic.OLD, say)


@pytest.fixture(scope="session")
def restic_new(say):
    """Path of the newest restic that Debian has."""
    with needed_tools():
        return restic.binary(restic.NEW, say)


@pytest.fixture(scope="session")
def promtool(say):
    """Path of Prometheus' checker."""
    with needed_tools():
        return prometheus.programs(say) / "promtool"


@pytest.fixture(scope="session")
def dashboard_check(say):
    """Path of a program that reads a dashboard as strictly as Grafana's schema is."""
    with needed_tools():
        build.ensure([programs.DASHBOARD_CHECK], say)
        return programs.DASHBOARD_CHECK.path


@pytest.fixture(scope="session")
def operator_check(say):
    """Path of a program that reads objects of Prometheus Operator strictly."""
    with needed_tools():
        build.ensure([programs.OPERATOR_CHECK], say)
        return programs.OPERATOR_CHECK.path


@pytest.fixture
def make_namespace(request):
    """`make_namespace(name=None, *, within=None, labels=None) -> name`: a namespace with what every namespace gets.

    `within` is a cluster, by default `cluster`. It is deleted after the test, without waiting for the end of that.
    """
    made = []

    def make(name=None, *, within=None, labels=None):
        within = within or request.getfixturevalue("cluster")
        name = name or f"test-{secrets.token_hex(4)}"
        metadata = {"name": name, "labels": labels or {}}
        within.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        made.append((within, name))
        within.wait_namespace(name)
        return name

    yield make
    for within, name in made:
        try:
            within.api.request("DELETE", f"/api/v1/namespaces/{name}")
        except ApiFailed as error:
            # The test may have deleted it itself: then it is gone, or on its way.
            if error.status not in {404, 409}:
                raise


@pytest.fixture
def namespace(make_namespace):
    """The name of a fresh namespace in `cluster`."""
    return make_namespace()
