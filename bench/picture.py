"""`python -m bench.picture RESULT…`: draws docs/pictures/scale.svg and index.svg from what `-o json` printed.

Several results together are one: the rows scale and index need not come from the same invocation. Of a row that is in two of
them the last one counts.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.chart import Line, Panel, draw
from bench.files import WORDS
from bench.trials import Step

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"

Document = dict[str, Any]  # of a row


def main(results: Sequence[str], pictures: Path = PICTURES) -> None:
    by_id = {row["id"]: row for result in results for row in json.loads(Path(result).read_text())["rows"]}
    rows = list(by_id.values())
    for name, picture in (("scale", scale(rows)), ("index", index(rows))):
        if picture:
            (pictures / f"{name}.svg").write_text(picture, encoding="utf-8")
            print(f"wrote {pictures / name}.svg", file=sys.stderr)


def scale(rows: Sequence[Document]) -> str:
    """Time per file and memory over the number of files; empty without such rows."""
    of_steps = {step: _named(rows, f"scale-{step}-") for step in Step}
    if not any(of_steps.values()):
        return ""
    panels = [
        Panel(
            f"{WORDS[step].capitalize()}, time per file",
            "µs",
            "files",
            [
                Line("Holdfast", _points(found, "files", lambda row: row["value"]), 0),
                Line("restic", _points(found, "files", _peer_value), 1),
            ],
        )
        for step, found in of_steps.items()
    ]
    every = [row for found in of_steps.values() for row in found]
    memory = [
        Line("Holdfast", _largest(_points(every, "files", lambda row: row["details"]["peakMB"])), 0),
        Line("restic", _largest(_points(every, "files", lambda row: row["details"].get("resticPeakMB"))), 1),
    ]
    return draw(
        "Time per file and memory over the number of files",
        [*panels, Panel("Peak memory, all processes", "MB", "files", memory)],
        columns=2,
    )


def index(rows: Sequence[Document]) -> str:
    """Memory and time over the number of blobs in the repository; empty without such rows."""
    empty, warm = (_named(rows, f"index-backup-{cache}-") for cache in ("empty", "warm"))
    if not empty:
        return ""
    opened, reopened = (_named(rows, f"index-open-{cache}-") for cache in ("empty", "warm"))
    memory = [
        Line("Holdfast", _points(empty, "blobs", lambda row: row["details"]["peakMB"]), 0),
        Line("with its cache", _points(warm, "blobs", lambda row: row["details"]["peakMB"]), 2),
        Line("restic", _points(empty, "blobs", lambda row: row["details"].get("resticPeakMB")), 1),
    ]
    seconds = [
        Line("Holdfast", _points(opened, "blobs", lambda row: row["value"]), 0),
        Line("with its cache", _points(reopened, "blobs", lambda row: row["value"]), 2),
    ]
    return draw(
        "Memory and time over the number of blobs in the repository",
        [
            Panel("Peak memory, backing up 1 GB more", "MB", "blobs in the repository", memory),
            Panel("Open and find one blob", "seconds", "blobs in the repository", seconds),
        ],
        columns=2,
    )


def _named(rows: Iterable[Document], prefix: str) -> list[Document]:
    return [row for row in rows if row["id"].startswith(prefix)]


def _points(rows: Iterable[Document], x: str, y: Callable[[Document], float | None]) -> list[tuple[float, float]]:
    found = ((row["details"][x], y(row)) for row in rows)
    return sorted((place, value) for place, value in found if value is not None)


def _peer_value(row: Document) -> float | None:
    return statistics.median(row["peerValues"]) if row["peerValues"] else None


def _largest(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """One point for each x. They come sorted, so the last one of an x is its largest."""
    return sorted(dict(points).items())


if __name__ == "__main__":
    main(sys.argv[1:])
