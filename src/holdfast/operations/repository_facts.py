"""How much is in a repository."""

from __future__ import annotations

import msgspec

from holdfast.model import tags
from holdfast.model.run import Outcome, Problem, Verb
from holdfast.operations.catalog import Catalog, read_catalog
from holdfast.repository.keys import list_keys
from holdfast.repository.lock_file import list_locks
from holdfast.repository.repository import Repository


class LastCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The newest check that read data; others leave no trace."""

    time: str
    level: str  # "sample", "all"
    outcome: Outcome


class RepositoryFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `repository show -o json` prints."""

    url: str
    id: str
    version: int
    backups: int
    snapshots: int
    packs: int
    blobs: int
    content_bytes: int  # of all blobs, each once
    stored_bytes: int  # of all packs
    keys: int
    locks: int
    last_check: LastCheck | None  # None if there is no report of one
    problems: list[Problem]


def read_facts(repository: Repository) -> RepositoryFacts:
    """From the index and the snapshots; no data is read."""
    catalog = read_catalog(repository)
    index = repository.index
    totals = index.totals()
    damaged = [*(error for _, error in catalog.damaged), *index.faults]
    return RepositoryFacts(
        url=repository.store.url,
        id=repository.config.id,
        version=repository.config.version,
        backups=len(catalog.backups),
        snapshots=len(catalog.entries) + len(catalog.damaged),
        packs=totals.packs,
        blobs=totals.blobs,
        content_bytes=totals.content_bytes,
        stored_bytes=totals.stored_bytes,
        keys=sum(1 for _ in list_keys(repository.store)),
        locks=sum(1 for _ in list_locks(repository.store, repository.key)),
        last_check=_last_check(catalog),
        problems=[Problem.of(error) for error in damaged],
    )


def _last_check(catalog: Catalog) -> LastCheck | None:
    reports = catalog.reports(Verb.REPOSITORY_CHECK)
    if not reports:
        return None
    newest = reports[-1]
    return LastCheck(time=newest.snapshot.time, level=newest.tags.get(tags.LEVEL), outcome=newest.outcome)
