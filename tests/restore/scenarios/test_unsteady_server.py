"""An API server that is restarted, or asks to be asked less often, in the middle of a restore."""

import errno
import itertools
import signal
import socket
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from testbed.control_plane import ControlPlane
from testbed.loopback import wait_until
from tests.cluster.local_server import Answer
from tests.conftest import running
from tests.restore_lab import Lab, Vault, config_map, eventually, obj, outcomes, owners, unique, workload

NAMES = [f"map-{number}" for number in range(60)]
TOO_MANY = Answer(429, b"slow down", {"Retry-After": "1", "Content-Type": "text/plain"})


def fill(lab):
    for name in NAMES:
        lab.make(config_map(name))
    for name in NAMES[::3]:
        lab.patch(config_map(name), {"data": {"size": "small"}})  # two managers: restored by two calls
    lab.make(obj("v1", "Secret", "login", stringData={"password": "secret"}))
    lab.make(workload("StatefulSet", "db", serviceName="db", replicas=0))


def is_whole(before, now):
    for name in NAMES:
        was, found = before.read(config_map(name)), now.read(config_map(name))
        assert (found["data"], owners(found)) == (was["data"], owners(was))
    return now.find(obj("v1", "Secret", "login")) and now.find(workload("StatefulSet", "db"))


# Throttling


def throttled(every):
    """Of the changes, every second, third, … is to come again later; of what comes again likewise, up to five times each."""
    count, refused = itertools.count(1), Counter()

    def intercept(request):
        if request.method == "GET" or next(count) % every or refused[request.path, request.body] == 5:
            return None
        refused[request.path, request.body] += 1
        return TOO_MANY

    return intercept


@pytest.mark.parametrize("every", [2, 5])
def test_throttling_in_the_middle_is_waited_for(lab, vault, copy, into_copy, proxy, through, every):
    fill(lab)
    vault.back_up(lab)
    proxy.intercept = throttled(every)

    report = vault.restore(through, **into_copy)

    assert (report.outcome, report.errors) == ("done", [])
    assert is_whole(lab, copy)
    assert len([pause for pause in through.pauses if pause >= 1]) >= len(NAMES) // every


def test_throttling_in_the_middle_of_a_rollback_is_waited_for(lab, vault, proxy, through):
    fill(lab)
    vault.back_up(lab)
    for number, name in enumerate(NAMES):
        if number % 2:
            lab.patch(config_map(name), {"data": {"color": "red"}})
        lab.make(config_map(f"new-{number}"))
    proxy.intercept = throttled(3)

    report = vault.restore(through, rollback=True)

    assert (report.outcome, report.errors) == ("done", [])
    assert report.counts["deleted"] == len(NAMES)
    assert all(lab.read(config_map(name))["data"]["color"] == "blue" for name in NAMES)
    assert through.pauses


def test_throttling_that_does_not_end_names_each_object(lab, vault, into_copy, proxy, through):
    lab.make(config_map("one"))
    lab.make(config_map("two"))
    vault.back_up(lab)
    proxy.intercept = lambda request: TOO_MANY if "/configmaps" in request.path and request.method != "GET" else None

    report = vault.restore(through, **into_copy)

    assert report.outcome == "partial"
    assert {name for (_, name), result in outcomes(report).items() if result == "failed"} == {"one", "two"}
    assert all(item.why and item.next for item in report.objects if item.result == "failed")


# Throttling by the server itself, and restarts


@pytest.fixture(scope="module")
def fragile(say):
    """A control plane of its own, whose API server may be killed."""
    with running(lambda: ControlPlane.start(name="fragile", say=say)) as started:
        yield started


@pytest.fixture
def fragile_lab(fragile):
    lab = Lab(fragile)
    yield lab.new_namespace()
    lab.close()


FLOW_CONTROL = "flowcontrol.apiserver.k8s.io/v1"


