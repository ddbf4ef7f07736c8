"""What tests of backups share: a way into a cluster, objects to put there, and a look into what a backup made of them."""

import json
import os
import time
from contextlib import contextmanager

from holdfast.cluster import kubeconfig
from holdfast.cluster.cluster import Cluster
from holdfast.cluster.connection import Connection
from holdfast.ids import BlobId
from holdfast.model.backup import BackupType, VolumesMode
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey
from holdfast.model.progress import Silent
from holdfast.model.selection import Selection
from holdfast.operations import back_up as backing_up
from holdfast.operations.back_up_options import BackUpOptions
from holdfast.operations.capture import Capture
from holdfast.operations.catalog import read_catalog
from holdfast.operations.contents import Contents
from holdfast.testing.local_movers import LocalMovers

PATIENCE = 30.0  # seconds; only a failing test waits so long

WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.backup.example.com"},
    "spec": {
        "group": "backup.example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}


def make(kind, name, namespace="", *, version="v1", labels=None, **fields):
    """An object as a user would write it."""
    metadata = {"name": name, "labels": labels or {}}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


@contextmanager
def connected(path, *, sleep=None, cancel=None):
    """A Cluster for a kubeconfig; `sleep` replaces the pauses between tries."""
    options = {"sleep": sleep} if sleep else {}
    settings = kubeconfig.load(os.fspath(path), None, os.environ)
    cluster = Cluster(Connection(settings, cancel=cancel or Cancel(), **options))
    try:
        yield cluster
    finally:
        cluster.close()


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not (answer := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
    return answer


class Application:
    """Creates objects, and at the end deletes those that would outlive their namespace."""

    def __init__(self, live):
        self.live = live
        self._to_delete = []

    def resource(self, obj):
        return self.live.api_surface().by_kind(obj["apiVersion"], obj["kind"])

    def create(self, *objects):
        for obj in objects:
            resource = self.resource(obj)
            self.live.create(resource, obj["metadata"].get("namespace", ""), json.dumps(obj).encode())
            if not resource.namespaced:
                self._to_delete.append((resource, obj["metadata"]["name"]))

    def get(self, kind, namespace, name):
        """The bytes that the API server gives, or None."""
        return self.live.get(self.live.api_surface().find(kind), namespace, name)

    def read(self, kind, namespace, name):
        return json.loads(self.get(kind, namespace, name))

    def clean(self):
        for resource, name in reversed(self._to_delete):
            if self.live.get(resource, "", name) is not None:  # the test may have deleted it itself
                self.live.delete(resource, "", name)


def back_up(repository, cluster, *namespaces, cancel=None, progress=None, movers=None, **options):
    """A backup of `namespaces`, or of `selection=`; the other options by their names in BackUpOptions. Gives the run.

    Without `movers` no volume can be saved.
    """
    selection = options.pop("selection", None) or Selection(namespaces=namespaces)
    options["type"] = BackupType(options.pop("type", "incremental"))
    options["volumes"] = VolumesMode(options.pop("volumes", "auto"))
    asked = BackUpOptions(selection=selection, **options)
    movers = movers or LocalMovers(lambda: repository, {})
    return backing_up.back_up(repository, cluster, asked, cancel or Cancel(), progress or Silent(), movers=movers)


class _Kept:
    """A sink that remembers keys and reasons. Everything kept must be committed, or void by a restart."""

    def __init__(self):
        self.reasons = {}
        self.committed = []

    def keep(self, taken):
        key = ObjectKey(taken.resource.group, taken.resource.plural, taken.seen.namespace, taken.seen.name)
        self.reasons[str(key)] = taken.reason
        return str(key)

    def commit(self, _resource, tokens):
        self.committed += tokens


def capture(source, *namespaces, cancel=None, **selection):
    """({object: reason} of all that was taken, what the capture found out), nothing stored."""
    sink = _Kept()
    asked = Selection(namespaces=namespaces, **selection)
    captured = Capture(source, asked, sink, cancel or Cancel(), Silent()).run()
    assert len(sink.committed) == len(set(sink.committed)) == captured.objects
    return {key: sink.reasons[key] for key in sink.committed}, captured


def entry_of(repository, run):
    return read_catalog(repository).find_backup(run.id)


def contents_of(repository, run):
    return Contents(repository, BlobId.parse(entry_of(repository, run).snapshot.tree))


def files_of(repository, run):
    """{path: content} of everything in a backup."""
    contents = contents_of(repository, run)
    return {found.path: contents.read(found.path) for found in contents.walk() if found.node.type == "file"}
