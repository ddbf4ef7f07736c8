"""`python -m soak`: lives of repositories, one after the other, until something is lost, the time is over, or Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import secrets
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed import restic, s3
from testbed.errors import ToolMissing
from testbed.s3 import S3Server
from tests.faults import rubbish

from holdfast.cli.repository import command as repository_command
from soak import weather
from soak.counts import Counts
from soak.errand import SomethingIsWrong
from soak.life import ROUNDS, Life
from soak.places import Place


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if nothing was lost, also when it was interrupted; 1 if something was; 2 if it did not begin."""
    options = _parser().parse_args(arguments)
    root = Path(tempfile.mkdtemp(prefix="holdfast-soak-"))
    os.environ.setdefault("HOLDFAST_CACHE_DIR", str(root / "cache"))
    counts, failure = Counts(), ""
    try:
        print(f"seed {options.seed}", flush=True)
        with rubbish.small_repositories(), _s3_server(wanted=not options.no_s3) as server:
            restics = [restic.binary(suite) for suite in (restic.OLD, restic.NEW)]
            failure = _live(options, root, server, restics, counts)
    except ToolMissing as missing:
        print(f"{missing.what}: {missing.why}. {missing.next}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    print(f"\n{counts}")
    if failure:
        print(failure, file=sys.stderr)
        return 1
    shutil.rmtree(root, ignore_errors=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end then; without it, at Ctrl-C")
    parser.add_argument("--rounds", type=float, default=float("inf"), help="end after so many rounds of commands")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="repeats the choices of another run")
    parser.add_argument("--first", type=int, default=1, metavar="N", help="begin with the N-th repository of this seed")
    parser.add_argument("--no-s3", action="store_true", help="use directories only")
    return parser


@contextlib.contextmanager
def _s3_server(*, wanted: bool) -> Iterator[S3Server | None]:
    if not wanted:
        yield None
        return
    server = s3.versitygw()
    try:
        yield server
    finally:
        server.stop()


def _live(
    options: argparse.Namespace, root: Path, server: S3Server | None, restics: Sequence[Path], counts: Counts
) -> str:
    """What went wrong, and all that is needed to see it again; "" if nothing did."""
    clock = _Stopwatch(options.minutes)
    life, number = None, options.first
    try:
        for number in itertools.count(options.first):
            chance = random.Random(f"{options.seed} {number}")
            counts.faults += weather.run(chance.randrange(10**9))
            scratch = root / str(number)
            place = Place.new(scratch, server if chance.random() < 0.4 else None)
            life = Life(place, chance, counts, restics, can_repair="repair" in repository_command.commands)
            for _ in life.rounds():
                _show(clock, counts)
                if clock.is_over() or counts.rounds >= options.rounds:
                    return ""
            shutil.rmtree(scratch)
    except (SomethingIsWrong, AssertionError) as wrong:
        return (
            f"{str(wrong) or traceback.format_exc()}\n"
            f"It was round {life.round if life else 0} of repository {number} of seed {options.seed}. "
            f"The repository, with errands.log, is kept in {root / str(number)}\n"
            f'To begin with it: make soak ARGS="--seed {options.seed} --first {number}"'
        )
    return ""


class _Stopwatch:
    def __init__(self, minutes: float) -> None:
        self._minutes = minutes
        self._began = time.monotonic()

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self._began) / 60

    def is_over(self) -> bool:
        return self.minutes >= self._minutes


def _show(clock: _Stopwatch, counts: Counts) -> None:
    line = f"{clock.minutes:.1f} min: {counts}"
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{line[:width]:<{width}}", end="", flush=True)
    elif counts.rounds % ROUNDS == 0:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
