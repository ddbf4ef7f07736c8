"""Reading the report of a drill."""

from __future__ import annotations

import msgspec

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.drill import DrillReport
from holdfast.model.run import Verb
from holdfast.operations.catalog import read_catalog
from holdfast.operations.contents import Contents
from holdfast.operations.publishing import LOG_FILE, REPORT_FILE
from holdfast.repository.repository import Repository


def read_drill(repository: Repository, reference: str) -> tuple[DrillReport, str]:
    """A drill's report and its log, by the start of its run's id or `latest`. Raises NotFound, DamagedData."""
    entry = read_catalog(repository).find_report(reference, Verb.DRILL_RUN)
    contents = Contents(repository, BlobId.parse(entry.snapshot.tree))
    try:
        report = msgspec.json.decode(contents.read(f"/{REPORT_FILE}"), type=DrillReport)
    except msgspec.MsgspecError as error:
        raise DamagedData(f"the report {entry.id.short} cannot be read", why=str(error)) from error
    return report, contents.read(f"/{LOG_FILE}").decode(errors="replace")
