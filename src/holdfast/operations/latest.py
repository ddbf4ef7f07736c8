"""Which backup `latest` means: the newest one of a plan, with certain namespaces in it, before a time."""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from holdfast.errors import DamagedData, NotFound
from holdfast.ids import BlobId
from holdfast.model import tags
from holdfast.objects.selection import is_glob
from holdfast.operations.catalog import Catalog, Entry
from holdfast.operations.contents import Contents
from holdfast.repository.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """Empty conditions do not restrict. `cluster` decides where backups of several clusters' plans of one name fit."""

    plan: str = ""
    namespaces: tuple[str, ...] = ()  # names or globs; a backup has all of them
    before: dt.datetime | None = None
    cluster: str = ""


def find_latest(repository: Repository, catalog: Catalog, wanted: Latest) -> Entry:
    """Raises NotFound if no backup fits, or if it is not clear whose is meant."""
    fitting = [
        entry
        for entry in catalog.backups
        if wanted.plan in ("", entry.tags.get(tags.PLAN)) and (wanted.before is None or entry.time < wanted.before)
    ]
    if wanted.plan:
        fitting = _of_one_cluster(fitting, wanted)
    for entry in reversed(fitting):
        if all(_holds(repository, entry, name) for name in wanted.namespaces):
            return entry
    raise NotFound(
        "there is no such backup",
        why=f"no backup fits `latest` with these conditions: {_described(wanted)}",
        next="List what exists, and what each holds, with `holdfast backup list`.",
    )


def _of_one_cluster(entries: list[Entry], wanted: Latest) -> list[Entry]:
    clusters = sorted({entry.snapshot.hostname for entry in entries})
    if len(clusters) < 2:
        return entries
    if wanted.cluster not in clusters:
        raise NotFound(
            f"`latest` of the plan {wanted.plan} means no single backup",
            why=f"clusters have backups of a plan of that name: {', '.join(clusters)}",
            next="Say which one with --cluster-name, or name the backup.",
        )
    return [entry for entry in entries if entry.snapshot.hostname == wanted.cluster]


def _holds(repository: Repository, entry: Entry, namespace: str) -> bool:
    """By the snapshot's paths, which say what was asked for; where that may be any namespace, by what was found."""
    taken = list(_namespaces_in(entry.snapshot.paths))
    excluded = [path.removeprefix(_EXCLUDED) for path in entry.snapshot.paths if path.startswith(_EXCLUDED)]
    if any(fnmatch.fnmatchcase(namespace, pattern) for pattern in excluded):
        return False
    if any(fnmatch.fnmatchcase(name, namespace) for name in taken if not is_glob(name)):
        return True
    if not any(fnmatch.fnmatchcase(namespace, name) or is_glob(namespace) for name in taken if is_glob(name)):
        return False
    return any(fnmatch.fnmatchcase(name, namespace) for name in _recorded(repository, entry, namespace))


_EXCLUDED = "/exclude-namespaces/"


def _namespaces_in(paths: Sequence[str]) -> Iterator[str]:
    """Names and globs that a backup was asked for: `/namespaces/web-*`, `/objects/configmaps/shop/settings`."""
    for path in paths:
        match path.split("/"):
            case ["", "namespaces", name] | ["", "objects" | "workloads", _, name, _]:
                yield name


def _recorded(repository: Repository, entry: Entry, otherwise: str) -> Sequence[str]:
    """What the backup says that it holds; a damaged one may hold it."""
    try:
        return Contents(repository, BlobId.parse(entry.snapshot.tree)).record().namespaces
    except DamagedData:
        return (otherwise,)


def _described(wanted: Latest) -> str:
    parts = [
        *([f"plan {wanted.plan}"] if wanted.plan else []),
        *(f"namespace {name}" for name in wanted.namespaces),
        *([f"before {wanted.before.isoformat()}"] if wanted.before else []),
    ]
    return ", ".join(parts) or "none at all"