@pytest.fixture
def throttled_lab(fragile, fragile_lab):
    """An account that may have no more than a few requests at once; `pauses` has its pauses between tries."""
    user = unique("throttled")
    account = fragile.account(user, [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])
    limited = {"nominalConcurrencyShares": 1, "lendablePercent": 0, "borrowingLimitPercent": 0}
    limited["limitResponse"] = {"type": "Reject"}
    level = obj(FLOW_CONTROL, "PriorityLevelConfiguration", user, spec={"type": "Limited", "limited": limited})
    rules = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
    subjects = [{"kind": "User", "user": {"name": user}}]
    spec = {
        "priorityLevelConfiguration": {"name": user},
        "matchingPrecedence": 10,
        "rules": [{"subjects": subjects, "resourceRules": [rules]}],
    }
    fragile_lab.make(level)
    schema = fragile_lab.make(obj(FLOW_CONTROL, "FlowSchema", user, spec=spec))["metadata"]["uid"]
    lab = Lab(fragile, fragile_lab.namespace, account=account)
    connection, lab.pauses = lab.cluster.connection, []

    def is_in_force():
        return connection.request("GET", "/api/v1/namespaces").headers.get("X-Kubernetes-PF-FlowSchema-UID") == schema

    def sleep(seconds):
        lab.pauses.append(seconds)
        lab.cancel.wait(seconds)

    eventually(is_in_force, "the server throttles this account")
    connection.sleep = sleep
    yield lab
    lab.close()


def test_throttling_by_priority_and_fairness_is_waited_for(fragile_lab, throttled_lab):
    lab, vault = fragile_lab, Vault()
    fill(lab)
    vault.back_up(lab)
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)

    report = vault.restore(throttled_lab, namespaces={lab.namespace: copy.namespace})

    assert (report.outcome, report.errors) == ("done", [])
    assert is_whole(lab, copy)
    assert throttled_lab.pauses


def restart(control_plane):
    server = control_plane.workspace.processes["kube-apiserver"]
    command = Path(f"/proc/{server.pid}/cmdline").read_bytes().rstrip(b"\0").decode().split("\0")
    assert server.send(signal.SIGKILL)
    eventually(lambda: _refuses_connections(control_plane.url), "its port is free")
    control_plane.workspace.start("kube-apiserver", command)


def _refuses_connections(url):
    address = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == errno.ECONNREFUSED


@contextmanager
def restarted_when(control_plane, namespace, moment):
    """Restarts the API server as soon as `moment(names of the ConfigMaps there)`; at the end it answers again."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"

    def has_come():
        return moment({one["metadata"]["name"] for one in control_plane.api.request("GET", path)["items"]})

    def watch():
        eventually(has_come, "the moment has come")
        restart(control_plane)

    before = control_plane.pids["kube-apiserver"]
    watcher = threading.Thread(target=watch)
    watcher.start()
    yield
    watcher.join()
    wait_until(control_plane.api.healthy, "the API server", control_plane.workspace)
    assert control_plane.pids["kube-apiserver"] != before


def test_api_server_that_is_killed_and_started_again_in_the_middle(fragile, fragile_lab):
    lab, vault = fragile_lab, Vault()
    fill(lab)
    vault.back_up(lab)
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)

    with restarted_when(fragile, copy.namespace, lambda names: len(names) > len(NAMES) // 4):
        report = vault.restore(lab, namespaces={lab.namespace: copy.namespace})

    assert (report.outcome, report.errors) == ("done", [])
    assert is_whole(lab, copy)
    again = vault.restore(lab, namespaces={lab.namespace: copy.namespace})
    assert (again.counts["created"], again.counts["updated"]) == (0, 0)


def test_api_server_that_is_killed_and_started_again_in_the_middle_of_a_rollback(fragile, fragile_lab):
    lab, vault = fragile_lab, Vault()
    fill(lab)
    vault.back_up(lab)
    new = {f"new-{number}" for number in range(40)}
    for name in NAMES[::2]:
        lab.patch(config_map(name), {"data": {"color": "red"}})
    for name in new:
        lab.make(config_map(name))

    with restarted_when(fragile, lab.namespace, lambda names: len(names & new) < len(new) * 3 // 4):
        report = vault.restore(lab, rollback=True)

    assert (report.outcome, report.errors) == ("done", [])
    assert report.counts["deleted"] == len(new)
    assert all(lab.read(config_map(name))["data"]["color"] == "blue" for name in NAMES)
    assert vault.undo(lab).outcome == "done"
    assert all(lab.find(config_map(name)) for name in new)
    assert all(lab.read(config_map(name))["data"]["color"] == "red" for name in NAMES[::2])
