"""What happened so far."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(slots=True)
class Counts:
    repositories: int = 0
    rounds: int = 0
    backups: int = 0
    forgets: int = 0
    deletions: int = 0
    repairs: int = 0
    prunes: int = 0
    packs_removed: int = 0
    kills: int = 0
    stops: int = 0
    faults: int = 0
    refused: int = 0
    compared: int = 0
    lost_blobs: int = 0

    def __str__(self) -> str:
        """One line; all names are those of the fields."""
        return ", ".join(f"{getattr(self, each.name):,} {each.name.replace('_', ' ')}" for each in fields(self))
