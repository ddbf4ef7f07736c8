"""Clusters with nodes run pods, with network, names and volumes, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from testbed import cgroups, node_cluster
from testbed.errors import SetupFailed, ToolMissing
from testbed.images import BUSYBOX
from testbed.mariadb_image import MARIADB
from testbed.processes import ProcessId
from testbed.supervisor import STATE_FILE

CHECKOUT = Path(__file__).parents[2]
OWNER = """
import sys, time
from testbed.node_cluster import NodeCluster
cluster = NodeCluster.start(name="owned")
cluster.wait_ready()
cluster.kubectl("run", "busy", "--image=testbed/busybox:1", "--", "sleep", "600")
cluster.kubectl("wait", "--for=condition=Ready", "pod/busy", "--timeout=120s")
print(cluster.directory, flush=True)
time.sleep(600)
"""
SERVE = "mkdir /www && hostname >/www/index.html && exec httpd -f -p 8080 -h /www"


def pod(name, script, *, claim=None, node=None):
    """A pod that runs a script, with a claim's volume at /data."""
    container = {"name": "main", "image": BUSYBOX.reference, "command": ["sh", "-c", script]}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    if claim:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    if node:
        spec["nodeName"] = node
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def start(cluster, namespace, *pods):
    cluster.kubectl("apply", f"--namespace={namespace}", "-f", "-", input=yaml.safe_dump_all(pods))
    names = [f"pod/{one['metadata']['name']}" for one in pods]
    cluster.kubectl("wait", f"--namespace={namespace}", "--for=condition=Ready", "--timeout=120s", *names)


def execute(cluster, namespace, name, *command):
    return cluster.kubectl("exec", f"--namespace={namespace}", name, "--", *command)


def fetch(cluster, namespace, name, url):
    """What a pod gets from a URL; services take a moment to reach the nodes."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return execute(cluster, namespace, name, "wget", "-qO-", url).strip()
        except SetupFailed:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def address(cluster, namespace, name):
    return cluster.kubectl("get", "pod", f"--namespace={namespace}", name, "-o", "jsonpath={.status.podIP}")


def expose(cluster, namespace, name):
    cluster.kubectl("expose", "pod", f"--namespace={namespace}", name, "--port=80", "--target-port=8080")


def namespaces_in_use():
    """The kernel's network and mount namespaces that some process is in."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        for kind in ("net", "mnt"):
            try:
                found.add((process / "ns" / kind).readlink())
            except OSError:  # it ended in this moment
                continue
    return found


