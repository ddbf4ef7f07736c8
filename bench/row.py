"""One line of the table: what was measured, what it must reach, and whether it does."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

NOT_RUN = "peer not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`values` are those of the single runs, in their order; the row's value is their median. There are none if the peer that
    they compare with did not run. A row without floor and goal only records.
    """

    id: str
    what: str
    values: Sequence[float]
    unit: str  # "objects/s", "MB"
    more_is_better: bool
    floor: float | None = None
    goal: float | None = None
    peer: str = ""  # what ran beside it, and how fast
    peer_values: Sequence[float] = ()
    details: dict[str, float] = field(default_factory=dict)  # medians of what else was seen: CPU-seconds, memory

    @property
    def value(self) -> float | None:
        return statistics.median(self.values) if self.values else None

    @property
    def verdict(self) -> str:
        if not self.values:
            return NOT_RUN
        if self.floor is not None and not self._reaches(self.floor):
            return "MISSED"
        if self.goal is not None and self._reaches(self.goal):
            return "goal"
        if self.floor is not None:
            return "floor"
        return "recorded" if self.goal is None else "short of the goal"

    @property
    def is_missed(self) -> bool:
        """A floor that nothing was measured for is missed too: nobody knows whether it holds."""
        return self.verdict == "MISSED" or (self.floor is not None and not self.values)

    def _reaches(self, limit: float) -> bool:
        value = statistics.median(self.values)
        return value >= limit if self.more_is_better else value <= limit

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


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table for docs/benchmarks.md."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(_cells(row) for row in rows)]
    return "\n".join(f"| {' | '.join(cell.lower() if line is COLUMNS else cell for cell in line)} |" for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    spread = f"{number(min(row.values))} to {number(max(row.values))}" if len(row.values) > 1 else ""
    return (
        row.what,
        "" if row.value is None else f"{number(row.value)} {row.unit}",
        spread,
        *("" if limit is None else number(limit) for limit in (row.floor, row.goal)),
        row.peer,
        row.verdict,
    )


def number(value: float) -> str:
    """Three digits that matter: `5,120`, `82.1`, `0.78`, `0.055`."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
