"""Holdfast runs in pods that may do nothing else."""

import threading

import pytest
from testbed import accounts
from tests.api_proxy import ApiProxy
from tests.image.pods import exit_code, has_ended

from holdfast.version import VERSION

READ_ALL = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
IDENTITY = "import os; print(os.getuid(), os.getgid(), os.getgroups()); print(open('/proc/self/status').read())"
TOUCH = """
import os, pathlib
for name in ("/", "/usr/local/lib/python3.11/dist-packages/holdfast", "/etc", "/tmp", "/var/cache/holdfast"):
    try:
        (pathlib.Path(name) / "touched").touch()
        print(name)
    except OSError:
        pass
"""
IMPORT_ALL = """
import importlib, pkgutil, holdfast
for module in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
        print(module.name)
"""
PYTHON = ["python3.11", "-I", "-c"]


@pytest.fixture
def held(node_cluster, tmp_path):
    """A door to the API server that holds the list of Secrets back until `release`; `reached` tells that it was asked for."""
    proxy = ApiProxy(node_cluster, tmp_path)
    proxy.reached, proxy.release = threading.Event(), threading.Event()

    def hold(request):
        if "/secrets" in request.path:
            proxy.reached.set()
            proxy.release.wait(60)

    proxy.intercept = hold
    yield proxy
    proxy.release.set()
    proxy.close()


@pytest.fixture
def reader(node_cluster, space):
    """A service account that may read everything in the cluster."""
    node_cluster.kubectl("create", "serviceaccount", f"--namespace={space}", "reader")
    accounts.grant(node_cluster.api, f"system:serviceaccount:{space}:reader", READ_ALL)
    return "reader"


def test_the_program_is_what_the_image_runs(pods):
    assert pods.run("version", "--version") == f"holdfast {VERSION}\n"


def test_it_is_nobody_special_and_has_no_capabilities(pods):
    said = pods.run("identity", command=[*PYTHON, IDENTITY])
    assert said.startswith("65532 65532 ")
    assert "CapEff:\t0000000000000000" in said
    assert "NoNewPrivs:\t1" in said
    assert "Seccomp:\t2" in said


def test_a_cluster_may_choose_another_user(pods, space, reader, outside, from_pods):
    pods.run("other", "backup", "create", "-n", space, account=reader, user=1000770000, **from_pods)
    assert [entry["outcome"] for entry in outside("backup", "list", "-o", "json").document] == ["done"]


def test_only_its_own_directories_can_be_written(pods):
    assert pods.run("touch", command=[*PYTHON, TOUCH]).split() == ["/tmp", "/var/cache/holdfast"]


def test_every_module_finds_what_it_needs(pods):
    imported = pods.run("modules", command=[*PYTHON, IMPORT_ALL]).split()
    assert "holdfast.cli.backup" in imported
    assert len(imported) > 200


def test_a_backup_with_the_pods_own_token_is_listed_elsewhere(pods, space, reader, outside, from_pods):
    pods.run("backup", "backup", "create", "-n", space, "--name", "inside", account=reader, **from_pods)
    [entry] = outside("backup", "list", "-o", "json").document
    assert (entry["name"], entry["outcome"]) == ("inside", "done")
    assert "no errors were found" in outside("repository", "check", "--read-data").out


def test_files_are_backed_up_with_helper_processes(pods, outside, from_pods):
    pods.run("files", "backup", "files", "/usr/lib/python3.11", **from_pods)
    [entry] = outside("backup", "list", "-o", "json").document
    assert entry["outcome"] == "done"


def test_a_deleted_pod_ends_its_run_cleanly(pods, space, node_cluster, held, outside, from_pods):
    kubeconfig = held.kubeconfig.read_text().replace(held.url, node_cluster.url_for_pods(held.url))
    pods.start(
        "stopped", "backup", "create", "-n", space,
        files={"kubeconfig": kubeconfig}, kept=True, KUBECONFIG="/run/files/kubeconfig", **from_pods,
    )  # fmt: skip
    assert held.reached.wait(60)
    pods.delete("stopped")
    pods.wait("stopped", lambda _: "Stopping at the next safe point" in pods.log("stopped"))
    held.release.set()
    assert exit_code(pods.wait("stopped", has_ended)) == 130
    [entry] = outside("backup", "list", "-o", "json").document
    assert entry["outcome"] == "cancelled"
    assert outside("repository", "show", "-o", "json").document["locks"] == 0