def groups_of(directory):
    return list(Path("/sys/fs/cgroup").glob(f"*/{cgroups.name(directory)}"))


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def command(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "testbed", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def space(make_namespace, node_cluster):
    """The name of a fresh namespace in `node_cluster`."""
    return make_namespace(within=node_cluster)


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_TESTBED_RUNTIME", str(tmp_path / "runtime"))
    return tmp_path / "runtime"


def test_pods_run_and_show_their_logs(node_cluster, space):
    start(node_cluster, space, pod("speaker", "echo spoken; exec sleep 600"))
    assert node_cluster.kubectl("logs", f"--namespace={space}", "speaker") == "spoken\n"
    assert execute(node_cluster, space, "speaker", "hostname") == "speaker\n"


def test_a_service_is_found_by_its_name(node_cluster, space):
    start(node_cluster, space, pod("web", SERVE), pod("client", "exec sleep 600"))
    expose(node_cluster, space, "web")
    assert fetch(node_cluster, space, "client", "http://web") == "web"
    assert fetch(node_cluster, space, "client", f"http://web.{space}.svc.cluster.local") == "web"


def test_a_pod_reaches_itself_through_its_service(node_cluster, space):
    start(node_cluster, space, pod("web", SERVE))
    expose(node_cluster, space, "web")
    assert fetch(node_cluster, space, "web", f"http://web.{space}") == "web"


def test_the_api_server_reaches_services_for_webhooks_and_proxies(node_cluster, space):
    start(node_cluster, space, pod("web", SERVE))
    expose(node_cluster, space, "web")
    path = f"/api/v1/namespaces/{space}/services/web:80/proxy/"
    wait_until(lambda: node_cluster.kubectl("get", "endpointslices", f"--namespace={space}", "-o", "name"))
    assert node_cluster.kubectl("get", "--raw", path).strip() == "web"


def test_pods_reach_the_api_server(node_cluster, space):
    start(node_cluster, space, pod("caller", "exec sleep 600"))
    assert "v1.34" in execute(node_cluster, space, "caller", "wget", "-qO-", "https://kubernetes.default/version")


def test_data_of_a_claim_survives_its_pod(node_cluster, space):
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "kept"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    node_cluster.kubectl("apply", f"--namespace={space}", "-f", "-", input=yaml.safe_dump(claim))
    start(node_cluster, space, pod("writer", "echo content >/data/file; exec sleep 600", claim="kept"))
    node_cluster.kubectl("delete", "pod", f"--namespace={space}", "writer")
    start(node_cluster, space, pod("reader", "exec sleep 600", claim="kept"))
    assert execute(node_cluster, space, "reader", "cat", "/data/file") == "content\n"
    [volume] = [path for path in node_cluster.volumes_directory.iterdir() if (path / "file").exists()]
    assert (volume / "file").read_text() == "content\n"


def test_pods_reach_servers_here_that_are_forwarded_and_no_others(node_cluster, space, s3_server, minio_server):
    start(node_cluster, space, pod("client", "exec sleep 600"))
    url = node_cluster.url_for_pods(s3_server.url)
    answer = execute(node_cluster, space, "client", "sh", "-c", f"wget -O- {url} 2>&1 || true")
    assert "403 Forbidden" in answer
    other = url.replace(s3_server.url.rpartition(":")[2], minio_server.url.rpartition(":")[2])
    assert "refused" in execute(node_cluster, space, "client", "sh", "-c", f"wget -O- {other} 2>&1 || true")


def test_pods_of_two_nodes_reach_each_other_and_services(two_node_cluster, make_namespace):
    cluster = two_node_cluster
    space = make_namespace(within=cluster)
    start(cluster, space, pod("first", SERVE, node="node-1"), pod("second", SERVE, node="node-2"))
    expose(cluster, space, "second")
    assert fetch(cluster, space, "first", f"http://{address(cluster, space, 'second')}:8080") == "second"
    assert fetch(cluster, space, "second", f"http://{address(cluster, space, 'first')}:8080") == "first"
    assert fetch(cluster, space, "first", "http://second") == "second"


def test_a_node_can_be_cut_off_and_comes_back(two_node_cluster, make_namespace):
    cluster = two_node_cluster
    space = make_namespace(within=cluster)
    start(cluster, space, pod("first", SERVE, node="node-1"), pod("second", SERVE, node="node-2"))
    other = f"http://{address(cluster, space, 'second')}:8080"
    cluster.nodes[1].unplug()
    try:
        assert not execute(cluster, space, "first", "sh", "-c", f"timeout 2 wget -q -O- {other} || true")
    finally:
        cluster.nodes[1].plug_in()
    assert fetch(cluster, space, "first", other) == "second"


def test_pods_are_scheduled_to_both_nodes(two_node_cluster, make_namespace):
    space = make_namespace(within=two_node_cluster)
    two_node_cluster.kubectl(
        "create", "deployment", f"--namespace={space}", "many", f"--image={BUSYBOX.reference}", "--replicas=4", "--",
        "sleep", "600",
    )  # fmt: skip
    two_node_cluster.kubectl("rollout", "status", f"--namespace={space}", "deployment/many", "--timeout=120s")
    nodes = two_node_cluster.kubectl("get", "pods", f"--namespace={space}", "-o", "jsonpath={.items[*].spec.nodeName}")
    assert set(nodes.split()) == {"node-1", "node-2"}


def test_clusters_side_by_side_use_the_same_addresses_and_do_not_meet(node_cluster, two_node_cluster, make_namespace):
    for cluster, name in ((node_cluster, "here"), (two_node_cluster, "there")):
        space = make_namespace(within=cluster)
        start(cluster, space, pod(name, SERVE, node="node-1"))
        assert fetch(cluster, space, name, f"http://{address(cluster, space, name)}:8080") == name
    assert node_cluster.nodes[0].address == two_node_cluster.nodes[0].address


def test_mariadb_answers_and_keeps_its_data(node_cluster, space):
    node_cluster.import_image(MARIADB)
    node_cluster.kubectl("apply", f"--namespace={space}", "-f", "-", input=DATABASE)
    rollout = ["rollout", "status", f"--namespace={space}", "statefulset/db", "--timeout=120s"]
    node_cluster.kubectl(*rollout)
    change = "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT); INSERT INTO shop.orders VALUES (42)"
    execute(node_cluster, space, "db-0", "mariadb", "-e", change)
    node_cluster.kubectl("delete", "pod", f"--namespace={space}", "db-0")
    node_cluster.kubectl(*rollout)
    query = ["mariadb", "--host=db", "--skip-column-names", "-e", "SELECT id FROM shop.orders"]
    assert execute(node_cluster, space, "db-0", *query) == "42\n"


@pytest.mark.usefixtures("node_cluster")  # what must be built is built, and skips happen, outside the child
def test_nothing_is_left_of_nodes_whose_owner_is_killed():
    with subprocess.Popen([sys.executable, "-c", OWNER], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as owner:
        directory = Path(owner.stdout.readline().strip())
        own = worlds_of(directory)
        assert len(own) == 4
        assert groups_of(directory)
        owner.send_signal(signal.SIGKILL)
    wait_until(lambda: not directory.exists())
    assert not own & namespaces_in_use()
    assert not groups_of(directory)
    assert str(directory) not in Path("/proc/mounts").read_text()


@pytest.mark.usefixtures("node_cluster")
def test_up_and_down_with_a_node(runtime):
    directory = runtime / "kept"
    try:
        assert f"export KUBECONFIG={directory}" in command("up", "--name", "kept", "--nodes", "1")
        own = worlds_of(directory)
        assert own <= namespaces_in_use()
        assert "node-1-kubelet" in command("status")
    finally:
        assert "ended kept" in command("down", "--name", "kept")
    assert not own & namespaces_in_use()
    assert not groups_of(directory)
    assert not directory.exists()


@pytest.mark.usefixtures("node_cluster")
def test_down_removes_what_nodes_leave_when_all_were_killed(runtime):
    command("up", "--name", "killed", "--nodes", "1")
    directory = runtime / "killed"
    own = worlds_of(directory)
    state = json.loads((directory / STATE_FILE).read_text())
    ProcessId(*state["supervisor"]).send(signal.SIGKILL)
    wait_until(lambda: not own & namespaces_in_use())
    assert groups_of(directory)
    assert "killed" in command("down")
    assert not groups_of(directory)
    assert not directory.exists()


def test_nodes_need_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolMissing, match="root is missing"):
        node_cluster.NodeCluster.start()


def test_nodes_of_an_older_version_are_refused():
    with pytest.raises(SetupFailed, match=r"no nodes of Kubernetes 1\.30"):
        node_cluster.NodeCluster.start("1.30")


def worlds_of(directory):
    """The namespaces of the machines of a cluster: two kinds for each."""
    state = json.loads((directory / STATE_FILE).read_text())
    processes = [state["processes"][name][0] for name in ("control-plane", "node-1")]
    return {Path(f"/proc/{pid}/ns/{kind}").readlink() for pid in processes for kind in ("net", "mnt")}


DATABASE = f"""
apiVersion: v1
kind: Service
metadata: {{name: db}}
spec: {{clusterIP: None, selector: {{app: db}}, ports: [{{port: 3306}}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  serviceName: db
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      containers:
      - name: mariadb
        image: {MARIADB.reference}
        readinessProbe: {{exec: {{command: [mariadb, --host=127.0.0.1, -e, SELECT 1]}}, periodSeconds: 1}}
        volumeMounts: [{{name: data, mountPath: /var/lib/mysql}}]
  volumeClaimTemplates:
  - metadata: {{name: data}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
"""
