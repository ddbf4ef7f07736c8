"""What the demonstration has proved, line by line, with its figures."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from demo.mysql.bookings import Found
from demo.scenario import NotTheSame


@dataclass(frozen=True, slots=True)
class Line:
    what: str
    acknowledged: int  # the last booking that was acknowledged before the backup began
    found: Found  # by a client, after the restore


@dataclass(slots=True)
class Proof:
    lines: list[Line] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)

    def add(self, what: str, acknowledged: int, found: Found) -> None:
        """Raises NotTheSame unless the bookings are 1, 2, 3, … up to the acknowledged one at least."""
        if not found.gapless:
            raise NotTheSame(f"{what}: bookings are missing or wrong: {found}")
        if found.last < acknowledged:
            raise NotTheSame(f"{what}: booking {acknowledged:,} was acknowledged, and {found.last:,} is the last one")
        self.lines.append(Line(what, acknowledged, found))

    def state(self, what: str, figure: str) -> None:
        """Another thing that was seen."""
        self.facts.append((what, figure))

    def show(self, console: Console) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("RESTORED FROM")
        table.add_column("ACKNOWLEDGED BEFORE", justify="right")
        table.add_column("FOUND", justify="right")
        table.add_column("GAPS", justify="right")
        for line in self.lines:
            table.add_row(line.what, f"{line.acknowledged:,}", f"{line.found.rows:,}", "0")
        console.print()
        console.print(table)
        facts = Table(box=None, pad_edge=False, show_header=False)
        facts.add_column()
        facts.add_column(justify="right")
        for what, figure in self.facts:
            facts.add_row(what, figure)
        console.print()
        console.print(facts)
