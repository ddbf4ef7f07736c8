"""Reports of restores: what failed in one, and reading one back."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model import tags
from holdfast.model.restore import ObjectResult, RestoreReport, Result
from holdfast.model.run import RESTORE_VERBS, Problem, Run, Verb
from holdfast.operations.catalog import Entry, read_catalog
from holdfast.operations.contents import Contents
from holdfast.operations.publishing import LOG_FILE, REPORT_FILE
from holdfast.repository.repository import Repository


def failures(results: Iterable[ObjectResult]) -> list[Problem]:
    """What the run as a whole says about the objects that failed."""
    return [
        Problem(
            "/".join(filter(None, (item.kind, item.namespace, item.name))) + " was not restored", item.why, item.next
        )
        for item in results
        if item.result is Result.FAILED
    ]


def read_report(repository: Repository, reference: str) -> tuple[RestoreReport | Run, str]:
    """A restore's report and its log, by the start of its run's id or `latest`. Raises NotFound, DamagedData.

    Of a restore of files the report is its run.
    """
    entry = read_catalog(repository).find_report(reference, *RESTORE_VERBS)
    return open_report(repository, entry)


def open_report(repository: Repository, entry: Entry) -> tuple[RestoreReport | Run, str]:
    """The same of a report that was found. Raises DamagedData."""
    contents = Contents(repository, BlobId.parse(entry.snapshot.tree))
    try:
        content = contents.read(f"/{REPORT_FILE}")
        report: RestoreReport | Run
        if entry.tags.get(tags.VERB) == Verb.RESTORE_FILES:
            report = msgspec.json.decode(content, type=Run)
        else:
            report = msgspec.json.decode(content, type=RestoreReport)
    except msgspec.MsgspecError as error:
        raise DamagedData(f"the report {entry.id.short} cannot be read", why=str(error)) from error
    return report, contents.read(f"/{LOG_FILE}").decode(errors="replace")
