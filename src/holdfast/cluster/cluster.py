"""One Kubernetes cluster: what it serves, who it is, and its objects as bytes.

Every call but `watch` and `follow_log` is one request (with retries); nothing is cached but what the cluster serves. Bodies are
JSON and come and go untouched. All methods may be called from many threads and raise ClusterUnreachable, Cancelled, and
ApiRefused, whose `reason` tells AlreadyExists, Conflict, Invalid, Forbidden and NotFound apart.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from holdfast.cluster import failures, paths
from holdfast.cluster.answers import decode
from holdfast.cluster.connection import JSON, Connection
from holdfast.cluster.custom_resources import wait_established
from holdfast.cluster.discovery import discover
from holdfast.cluster.listing import Page, list_objects
from holdfast.cluster.logs import follow_log
from holdfast.cluster.surface import ApiSurface
from holdfast.cluster.watch_events import Event
from holdfast.cluster.watching import watch
from holdfast.model.cancel import Cancel
from holdfast.model.clock import Clock
from holdfast.model.kubernetes import ObjectKey, Resource

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from holdfast.cluster.execution import Executed, Input, RunningCommand

_NOT_FOUND = 404
_CORE_NAMESPACES = Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False)


class PatchType(StrEnum):
    """Content types of PATCH. For APPLY, JSON is sent, which is YAML too."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


Propagation = Literal["Background", "Foreground", "Orphan"]


class ClusterIdentity(NamedTuple):
    uid: str  # of the namespace kube-system: as long as the cluster lives it stays, whatever a context is called
    version: str  # "v1.34.4"


class _Metadata(msgspec.Struct):
    uid: str


class _Namespace(msgspec.Struct):
    metadata: _Metadata


class _Version(msgspec.Struct, rename="camel"):
    git_version: str


