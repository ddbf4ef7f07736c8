"""Selections as backups have recorded them, made fit to ask another place with."""

from __future__ import annotations

from dataclasses import replace

from holdfast.cluster.surface import ApiSurface
from holdfast.errors import UsageError
from holdfast.model.backup import BackupRecord
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.objects.mapping import NameMap
from holdfast.objects.selection import is_glob

_EVERYTHING = Selection(all_namespaces=True, cluster_objects=ClusterObjects.ALL)


def recorded(record: BackupRecord) -> Selection:
    """What the backup was asked to take; everything if its record is lost."""
    return Selection.from_dict(record.selection) if record.selection else _EVERYTHING


def mapped(selection: Selection, names: NameMap) -> Selection:
    """The same objects by their names after `--map-namespace`."""
    if not names:
        return selection
    listed = {names[name] for name in selection.namespaces}
    if any(map(is_glob, selection.namespaces)):  # nobody knows here what it fits, so what is mapped comes along
        listed |= set(names.names.values())
    gone = names.names.keys() - set(names.names.values())
    return replace(
        selection,
        namespaces=tuple(sorted(listed)),
        exclude_namespaces=tuple(sorted({*selection.exclude_namespaces, *gone})) if selection.has_namespaces else (),
        objects=tuple(_mapped_object(text, names) for text in selection.objects),
    )


def within(chosen: Selection, covered: Selection) -> Selection:
    """`chosen` without namespaces that `covered` does not have, as far as that can be told from names."""
    if not chosen.all_namespaces or covered.all_namespaces or not covered.has_namespaces:
        return chosen
    return replace(
        chosen,
        all_namespaces=False,
        namespaces=covered.namespaces,
        namespace_selector=",".join(filter(None, (chosen.namespace_selector, covered.namespace_selector))),
    )


def _mapped_object(text: str, names: NameMap) -> str:
    match text.split("/"):
        case [kind, namespace, name]:
            return f"{kind}/{names[namespace]}/{name}"
        case [kind, name] if kind in ("namespace", "namespaces", "ns"):
            return f"{kind}/{names[name]}"
        case _:
            return text


def known_part(selection: Selection, surface: ApiSurface) -> Selection | None:
    """A recorded selection without kinds that nobody knows any more; None if it named only such."""

    def is_known(text: str) -> bool:
        try:
            surface.find(text)
        except UsageError:
            return False
        return True

    include = tuple(filter(is_known, selection.include_kinds))
    objects = tuple(text for text in selection.objects if is_known(text.partition("/")[0]))
    if (selection.include_kinds and not include) or (
        selection.objects and not objects and not selection.has_namespaces
    ):
        return None
    exclude = tuple(filter(is_known, selection.exclude_kinds))
    return replace(selection, include_kinds=include, exclude_kinds=exclude, objects=objects)
