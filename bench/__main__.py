"""`python -m bench`: measure, print the table, end with 1 if a floor was missed."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from testbed import s3
from testbed.cache import to_terminal
from testbed.control_plane import ControlPlane
from testbed.errors import SetupFailed

from bench import (
    controller,
    files,
    fresh,
    kernels,
    machine,
    movers,
    pods,
    programs,
    scale,
    startup,
    trees,
    trials,
    volumes,
)
from bench import s3 as s3_rows
from bench.care import CareBench
from bench.check import CheckBench
from bench.command import CommandFailed
from bench.differences import DifferencesBench
from bench.index import IndexBench
from bench.memory import MemoryBench
from bench.row import Row, markdown, number, table
from bench.trials import RestoredWrong, Trials

ON_A_CLUSTER = ("backup", "restore", "differences", "memory")
ON_FILES = ("files", "check", "s3", "kernels", "care", "movers")
LONG = ("scale", "index")
"""Only when they are asked for: they take up to an hour and 10 GB of disk."""

BESIDE_PEERS = {"files", "check", "s3", "care", *LONG}

S3_SERVERS = {"versitygw": s3.versitygw, "minio": s3.minio}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    groups = options.row or ["help", "installed", "pods", "volumes", "controller", *ON_A_CLUSTER, *ON_FILES]
    measured: list[Row] = []
    try:
        peers = programs.peers() if BESIDE_PEERS & set(groups) else []
        described = machine.describe(peers)
        with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory:
            for row in _measure(groups, peers, Path(directory), options):
                shown = row.verdict if row.value is None else f"{number(row.value)} {row.unit}"
                print(f"{row.what}: {shown}", file=sys.stderr)
                measured.append(row)
    except (SetupFailed, CommandFailed, RestoredWrong, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.output == "json":
        print(json.dumps({"machine": described, "rows": [row.document() for row in measured]}, indent=2))
    else:
        print("\n".join(f"{name + ':':<12}{value}" for name, value in described.items()))
        print(f"\n{markdown(measured) if options.output == 'markdown' else table(measured)}")
    return 1 if any(row.is_missed for row in measured) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Holdfast beside other programs.")
    groups = ("help", "installed", "pods", "volumes", "controller", *ON_A_CLUSTER, *ON_FILES, *LONG)
    parser.add_argument("--row", action="append", choices=groups, help="only these rows; repeatable")
    parser.add_argument("--runs", type=int, default=5, help="runs of each row, of which the median counts (default: 5)")
    parser.add_argument("--quick", action="store_true", help="2 runs, to see that it works")
    parser.add_argument(
        "--fresh-ext4", action="store_true", help="restore files onto a new ext4 instead of a new tmpfs"
    )
    parser.add_argument("--s3-server", choices=tuple(S3_SERVERS), default="versitygw", help="the server of the row s3")
    parser.add_argument("--largest", type=int, help="rows scale and index: no more files, or blobs, than this")
    parser.add_argument("--full", action="store_true", help="row scale: restores, and restic, above 100,000 files too")
    parser.add_argument("-o", "--output", choices=("table", "markdown", "json"), default="table")
    return parser


def _measure(
    groups: Sequence[str], peers: Sequence[programs.Program], directory: Path, options: argparse.Namespace
) -> Iterator[Row]:
    runs = 2 if options.quick else options.runs
    if "help" in groups:
        yield startup.here(runs=runs)
    if "installed" in groups:
        yield startup.installed(directory, runs=runs)
    if "pods" in groups:
        yield pods.first_object(runs=runs, say=to_terminal)
    if "volumes" in groups:
        yield from volumes.rows(runs=runs, say=to_terminal)
    if "controller" in groups:
        with tempfile.TemporaryDirectory(prefix="controller-", dir=directory) as logs:
            yield from controller.rows(Path(logs), to_terminal, controller.Scale())
    if set(ON_A_CLUSTER) & set(groups):
        cluster = ControlPlane.start(name="bench")
        try:
            cluster.wait_ready()
            yield from _measure_on(cluster, groups, directory, runs=runs)
        finally:
            cluster.stop()
    if "kernels" in groups:
        yield from kernels.rows(directory, runs=runs)
    if (BESIDE_PEERS | {"movers"}) & set(groups):
        local = Trials(
            ours=programs.holdfast(),
            peers=peers,
            place=trials.local(directory),
            runs=runs,
            say=to_terminal,
            restore_to=directory,
            file_system=fresh.Kind.EXT4 if options.fresh_ext4 else fresh.Kind.TMPFS,
        )
        yield from _measure_files(groups, local, directory, options)


def _measure_files(groups: Sequence[str], local: Trials, directory: Path, options: argparse.Namespace) -> Iterator[Row]:
    restic = [peer for peer in local.peers if isinstance(peer, programs.Restic)]
    if {"files", "s3"} & set(groups):
        made = (trees.big(directory / "big"), trees.small(directory / "small"))
        if "files" in groups:
            yield from files.rows(local, made)
        if "s3" in groups:
            place = trials.on_s3(S3_SERVERS[options.s3_server], directory)
            yield from s3_rows.rows(replace(local, peers=restic, place=place), made, options.s3_server)
        for tree in made:
            shutil.rmtree(tree.path)
    if "movers" in groups:
        yield from movers.rows(local, movers.volumes(directory))
    if "care" in groups:
        care = CareBench(
            directory,
            local.ours,
            restic[0] if restic else None,
            runs=options.runs if not options.quick else 2,
            say=to_terminal,
        )
        yield from care.rows()
    if "check" in groups:
        beside = restic[0] if restic else None
        yield from CheckBench(directory, local.ours, beside, say=to_terminal, runs=local.runs).rows()
    if "scale" in groups:
        yield from scale.rows(
            replace(local, peers=restic, runs=1), directory, largest=options.largest, full=options.full
        )
    if "index" in groups:
        index = IndexBench(directory, local.ours, restic[0] if restic else None, say=to_terminal)
        yield from index.rows(options.largest)


def _measure_on(cluster: ControlPlane, groups: Sequence[str], directory: Path, *, runs: int) -> Iterator[Row]:
    if {"backup", "restore", "differences"} & set(groups):
        objects = DifferencesBench(cluster, directory, count=4000, runs=runs)
        objects.prepare()
        if "backup" in groups:
            yield from objects.backup()
        if "restore" in groups:
            yield from objects.restore()
        if "differences" in groups:
            yield from objects.rows()
        if "restore" in groups:  # last, because it leaves other objects behind
            yield from objects.restore_mixed()
        objects.close()
    if "memory" in groups:
        memory = MemoryBench(cluster, directory, count=100_000, runs=max(1, runs // 2))
        yield from memory.rows()
        memory.close()


if __name__ == "__main__":
    sys.exit(main())
