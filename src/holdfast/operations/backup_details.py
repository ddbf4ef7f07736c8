"""One backup in detail: its record, the run that made it, single files of it, and its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import structs

from holdfast.errors import DamagedData, NotFound
from holdfast.ids import BlobId
from holdfast.model import tags
from holdfast.model.backup import BackupRecord
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource
from holdfast.model.run import BACKUP_VERBS, Run
from holdfast.objects.paths import object_path
from holdfast.operations.catalog import Catalog, Entry, read_catalog
from holdfast.operations.contents import Contents
from holdfast.operations.publishing import LOG_FILE, REPORT_FILE
from holdfast.operations.record_recovery import read_record
from holdfast.repository.repository import Repository


@dataclass(frozen=True, slots=True)
class Details:
    """`record` is None for backups of files and for runs that made no backup, `run` if its report is not there (any more)."""

    id: str
    record: BackupRecord | None
    run: Run | None
    log: str


def read_details(repository: Repository, reference: str) -> Details:
    """A backup, or a run that failed to make one. Raises NotFound."""
    catalog = read_catalog(repository)
    try:
        entry = catalog.find_backup(reference)
    except NotFound:
        report = catalog.find_report(reference, *BACKUP_VERBS)
        return Details(report.id.hex(), None, *_read_report(repository, report))
    report_entry = catalog.report_of(entry.tags.get(tags.RUN)) if entry.tags.get(tags.RUN) else None
    run, log = _read_report(repository, report_entry) if report_entry else (None, "")
    if entry.kind != tags.APPLICATION:
        # The report was written before the snapshot had its id.
        return Details(entry.id.hex(), None, structs.replace(run, id=entry.id.hex()) if run else None, log)
    record, problems = read_record(_contents(repository, entry), entry)
    return Details(entry.id.hex(), structs.replace(record, errors=[*record.errors, *problems]), run, log)


def _read_report(repository: Repository, entry: Entry) -> tuple[Run, str]:
    contents = _contents(repository, entry)
    try:
        run = msgspec.json.decode(contents.read(f"/{REPORT_FILE}"), type=Run)
    except msgspec.MsgspecError as error:
        raise DamagedData(f"the report {entry.id.short} cannot be read", why=str(error)) from error
    return run, contents.read(f"/{LOG_FILE}").decode(errors="replace")


def _contents(repository: Repository, entry: Entry) -> Contents:
    return Contents(repository, BlobId.parse(entry.snapshot.tree))


def open_contents(repository: Repository, reference: str) -> Contents:
    """The tree of any backup, also of one that restic made. Raises NotFound."""
    return _contents(repository, read_catalog(repository).find_backup(reference))


def open_named(contents: Contents, what: str) -> Iterator[bytes]:
    """The content of a file by its path (`/backup.json`), or of an object as `kind/namespace/name` or `kind/name`, in pieces.

    Raises NotFound at once, also for what is there and is no file; DamagedData at once or after some pieces.
    """
    if what.startswith("/"):
        return contents.pieces(what)
    kind, *rest = what.split("/")
    *namespace, name = rest or [""]
    for entry in contents.record().resources:
        known = (entry.plural, f"{entry.plural}.{entry.group}", entry.kind.lower())
        if kind.lower() in known and len(namespace) == entry.namespaced:
            resource = Resource(entry.group, entry.version, entry.plural, entry.kind, namespaced=entry.namespaced)
            with contextlib.suppress(NotFound):
                return contents.pieces(object_path(resource, namespace[0] if namespace else "", name))
    raise NotFound(
        f"the backup has no object {what!r:.120}",
        why="objects are named kind/namespace/name, or kind/name without a namespace",
        next="Look around with `holdfast backup browse BACKUP -R /objects`.",
    )


def find_backups(repository: Repository, references: Sequence[str]) -> list[Entry]:
    """Each once. Raises NotFound for the first that does not exist, so that a list is taken whole or not at all."""
    catalog = read_catalog(repository)
    found = {entry.id: entry for entry in (_find(catalog, reference) for reference in references)}
    return list(found.values())


def _find(catalog: Catalog, reference: str) -> Entry:
    try:
        return catalog.find_backup(reference)
    except NotFound:
        return catalog.find_report(reference, *BACKUP_VERBS)


def delete_backups(repository: Repository, entries: Sequence[Entry], cancel: Cancel) -> None:
    """Removes the snapshots, and their runs' reports and parts; a shared lock keeps prune away meanwhile."""
    with repository.lock(cancel):
        catalog = read_catalog(repository)
        for entry in entries:
            repository.delete_snapshot(entry.id)
            run = entry.tags.get(tags.RUN)
            for one in catalog.entries if run else ():
                if one.kind in (tags.REPORT, tags.PART) and one.tags.get(tags.RUN) == run and one.id != entry.id:
                    repository.delete_snapshot(one.id)
