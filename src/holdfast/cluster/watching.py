"""Hears of every change to the objects of a kind: lists them, then watches from that moment on, for as long as the caller likes.

A watch that ends or breaks is begun again where it was, after a pause that grows while the server stays away. If the server does
not remember that moment (410), or said something else that cannot be gone on from, everything is listed again.

A peer that is gone without a word is noticed: the server is asked to end each watch after some minutes, and one that says nothing
for longer than that is given up; the system's own probes of idle connections notice a machine that is off within a minute.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Generator, Iterator

from holdfast.cluster import paths, retry
from holdfast.cluster.connection import Connection
from holdfast.cluster.listing import list_objects, whole
from holdfast.cluster.watch_events import Event, Interrupted, Listed, Synced, parse
from holdfast.errors import ApiRefused, ClusterError, ClusterUnreachable
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource

_SHORTEST, _LONGEST = 240, 300  # seconds of one watch; spread, so that many do not begin anew at once
_GRACE = 30.0  # seconds that a server may be late in ending one
_LASTING = 60.0  # seconds after which a watch without an event has not been in vain
_EXPIRED = 410
_PAGE_SIZE = 500


def watch(
    connection: Connection,
    resource: Resource,
    *,
    namespace: str | None = None,
    label_selector: str = "",
    cancel: Cancel,
) -> Iterator[Event]:
    """Listed, Synced, then events without end; `namespace` None means all. One event is in memory at a time, lists are whole.

    The first list raises as `list_objects` does: ClusterUnreachable, ApiRefused, ClusterError. Later on a server that is away or
    in trouble gives Interrupted, and only a refusal that is an answer is raised: ApiRefused (Forbidden, the kind is gone). Raises
    Cancelled within a second of a stop; while it waits for a connection or a list, with the end of that.
    """
    what = f"cannot watch {resource.group_resource}" + (f" in {namespace}" if namespace else "")
    path = paths.collection(resource, namespace)
    labels = {"labelSelector": label_selector} if label_selector else {}
    position = ""  # the resourceVersion up to which everything was told; "" means that there is none to go on from
    started = False  # whether there was a list
    fruitless = 0  # short tries in a row without an event
    while True:
        cancel.check()
        begun = bool(position)
        began = connection.clock.monotonic()
        try:
            if not position:
                items, position = whole(
                    list_objects(
                        connection,
                        resource,
                        namespace=namespace,
                        label_selector=label_selector,
                        page_size=_PAGE_SIZE,
                        cancel=cancel,
                    )
                )
                started = True
                yield Listed(items)
            with contextlib.closing(_told(connection, path, labels, position, what, cancel)) as told:
                for event, version in told:
                    begun = True
                    position = version or position
                    fruitless = fruitless if isinstance(event, Synced) else 0
                    yield event
        except ClusterError as error:
            if not started or not _passing(error, begun=begun):
                raise
            if not _resumable(error):
                position = ""
            if not _is_expiry(error):
                yield Interrupted(error)
            advice = error.retry_after if isinstance(error, ApiRefused) else None
        else:
            advice = None
        fruitless = 1 if connection.clock.monotonic() - began > _LASTING else fruitless + 1
        connection.sleep(max(retry.backoff(fruitless), min(advice or 0.0, retry.LONGEST_ADVICE)))


def _told(
    connection: Connection, path: str, labels: dict[str, str], position: str, what: str, cancel: Cancel
) -> Generator[tuple[Event, str]]:
    """The events of one watch, each with the position after it, until the server ends it."""
    seconds = random.randint(_SHORTEST, _LONGEST)  # noqa: S311 - no secret
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": position,
        "timeoutSeconds": str(seconds),
        **labels,
    }
    with connection.stream(path, query, silence=seconds + _GRACE, go_on=cancel.check, what=what) as lines:
        yield Synced(), position
        for line in lines:
            yield parse(line, what)


def _passing(error: ClusterError, *, begun: bool) -> bool:
    """Whether trying again may help. A refusal is believed when it answers a list, or the first watch after one."""
    return begun or _resumable(error) or _is_expiry(error) or not isinstance(error, ApiRefused)


def _resumable(error: ClusterError) -> bool:
    if isinstance(error, ApiRefused):
        return error.status == retry.TOO_MANY_REQUESTS or error.status in retry.SERVER_ERRORS
    return isinstance(error, ClusterUnreachable)


def _is_expiry(error: ClusterError) -> bool:
    return isinstance(error, ApiRefused) and error.status == _EXPIRED
