"""Backing up and restoring one namespace of 4,000 objects, each run beside the bare requests for the same objects."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from testbed.control_plane import ControlPlane

from bench.bare import BareApi
from bench.command import Command, Used
from bench.mixed import mixed_samples
from bench.row import Row, number
from bench.sample import Sample, samples

NAMESPACE = "bench"
_RESTORE = ("restore", "run", "latest", "-o", "json", "--progress", "none")
_BACKUP = ("backup", "create", "-n", NAMESPACE, "-o", "json", "--progress", "none")


class ObjectsBench:
    """One namespace in a cluster, and repositories in a directory."""

    def __init__(self, cluster: ControlPlane, directory: Path, *, count: int, runs: int) -> None:
        self._cluster = cluster
        self._directory = directory
        self.count = count
        self._runs = runs
        self.bare = BareApi(cluster.kubeconfig)
        self._repositories = itertools.count(1)

    def prepare(self) -> None:
        self.bare.create_namespace(NAMESPACE)
        self.bare.create_all(samples(self.count, NAMESPACE))

    def backup(self) -> Iterator[Row]:
        """First backups into new repositories, and second ones on top of them."""
        first: list[Used] = []
        lists: list[float] = []
        added: list[float] = []
        stored: list[float] = []

        def back_up() -> None:
            command = self.new_repository()
            used, run = command.run(*_BACKUP)
            assert run["counts"]["objects"] >= self.count
            first.append(used)
            before = self._size(command)
            command.run(*_BACKUP)
            stored.append(before)
            added.append(100 * (self._size(command) - before) / before)

        self.bare.list_all(NAMESPACE)  # the server's first list and ours fill caches
        self.in_turns(back_up, lambda: lists.append(self.list_time()))
        listing = statistics.median(lists)
        yield Row(
            id="backup",
            what=f"back up {self.count:,} objects",
            values=[self.count / used.seconds for used in first],
            unit="objects/s",
            floor=3000,
            goal=5000,
            more_is_better=True,
            peer=f"bare list {listing:.2f} s: {number(statistics.median(u.seconds for u in first) / listing)} ×",
            peer_values=lists,
            details=details(first),
        )
        yield Row(
            id="unchanged",
            what="a second, unchanged backup adds",
            values=added,
            unit="% of the first",
            floor=2,
            goal=0.5,
            more_is_better=False,
            peer=f"first: {number(statistics.median(stored) / 1000)} kB",
        )

    def restore(self) -> Iterator[Row]:
        yield from self._restore(samples, "", "")

    def restore_mixed(self) -> Iterator[Row]:
        """Of ten kinds: replaces what `prepare` made."""
        self.bare.delete_namespace(NAMESPACE)
        self.bare.create_namespace(NAMESPACE)
        self.bare.create_all(mixed_samples(self.count, NAMESPACE))
        yield from self._restore(mixed_samples, "-mixed", " of 10 kinds")

    def _restore(self, made: Callable[[int, str], Iterator[Sample]], suffix: str, what: str) -> Iterator[Row]:
        """Restores into the deleted namespace, and bare POSTs of the same objects in its place."""
        command = self.new_repository()
        command.run(*_BACKUP)
        restores: list[Used] = []
        posts: list[float] = []

        def restore() -> None:
            self.bare.delete_namespace(NAMESPACE)
            used, report = command.run(*_RESTORE)
            assert report["counts"]["created"] >= self.count
            restores.append(used)

        def post() -> None:
            self.bare.delete_namespace(NAMESPACE)
            self.bare.create_namespace(NAMESPACE)
            posts.append(self.bare.create_all(made(self.count, NAMESPACE)))

        self.in_turns(restore, post)
        rates = [self.count / used.seconds for used in restores]
        bare = [self.count / seconds for seconds in posts]
        yield Row(
            id=f"restore{suffix}",
            what=f"restore {self.count:,} objects{what}",
            values=rates,
            unit="objects/s",
            floor=350,
            goal=350,
            more_is_better=True,
            peer=f"bare POSTs {number(statistics.median(bare))} objects/s",
            peer_values=bare,
            details=details(restores),
        )
        yield Row(
            id=f"restore-ratio{suffix}",
            what=f"restore{what} ÷ bare POSTs, 16 threads each",
            values=[rate / beside for rate, beside in zip(rates, bare, strict=True)],
            unit="×",
            floor=0.6,
            goal=0.8,
            more_is_better=True,
        )

    def close(self) -> None:
        self.bare.close()

    def in_turns(self, ours: Callable[[], None], peer: Callable[[], None]) -> None:
        """Both sides, as often as there are runs; who goes first changes from run to run."""
        for run in range(self._runs):
            for side in (ours, peer) if run % 2 == 0 else (peer, ours):
                side()

    def list_time(self) -> float:
        started = time.perf_counter()
        objects, _ = self.bare.list_all(NAMESPACE)
        assert objects >= self.count
        return time.perf_counter() - started

    def new_repository(self) -> Command:
        repository = self._directory / f"objects-{next(self._repositories)}"
        command = Command.beside_python(self._cluster.kubeconfig, repository)
        command.run("repository", "init")
        return command

    @staticmethod
    def _size(command: Command) -> int:
        """Bytes of all files of the repository."""
        root = Path(command.environment["HOLDFAST_REPOSITORY"])
        return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def details(runs: list[Used]) -> dict[str, float]:
    return {
        "seconds": statistics.median(used.seconds for used in runs),
        "cpuSeconds": statistics.median(used.cpu for used in runs),
        "peakMB": statistics.median(used.peak for used in runs) / 1e6,
    }
