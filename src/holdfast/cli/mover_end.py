"""How a mover ended: the last line on standard output, and the termination message of its container."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from holdfast.api.run_status import LIMIT
from holdfast.cli.result_file import CUTS, FILE, cut, reason
from holdfast.errors import HoldfastError
from holdfast.model.run import Outcome, Problem, timestamp
from holdfast.operations.movers.contract import MOST_ERRORS, Moved, encode_line

if TYPE_CHECKING:
    from holdfast.cli.context import Session

_LONGEST = 2000  # of a text of a problem, in the line


def failed_move(error: HoldfastError, started: dt.datetime, peak_memory: int = 0) -> Moved:
    """The result of one that `error` ended."""
    return Moved(
        outcome=Outcome.of_failure(error),
        started_at=timestamp(started),
        finished_at=timestamp(dt.datetime.now(dt.UTC)),
        errors=[Problem.of(error)],
        error_count=1,
        reason=reason(error),
        peak_memory=peak_memory,
    )


def tell_end(session: Session, environ: Mapping[str, str] = os.environ) -> None:
    """Tells it on both ways, also where the verb never began; not for --help."""
    moved = session.moved
    if moved is None and session.failure is not None:
        moved = failed_move(session.failure, session.started)
    if moved is None:
        return
    with contextlib.suppress(OSError):
        sys.stdout.buffer.write(encode_line(_with_errors(moved, MOST_ERRORS, _LONGEST)))
        sys.stdout.buffer.flush()
    path = environ.get(FILE, "")
    if path:
        try:
            with Path(path).open("wb") as file:  # in its place: a pod's is a mount, which cannot be replaced
                file.write(encode_message(moved))
        except OSError as error:
            click.echo(f"Warning: {FILE} {path} cannot be written: {error.strerror}", err=True)


def encode_message(moved: Moved) -> bytes:
    """At most LIMIT bytes, whatever it lacks: errors are cut and left out, `error_count` stays."""
    return next(one for one in map(encode_line, _ever_smaller(moved)) if len(one) <= LIMIT)


def _ever_smaller(moved: Moved) -> Iterator[Moved]:
    for most, length in CUTS:
        yield _with_errors(moved, most, length)
    yield structs.replace(moved, errors=[])


def _with_errors(moved: Moved, most: int, length: int) -> Moved:
    return structs.replace(moved, errors=list(_cut(moved.errors[:most], length)))


def _cut(problems: Iterable[Problem], length: int) -> Iterator[Problem]:
    for one in problems:
        yield Problem(cut(one.what, length), cut(one.why, length), cut(one.next, length))
