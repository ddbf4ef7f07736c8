"""What Kubernetes itself says about a Job or pod that does not get on: its newest warning."""

from __future__ import annotations

import datetime as dt

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.controller.actions import Look


class _Event(msgspec.Struct, rename="camel"):
    type: str = ""
    message: str = ""
    last_timestamp: str | None = None
    event_time: str | None = None


class _Events(msgspec.Struct):
    items: list[_Event]


def newest_warning(cluster: Cluster, about: Look) -> str:
    """An empty text if there is none. Raises what the cluster raises."""
    selector = f"involvedObject.kind={about.kind},involvedObject.name={about.name},type=Warning"
    path = f"/api/v1/namespaces/{about.namespace}/events"
    answer = cluster.connection.request("GET", path, {"fieldSelector": selector, "limit": "50"})
    events = msgspec.json.decode(answer.body, type=_Events).items
    return max(events, key=_when).message if events else ""


def _when(event: _Event) -> dt.datetime:
    text = event.last_timestamp or event.event_time
    return dt.datetime.fromisoformat(text) if text else dt.datetime.min.replace(tzinfo=dt.UTC)
