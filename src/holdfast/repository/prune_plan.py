"""What prune will do with each pack: pure decisions, from what was found and what was asked for.

A pack that nothing needs is not removed but *marked*, and removed when its mark is old enough. Until then whoever still
counts on it has time to publish; if somebody did, the pack is *recovered*. A pack of which little is needed is *repacked*: what
is needed is stored again in a new pack, and the old one is marked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from holdfast.ids import PackId
from holdfast.repository.pack import BlobType
from holdfast.repository.writer import PACK_SIZE

_SMALL = 4
"""A pack is small if it has less than a fourth of what a writer fills it to."""

_MANY_SMALL = 10
"""So many small packs of one type are worth being made few."""


class Action(StrEnum):
    KEEP = "keep"
    REPACK = "repack"  # store anew what is needed of it, and mark it
    MARK = "mark"  # nothing needs it
    WAIT = "wait"  # marked, and its time has not come
    RECOVER = "recover"  # marked, and needed again
    DELETE = "delete"  # marked long enough ago


@dataclass(frozen=True, slots=True)
class PackUse:
    """What is in a pack. Bytes are those of blobs as they are stored."""

    id: PackId
    type: BlobType | None  # None if no index lists it: the rest of a run that died, or of one that goes on
    size: int  # of the file
    used_blobs: int = 0  # blobs that snapshots need and have nowhere else
    used_bytes: int = 0
    unused_blobs: int = 0
    unused_bytes: int = 0
    marked: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class PruneOptions:
    max_unused: float = 0.05  # of what is stored afterwards; what is unused beyond that is repacked away
    max_repack: int | None = None  # bytes of packs that one run repacks at most
    grace: dt.timedelta = dt.timedelta(hours=24)  # between mark and removal; longer than any run


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """An action for every pack."""

    actions: tuple[tuple[PackUse, Action], ...]
    options: PruneOptions

    def packs(self, *actions: Action) -> list[PackUse]:
        return [pack for pack, action in self.actions if action in actions]

    def totals(self, *actions: Action) -> tuple[int, int]:
        """How many packs, and bytes of files."""
        sizes = [pack.size for pack in self.packs(*actions)]
        return len(sizes), sum(sizes)

    @property
    def rewritten_bytes(self) -> int:
        """What repacking stores again."""
        return sum(pack.used_bytes for pack in self.packs(Action.REPACK))

    @property
    def unused_bytes_left(self) -> int:
        """In packs that stay."""
        return sum(pack.unused_bytes for pack in self.packs(Action.KEEP, Action.RECOVER))

    @property
    def next_removal(self) -> dt.datetime | None:
        """When the first of the packs that wait may go."""
        marks = [pack.marked for pack in self.packs(Action.WAIT) if pack.marked is not None]
        return min(marks) + self.options.grace if marks else None


def plan_prune(packs: Iterable[PackUse], options: PruneOptions, now: dt.datetime) -> PrunePlan:
    """Decides for each pack."""
    packs = sorted(packs, key=lambda pack: pack.id)
    repacked = set(_to_repack([pack for pack in packs if pack.used_blobs], options))
    return PrunePlan(tuple((pack, _action(pack, pack.id in repacked, options, now)) for pack in packs), options)


def _action(pack: PackUse, is_repacked: bool, options: PruneOptions, now: dt.datetime) -> Action:
    if is_repacked:
        return Action.REPACK
    if pack.used_blobs:
        return Action.KEEP if pack.marked is None else Action.RECOVER
    if pack.marked is None:
        return Action.MARK
    return Action.DELETE if pack.marked + options.grace <= now else Action.WAIT


def _to_repack(needed: list[PackUse], options: PruneOptions) -> Iterator[PackId]:
    """The packs with the largest unused part first, until little enough is unused; then small ones, to make them few."""
    unused = sum(pack.unused_bytes for pack in needed)
    used = sum(pack.used_bytes for pack in needed)
    allowed = used * options.max_unused / (1 - options.max_unused) if options.max_unused < 1 else unused
    room = options.max_repack if options.max_repack is not None else sum(pack.size for pack in needed)
    chosen: set[PackId] = set()
    for pack in sorted(needed, key=lambda pack: (-pack.unused_bytes / (pack.unused_bytes + pack.used_bytes), pack.id)):
        if unused <= allowed or not pack.unused_bytes:
            break
        if pack.size <= room:
            room -= pack.size
            unused -= pack.unused_bytes
            chosen.add(pack.id)
    for blob_type in BlobType:
        small = [pack for pack in needed if pack.type is blob_type and pack.size * _SMALL < PACK_SIZE[blob_type]]
        if len(small) < _MANY_SMALL:
            continue
        fitting: list[PackId] = []
        for pack in small:
            if pack.id not in chosen and pack.size <= room:
                room -= pack.size
                fitting.append(pack.id)
        if len(fitting) > 1:  # one alone would be as small afterwards
            chosen.update(fitting)
    yield from chosen
