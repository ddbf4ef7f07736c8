"""Watches on real API servers, one of which is killed and started again in the middle."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
import time
from pathlib import Path

import pytest
from testbed.control_plane import ControlPlane
from testbed.loopback import wait_until
from tests.conftest import running
from tests.restore_lab import PATIENCE, Lab, config_map, obj, unique

from holdfast.cluster.watch_events import Changed, Deleted, Interrupted, Listed, Synced
from holdfast.errors import ApiRefused, Cancelled
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource

CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
LABELLED = {"metadata": {"labels": {"watched": "yes"}}}


class Watcher:
    """A watch in a thread of its own, which puts what it hears into `heard`."""

    def __init__(self, lab, resource=CONFIGMAPS, **options):
        self.cancel = Cancel()
        self.heard = queue.Queue()
        self._cluster = type(lab.cluster)(lab.cluster.connection.apart(self.cancel))
        self._events = self._cluster.watch(resource, **options)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        try:
            for event in self._events:
                self.heard.put(event)
        except (ApiRefused, Cancelled) as end:
            self.heard.put(end)

    def next(self, *kinds):
        """The next event of these types; others are left out."""
        deadline = time.monotonic() + 2 * PATIENCE
        while True:
            event = self.heard.get(timeout=max(0.1, deadline - time.monotonic()))
            if isinstance(event, kinds):
                return event

    def close(self):
        self.cancel.request()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self._cluster.close()


@pytest.fixture
def watch():
    watchers = []

    def start(*arguments, **options):
        watchers.append(Watcher(*arguments, **options))
        return watchers[-1]

    yield start
    for watcher in watchers:
        watcher.close()


@pytest.fixture
def lab(cluster):
    lab = Lab(cluster)
    yield lab.new_namespace("watch")
    lab.close()


def name(event):
    return json.loads(event.object)["metadata"]["name"]


def test_objects_are_created_changed_and_deleted(lab, watch):
    lab.make(config_map("before"))
    watcher = watch(lab, namespace=lab.namespace)
    assert {json.loads(item)["metadata"]["name"] for item in watcher.next(Listed).items} == {
        "before",
        "kube-root-ca.crt",
    }
    watcher.next(Synced)
    lab.make(config_map("new"))
    changed = watcher.next(Changed)
    assert changed.object == lab.cluster.get(CONFIGMAPS, lab.namespace, "new")
    lab.patch(config_map("new"), {"data": {"size": "large"}})
    assert json.loads(watcher.next(Changed).object)["data"]["size"] == "large"
    lab.delete(config_map("new"))
    assert name(watcher.next(Deleted)) == "new"


def test_a_large_object_is_one_event(lab, watch):
    watcher = watch(lab, namespace=lab.namespace)
    watcher.next(Synced)
    lab.make(config_map("large", data={"text": "<ü>" * 200_000}))  # which JSON writes with six characters for some
    assert json.loads(watcher.next(Changed).object)["data"]["text"] == "<ü>" * 200_000


def test_an_object_that_loses_its_label_is_gone_for_the_watch(lab, watch):
    lab.make(config_map("one", **LABELLED))
    watcher = watch(lab, namespace=lab.namespace, label_selector="watched=yes")
    assert len(watcher.next(Listed).items) == 1
    lab.make(config_map("other"))
    lab.patch(config_map("one"), {"metadata": {"labels": {"watched": "no"}}})
    assert name(watcher.next(Changed, Deleted)) == "one"
    assert watcher.heard.empty()


def test_a_kind_that_is_not_served_is_refused(lab, watch):
    nothing = Resource("holdfast.test", "v1", "nothings", "Nothing", namespaced=True)
    assert watch(lab, nothing).next(ApiRefused).status == 404


def test_an_account_that_may_list_and_not_watch_is_told_so(cluster, watch):
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    narrow = Lab(cluster, account=cluster.account(unique("narrow"), rules))
    watcher = watch(narrow)
    watcher.next(Listed)
    refusal = watcher.next(ApiRefused)
    assert refusal.status == 403
    assert 'cannot watch resource "configmaps"' in refusal.why
    narrow.close()


def test_a_stop_ends_a_silent_watch(lab, watch):
    watcher = watch(lab, namespace=lab.namespace)
    watcher.next(Synced)
    watcher.cancel.request()
    assert watcher.next(Cancelled)


@pytest.fixture(scope="module")
def own_plane(say):
    """A control plane of this module's own, whose API server is killed."""
    with running(lambda: ControlPlane.start(name="watched", say=say)) as plane:
        yield plane


def restarted(plane, *, meanwhile=lambda: None):
    """Kills the API server and starts it again, the same on the same port."""
    process = plane.workspace.processes["kube-apiserver"]
    command = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    os.kill(process.pid, signal.SIGKILL)
    meanwhile()
    plane.workspace.start("kube-apiserver", command)
    wait_until(plane.api.healthy, "the API server", plane.workspace)


def known(watcher, wanted):
    """Takes events until they say that just these objects of ours are there."""
    there = set()
    while there - {"kube-root-ca.crt"} != wanted:
        match watcher.next(Listed, Changed, Deleted):
            case Listed(items):
                there = {json.loads(item)["metadata"]["name"] for item in items}
            case Changed() as event:
                there.add(name(event))
            case Deleted() as event:
                there.discard(name(event))
    return True


def test_an_api_server_that_is_killed_is_waited_for_and_nothing_is_missed(own_plane, watch):
    """The new server remembers nothing of before, so the watch is told 410 and lists again."""
    lab = Lab(own_plane).new_namespace("killed")
    lab.make(config_map("first"))
    watcher = watch(lab, namespace=lab.namespace)
    assert known(watcher, {"first"})

    restarted(own_plane, meanwhile=lambda: watcher.next(Interrupted))
    lab.make(config_map("second"))

    assert known(watcher, {"first", "second"})
    lab.delete(config_map("first"))
    assert name(watcher.next(Deleted)) == "first"
    lab.close()


def test_a_definition_that_is_deleted_ends_the_watch(lab, watch):
    plural = unique("things")
    names = {"plural": plural, "kind": plural.title(), "listKind": f"{plural.title()}List", "singular": plural}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    definition = obj(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        f"{plural}.holdfast.test",
        spec={"group": "holdfast.test", "scope": "Namespaced", "names": names, "versions": [version]},
    )
    lab.make(definition)
    lab.cluster.wait_established(f"{plural}.holdfast.test")
    watcher = watch(lab, Resource("holdfast.test", "v1", plural, plural.title(), namespaced=True))
    watcher.next(Synced)
    lab.delete(definition)
    assert watcher.next(ApiRefused).status == 404
