"""One namespace of a real cluster, with the shortest possible restore: read, delete, transform, create.

Stands in for the restore operation, so that a row of the table is tested by what the API server makes of its work.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from holdfast.cluster import paths
from holdfast.cluster.connection import Connection
from holdfast.cluster.discovery import discover
from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.fields import Object, at, name_of, namespace_of
from holdfast.objects.mapping import ObjectMapping
from holdfast.objects.owner_references import relink
from holdfast.objects.ownership import Call, create_only, ownership, restoring_patch
from holdfast.objects.transforms import Context, Transform, apply, carried, merged

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PATIENCE = 120.0  # seconds; only a failing test waits so long
PAUSE = 0.05

Table = Sequence[Transform]


class Stage:
    def __init__(self, connection: Connection, namespace: str) -> None:
        self.connection = connection
        self.namespace = namespace
        self._made: list[Object] = []  # what does not end with the namespace

    @cached_property
    def _surface(self):
        return discover(self.connection)

    def serves(self, api_version: str, kind: str) -> bool:
        """Whether the server knows the kind by now."""
        self.__dict__.pop("_surface", None)
        return self._surface.by_kind(api_version, kind) is not None

    def resource(self, obj: Object) -> Resource:
        found = self._surface.by_kind(obj["apiVersion"], obj["kind"])
        assert found, f"{obj['kind']} is not served"
        return found

    # Plain requests

    def send(self, method: str, path: str, body: Any = None, **options: Any) -> Object:
        data = None if body is None else json.dumps(body).encode()
        query = {name: value for name, value in options.pop("query", {}).items() if value is not None}
        return json.loads(self.connection.request(method, path, query, data, **options).body)

    def path(self, obj: Object, subresource: str = "") -> str:
        return paths.single(self.resource(obj), namespace_of(obj), name_of(obj), subresource)

    def create(self, obj: Object, manager: str | None = None, *, dry_run: bool = False) -> Object:
        collection = paths.collection(self.resource(obj), namespace_of(obj))
        query = {"fieldManager": manager, "dryRun": "All" if dry_run else None}
        return self._remember(self.send("POST", collection, obj, query=query))

    def server_side_apply(self, obj: Object, manager: str) -> Object:
        query = {"fieldManager": manager, "force": "true"}
        return self._remember(self.send("PATCH", self.path(obj), obj, query=query, content_type=APPLY_PATCH))

    def replace(self, obj: Object, manager: str | None = None) -> Object:
        return self.send("PUT", self.path(obj), obj, query={"fieldManager": manager})

    def patch(self, obj: Object, change: Object, subresource: str = "", manager: str | None = None) -> Object:
        query = {"fieldManager": manager}
        return self.send("PATCH", self.path(obj, subresource), change, query=query, content_type=MERGE_PATCH)

    def find(self, obj: Object) -> Object | None:
        try:
            return self.send("GET", self.path(obj))
        except ApiRefused as refusal:
            if refusal.status == 404:
                return None
            raise

    def read(self, obj: Object) -> Object:
        found = self.find(obj)
        assert found, f"{obj['kind']} {name_of(obj)} is not there"
        return found

    def _remember(self, obj: Object) -> Object:
        if not self.resource(obj).namespaced:
            self._made.append(obj)
        return obj

    # What tests are made of

    def make(self, obj: Object, manager: str = "kubectl-create") -> Object:
        """Creates the object, in this namespace if its kind has one and it names none, and reads it as a backup does."""
        if self.resource(obj).namespaced:
            obj = {**obj, "metadata": {"namespace": self.namespace, **at(obj, "metadata")}}
        return self.read(self.create(obj, manager))

    def unique(self, stem: str) -> str:
        """A name for something that is not in the namespace."""
        return f"{stem}-{uuid.uuid4().hex[:10]}"

    def new_namespace(self) -> str:
        made = self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.unique("other")}})
        return name_of(made)

    def delete(self, obj: Object) -> None:
        """Deletes the object with what it owns, lifts its finalizers, and waits until it is gone."""
        uid = self.read(obj)["metadata"]["uid"]
        path, options = self.path(obj), {"propagationPolicy": "Background", "gracePeriodSeconds": 0}
        self.connection.request("DELETE", path, (), json.dumps(options).encode())

        def gone() -> bool:
            live = self.find(obj)
            if live is None or live["metadata"]["uid"] != uid:
                return True
            if live["metadata"].get("finalizers"):
                lift = {"metadata": {"uid": uid, "finalizers": None}}
                with suppress(ApiRefused):  # gone meanwhile
                    self.patch(obj, lift)
            return False

        self.eventually(gone, f"{name_of(obj)} is deleted")

    def eventually(self, true: Callable[[], Any], what: str) -> Any:
        """The first value that is not false. Fails when none comes."""
        end = time.monotonic() + PATIENCE
        while not (value := true()):
            assert time.monotonic() < end, f"not in {PATIENCE:.0f} s: {what}"
            time.sleep(PAUSE)
        return value

    def clean(self) -> None:
        """Deletes what was made outside the namespace."""
        for obj in reversed(self._made):
            with suppress(ApiRefused):  # what stays cannot disturb other tests: its name is unique
                self.connection.request("DELETE", self.path(obj), expect={404})

    # The restore

    def context(
        self, mapping: ObjectMapping | None = None, in_plan: Sequence[Object] = (), *, quarantine: bool = False
    ) -> Context:
        mapping = mapping or ObjectMapping()
        planned = {self.key(obj, mapping) for obj in in_plan}
        return Context(
            mapping=mapping,
            live=self._live,
            in_plan=lambda key: key in planned,
            subresources=self._subresources,
            quarantine=quarantine,
        )

    def restore(self, backup: Object, transforms: Table, context: Context | None = None) -> Object | None:
        """The object as the server answers its creation (or merge); None if a row refuses it. Raises ApiRefused."""
        context = context or self.context()
        resource = self.resource(backup)
        outcome = apply(transforms, resource.group_resource, backup, context)
        if outcome.object is None:
            return None
        desired = relink(outcome.object, self._uid, context.mapping).object
        live = self.find(desired)
        if live is not None:
            addition = merged(transforms, resource.group_resource, live, desired, context)
            if addition is not None:
                return self.replace(addition)
        how = ownership(backup, desired)
        if how.call is Call.APPLY:
            created = self.server_side_apply(create_only(desired), how.field_manager)
        else:
            created = self.create(desired, how.field_manager)
        if how.entries is not None:
            self._give_back(created, how.entries)
        return created

    def update(self, backup: Object, transforms: Table, context: Context | None = None) -> Object:
        """What `--on-conflict update` does."""
        context = context or self.context()
        resource = self.resource(backup)
        outcome = apply(transforms, resource.group_resource, backup, context)
        assert outcome.object, outcome.not_restored
        desired = outcome.object

        def body() -> Object:
            return carried(transforms, resource.group_resource, self.read(desired), desired, context)

        return self._unless_conflict(lambda: self.replace(body()))

    def _give_back(self, created: Object, entries: tuple[Object, ...]) -> None:
        self._unless_conflict(lambda: self.patch(created, restoring_patch(entries, self.read(created))))

    def _unless_conflict(self, write: Callable[[], Object]) -> Object:
        """Controllers write, too: after a conflict, read and write again."""

        def attempt() -> Object | None:
            try:
                return write()
            except ApiRefused as refusal:
                if refusal.reason != "Conflict":
                    raise
                return None

        return self.eventually(attempt, "written without a conflict")

    def key(self, obj: Object, mapping: ObjectMapping) -> ObjectKey:
        resource = self.resource(obj)
        return ObjectKey(resource.group, resource.plural, mapping.namespaces[namespace_of(obj)], name_of(obj))

    def _live(self, key: ObjectKey) -> Object | None:
        resource = self._surface.preferred(key.group, key.plural)
        assert resource
        try:
            return self.send("GET", paths.single(resource, key.namespace, key.name))
        except ApiRefused as refusal:
            if refusal.status == 404:
                return None
            raise

    def _uid(self, api_version: str, kind: str, namespace: str, name: str) -> str | None:
        resource = self._surface.by_kind(api_version, kind)
        if resource is None:
            return None
        live = self._live(ObjectKey(resource.group, resource.plural, namespace if resource.namespaced else "", name))
        return live["metadata"]["uid"] if live else None

    def _subresources(self, api_version: str, kind: str) -> frozenset[str]:
        resource = self._surface.by_kind(api_version, kind)
        return resource.subresources if resource else frozenset()