class Cluster:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._lock = threading.Lock()
        self._surface: ApiSurface | None = None  # None until it is asked for

    def close(self) -> None:
        self.connection.close()

    def identity(self) -> ClusterIdentity:
        namespace = self.connection.request(
            "GET",
            paths.single(_CORE_NAMESPACES, "", "kube-system"),
            what="cannot read the namespace kube-system, whose UID names the cluster",
        ).body
        uid = decode(namespace, _Namespace, "the namespace kube-system").metadata.uid
        return ClusterIdentity(uid, self.version())

    def version(self) -> str:
        """`v1.34.4`; every account may read it."""
        answer = self.connection.request("GET", "/version", what="cannot read the API server's version").body
        return decode(answer, _Version, "/version").git_version

    def api_surface(self) -> ApiSurface:
        """What the cluster serves, asked for once."""
        with self._lock:
            if self._surface is None:
                self._surface = discover(self.connection)
            return self._surface

    def refresh_surface(self) -> ApiSurface:
        """Asks anew, as is needed after a CustomResourceDefinition was created."""
        surface = discover(self.connection)
        with self._lock:
            self._surface = surface
        return surface

    def list(
        self, resource: Resource, *, namespace: str | None = None, label_selector: str = "", page_size: int = 500
    ) -> Iterator[Page]:
        """All objects of a kind, see `listing.list_objects`."""
        return list_objects(
            self.connection,
            resource,
            namespace=namespace,
            label_selector=label_selector,
            page_size=page_size,
            cancel=self.connection.cancel,
        )

    def watch(self, resource: Resource, *, namespace: str | None = None, label_selector: str = "") -> Iterator[Event]:
        """All objects of a kind and every change to them from then on, without end, see `watching.watch`."""
        return watch(
            self.connection,
            resource,
            namespace=namespace,
            label_selector=label_selector,
            cancel=self.connection.cancel,
        )

    def follow_log(
        self, namespace: str, pod: str, container: str, *, go_on: Callable[[], None], has_ended: Callable[[], bool]
    ) -> Iterator[bytes]:
        """What a container writes, line by line until its end, see `logs.follow_log`."""
        return follow_log(self.connection, namespace, pod, container, go_on=go_on, has_ended=has_ended)

    def now(self) -> dt.datetime:
        """The time by the API server's clock, to the second: that by which it stamps objects, whatever ours says."""
        headers = self.connection.request("GET", "/version", what="cannot read the API server's time").headers
        try:
            return email.utils.parsedate_to_datetime(headers["Date"]).astimezone(dt.UTC)
        except (TypeError, ValueError, AttributeError):  # some gateway between us took it away
            return self.connection.clock.now()

    def get(self, resource: Resource, namespace: str, name: str) -> bytes | None:
        """The object, or None if there is none. A kind that is not served raises ApiRefused all the same."""
        what = _what("read", resource, namespace, name)
        path = paths.single(resource, namespace, name)
        answer = self.connection.request("GET", path, expect=(_NOT_FOUND,), what=what)
        if answer.status == _NOT_FOUND:
            status = failures.Status.parse(answer.body)
            if status is None or not status.names_missing_object:
                raise failures.refusal(what, answer.status, answer.body)
            return None
        return answer.body.rstrip(b"\n")  # the server's encoder ends a body, not an object, with one

    def create(
        self, resource: Resource, namespace: str, body: bytes, *, field_manager: str = "", dry_run: bool = False
    ) -> bytes:
        """POST. Not repeated where the server may have carried it out: a later AlreadyExists may then be our own."""
        return self._change(
            "POST",
            paths.collection(resource, namespace),
            _options(field_manager, dry_run),
            body,
            what=f"cannot create {resource.group_resource}" + (f" in {namespace}" if namespace else ""),
        )

    def replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: bytes,
        *,
        subresource: str = "",
        field_manager: str = "",
        dry_run: bool = False,
    ) -> bytes:
        """PUT. With the object's resourceVersion in `body`, Conflict if somebody else changed it since."""
        return self._change(
            "PUT",
            paths.single(resource, namespace, name, subresource),
            _options(field_manager, dry_run),
            body,
            what=_what("replace", resource, namespace, name),
        )

    def patch(  # noqa: PLR0913 - names an object and how to change it
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: bytes,
        *,
        patch_type: PatchType,
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
        dry_run: bool = False,
    ) -> bytes:
        """PATCH. `APPLY` creates what is missing, needs `field_manager`, and with `force` takes fields from others."""
        options = _options(field_manager, dry_run)
        if force:
            options["force"] = "true"
        return self._change(
            "PATCH",
            paths.single(resource, namespace, name, subresource),
            options,
            body,
            content_type=patch_type.value,
            repeatable=patch_type is PatchType.APPLY,  # applying the same twice is the same as once
            what=_what("patch", resource, namespace, name),
        )

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        propagation: Propagation = "Background",
        uid: str = "",
        version: str = "",
        dry_run: bool = False,
    ) -> bytes:
        """Asks for deletion; the object may stay while finalizers run, and is then the answer.

        With `uid`, Conflict if it is another object; with `version`, a resourceVersion, also if it was changed since.
        """
        options: dict[str, object] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if preconditions := {key: value for key, value in (("uid", uid), ("resourceVersion", version)) if value}:
            options["preconditions"] = preconditions
        if dry_run:
            options["dryRun"] = ["All"]  # beside a body, the server ignores the query: there it would not be dry
        return self._change(
            "DELETE",
            paths.single(resource, namespace, name),
            {},
            msgspec.json.encode(options),
            what=_what("delete", resource, namespace, name),
        )

    def execute(
        self, namespace: str, pod: str, command: Sequence[str], *, container: str, timeout: float = 60.0
    ) -> Executed:
        """Runs a command in a container, see `execution`."""
        from holdfast.cluster.execution import execute  # noqa: PLC0415 - few runs need the library for it

        return execute(self.connection, namespace, pod, container, command, timeout=timeout)

    def running(
        self,
        namespace: str,
        pod: str,
        command: Sequence[str],
        *,
        container: str,
        timeout: float,
        give: Input | None = None,
    ) -> AbstractContextManager[RunningCommand]:
        """A command in a container whose output is read, or whose input is given, while it runs, see `execution`."""
        from holdfast.cluster.execution import running  # noqa: PLC0415 - as above

        return running(self.connection, namespace, pod, container, command, timeout=timeout, give=give)

    def apart(self) -> Cluster:
        """The same cluster for what must be done after a stop was asked for. Its caller closes it."""
        return Cluster(self.connection.apart(Cancel()))

    def wait_established(self, name: str, *, timeout: float = 60.0, clock: Clock | None = None) -> None:
        """Until objects of the CustomResourceDefinition `name` can be made, see `custom_resources`."""
        wait_established(self.connection, name, timeout=timeout, clock=clock or self.connection.clock)

    def _change(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes,
        *,
        content_type: str = JSON,
        repeatable: bool = False,
        what: str,
    ) -> bytes:
        answer = self.connection.request(
            method, path, query, body, content_type=content_type, repeatable=repeatable, what=what
        )
        return answer.body.rstrip(b"\n")


def _options(field_manager: str, dry_run: bool) -> dict[str, str]:
    options = {}
    if field_manager:
        options["fieldManager"] = field_manager
    if dry_run:
        options["dryRun"] = "All"
    return options


def _what(verb: str, resource: Resource, namespace: str, name: str) -> str:
    return f"cannot {verb} {ObjectKey(resource.group, resource.plural, namespace, name)}"
