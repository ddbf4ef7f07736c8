"""Forgetting and pruning beside restic, on copies of one and the same repository.

It is made by Holdfast, and restic works on it as on one of its own: each program gets a copy for each run, with an empty cache.
Holdfast removes packs a day after it marked them; here `--grace 0` lets one run do all the work, as restic's does.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.cache import Say

from bench import trees
from bench.command import Used
from bench.programs import PASSWORD, Holdfast, Program, Repository, Restic
from bench.row import NOT_RUN, Row, number
from holdfast.repository.repository import Repository as Opened
from holdfast.repository.repository import open_repository

BACKUPS = 12
KEPT = 3
CHANGED = 0.1
"""Part of the files that change between two backups; nine backups forgotten leave packs of every degree of use."""

SNAPSHOTS = 1000
_HOURS_BETWEEN = 6
_POLICY = ("--keep-daily", "7", "--keep-weekly", "5", "--keep-monthly", "12")
_FIRST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class CareBench:
    def __init__(self, directory: Path, ours: Holdfast, restic: Restic | None, *, runs: int, say: Say) -> None:
        self._directory = directory
        self._ours = ours
        self._restic = restic
        self._runs = runs
        self._say = say

    def rows(self) -> Iterator[Row]:
        """Raises CommandFailed."""
        with self._made(self._fill_for_prune) as prepared:
            yield self._compare(
                "prune",
                f"prune after {BACKUPS - KEPT} of {BACKUPS} backups were forgotten",
                prepared,
                ("repository", "prune", "--grace", "0"),
                ("prune",),
            )
        with self._made(self._fill_for_forget) as prepared:
            yield self._compare(
                "forget",
                f"forget most of {SNAPSHOTS:,} backups",
                prepared,
                ("backup", "forget", *_POLICY, "--yes"),
                ("forget", *_POLICY),
            )

    def _compare(
        self, name: str, what: str, prepared: Repository, ours: tuple[str, ...], theirs: tuple[str, ...]
    ) -> Row:
        used: list[Used] = []
        peer: list[Used] = []
        for run in range(self._runs):
            self._say(f"{name}, run {run + 1} of {self._runs}")
            turns: list[tuple[Program, tuple[str, ...], list[Used]]] = [(self._ours, ours, used)]
            if self._restic is not None:
                turns.append((self._restic, theirs, peer))
            for program, arguments, seen in turns if run % 2 == 0 else turns[::-1]:
                with tempfile.TemporaryDirectory(dir=self._directory, prefix="care-") as path:
                    copy = Repository.local(Path(path, "copy"))
                    shutil.copytree(prepared.url, copy.url)
                    os.sync()
                    seen.append(program.run(copy, *arguments))
                    if self._restic is not None and run == self._runs - 1:
                        self._restic.check(copy)
        return Row(
            id=f"care-{name}",
            what=f"{what} ÷ restic",
            values=[one.seconds / other.seconds for one, other in zip(used, peer, strict=False)],
            unit="×",
            more_is_better=False,
            peer=f"{_cell(used)}; restic {_cell(peer) if peer else NOT_RUN}",
            peer_values=[one.seconds for one in peer],
            details=_details("", used) | (_details("restic", peer) if peer else {}),
        )

    @contextmanager
    def _made(self, fill: Callable[[Repository, Path], None]) -> Iterator[Repository]:
        with tempfile.TemporaryDirectory(dir=self._directory, prefix="care-") as path:
            repository = Repository.local(Path(path, "prepared"))
            self._ours.init(repository)
            fill(repository, Path(path))
            yield repository

    def _fill_for_prune(self, repository: Repository, directory: Path) -> None:
        """Backups of a tree that changes; all but the newest are then deleted."""
        tree = trees.small(directory / "small")
        chosen = random.Random(5)
        long_file = directory / "small" / "long.bin"
        long_file.write_bytes(chosen.randbytes(64 << 20))
        files = sorted(path for path in tree.path.rglob("*") if path.is_file() and path != long_file)
        for backup in range(BACKUPS):
            self._say(f"prune: making backup {backup + 1} of {BACKUPS}")
            self._ours.back_up(repository, tree.path)
            for path in chosen.sample(files, int(CHANGED * len(files))):
                path.write_bytes(chosen.randbytes(path.stat().st_size))
            with long_file.open("r+b") as file:
                file.seek(chosen.randrange(48 << 20))
                file.write(chosen.randbytes(8 << 20))
        opened = _opened(repository)
        backups = sorted(
            (snapshot_id for snapshot_id, _ in opened.snapshots()),
            key=lambda snapshot_id: opened.load_snapshot(snapshot_id).time,
        )
        for snapshot_id in backups[: -2 * KEPT]:  # each with its report
            opened.delete_snapshot(snapshot_id)

    def _fill_for_forget(self, repository: Repository, directory: Path) -> None:
        del directory
        with _opened(repository) as opened, opened.new_snapshot() as new:  # one lock for all
            new.add("data", b"always the same")
            for backup in range(SNAPSHOTS):
                taken = _FIRST + dt.timedelta(hours=_HOURS_BETWEEN * backup)
                new.publish(paths=["/data"], hostname="bench", taken=taken.isoformat())


def _opened(repository: Repository) -> Opened:
    return open_repository(repository.url, PASSWORD)


def _cell(used: list[Used]) -> str:
    seconds = statistics.median(one.seconds for one in used)
    return f"{number(seconds)} s, {number(statistics.median(one.peak for one in used) / 1e6)} MB"


def _details(name: str, used: list[Used]) -> dict[str, float]:
    medians = {
        "seconds": statistics.median(one.seconds for one in used),
        "cpuSeconds": statistics.median(one.cpu for one in used),
        "peakMB": statistics.median(one.peak for one in used) / 1e6,
    }
    return {f"{name}{key[0].upper()}{key[1:]}" if name else key: value for key, value in medians.items()}
