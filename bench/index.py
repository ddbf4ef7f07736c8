"""What an index of one and of ten million blobs costs: to open, to look things up, to back up one more gigabyte.

The repositories are synthetic (`bench.synthetic`). Each step is measured once, first with an empty cache, then with what that
left. restic backs up another gigabyte into the same repository, with an empty cache of its own.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from testbed.cache import Say

from bench import synthetic, trees
from bench.command import Used, measured
from bench.programs import PASSWORD, Holdfast, Repository, Restic
from bench.row import NOT_RUN, Row, number

COUNTS = (1_000_000, 10_000_000)
LOOKUPS = 100_000
_FLOORS = {1_000_000: 250.0, 10_000_000: 800.0}  # MB
_CHECKOUT = Path(__file__).parent.parent


class IndexBench:
    """Repositories and trees of `size` bytes below a directory."""

    def __init__(
        self, directory: Path, ours: Holdfast, restic: Restic | None, *, say: Say, size: int = 1_000_000_000
    ) -> None:
        self._directory = directory
        self._ours = ours
        self._restic = restic
        self._say = say
        self._size = size

    def rows(self, largest: int | None) -> Iterator[Row]:
        """Raises CommandFailed."""
        for count in COUNTS:
            if largest is None or count <= largest:
                yield from self.of(count)

    def of(self, blobs: int) -> Iterator[Row]:
        with tempfile.TemporaryDirectory(dir=self._directory, prefix="index-") as path:
            repository = Repository.local(Path(path, "holdfast"))
            packs = synthetic.make(Path(repository.url), PASSWORD, blobs=blobs, say=self._say)
            known = {"blobs": blobs, "packs": packs, "indexMB": _megabytes(Path(repository.url, "index"))}
            yield from self._lookups(repository, known)
            yield from self._backups(repository, known, Path(path))

    def _lookups(self, repository: Repository, known: dict[str, float]) -> Iterator[Row]:
        blobs = int(known["blobs"])
        for cache in ("empty", "warm"):
            used, _ = self._look_up(repository, 1, blobs)
            yield Row(
                id=f"index-open-{cache}-{blobs}",
                what=f"open and first lookup, {blobs:,} blobs, {cache} cache",
                values=[used.seconds],
                unit="s",
                more_is_better=False,
                peer=f"{number(used.peak / 1e6)} MB",
                details=known | _details(used),
            )
        used, seconds = self._look_up(repository, LOOKUPS, blobs)
        yield Row(
            id=f"index-lookups-{blobs}",
            what=f"{LOOKUPS:,} lookups, {blobs:,} blobs",
            values=[seconds],
            unit="s",
            more_is_better=False,
            peer=f"{number(used.peak / 1e6)} MB",
            details=known | _details(used),
        )

    def _backups(self, repository: Repository, known: dict[str, float], directory: Path) -> Iterator[Row]:
        blobs = int(known["blobs"])
        for seed, cache in enumerate(("empty", "warm"), start=2):  # other content each time, none of it stored yet
            scratch = repository.scratch if cache == "warm" else directory / "empty"
            tree = trees.big(directory / f"more-{seed}", size=self._size, seed=seed)
            used = self._ours.back_up(replace(repository, scratch=scratch), tree.path)
            row = Row(
                id=f"index-backup-{cache}-{blobs}",
                what=f"memory, back up {tree.bytes / 1e9:.2g} GB more, {blobs:,} blobs, {cache} cache",
                values=[used.peak / 1e6],
                unit="MB",
                floor=_FLOORS.get(blobs),
                goal=_FLOORS.get(blobs),
                more_is_better=False,
                peer=f"{number(used.seconds)} s",
                details=known | _details(used),
            )
            if cache == "empty":
                row = self._beside_restic(row, repository, directory)
            yield row

    def _beside_restic(self, row: Row, repository: Repository, directory: Path) -> Row:
        if self._restic is None:
            return replace(row, peer=f"{row.peer}; restic {NOT_RUN}")
        # Of Holdfast's tree it would find Holdfast's snapshot, and read nothing.
        tree = trees.big(directory / "more-restic", size=self._size, seed=4)
        used = self._restic.back_up(Repository.at(repository.url, directory / "restic", {}), tree.path)
        return replace(
            row,
            peer=f"{row.peer}; restic {number(used.peak / 1e6)} MB, {number(used.seconds)} s",
            peer_values=[used.peak / 1e6],
            details=row.details | {"resticPeakMB": used.peak / 1e6, "resticSeconds": used.seconds},
        )

    def _look_up(self, repository: Repository, count: int, blobs: int) -> tuple[Used, float]:
        environment = self._ours.environment_of(repository) | {"PYTHONPATH": str(_CHECKOUT)}
        used, output = measured([sys.executable, "-m", "bench.lookups", str(count), str(blobs)], environment)
        return used, float(output)


def _details(used: Used) -> dict[str, float]:
    return {"seconds": used.seconds, "cpuSeconds": used.cpu, "peakMB": used.peak / 1e6}


def _megabytes(directory: Path) -> float:
    return sum(path.stat().st_size for path in directory.iterdir()) / 1e6
