"""The demonstration, whole, on real clusters."""

from __future__ import annotations

import io
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from demo.application import Application, delete
from demo.scenario import Place, play
from demo.stage import Stage
from rich.console import Console

CHECKOUT = Path(__file__).parents[2]


def demonstrate(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def objects_of(cluster, path):
    return [item["metadata"]["name"] for item in cluster.api.request("GET", path)["items"]]


@pytest.fixture
def places(cluster, second_cluster):
    ending = secrets.token_hex(3)
    first = Place("the first cluster", cluster.kubeconfig, f"shop-{ending}")
    second = Place("the second cluster", second_cluster.kubeconfig, f"copy-{ending}")
    yield first, second
    with first.connected() as here, second.connected() as there:
        delete(Application(here, first.namespace), Application(there, second.namespace))


@pytest.mark.usefixtures("restic_new")
def test_application_comes_back_in_its_cluster_and_in_another(places, tmp_path):
    shown = io.StringIO()
    stage = Stage(Console(file=shown, width=100, highlight=False))
    try:
        play(stage, *places, tmp_path)
    except Exception as error:
        raise AssertionError(shown.getvalue()) from error
    stage.show_table()
    assert shown.getvalue().count("all as before") == 5
    assert "no errors were found" in shown.getvalue()


def test_cluster_of_the_user_is_left_as_it_was(cluster):
    done = demonstrate("--kubeconfig", cluster.kubeconfig, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("all as before") == 5
    for path in (
        "/api/v1/namespaces",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        "/apis/networking.k8s.io/v1/ingressclasses",
    ):
        assert not [name for name in objects_of(cluster, path) if "holdfast-demo" in name]


def test_cluster_of_the_user_is_not_touched_without_consent(cluster):
    done = demonstrate("--kubeconfig", cluster.kubeconfig)
    assert done.returncode == 2
    assert "the namespaces holdfast-demo-shop and holdfast-demo-shop-copy" in done.stdout
    assert "say --yes" in done.stderr
    assert "holdfast-demo-shop" not in objects_of(cluster, "/api/v1/namespaces")


@pytest.fixture
def ingress_class(cluster):
    """One that somebody else has made."""
    path = "/apis/networking.k8s.io/v1/ingressclasses"
    spec = {"controller": "example.com/theirs"}
    cluster.api.create(path, {"metadata": {"name": "holdfast-demo"}, "spec": spec})
    yield "ingressclasses.networking.k8s.io/holdfast-demo"
    cluster.api.request("DELETE", f"{path}/holdfast-demo")


def test_objects_of_the_same_names_are_not_touched(cluster, ingress_class):
    done = demonstrate("--kubeconfig", cluster.kubeconfig, "--yes")
    assert done.returncode == 2
    assert f"  {ingress_class}\n" in done.stderr
    assert "holdfast-demo" in objects_of(cluster, "/apis/networking.k8s.io/v1/ingressclasses")


@pytest.mark.usefixtures("cluster")  # what must be built is built, and skips happen, outside the child
def test_without_a_cluster_it_starts_two_of_its_own(tmp_path):
    """As far as the clusters go; what is done with them is tested above."""
    done = subprocess.run(
        [sys.executable, "-c", OWN_CLUSTERS],
        cwd=CHECKOUT,
        env=os.environ | {"HOLDFAST_TESTBED_RUNTIME": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("is ready: Kubernetes 1.34") == 2
    assert list(tmp_path.iterdir()) == []


OWN_CLUSTERS = """
import demo.__main__ as demo
from demo.stage import Stage
from rich.console import Console
with demo._own_clusters(Stage(Console())) as (first, second):
    assert not first.same_cluster(second)
    for place in (first, second):
        with place.connected() as cluster:
            cluster.identity()
"""
