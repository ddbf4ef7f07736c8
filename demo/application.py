"""The application of the demonstration: a small shop as `application/*.yaml` describes it, installed as teams do.

Several programs with different habits send the manifests, so that fields have different owners: `kubectl create`, `kubectl
apply` in both its forms, `kubectl set image`, an operator, and a program that only adds a label. The manifests know one
variable, ${namespace}; where an object has a namespace, it is this one.
"""

from __future__ import annotations

import json
import string
import time
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import ObjectKey, Resource

JsonObject = dict[str, Any]

ONE_PER_CLUSTER = "one-per-cluster=true"
"""Label of what two copies of the shop in one cluster cannot both have."""

_DIRECTORY = Path(__file__).parent / "application"
_PATIENCE = 120.0  # seconds; a namespace with claims needs 10
_FINALIZER = "holdfast-demo.example.com/close-accounts"


class _Way(Enum):
    CREATE = "create"
    CLIENT_SIDE_APPLY = "kubectl apply"  # a create that leaves a copy of the manifest in an annotation
    APPLY = "server-side apply"
    PATCH = "patch"


class _Manifest(NamedTuple):
    file: str
    way: _Way
    manager: str  # the name under which the server notes who owns the fields


_MANIFESTS = (
    _Manifest("1-cluster.yaml", _Way.CREATE, "kubectl-create"),
    _Manifest("2-namespace.yaml", _Way.CREATE, "kubectl-create"),
    _Manifest("3-settings.yaml", _Way.CLIENT_SIDE_APPLY, "kubectl-client-side-apply"),
    _Manifest("4-rights.yaml", _Way.APPLY, "kubectl"),
    _Manifest("5-workloads.yaml", _Way.APPLY, "kubectl"),
    _Manifest("6-network.yaml", _Way.CLIENT_SIDE_APPLY, "kubectl-client-side-apply"),
    _Manifest("7-release.yaml", _Way.PATCH, "kubectl-set"),
    _Manifest("8-costs.yaml", _Way.APPLY, "cost-accounting"),
    _Manifest("9-operator.yaml", _Way.CREATE, "shop-operator"),
)


