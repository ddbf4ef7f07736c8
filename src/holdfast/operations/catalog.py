"""What backups a repository holds: listing them, and finding the one that a user names.

The catalog is read from the snapshots alone. A run that failed has no backup, but its report is listed in its place.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from holdfast.errors import DamagedData, NotFound
from holdfast.ids import SnapshotId
from holdfast.model import tags
from holdfast.model.run import BACKUP_VERBS, PROOF_VERBS, RESTORE_VERBS, Outcome, Verb
from holdfast.model.tags import Tags
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Entry:
    """One snapshot with its parsed tags."""

    id: SnapshotId
    snapshot: Snapshot
    tags: Tags

    @property
    def kind(self) -> str:
        """`app`, `files`, `report`, …; `files` for what restic itself backed up too."""
        return self.tags.get(tags.KIND) or tags.FILES

    @property
    def is_backup(self) -> bool:
        return self.kind not in (tags.REPORT, tags.PART, tags.SAFETY)

    @property
    def kind_of_run(self) -> str:
        """The kind of a backup; of a report that of the backup its run made or should have made."""
        if self.is_backup:
            return self.kind
        return tags.FILES if self.tags.get(tags.VERB) == Verb.BACKUP_FILES else tags.APPLICATION

    @property
    def name(self) -> str:
        return self.tags.get(tags.NAME)

    @property
    def outcome(self) -> Outcome:
        """Done for snapshots of other programs, which publish none that failed."""
        text = self.tags.get(tags.OUTCOME)
        return Outcome(text) if text in set(Outcome) else Outcome.DONE

    @property
    def time(self) -> dt.datetime:
        return self.snapshot.moment()


@dataclass(frozen=True, slots=True)
class Catalog:
    """All snapshots of a repository, oldest first, and the damaged ones."""

    entries: tuple[Entry, ...]
    damaged: tuple[tuple[SnapshotId, DamagedData], ...]

    @property
    def backups(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.is_backup]

    @property
    def safety_points(self) -> list[Entry]:
        """What restores were about to change."""
        return [entry for entry in self.entries if entry.kind == tags.SAFETY]

    def is_open(self, safety_point: Entry) -> bool:
        """Whether its restore neither ended by itself nor was taken back."""
        run = safety_point.tags.get(tags.RUN)
        ended = [entry for entry in self.reports(*RESTORE_VERBS) if entry.outcome in (Outcome.DONE, Outcome.PARTIAL)]
        return not any(run in (entry.tags.get(tags.RUN), entry.tags.get(tags.UNDOES)) for entry in ended)

    def reports(self, *verbs: Verb) -> list[Entry]:
        """Reports of these verbs' runs."""
        return [entry for entry in self.entries if entry.kind == tags.REPORT and entry.tags.get(tags.VERB) in verbs]

    def proofs(self) -> dict[str, Entry]:
        """The newest report that proves a whole backup, by the id of the backup's snapshot in hexadecimal digits."""
        proving = (entry for entry in self.reports(*PROOF_VERBS) if entry.tags.get(tags.PROOF))
        return {entry.tags.get(tags.BACKUP): entry for entry in proving}  # the newest come last

    def backups_and_failures(self) -> list[Entry]:
        """Backups, and the reports of backup runs that published none; oldest first."""
        published = {entry.tags.get(tags.RUN) for entry in self.backups}
        failures = [entry for entry in self.reports(*BACKUP_VERBS) if entry.tags.get(tags.RUN) not in published]
        return sorted([*self.backups, *failures], key=lambda entry: entry.time)

    def find_backup(self, reference: str) -> Entry:
        """The backup that an id's first digits, a name, a run id or `latest` means. Raises NotFound.

        `latest` is the newest of all; `holdfast.operations.latest` knows conditions.
        """
        if reference == LATEST:
            if not self.backups:
                raise NotFound("there is no such backup", why="the repository has none yet")
            return self.backups[-1]
        return self._find(reference, [*self.backups, *self.safety_points], "backup")

    def find_report(self, reference: str, *verbs: Verb) -> Entry:
        """The report of a run of one of `verbs`, which have one noun. Raises NotFound."""
        entries = self.reports(*verbs)
        if reference == LATEST and entries:
            return entries[-1]
        return self._find(reference, entries, verbs[0].partition(" ")[0])

    def report_of(self, run: str) -> Entry | None:
        """The report of one run; None if it was deleted or never written."""
        return next((e for e in self.entries if e.kind == tags.REPORT and e.tags.get(tags.RUN) == run), None)

    def _find(self, reference: str, entries: list[Entry], what: str) -> Entry:
        exact = [entry for entry in entries if reference and reference in (entry.name, entry.tags.get(tags.RUN))]
        found = exact or [
            entry
            for entry in entries
            if reference and (entry.id.hex().startswith(reference) or entry.tags.get(tags.RUN).startswith(reference))
        ]
        if not found:
            raise NotFound(
                f"there is no {what} {reference!r:.80}",
                why="it is neither the start of an id, nor a name, nor a run's id",
                next=f"List what exists with `holdfast {what} list`.",
            )
        if len(found) > 1:
            ids = ", ".join(entry.id.short for entry in found[:5])
            raise NotFound(f"{reference!r:.80} means {len(found)} {what}s", why=ids, next="Name one by its id.")
        return found[0]


def read_catalog(repository: Repository, known: Catalog | None = None) -> Catalog:
    """Reads every snapshot's file that is not in a `known` catalog, no trees. Snapshots never change; they come and go."""
    listed = repository.snapshot_ids()
    read = {entry.id: entry for entry in known.entries} if known is not None else {}
    entries = [read[snapshot_id] for snapshot_id in listed if snapshot_id in read]
    damaged: list[tuple[SnapshotId, DamagedData]] = []
    for snapshot_id, snapshot in repository.snapshots(one for one in listed if one not in read):
        if isinstance(snapshot, DamagedData):
            damaged.append((snapshot_id, snapshot))
        else:
            entries.append(Entry(snapshot_id, snapshot, Tags.parse(snapshot.tags)))
    entries.sort(key=lambda entry: (entry.time, entry.id))
    return Catalog(tuple(entries), tuple(damaged))
