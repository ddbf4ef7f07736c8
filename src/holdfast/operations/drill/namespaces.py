"""The throw-away namespaces of drills: how they are named, made, found again and removed.

A namespace carries its drill's label from the moment it is made, and until when that drill may need it. So whatever became of
the drill, the next one can tell what is left over.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused
from holdfast.model.run import timestamp
from holdfast.objects.isolation import LABEL as QUARANTINE
from holdfast.objects.metadata import glimpse

LABEL = "holdfast.dev/drill"
UNTIL = "holdfast.dev/drill-until"
"""The annotation: until when the drill may need the namespace. One that was kept has none."""

_OWN_LABEL = "kubernetes.io/metadata.name"
_LONGEST = 63
_DIGITS = 8


class Leftover(NamedTuple):
    """A namespace of a drill."""

    name: str
    uid: str
    run: str
    until: str  # RFC 3339; "" if it was kept


def drill_namespace(run: str, old: str) -> str:
    """`drill-<run>-<old>`, shortened with a hash where that is too long for a namespace."""
    name = f"drill-{run}-{old}"
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(old.encode()).hexdigest()[:_DIGITS]
    return f"{name[: _LONGEST - _DIGITS - 1].rstrip('-')}-{digest}"


def make_namespace(
    cluster: Cluster, name: str, run: str, labels: Mapping[str, str], until: dt.datetime, *, kept: bool
) -> Leftover:
    """Makes it empty; `close` comes next. Raises ApiRefused.

    `labels` are those that it has in the backup, since Pod Security and others go by them.
    """
    metadata = {
        "name": name,
        "labels": {
            **{key: value for key, value in labels.items() if key != _OWN_LABEL},
            LABEL: run,
            QUARANTINE: "true",
        },
        "annotations": {} if kept else {UNTIL: timestamp(until)},
    }
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    made = glimpse(cluster.create(cluster.api_surface().find("namespaces"), "", msgspec.json.encode(body)))
    return Leftover(name, made.metadata.uid or "", run, "" if kept else timestamp(until))


def find_namespaces(cluster: Cluster, run: str = "") -> list[Leftover]:
    """Of one drill, or of all. Those that are being deleted already are not among them. Raises ApiRefused."""
    found: list[Leftover] = []
    selector = f"{LABEL}={run}" if run else LABEL
    for page in cluster.list(cluster.api_surface().find("namespaces"), label_selector=selector):
        if page.restarted:
            found.clear()
        for data in page.items:
            seen = glimpse(data)
            if not seen.is_being_deleted:
                uid, until = seen.metadata.uid or "", seen.annotations.get(UNTIL, "")
                found.append(Leftover(seen.name, uid, seen.labels[LABEL], until))
    return found


def is_over(namespace: Leftover, now: dt.datetime) -> bool:
    """Whether its drill must have ended: it was killed, or could not clean up. False for what was kept."""
    try:
        return bool(namespace.until) and dt.datetime.fromisoformat(namespace.until) < now
    except ValueError:
        return False


def remove(cluster: Cluster, namespaces: Iterable[Leftover]) -> list[str]:
    """Asks for their deletion; gives the names. Raises ApiRefused, and not for what is gone."""
    resource = cluster.api_surface().find("namespaces")
    removed = []
    for one in namespaces:
        try:
            cluster.delete(resource, "", one.name, uid=one.uid)
        except ApiRefused as error:
            if error.reason not in ("NotFound", "Conflict"):  # Conflict: it is another one by now
                raise
        removed.append(one.name)
    return removed


def wait_gone(cluster: Cluster, names: Sequence[str], seconds: float) -> list[str]:
    """Those that are still there after so many seconds; a namespace goes when all in it is gone."""
    resource, clock = cluster.api_surface().find("namespaces"), cluster.connection.clock
    end = clock.monotonic() + seconds
    left = list(names)
    while left:
        left = [name for name in left if cluster.get(resource, "", name) is not None]
        if clock.monotonic() >= end:
            break
        if left:
            cluster.connection.sleep(0.5)
    return left
