"""Errors as people and scripts see them: three parts on standard error, an object with `-o json`, and the exit code."""

from __future__ import annotations

import json
import traceback

import click

from holdfast.cli.context import Session
from holdfast.errors import Cancelled, HoldfastError


def report(error: BaseException, session: Session) -> int:
    """Tells the user and returns the exit code."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.ClickException():
            error.show()
            return 2
        case KeyboardInterrupt() | click.Abort():
            return _tell(Cancelled(), session)
        case HoldfastError():
            return _tell(error, session)
        case BrokenPipeError():
            return 1  # whoever read our output has gone, and there is nobody to tell
        case _:
            traceback.print_exception(error)
            bug = HoldfastError(
                "Holdfast met an error that it does not know",
                why=f"{type(error).__name__}: {error}"[:300],
                next="This is a bug. Please report the lines above.",
            )
            return _tell(bug, session)


def _tell(error: HoldfastError, session: Session) -> int:
    session.progress.pause()
    if session.output == "json":
        outcome = "cancelled" if isinstance(error, Cancelled) else "failed"
        part = {"what": error.what, "why": error.why, "next": error.next}
        click.echo(json.dumps({"id": error.run, "run": error.run, "outcome": outcome, "errors": [part]}, indent=2))
    show_problem(error.what, error.why, error.next, style="red", word="Error" if error.exit_code != 130 else "Stopped")
    return error.exit_code


def show_problem(what: str, why: str, next_step: str, *, style: str, word: str) -> None:
    """Three lines on standard error."""
    click.echo(f"{click.style(word, fg=style, bold=True)}: {what}", err=True)
    if why:
        click.echo(f"  Why:  {why}", err=True)
    if next_step:
        click.echo(f"  Next: {next_step}", err=True)
