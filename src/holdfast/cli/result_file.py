"""How a verb ended, as a small file: what a pod tells whoever started it, without any right in the cluster.

A verb that knows more than its exit code leaves it in `Session.result`; the rest is filled in here.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec import structs

from holdfast.api.run_status import LIMIT, RunProblem, RunStatus
from holdfast.errors import ApiRefused, HoldfastError
from holdfast.manifests.naming import scheduled_time
from holdfast.model.run import Outcome, timestamp

if TYPE_CHECKING:
    from holdfast.cli.context import Session

FILE = "HOLDFAST_RESULT_FILE"

CUTS = ((10, 1000), (5, 600), (5, 300), (3, 200), (1, 200), (1, 60))
"""How many errors are told, and how long their texts may be, until all fits."""
_LONGEST = 300  # of any other text: a backup's name may have any length


def write_result(session: Session, exit_code: int, environ: Mapping[str, str] = os.environ) -> None:
    """Writes the file if there is to be one. That it cannot be written is told, and changes nothing else."""
    path = environ.get(FILE, "")
    if not path or not (session.verb or session.failure):  # nothing was run: --help, --version
        return
    try:
        with Path(path).open("wb") as file:  # in its place: a pod's is a mount, which cannot be replaced
            file.write(encode(describe(session, exit_code)))
    except OSError as error:
        click.echo(f"Warning: {FILE} {path} cannot be written: {error.strerror}", err=True)


def describe(session: Session, exit_code: int) -> RunStatus:
    scheduled = scheduled_time(session.job)
    now = timestamp(dt.datetime.now(dt.UTC))
    found = session.result or RunStatus()
    status = structs.replace(
        found,
        verb=session.verb,
        exit_code=exit_code,
        outcome=found.outcome or _outcome(exit_code),
        job=session.job,
        scheduled_at=timestamp(scheduled) if scheduled else "",
        started_at=found.started_at or timestamp(session.started),
        finished_at=found.finished_at or now,
    )
    return _with_failure(status, session.failure) if session.failure is not None else status


def _with_failure(status: RunStatus, error: HoldfastError) -> RunStatus:
    """What came before the failure stays: a verb may fail after its work is done."""
    problem = RunProblem(what=error.what, why=error.why, next=error.next)
    return structs.replace(
        status,
        id=status.id or error.run,
        run=status.run or error.run,
        outcome=Outcome.of_failure(error).value,
        reason=reason(error),
        errors=[problem, *status.errors],
    )


def reason(error: HoldfastError) -> str:
    """One word for programs: the API server's own where it said no, else the name of the error's class."""
    if type(error) is HoldfastError:
        return "UnexpectedError"
    return (isinstance(error, ApiRefused) and error.reason) or type(error).__name__


def _outcome(exit_code: int) -> str:
    codes = {outcome.exit_code: outcome.value for outcome in Outcome}
    return codes.get(exit_code, Outcome.FAILED.value)


def encode(status: RunStatus) -> bytes:
    """JSON of at most LIMIT bytes, whatever is in the status: texts are cut, errors left out, at last all but the ending."""
    fitting = (one for one in map(msgspec.json.encode, _ever_smaller(status)) if len(one) <= LIMIT)
    return next(fitting)


def _ever_smaller(status: RunStatus) -> Iterator[RunStatus]:
    texts = {
        name: cut(text, _LONGEST) for name in status.__struct_fields__ if isinstance(text := getattr(status, name), str)
    }
    status = structs.replace(status, **texts)
    for most, length in CUTS:
        errors = [
            RunProblem(what=cut(one.what, length), why=cut(one.why, length), next=cut(one.next, length))
            for one in status.errors[:most]
        ]
        yield structs.replace(status, errors=errors)
    verb, outcome, why = (cut(text, CUTS[-1][1]) for text in (status.verb, status.outcome, status.reason))
    yield RunStatus(verb=verb, outcome=outcome, reason=why, exit_code=status.exit_code)


def cut(text: str, length: int) -> str:
    """At most `length` characters. Bytes of names that are no text are shown as such: JSON has no place for them."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= length else f"{text[: length - 1]}…"
