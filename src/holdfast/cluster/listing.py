"""Lists all objects of a kind, page by page, each object as the bytes the API server sent.

All pages of a list show the same moment. The server forgets that moment after some minutes and then answers 410. It
offers a token to go on at a later moment, which we do not take: an object that is renamed or moved meanwhile (deleted
behind the cursor, created before it) would be in neither half, and a backup would lack what always existed. So the
list begins anew, and the first page of the new one says `restarted`: whoever takes the pages forgets what the earlier
ones held. Each new try asks for larger pages, so that a large kind and a slow reader come to an end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from holdfast.cluster import paths
from holdfast.cluster.answers import decode
from holdfast.cluster.connection import Connection
from holdfast.errors import ApiRefused
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource

_EXPIRED = 410
_RESTARTS = 3
_GROWTH = 4  # how much larger the pages are after each restart


class Page(NamedTuple):
    items: list[bytes]  # JSON objects, each with apiVersion and kind
    resource_version: str  # the moment that the list shows; the same for all pages until a restart
    remaining: int | None  # objects after this page; None where the server does not say
    restarted: bool  # this list begins anew: earlier pages are void


class Whole(NamedTuple):
    """A list whose pages are all there, none of them void."""

    items: list[bytes]
    resource_version: str


def whole(pages: Iterable[Page]) -> Whole:
    """For lists that fit into memory. Raises what the pages raise."""
    items: list[bytes] = []
    version = ""
    for page in pages:
        if page.restarted:
            items = []
        items += page.items
        version = page.resource_version
    return Whole(items, version)


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    remaining_item_count: int | None = None
    next_page: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct):
    metadata: _Metadata
    items: list[msgspec.Raw] | None = None  # null where Go's list was nil


class _TypeMeta(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""


_TYPE_META = msgspec.json.Decoder(_TypeMeta)


def list_objects(
    connection: Connection,
    resource: Resource,
    *,
    namespace: str | None = None,
    label_selector: str = "",
    page_size: int = 500,
    cancel: Cancel,
) -> Iterator[Page]:
    """At least one page; `namespace` None means all. One page is in memory at a time.

    Raises ApiRefused (Forbidden, or the kind is gone), ClusterUnreachable, Cancelled.
    """
    path = paths.collection(resource, namespace)
    what = f"cannot list {resource.group_resource}" + (f" in {namespace}" if namespace else "")
    base = {"labelSelector": label_selector} if label_selector else {}
    next_page = ""
    restarts = 0
    restarted = False
    while True:
        cancel.check()
        query = {"limit": str(page_size * _GROWTH**restarts), **base}
        if next_page:
            query["continue"] = next_page
        try:
            body = connection.request("GET", path, query, what=what).body
        except ApiRefused as error:
            if error.status != _EXPIRED or not next_page or restarts == _RESTARTS:
                raise
            restarts, restarted, next_page = restarts + 1, True, ""
            continue
        answer = decode(body, _List, f"a list of {resource.group_resource}")
        metadata = answer.metadata
        items = [with_type(item, resource) for item in answer.items or ()]
        yield Page(items, metadata.resource_version, metadata.remaining_item_count, restarted)
        next_page, restarted = metadata.next_page, False
        if not next_page:
            return


def with_type(item: msgspec.Raw | bytes, resource: Resource) -> bytes:
    """An item of a list as a GET of the object would give it, byte for byte.

    Servers leave out kind and apiVersion in the lists of built-in kinds and keep them for custom resources; where they
    are missing they are put in front, in the order in which built-in kinds show them.
    """
    has = _TYPE_META.decode(item)
    missing = []
    if not has.kind:
        missing.append(f'"kind":"{resource.kind}"')
    if not has.api_version:
        missing.append(f'"apiVersion":"{resource.api_version}"')
    if not missing:
        return bytes(item)
    rest = memoryview(item)[1:]
    return b"".join((b"{", ",".join(missing).encode(), b"," if rest[0] != ord("}") else b"", rest))
