"""One line of the table: what was measured, what it must reach, and whether it does."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`values` are those of the single runs, in their order; the row's value is their median."""

    id: str
    what: str
    values: Sequence[float]
    unit: str  # "objects/s", "MB"
    floor: float
    goal: float
    more_is_better: bool
    peer: str = ""  # what ran beside it, and how fast
    peer_values: Sequence[float] = ()
    details: dict[str, float] = field(default_factory=dict)  # medians of what else was seen: CPU-seconds, memory

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        if self._reaches(self.goal):
            return "goal"
        return "floor" if self._reaches(self.floor) else "MISSED"

    @property
    def is_missed(self) -> bool:
        return self.verdict == "MISSED"

    def _reaches(self, limit: float) -> bool:
        return self.value >= limit if self.more_is_better else self.value <= limit

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "values": list(self.values),
            "floor": self.floor,
            "goal": self.goal,
            "moreIsBetter": self.more_is_better,
            "verdict": self.verdict,
            "peer": self.peer,
            "peerValues": list(self.peer_values),
            "details": self.details,
        }


COLUMNS = ("WHAT", "MEASURED", "RUNS", "FLOOR", "GOAL", "BESIDE IT", "VERDICT")


def table(rows: Sequence[Row]) -> str:
    """The rows in columns, for reading."""
    cells = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _cells(row: Row) -> tuple[str, ...]:
    spread = f"{number(min(row.values))} to {number(max(row.values))}" if len(row.values) > 1 else ""
    return (
        row.what,
        f"{number(row.value)} {row.unit}",
        spread,
        f"{number(row.floor)}",
        f"{number(row.goal)}",
        row.peer,
        row.verdict,
    )


def number(value: float) -> str:
    """Three digits that matter: `5,120`, `82.1`, `0.78`, `0.055`."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
