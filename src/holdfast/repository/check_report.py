"""What a check found, in bounded room: what concerns one pack or one snapshot is one finding, and of those the first are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from holdfast.errors import DamagedData
from holdfast.ids import IndexId, PackId, SnapshotId
from holdfast.model.run import Problem
from holdfast.repository.reachable import Damage

MOST_FINDINGS = 1000
MOST_PATHS = 10


class Severity(StrEnum):
    ERROR = "error"  # something is lost or wrong
    NOTE = "note"  # untidy, but nothing is lost


class Finding(Problem, frozen=True, kw_only=True, rename="camel"):
    """One thing that a check found."""

    severity: Severity
    pack: str = ""  # id of the pack that it is about
    snapshot: str = ""  # id of the snapshot that it is about
    paths: tuple[str, ...] = ()  # the first that are damaged in that snapshot
    path_count: int = 0  # how many there are


@dataclass(slots=True)
class CheckReport:
    packs: int = 0
    packs_read: int = 0
    stored_bytes: int = 0  # of all packs
    bytes_read: int = 0
    blobs: int = 0
    snapshots: int = 0
    trees: int = 0
    index_files: frozenset[IndexId] = frozenset()  # that were there before the index was read
    missing_packs: set[PackId] = field(default_factory=set)
    error_count: int = 0
    findings: list[Finding] = field(default_factory=list)  # no more than MOST_FINDINGS errors, and a few notes

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]

    @property
    def notes(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity is Severity.NOTE]

    def damaged(self, error: DamagedData) -> None:
        self.error(error.what, error.why, error.next)

    def damaged_pack(self, pack: PackId, what: str, why: str, next: str) -> None:  # noqa: A002 - the errors' own word
        self.error(f"pack {pack.short} {what}", why, next, pack=pack.hex())

    def damaged_snapshot(self, snapshot_id: SnapshotId, damages: Iterable[Damage]) -> None:
        """All that a snapshot lost as one finding; nothing if it lost nothing."""
        rest = iter(damages)
        first = list(islice(rest, MOST_PATHS))
        if not first:
            return
        count = len(first) + sum(1 for _ in rest)
        what, why = str(first[0]), first[0].why
        if count > 1:
            what, why = f"{count:,} files and directories are damaged", f"the first: {what}: {why}"
        self.error(
            f"snapshot {snapshot_id.short}: {what}",
            why,
            DamagedData.default_next,
            snapshot=snapshot_id.hex(),
            paths=tuple(damage.path for damage in first),
            path_count=count,
        )

    def error(
        self,
        what: str,
        why: str,
        next: str,  # noqa: A002
        *,
        pack: str = "",
        snapshot: str = "",
        paths: tuple[str, ...] = (),
        path_count: int = 0,
    ) -> None:
        self.error_count += 1
        if self.error_count <= MOST_FINDINGS:
            self.findings.append(
                Finding(
                    what,
                    why,
                    next,
                    severity=Severity.ERROR,
                    pack=pack,
                    snapshot=snapshot,
                    paths=paths,
                    path_count=path_count,
                )
            )

    def note(self, what: str, why: str, next: str) -> None:  # noqa: A002
        self.findings.append(Finding(what, why, next, severity=Severity.NOTE))
