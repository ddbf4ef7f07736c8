"""`python -m bench`: measure, print the table, end with 1 if a floor was missed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.control_plane import ControlPlane
from testbed.errors import SetupFailed

from bench import machine, startup
from bench.memory import MemoryBench
from bench.objects import ObjectsBench
from bench.row import Row, table

GROUPS = ("backup", "restore", "memory", "help")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    measured: list[Row] = []
    described = machine.describe()
    try:
        with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory:
            for row in _measure(options.row or GROUPS, Path(directory), runs=2 if options.quick else options.runs):
                print(f"{row.what}: {row.value:.4g} {row.unit}", file=sys.stderr)
                measured.append(row)
    except SetupFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.output == "json":
        print(json.dumps({"machine": described, "rows": [row.document() for row in measured]}, indent=2))
    else:
        print("\n".join(f"{name + ':':<12}{value}" for name, value in described.items()))
        print(f"\n{table(measured)}")
    return 1 if any(row.is_missed for row in measured) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure Holdfast on a cluster of the testbed."
    )
    parser.add_argument("--row", action="append", choices=GROUPS, help="only these rows; repeatable")
    parser.add_argument("--runs", type=int, default=5, help="runs of each row, of which the median counts (default: 5)")
    parser.add_argument("--quick", action="store_true", help="2 runs, to see that it works")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    return parser


def _measure(groups: Sequence[str], directory: Path, *, runs: int) -> Iterator[Row]:
    if "help" in groups:
        yield from startup.rows(directory, runs=runs)
    if not {"backup", "restore", "memory"} & set(groups):
        return
    cluster = ControlPlane.start(name="bench")
    try:
        cluster.wait_ready()
        yield from _measure_on(cluster, groups, directory, runs=runs)
    finally:
        cluster.stop()


def _measure_on(cluster: ControlPlane, groups: Sequence[str], directory: Path, *, runs: int) -> Iterator[Row]:
    if {"backup", "restore"} & set(groups):
        objects = ObjectsBench(cluster, directory, count=4000, runs=runs)
        objects.prepare()
        if "backup" in groups:
            yield from objects.backup()
        if "restore" in groups:
            yield from objects.restore()
        objects.close()
    if "memory" in groups:
        memory = MemoryBench(cluster, directory, count=100_000, runs=max(1, runs // 2))
        yield from memory.rows()
        memory.close()


if __name__ == "__main__":
    sys.exit(main())
