"""Does a backup's record fit its tree? What the record does not name, no restore would see."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.errors import DamagedData
from holdfast.model.backup import BackupRecord, ResourceRecord
from holdfast.model.run import Problem
from holdfast.objects.paths import CORE, ROOT
from holdfast.operations.contents import Contents

_NEXT = "Make a new backup; whatever is there can be read with `holdfast backup cat`."


def structure_problems(contents: Contents, record: BackupRecord) -> Iterator[Problem]:
    """Kinds that only one of the two has, and kinds with another number of objects. Damaged directories are not judged."""
    recorded = {_directory(resource): resource for resource in record.resources}
    found = set(_kinds(contents))
    for directory in sorted(found - recorded.keys()):
        yield Problem(f"{directory} is not in the backup's record", "a restore does not see the objects in it", _NEXT)
    for directory, resource in recorded.items():
        count = _count(contents, directory) if directory in found else 0
        if count is not None and count != resource.count:
            why = f"it should have {resource.count} objects and has {count}"
            yield Problem(f"{directory} is not as the backup's record says", why, _NEXT)


def _directory(resource: ResourceRecord) -> str:
    return f"{ROOT}/{resource.group or CORE}/{resource.version}/{resource.plural}"


def _kinds(contents: Contents) -> Iterator[str]:
    """`/objects/<group>/<version>/<plural>` for all that can be read."""
    for group in _below(contents, ROOT) or ():
        for version in _below(contents, group) or ():
            yield from _below(contents, version) or ()


def _count(contents: Contents, directory: str) -> int | None:
    """Files below the kind's namespaces; None if a directory is damaged, which is named when its objects are read."""
    scopes = _below(contents, directory)
    below = [_below(contents, scope) for scope in scopes or ()]
    if scopes is None or any(names is None for names in below):
        return None
    return sum(len(names or ()) for names in below)


def _below(contents: Contents, directory: str) -> list[str] | None:
    try:
        if directory == ROOT and contents.find(ROOT) is None:
            return []
        return [entry.path for entry in contents.entries(directory)]
    except DamagedData:
        return None
