"""What a cluster says about the volumes of a backup: claims, the pods that use them, PersistentVolumes, nodes.

Claims and pods are listed namespace by namespace, or with one list if these are many; what is cluster-scoped once. A kind that
may not be read is named, and the rest goes on: a tenant may read no PersistentVolumes and no nodes, and needs neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from holdfast.api.names import RUN_LABEL
from holdfast.cluster.listing import whole
from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.fields import Object, at, name_of, namespace_of, text
from holdfast.objects.storage.claims import ClaimFacts, claims_of, is_finished
from holdfast.operations.source import Source

_MOST_NAMESPACES_LISTED_ONE_BY_ONE = 8
_CLAIMS, _PODS, _VOLUMES, _NODES = "persistentvolumeclaims", "pods", "persistentvolumes", "nodes"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFacts:
    """One look at a cluster."""

    claims: Sequence[ClaimFacts] = ()
    vanished: Sequence[ObjectKey] = ()  # claims that were captured and are not there any more
    pods: Sequence[Object] = ()  # of the backup, and those that mount its claims; none that is finished, and no movers
    nodes: Mapping[str, Object] | None = None  # None if nobody may look, or need
    unread: Sequence[str] = field(default=())  # kinds that may not be read: "nodes"


def read_facts(source: Source, claims: Iterable[ObjectKey], pods: Iterable[ObjectKey]) -> VolumeFacts:
    """`claims` and `pods` are those of the backup. Without claims, nothing but pods is asked for; without both, nothing.

    Raises ClusterUnreachable, Cancelled, and ApiRefused for anything but a missing right.
    """
    return _Facts(source, sorted(claims), frozenset(pods)).read()


class _Facts:
    def __init__(self, source: Source, claims: list[ObjectKey], pods: frozenset[ObjectKey]) -> None:
        self._source = source
        self._claims = claims
        self._pods = pods
        self._unread: list[str] = []

    def read(self) -> VolumeFacts:
        wanted = {(key.namespace, key.name): key for key in self._claims}
        pods = self._list_in({key.namespace for key in (*self._claims, *self._pods)}, _PODS)
        users: dict[tuple[str, str], list[Object]] = defaultdict(list)
        of_backup: list[Object] = []
        for pod in pods:
            at(pod, "metadata").pop("managedFields", None)  # half of it, and nobody looks there
            mounted = {(namespace_of(pod), claim) for _, claim in claims_of(pod)} & wanted.keys()
            if is_finished(pod):
                continue
            for claim in mounted:
                users[claim].append(pod)
            if (mounted or self._is_of_backup(pod)) and RUN_LABEL not in at(pod, "metadata", "labels"):
                of_backup.append(pod)
        if not wanted:
            return VolumeFacts(pods=of_backup, unread=self._unread)
        found = self._list_in({key.namespace for key in self._claims}, _CLAIMS)
        claims = {key: claim for claim in found if (key := (namespace_of(claim), name_of(claim))) in wanted}
        volumes = self._volumes(claims.values())
        facts = [
            ClaimFacts(
                namespace=namespace,
                name=name,
                claim=claim,
                volume=volumes.get(text(claim, "spec", "volumeName")),
                pods=users[namespace, name],
            )
            for (namespace, name), claim in sorted(claims.items())
        ]
        nodes = self._list_all(_NODES)
        return VolumeFacts(
            claims=facts,
            vanished=[key for place, key in wanted.items() if place not in claims],
            pods=of_backup,
            nodes=None if nodes is None else {name_of(node): node for node in nodes},
            unread=self._unread,
        )

    def _is_of_backup(self, pod: Object) -> bool:
        return ObjectKey("", _PODS, namespace_of(pod), name_of(pod)) in self._pods

    def _volumes(self, claims: Iterable[Object]) -> dict[str, Object]:
        """By name. Where they may not be read, they are those that the claims name, with nothing known of them."""
        names = {name for claim in claims if (name := text(claim, "spec", "volumeName"))}
        if not names:
            return {}
        found = self._list_all(_VOLUMES)
        if found is None:
            return {name: {"metadata": {"name": name}, "spec": {}} for name in names}
        return {name: volume for volume in found if (name := name_of(volume)) in names}

    def _list_in(self, namespaces: set[str], kind: str) -> list[Object]:
        """In these namespaces. Those in which the kind may not be listed have nothing."""
        if not namespaces:
            return []
        if len(namespaces) > _MOST_NAMESPACES_LISTED_ONE_BY_ONE:
            found = self._list(kind, None)
            if found is not None:
                return [one for one in found if namespace_of(one) in namespaces]
        lists = {name: self._list(kind, name) for name in sorted(namespaces)}
        for name, found in lists.items():
            if found is None:
                self._unread.append(f"{kind} in {name}")
        return [one for found in lists.values() for one in found or ()]

    def _list_all(self, kind: str) -> list[Object] | None:
        found = self._list(kind, None)
        if found is None:
            self._unread.append(kind)
        return found

    def _list(self, kind: str, namespace: str | None) -> list[Object] | None:
        """None if the account may not."""
        resource = self._source.api_surface().find(kind)
        try:
            return [msgspec.json.decode(item) for item in whole(self._source.list(resource, namespace=namespace)).items]
        except ApiRefused as error:
            if error.reason != "Forbidden":
                raise
            return None
