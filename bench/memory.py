"""Peak memory of a backup of 100,000 objects: spread over ten namespaces, and all in one (one directory of the backup)."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from testbed.control_plane import ControlPlane

from bench.bare import BareApi
from bench.command import Command
from bench.etcd import Etcd
from bench.row import Row
from bench.sample import Sample, samples, stored

SPREADS = {"memory": 10, "memory-one": 1}
"""Row → namespaces."""


class MemoryBench:
    """Uses the cluster's etcd directly; the objects of one row are gone before the next begins."""

    def __init__(self, cluster: ControlPlane, directory: Path, *, count: int, runs: int) -> None:
        self._cluster = cluster
        self._directory = directory
        self._count = count
        self._runs = runs
        self._bare = BareApi(cluster.kubeconfig)

    def rows(self) -> Iterator[Row]:
        for row_id, namespaces in SPREADS.items():
            yield self._row(row_id, namespaces)

    def close(self) -> None:
        self._bare.close()

    def _row(self, row_id: str, namespaces: int) -> Row:
        names = [f"{row_id}-{number}" for number in range(namespaces)]
        self._fill(names)
        flags = [word for name in names for word in ("-n", name)]
        peaks, seconds, cpu = [], [], []
        for number in range(self._runs):
            command = Command.beside_python(self._cluster.kubeconfig, self._directory / f"{row_id}-{number}")
            command.run("repository", "init")
            used, run = command.run("backup", "create", *flags, "-o", "json", "--progress", "none")
            assert run["counts"]["objects"] >= self._count
            peaks.append(used.peak / 1e6)
            seconds.append(used.seconds)
            cpu.append(used.cpu)
        self._empty(names)
        return Row(
            id=row_id,
            what=f"memory at {self._count:,} objects in {namespaces} namespace{'s' if namespaces > 1 else ''}",
            values=peaks,
            unit="MB",
            floor=200,
            goal=120,
            more_is_better=False,
            details={"seconds": statistics.median(seconds), "cpuSeconds": statistics.median(cpu)},
        )

    def _fill(self, namespaces: list[str]) -> None:
        etcd = Etcd(self._cluster.etcd_url)
        for name in namespaces:
            self._bare.create_namespace(name)
            objects = samples(self._count // len(namespaces), name)
            etcd.put((_key(sample), stored(sample)) for sample in objects)
        etcd.close()

    def _empty(self, namespaces: list[str]) -> None:
        etcd = Etcd(self._cluster.etcd_url)
        for name in namespaces:
            for plural in ("configmaps", "secrets"):
                etcd.delete(f"/registry/{plural}/{name}/")
        etcd.close()


def _key(sample: Sample) -> str:
    return f"/registry/{sample.plural}/{sample.body['metadata']['namespace']}/{sample.name}"
