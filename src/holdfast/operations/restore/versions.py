"""In which version each kind of a backup is sent, and its objects made to fit.

A kind that the target serves in the backup's version goes as it is. Else one of its other versions is taken, if something
says how an object becomes one of that: a well-known move (`holdfast.objects.conversion.moves`), or for custom kinds a
CustomResourceDefinition, the target's or the backup's, that makes both versions the same. Else the kind is blocked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from holdfast.cluster.surface import ApiSurface
from holdfast.errors import DamagedData
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.conversion import changes
from holdfast.objects.conversion.definitions import knows, why_not_same
from holdfast.objects.conversion.moves import Move, moves_from, moves_of
from holdfast.objects.conversion.references import has_references, rename_references
from holdfast.objects.fields import Object, copied, items
from holdfast.operations.backup_source import BackupSource
from holdfast.operations.restore.target import Target

_DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)


@dataclass(frozen=True, slots=True)
class Route:
    """`resource` is the kind as it is sent; if it is not served, `blocked` says why, and `next` what to do."""

    resource: Resource
    note: str = ""  # why an object is converted, for plans
    blocked: str = ""
    next: str = ""


class Versions:
    """Thread-safe: what is worked out twice comes out the same."""

    def __init__(self, source: BackupSource | None, target: Target) -> None:
        """`source` is None where nothing comes from a backup."""
        self._source = source
        self._stored = source.api_surface() if source is not None else ApiSurface(())
        self._target = target
        self._routes: dict[tuple[str, str, str], Route] = {}

    def route(self, resource: Resource) -> Route:
        """How the objects of one of the backup's kinds go."""
        key = (resource.group, resource.version, resource.plural)
        if key not in self._routes:
            self._routes[key] = self._find_route(resource)
        return self._routes[key]

    def fit(self, original: Object, resource: Resource) -> Object:
        """The backup's object as one of `resource`, which a route led to; references to what is converted follow.

        `original` stays as it is. Ownership of fields is kept where the fields are the same, else it is given up.
        """
        old = str(original.get("apiVersion"))
        converts = old != resource.api_version
        if not converts and not has_references(original):
            return original
        obj: Object = copied(original)
        if converts:
            group, _, version = old.rpartition("/")
            move = _move_to(resource, Resource(group, version, resource.plural, "", namespaced=resource.namespaced))
            obj["apiVersion"] = resource.api_version
            self._convert(obj, old, move)
        changed = rename_references(obj, self._renamed)
        return obj if converts or changed else original

    @staticmethod
    def _convert(obj: Object, old: str, move: Move | None) -> None:
        if move is not None and move.change is not None:
            move.change(obj)
            obj.get("metadata", {}).pop("managedFields", None)  # they name fields of the old version
        for entry in items(obj, "metadata", "managedFields"):
            if entry.get("apiVersion") == old:
                entry["apiVersion"] = obj["apiVersion"]

    def _find_route(self, resource: Resource) -> Route:
        surface = self._target.surface
        if resource.version in surface.served(resource.group, resource.plural):
            return Route(resource)
        for move in moves_from(resource):
            if move.to_version in surface.served(move.to_group, resource.plural):
                to = replace(resource, group=move.to_group, version=move.to_version)
                return Route(to, f"sent as {to.api_version} instead of {resource.api_version}: {move.reason}")
        served = surface.served(resource.group, resource.plural)
        return self._custom_route(resource, served) if served else Route(resource)

    def _custom_route(self, resource: Resource, served: tuple[str, ...]) -> Route:
        kind = resource.group_resource
        why = f"the cluster serves {kind} only as {', '.join(served)}, not {resource.version}"
        live, stored = self._definition_in_target(kind), self._definition_in_backup(kind)
        if live is None and stored is None:
            return Route(resource, blocked=why, next="Restore into a cluster that serves this version.")
        reasons = []
        for definition, whose in ((live, "the cluster's"), (stored, "the backup's")):
            if definition is None:
                continue
            for version in served:
                reason = why_not_same(definition, resource.version, version)
                if reason is None:
                    to = replace(resource, version=version)
                    note = f"sent as {to.api_version} instead of {resource.api_version}: for {whose} definition both are the same"
                    return Route(to, note)
                reasons.append(reason)
        if live is not None and knows(live, resource.version):
            patch = f"Serve {resource.version} for the time of the restore: set `served: true` for it in the definition {kind}."
            return Route(resource, blocked=f"{why}, and {reasons[0]}", next=patch)
        advice = f"Add {resource.version} to the definition {kind} in the cluster, or restore into one that serves it."
        return Route(resource, blocked=why, next=advice)

    def _definition_in_target(self, name: str) -> Object | None:
        return self._target.live(ObjectKey(_DEFINITIONS.group, _DEFINITIONS.plural, "", name))

    def _definition_in_backup(self, name: str) -> Object | None:
        known = self._stored.preferred(_DEFINITIONS.group, _DEFINITIONS.plural)
        if self._source is None or known is None:
            return None
        try:
            found = self._source.get(known, "", name)
            definition: Object | None = None if found is None else msgspec.json.decode(found)
        except (DamagedData, msgspec.MsgspecError):
            return None
        if definition is not None and known.version == "v1beta1":
            changes.definition(definition)
        return definition

    def _renamed(self, api_version: str, kind: str) -> str:
        """In which apiVersion a reference finds its kind here."""
        surface = self._target.surface
        group, _, version = api_version.rpartition("/")
        if surface.by_kind(api_version, kind) is not None:
            return api_version
        for move in moves_of(group, version, kind=kind):
            if surface.by_kind(move.to_api_version, kind) is not None:
                return move.to_api_version
        of_backup = self._stored.by_kind(api_version, kind)
        return self.route(of_backup).resource.api_version if of_backup is not None else api_version


def _move_to(resource: Resource, before: Resource) -> Move | None:
    """The row that led from a kind of the backup to `resource`; None for custom kinds whose versions are the same."""
    return next(
        (move for move in moves_from(before) if (move.to_group, move.to_version) == (resource.group, resource.version)),
        None,
    )