class Application:
    """The shop in one namespace of one cluster."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    @property
    def cluster_scoped(self) -> list[ObjectKey]:
        """What it has outside of its namespace."""
        return [self._key(manifest) for manifest in self._read("1-cluster.yaml")]

    def conflicts(self) -> list[ObjectKey]:
        """What is in the cluster already under the names that `install` needs."""
        wanted = [ObjectKey("", "namespaces", "", self.namespace), *self.cluster_scoped]
        return [key for key in wanted if self._live(key) is not None]

    def install(self) -> None:
        """Raises ApiRefused, and TimeoutError if controllers do not do their part."""
        for manifest in _MANIFESTS:
            for content in self._read(manifest.file):
                self._send(manifest, content)
            if manifest.file == "1-cluster.yaml":
                for key in self.cluster_scoped:
                    if key.plural == "customresourcedefinitions":
                        self.cluster.wait_established(key.name)
                self.cluster.refresh_surface()
            elif manifest.file == "2-namespace.yaml":
                default = ObjectKey("", "serviceaccounts", self.namespace, "default")
                self._wait(lambda key=default: self._live(key) is not None, "the default ServiceAccount")  # type: ignore[misc]
            elif manifest.file in {"5-workloads.yaml", "7-release.yaml"}:
                # Each revision must have its ReplicaSet before the next, or the Deployment would have no history.
                revisions = 1 if manifest.file == "5-workloads.yaml" else 2
                self._wait(lambda count=revisions: self._revisions() == count, f"revision {revisions}")  # type: ignore[misc]

    def begin_deletion(self) -> None:
        """Asks for the end of the namespace with everything in it."""
        self._delete(ObjectKey("", "namespaces", "", self.namespace))

    def await_deletion(self) -> None:
        """Returns when the namespace is gone. The cluster-scoped kinds must be there still: see `_gone`."""
        self.cluster.refresh_surface()  # they may have come with a restore
        namespace = ObjectKey("", "namespaces", "", self.namespace)
        self._wait(lambda: self._gone(namespace), f"the end of the namespace {self.namespace}")

    def delete_cluster_scoped(self) -> None:
        """Returns when they are gone. Other copies of the application in this cluster must be gone already."""
        keys = self.cluster_scoped
        for key in keys:
            self._delete(key)
        for key in keys:
            self._wait(lambda key=key: self._live(key) is None, f"the end of {key}")  # type: ignore[misc]

    def _gone(self, namespace: ObjectKey) -> bool:
        """Plays the operator meanwhile: it does its duty and takes its finalizer away."""
        for kind in self._served("holdfast-demo.example.com", "storefronts"):
            for page in self.cluster.list(kind, namespace=self.namespace):
                for data in page.items:
                    metadata = json.loads(data)["metadata"]
                    if "deletionTimestamp" in metadata and _FINALIZER in metadata.get("finalizers", ()):
                        body = b'{"metadata": {"finalizers": null}}'
                        name = metadata["name"]
                        self.cluster.patch(kind, self.namespace, name, body, patch_type=PatchType.MERGE)
        return self._live(namespace) is None

    def _read(self, file: str) -> list[JsonObject]:
        text = string.Template((_DIRECTORY / file).read_text(encoding="utf-8")).substitute(namespace=self.namespace)
        return list(yaml.safe_load_all(text))

    def _send(self, manifest: _Manifest, content: JsonObject) -> None:
        kind = self.cluster.api_surface().by_kind(content["apiVersion"], content["kind"])
        assert kind is not None
        namespace, name = (self.namespace if kind.namespaced else ""), content["metadata"]["name"]
        if kind.namespaced:
            content["metadata"]["namespace"] = namespace
        for owner in content["metadata"].get("ownerReferences", ()):
            owner["uid"] = self._uid(owner)
        match manifest.way:
            case _Way.CREATE:
                self.cluster.create(kind, namespace, _json(content), field_manager=manifest.manager)
            case _Way.CLIENT_SIDE_APPLY:
                applied = "kubectl.kubernetes.io/last-applied-configuration"
                annotations = {**content["metadata"].get("annotations", {}), applied: _json(content).decode() + "\n"}
                content["metadata"]["annotations"] = annotations
                self.cluster.create(kind, namespace, _json(content), field_manager=manifest.manager)
            case _Way.APPLY:
                apply, manager = PatchType.APPLY, manifest.manager
                self.cluster.patch(kind, namespace, name, _json(content), patch_type=apply, field_manager=manager)
            case _Way.PATCH:
                merge, manager = PatchType.STRATEGIC, manifest.manager
                self.cluster.patch(kind, namespace, name, _json(content), patch_type=merge, field_manager=manager)

    def _uid(self, owner: JsonObject) -> str:
        kind = self.cluster.api_surface().by_kind(owner["apiVersion"], owner["kind"])
        assert kind is not None
        live = self._live(self._key(owner | {"metadata": {"name": owner["name"]}}))
        assert live is not None
        return str(live["metadata"]["uid"])

    def _revisions(self) -> int:
        [kind] = self._served("apps", "replicasets")
        return sum(len(page.items) for page in self.cluster.list(kind, namespace=self.namespace))

    def _delete(self, key: ObjectKey) -> None:
        for kind in self._served(key.group, key.plural):
            try:
                self.cluster.delete(kind, key.namespace, key.name)
            except ApiRefused as error:
                if error.reason != "NotFound":
                    raise

    def _live(self, key: ObjectKey) -> JsonObject | None:
        for kind in self._served(key.group, key.plural):
            found = self.cluster.get(kind, key.namespace, key.name)
            return None if found is None else dict(json.loads(found))
        return None

    def _served(self, group: str, plural: str) -> Iterator[Resource]:
        """The kind, or nothing where its definition is not there."""
        kind = self.cluster.api_surface().preferred(group, plural)
        if kind is not None:
            yield kind

    def _key(self, content: JsonObject) -> ObjectKey:
        kind = self.cluster.api_surface().by_kind(content["apiVersion"], content["kind"])
        assert kind is not None
        namespace = self.namespace if kind.namespaced else ""
        return ObjectKey(kind.group, kind.plural, namespace, content["metadata"]["name"])

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {_PATIENCE:.0f} s for {what}")
            time.sleep(0.1)


def delete(*copies: Application) -> None:
    """Copies in one cluster or several, with all that they have; returns when they are gone."""
    for copy in copies:
        copy.begin_deletion()
    for copy in copies:
        copy.await_deletion()
    for copy in copies:
        copy.delete_cluster_scoped()


def _json(content: JsonObject) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()
