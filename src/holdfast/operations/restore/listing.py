"""The restores that a repository tells of: by their reports, and by their safety points where no report came."""

from __future__ import annotations

import msgspec

from holdfast.model import tags
from holdfast.model.run import RESTORE_VERBS
from holdfast.operations.catalog import Catalog, Entry

INTERRUPTED = "interrupted"


class ListedRestore(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of `restore list`."""

    id: str
    name: str  # of the backup; "" where only the safety point tells of the restore
    outcome: str  # of the run, or `interrupted`: it left a safety point and no report, or it is still running
    time: str  # RFC 3339
    cluster: str
    undoes: str = ""  # the restore that was taken back
    undone: bool = False
    safety_point: str = ""  # id of a snapshot


def list_restores(catalog: Catalog) -> list[ListedRestore]:
    """Oldest first."""
    reports = {entry.tags.get(tags.RUN): entry for entry in catalog.reports(*RESTORE_VERBS)}
    points = {entry.tags.get(tags.RUN): entry for entry in catalog.safety_points}
    undone = {entry.tags.get(tags.UNDOES) for entry in reports.values()}

    def listed(run: str, entry: Entry) -> ListedRestore:
        point = points.get(run)
        return ListedRestore(
            id=run,
            name=entry.name,
            outcome=entry.outcome.value if run in reports else INTERRUPTED,
            time=entry.snapshot.time,
            cluster=entry.snapshot.hostname,
            undoes=entry.tags.get(tags.UNDOES),
            undone=run in undone,
            safety_point=point.id.hex() if point else "",
        )

    runs = sorted({**points, **reports}.items(), key=lambda item: item[1].time)
    return [listed(run, entry) for run, entry in runs]
