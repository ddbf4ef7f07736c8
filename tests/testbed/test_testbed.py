"""The testbed keeps its promises: real clusters, ordinary accounts, and nothing that outlives its owner."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from testbed.accounts import TESTER
from testbed.api import Api
from testbed.errors import ApiFailed, SetupFailed
from testbed.processes import ProcessId
from testbed.supervisor import STATE_FILE
from testbed.workspace import Workspace

CHECKOUT = Path(__file__).parents[2]
OWNER = """
import json, sys, time
from testbed.control_plane import ControlPlane
cluster = ControlPlane.start()
cluster.wait_ready()
print(json.dumps([str(cluster.directory), cluster.workspace.processes]), flush=True)
time.sleep(600)
"""


def uid_of(cluster):
    return cluster.api.request("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]


def as_user(cluster, kubeconfig, tmp_path):
    """An API client that logs in with what a kubeconfig holds."""
    user = yaml.safe_load(Path(kubeconfig).read_text())["users"][0]["user"]
    for name in ("certificate", "key"):
        (tmp_path / name).write_bytes(base64.b64decode(user[f"client-{name}-data"]))
    return Api(cluster.url, cluster.ca_file, tmp_path / "certificate", tmp_path / "key")


def wait_until_gone(processes, seconds=20):
    deadline = time.monotonic() + seconds
    while any(process.alive() for process in processes):
        assert time.monotonic() < deadline, f"still there: {processes}"
        time.sleep(0.05)


def command(*arguments, runtime):
    done = subprocess.run(
        [sys.executable, "-m", "testbed", *arguments],
        cwd=CHECKOUT,
        env=os.environ | {"HOLDFAST_TESTBED_RUNTIME": str(runtime)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """A place for workspaces apart from everybody else's, so that `down` finds this test's alone."""
    monkeypatch.setenv("HOLDFAST_TESTBED_RUNTIME", str(tmp_path / "runtime"))
    return tmp_path / "runtime"


@pytest.fixture
def sleeper():
    child = subprocess.Popen(["sleep", "600"])
    yield child
    child.kill()
    child.wait()


def dead():
    """The id of a process that has ended."""
    child = subprocess.Popen(["true"])
    identity = ProcessId.of(child.pid) or ProcessId(child.pid, "ended at once")
    child.wait()
    return identity


def leave_over(runtime, process):
    """A workspace as it looks when its owner and its supervisor were killed, naming one process."""
    directory = runtime / "crashed-1"
    directory.mkdir(parents=True)
    state = {"group": "", "owner": dead(), "supervisor": dead(), "processes": {"etcd": process}}
    (directory / STATE_FILE).write_text(json.dumps(state))
    return directory


def test_two_clusters_side_by_side_are_different_clusters(cluster, second_cluster):
    assert uid_of(cluster) != uid_of(second_cluster)


def test_older_cluster_answers_with_its_version(old_cluster):
    version = old_cluster.api.request("GET", "/version")
    assert (version["major"], version["minor"], version["gitVersion"]) == ("1", "30", "v1.30.14")


def test_ordinary_account_may_write_and_is_no_system_master(cluster, namespace, tmp_path):
    tester = as_user(cluster, cluster.kubeconfig, tmp_path)
    tester.create(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "written"}, "data": {"a": "1"}})
    answer = tester.create(
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
    )
    assert answer["status"]["userInfo"]["username"] == TESTER
    assert answer["status"]["userInfo"]["groups"] == ["system:authenticated"]


def test_ordinary_account_may_create_roles_with_any_rights(cluster, tmp_path):
    tester = as_user(cluster, cluster.kubeconfig, tmp_path)
    rules = [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    role = {"metadata": {"generateName": "escalated-"}, "rules": rules}
    tester.create("/apis/rbac.authorization.k8s.io/v1/clusterroles", role)


def test_narrow_account_may_do_what_its_rules_say_and_nothing_else(cluster, namespace, tmp_path):
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    reader = as_user(cluster, cluster.account(f"reader-{namespace}", rules, namespace), tmp_path)
    reader.request("GET", f"/api/v1/namespaces/{namespace}/configmaps")
    with pytest.raises(ApiFailed, match="403"):
        reader.request("GET", f"/api/v1/namespaces/{namespace}/secrets")
    with pytest.raises(ApiFailed, match="403"):
        reader.request("GET", "/api/v1/namespaces/default/configmaps")


def test_claims_are_bound_to_volumes(cluster, namespace):
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    cluster.api.create(path, {"metadata": {"name": "data"}, "spec": spec})
    deadline = time.monotonic() + 20
    while cluster.api.request("GET", f"{path}/data")["status"].get("phase") != "Bound":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_service_account_tokens_are_issued_and_accepted(cluster, namespace):
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    token = cluster.api.create(path, {"spec": {}})["status"]["token"]
    review = cluster.api.create("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}})
    assert review["status"]["user"]["username"] == f"system:serviceaccount:{namespace}:default"


@pytest.mark.usefixtures("cluster")  # what must be built is built, and skips happen, outside the child
def test_an_api_server_that_restarts_is_another_process_with_the_same_objects(cluster, namespace):
    former = cluster.pids["kube-apiserver"]
    cluster.restart_api_server()
    assert cluster.pids["kube-apiserver"] != former
    assert cluster.api.exists(f"/api/v1/namespaces/{namespace}")


def test_clusters_end_when_their_owner_is_killed():
    owner = subprocess.Popen([sys.executable, "-c", OWNER], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    with owner:
        directory, started = json.loads(owner.stdout.readline())
        processes = [ProcessId(*identity) for identity in started.values()]
        assert len(processes) == 3
        assert all(process.alive() for process in processes)
        owner.send_signal(signal.SIGKILL)
        wait_until_gone(processes)
    deadline = time.monotonic() + 10
    while Path(directory).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.usefixtures("runtime")
def test_servers_end_when_their_supervisor_is_killed():
    workspace = Workspace.open("killed")
    workspace.start("sleep", ["sleep", "600"])
    state = json.loads((workspace.directory / STATE_FILE).read_text())
    ProcessId(*state["supervisor"]).send(signal.SIGKILL)
    wait_until_gone(workspace.processes.values())
    workspace.stop()
    assert not workspace.directory.exists()


@pytest.mark.usefixtures("runtime")
def test_a_server_that_ends_is_reported_with_its_log():
    workspace = Workspace.open("broken")
    workspace.start("server", ["sh", "-c", "echo no such option; exit 2"])
    wait_until_gone(workspace.processes.values())
    with pytest.raises(SetupFailed, match="no such option"):
        workspace.check_alive()
    workspace.stop()


def test_what_a_server_started_itself_is_counted_with_it_and_ends_too(runtime):
    workspace = Workspace.open("leaving", group="leaving")
    workspace.start("shell", ["sh", "-c", "setsid sleep 600 & echo $! >pid.new; mv pid.new pid; wait"])
    written = runtime / "leaving" / "pid"
    deadline = time.monotonic() + 10
    while not written.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    left = ProcessId.of(int(written.read_text()))
    assert workspace.processes["shell"].memory() > left.memory() > 0
    workspace.stop()
    assert not left.alive()


def test_detached_servers_outlive_their_owner_until_down(runtime):
    owner = (
        "from testbed.workspace import Workspace\n"
        "workspace = Workspace.open('kept', group='kept')\n"
        "workspace.start('sleep', ['sleep', '600'])\n"
        "workspace.detach()\n"
    )
    subprocess.run([sys.executable, "-c", owner], cwd=CHECKOUT, check=True)
    state = json.loads((runtime / "kept" / STATE_FILE).read_text())
    processes = [ProcessId(*state["supervisor"]), ProcessId(*state["processes"]["sleep"])]
    assert all(process.alive() for process in processes)
    assert "up --name kept" in command("status", runtime=runtime)
    assert "nothing to end" in command("down", "--name", "another", runtime=runtime)
    assert "ended kept" in command("down", "--name", "kept", runtime=runtime)
    wait_until_gone(processes)
    assert not (runtime / "kept").exists()


def test_detached_servers_do_not_keep_the_pipe_of_their_owner_open(runtime):
    """Else `python -m testbed up 2>&1 | tail` would never end."""
    owner = (
        "from testbed.workspace import Workspace\n"
        "workspace = Workspace.open('kept', group='kept')\n"
        "workspace.start('sleep', ['sleep', '600'])\n"
        "workspace.detach()\n"
    )
    try:
        subprocess.run([sys.executable, "-c", owner], cwd=CHECKOUT, check=True, capture_output=True, timeout=30)
    finally:
        command("down", "--name", "kept", runtime=runtime)


def test_down_leaves_workspaces_alone_whose_owner_lives(runtime):
    workspace = Workspace.open("mine")
    workspace.start("sleep", ["sleep", "600"])
    assert "nothing to end" in command("down", "--all", runtime=runtime)
    workspace.check_alive()
    workspace.stop()


def test_down_ends_left_over_processes_by_pid(runtime, sleeper):
    directory = leave_over(runtime, ProcessId.of(sleeper.pid))
    assert "left over" in command("down", runtime=runtime)
    assert sleeper.wait(timeout=10) == -signal.SIGKILL
    assert not directory.exists()


def test_down_spares_a_process_that_only_has_the_same_pid(runtime, sleeper):
    directory = leave_over(runtime, ProcessId(sleeper.pid, "of another boot/1"))
    assert "left over" in command("down", runtime=runtime)
    assert sleeper.poll() is None
    assert not directory.exists()


def test_s3_servers_are_ready_for_a_bucket(s3_server, minio_server):
    for server in (s3_server, minio_server):
        server.create_bucket("first-bucket")
        with pytest.raises(SetupFailed, match="409"):
            server.create_bucket("first-bucket")


def test_wrong_secrets_are_refused_by_s3(s3_server, monkeypatch):
    monkeypatch.setattr(s3_server, "secret_key", "wrong")
    with pytest.raises(SetupFailed, match="403"):
        s3_server.create_bucket("refused")


def test_emulators_are_ready_for_a_bucket(gcs_server, azure_server):
    gcs_server.create_bucket("first-bucket")
    azure_server.create_container("first-container")
    with pytest.raises(SetupFailed, match="409"):
        azure_server.create_container("first-container")


def test_both_versions_of_restic_answer(restic_old, restic_new):
    old, new = (subprocess.check_output([path, "version"], text=True).split()[1] for path in (restic_old, restic_new))
    assert old.startswith("0.14.")
    assert [int(part) for part in new.split(".")] >= [0, 19]
