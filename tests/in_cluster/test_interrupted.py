"""Runs that are interrupted in their middle, by whom and whatever: one backup comes of each, or a reason."""

import json
import time

import pytest
from tests.in_cluster.installed import until

pytestmark = pytest.mark.cluster

BEGINNING = "/locks/"
"""Where a run may still stop, and has no claim to its backup yet: one that is killed with it keeps others waiting for minutes."""


@pytest.fixture
def held(home, shop, gate):
    """`held(name)` → the pod of a new Backup of that name, which stands still until `gate.let_go()`."""

    def begin(name, **spec):
        gate.hold(BEGINNING)
        home.backup(name, shop.namespace, location="gated", **spec)
        assert gate.held.wait(300)
        return job_pods(home, name)[-1]["metadata"]["name"]

    yield begin
    gate.let_go()


def job_pods(home, backup):
    return home.pods_of(until(lambda: home.status("Backup", backup).get("job")))


def done_by(home, backup):
    """Pods that ended well."""
    return [one["metadata"]["name"] for one in job_pods(home, backup) if one["status"]["phase"] == "Succeeded"]


def evict(home, pod):
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": home.namespace}}
    home.api.create(f"/api/v1/namespaces/{home.namespace}/pods/{pod}/eviction", body)


def wait_for_signal(home, pod):
    """Until the pod was told to stop. It hears that when the store answers, because it waits there."""
    until(
        lambda: [
            event
            for event in home.list("Event")
            if event["reason"] == "Killing" and event["involvedObject"]["name"] == pod
        ]
    )
    time.sleep(1)  # the event comes first


def is_done_once(installed, home, backup):
    home.wait("Backup", backup, "Complete", "True", "Done")
    assert [one["outcome"] for one in installed.backups(backup) if one["outcome"] == "done"] == ["done"]


def test_another_pod_finishes_what_an_evicted_one_began(installed, home, gate, held):
    pod = held("evicted")
    evict(home, pod)
    wait_for_signal(home, pod)
    gate.let_go()
    is_done_once(installed, home, "evicted")
    assert pod not in done_by(home, "evicted")


def test_another_pod_finishes_what_a_killed_one_began(installed, home, gate, held):
    """As by a node that goes down: no time to say anything."""
    pod = held("killed")
    home.kubectl("delete", "pod", pod, "--grace-period=1", "--wait=false")
    until(lambda: not [one for one in job_pods(home, "killed") if one["metadata"]["name"] == pod])
    gate.let_go()
    is_done_once(installed, home, "killed")


def test_a_pod_that_somebody_deletes_ends_its_run_with_a_reason(home, gate, held):
    pod = held("deleted")
    home.kubectl("delete", "pod", pod, "--wait=false")
    wait_for_signal(home, pod)
    gate.let_go()
    until(
        lambda: (
            home.condition("Backup", "deleted", "Failed")
            or home.condition("Backup", "deleted", "Complete")[0] == "True"
        )
    )
    assert home.condition("Backup", "deleted", "Failed")[1] == "Cancelled"


def test_a_run_goes_on_while_the_api_server_restarts(installed, home, gate, held):
    held("restarted")
    installed.cluster.restart_api_server()
    gate.let_go()
    is_done_once(installed, home, "restarted")
    assert len(job_pods(home, "restarted")) == 1


def test_a_run_goes_on_while_all_controllers_are_killed(installed, home, gate, held):
    held("headless")
    former = {pod["metadata"]["name"] for pod in installed.controllers()}
    home.kubectl("delete", "pods", "-l", "app.kubernetes.io/component=controller", "--grace-period=0", "--force")
    gate.let_go()
    is_done_once(installed, home, "headless")
    installed.wait_for_controllers()
    holder = installed.holder()
    assert holder not in former
    leaders = [
        pod["metadata"]["name"]
        for pod in installed.controllers()
        if "is the leader" in home.kubectl("logs", pod["metadata"]["name"])
    ]
    assert leaders == [holder]


def test_another_pod_finishes_what_one_on_a_node_that_stops_answering_began(installed, home, gate, held):
    leave_soon = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
    pod = held("lost-node", pod={"tolerations": [{**leave_soon, "tolerationSeconds": 1}]})
    name = home.kubectl("get", "pod", pod, "-o", "jsonpath={.spec.nodeName}")
    node = next(one for one in installed.cluster.nodes if one.name == name)
    node.unplug()
    try:
        gate.let_go()
        is_done_once(installed, home, "lost-node")
        assert pod not in done_by(home, "lost-node")
    finally:
        node.plug_in()
        until(lambda: is_ready(installed, name))


def is_ready(installed, node):
    conditions = json.loads(installed.cluster.kubectl("get", "node", node, "-o", "json"))["status"]["conditions"]
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
