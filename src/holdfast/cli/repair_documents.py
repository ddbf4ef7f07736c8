"""What `repository repair … -o json` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from holdfast.cli.output import printable
from holdfast.model.run import Outcome, Problem

if TYPE_CHECKING:  # each is loaded by its own verb
    from holdfast.repository.repair_index import IndexRepair
    from holdfast.repository.repair_packs import PacksRepair
    from holdfast.repository.repair_snapshots import SnapshotsRepair

HEAL = "Back up the same again: what still exists unchanged is stored anew. Then run `holdfast repository check`."
_RESTORE_PACK = "Put the file back from a copy of the store if there is one; else prune removes it in time."


class _Repaired(msgspec.Struct, kw_only=True, rename="camel"):
    """What all three documents begin with."""

    outcome: Outcome
    dry_run: bool
    counts: dict[str, int]


class LostPack(msgspec.Struct, frozen=True):
    pack: str
    why: str


class RepairedIndex(_Repaired, kw_only=True):
    lost: list[LostPack]
    errors: list[Problem]
    notes: list[str]


class SavedPack(msgspec.Struct, frozen=True):
    pack: str
    why: str
    saved: int
    lost: int


class LostPath(msgspec.Struct, frozen=True):
    snapshot: str
    path: str
    why: str


class LostBlob(msgspec.Struct, frozen=True):
    type: str
    id: str
    pack: str


class RepairedPacks(_Repaired, kw_only=True):
    packs: list[SavedPack]
    blobs: list[LostBlob]
    paths: list[LostPath]
    errors: list[Problem]
    notes: list[str]


class RepairedSnapshot(msgspec.Struct, frozen=True):
    id: str
    time: str
    paths: list[str]
    repaired: str
    forgotten: bool


class RepairedSnapshots(_Repaired, kw_only=True):
    snapshots: list[RepairedSnapshot]
    paths: list[LostPath]
    errors: list[Problem]


def describe_index(report: IndexRepair, *, dry_run: bool) -> RepairedIndex:
    """The document of `repair index`."""
    return RepairedIndex(
        outcome=Outcome.PARTIAL if report.doubtful else Outcome.DONE,
        dry_run=dry_run,
        counts={
            "packs": report.packs,
            "indexFiles": report.index_files,
            "damagedIndexFiles": len(report.damaged_files),
            "packsFound": len(report.found),
            "packsCorrected": len(report.corrected),
            "packsLost": len(report.forgotten),
            "listedTwice": report.listed_twice,
            "indexFilesReplaced": report.replaced,
            "indexFilesWritten": report.written,
        },
        lost=[LostPack(pack_id.hex(), why) for pack_id, why in sorted(report.forgotten.items())],
        errors=[
            Problem(
                f"pack {doubtful.pack.short} is damaged",
                doubtful.why,
                f"Save what is whole in it with `holdfast repository repair packs {doubtful.pack.short}`."
                if doubtful.listed
                else _RESTORE_PACK,
            )
            for doubtful in report.doubtful
        ],
        notes=[str(fault) for fault in report.damaged_files],
    )


def describe_packs(report: PacksRepair, *, dry_run: bool) -> RepairedPacks:
    """The document of `repair packs`."""
    return RepairedPacks(
        outcome=Outcome.PARTIAL if report.lost or report.unknown else Outcome.DONE,
        dry_run=dry_run,
        counts={
            "packsRead": report.packs_read,
            "packsRepaired": len(report.repaired),
            "blobsWhole": sum(pack.saved for pack in report.repaired),
            "blobsLost": len(report.lost),
            "pathsLost": len(report.lost_paths),
        },
        packs=[SavedPack(one.pack.hex(), one.why, one.saved, one.lost) for one in report.repaired],
        blobs=[LostBlob(blob.type.value, blob.id.hex(), blob.pack.hex()) for blob in report.lost],
        paths=[LostPath(lost.snapshot.hex(), printable(lost.path), lost.why) for lost in report.lost_paths],
        errors=[
            Problem(
                f"pack {pack_id.short} was left as it is",
                "neither its header nor the index tells what is in it",
                _RESTORE_PACK,
            )
            for pack_id in report.unknown
        ],
        notes=[f"pack {pack_id.short} is whole" for pack_id in report.whole],
    )


def describe_snapshots(report: SnapshotsRepair, *, dry_run: bool) -> RepairedSnapshots:
    """The document of `repair snapshots`."""
    strange = [one for one in report.damaged if not one.is_understood]
    nothing_left = [one for one in report.damaged if one.tree is None and one.is_understood and not one.forgotten]
    unreadable = [one for one in report.unreadable if not one.forgotten]
    return RepairedSnapshots(
        outcome=Outcome.PARTIAL if strange or nothing_left or unreadable else Outcome.DONE,
        dry_run=dry_run,
        counts={
            "snapshots": report.snapshots,
            "trees": report.trees,
            "damaged": len(report.damaged),
            "unreadable": len(report.unreadable),
            "pathsLost": sum(len(one.losses) for one in report.damaged),
        },
        snapshots=[
            RepairedSnapshot(
                one.id.hex(),
                one.snapshot.time,
                one.snapshot.paths,
                one.repaired.hex() if one.repaired else "",
                one.forgotten,
            )
            for one in report.damaged
        ],
        paths=[LostPath(one.id.hex(), printable(loss.path), loss.why) for one in report.damaged for loss in one.losses],
        errors=[
            *(
                Problem(
                    one.fault.what,
                    one.fault.why,
                    "Put the file back from a copy of the store, or delete it with"
                    f" `holdfast repository repair snapshots --forget {one.id.short}`.",
                )
                for one in unreadable
            ),
            *(
                Problem(
                    f"snapshot {one.id.short} is never deleted by a repair",
                    "a directory in it is stored as it was written, and Holdfast does not understand it",
                    "Try to restore it with the program that made it.",
                )
                for one in strange
            ),
            *(
                Problem(
                    f"snapshot {one.id.short} cannot be repaired",
                    "its root directory is lost",
                    f"{HEAL} If it stays lost, delete it with --forget.",
                )
                for one in nothing_left
            ),
        ],
    )
