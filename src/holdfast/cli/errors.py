"""Errors as people and scripts see them: three parts on standard error, an object with `-o json`, and the exit code."""

from __future__ import annotations

import itertools
import json
import traceback
from collections.abc import Sequence

import click

from holdfast.cli.context import Session
from holdfast.errors import Cancelled, HoldfastError, UsageError


def report(error: BaseException, session: Session, arguments: Sequence[str]) -> int:
    """Tells the user and returns the exit code. `arguments` are the command line's, which may not have been understood."""
    if not session.options:  # the error came before a verb had its options
        session.output = _asked_output(arguments)
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.exceptions.NoArgsIsHelpError():
            error.show()  # the help itself
            session.failure = UsageError("no verb is given", why="a command is NOUN VERB")
            return UsageError.exit_code
        case click.ClickException():
            if isinstance(error, click.UsageError) and error.ctx:
                session.verb = error.ctx.command_path.partition(" ")[2]
            return _tell(_usage_error(error), session)
        case KeyboardInterrupt() | click.Abort():
            return _tell(Cancelled(), session)
        case HoldfastError():
            return _tell(error, session)
        case BrokenPipeError():
            session.failure = HoldfastError("whoever read the output has gone", why="its pipe is closed")
            return 1  # there is nobody to tell
        case _:
            traceback.print_exception(error)
            bug = HoldfastError(
                "Holdfast met an error that it does not know",
                why=f"{type(error).__name__}: {error}"[:300],
                next="This is a bug. Please report the lines above.",
            )
            return _tell(bug, session)


def _usage_error(error: click.ClickException) -> UsageError:
    """What click says about a command line, in our three parts."""
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "holdfast"
    advice = f"See `{command} --help`."
    if isinstance(error, click.NoSuchOption | click.NoSuchCommand):
        why = error.message
        if error.possibilities:
            advice = f"Did you mean {' or '.join(error.possibilities)}? {advice}"
    else:
        why = error.format_message()
    why = f"{why[:1].lower()}{why[1:].rstrip('.')}"
    return UsageError("the command line cannot be understood", why=why, next=advice)


def _asked_output(arguments: Sequence[str]) -> str:
    """The value of -o as far as it can be told without knowing the verb."""
    for argument, following in itertools.pairwise([*arguments, ""]):
        for form in ("json", "yaml"):
            if argument in (f"-o{form}", f"--output={form}") or (argument in ("-o", "--output") and following == form):
                return form
    return "table"


def _tell(error: HoldfastError, session: Session) -> int:
    from holdfast.cli.output import show_document  # noqa: PLC0415 - not needed by --help

    session.failure = error
    outcome = "cancelled" if isinstance(error, Cancelled) else "failed"
    part = {"what": error.what, "why": error.why, "next": error.next}
    if not session.document_begun:
        show_document(session, {"id": error.run, "run": error.run, "outcome": outcome, "errors": [part]})
    word = "Stopped" if isinstance(error, Cancelled) else "Error"
    show_problem(session, error.what, error.why, error.next, style="red", word=word)
    return error.exit_code


def show_problem(session: Session, what: str, why: str, next_step: str, *, style: str, word: str) -> None:
    """Three lines on standard error, or one of JSON."""
    session.progress.pause()
    if session.messages_are_json:
        line = {"event": "problem", "kind": word.lower(), "what": what, "why": why, "next": next_step}
        click.echo(json.dumps(line), err=True)
        return
    click.echo(f"{click.style(word, fg=style, bold=True)}: {what}", err=True)
    if why:
        click.echo(f"  Why:  {why}", err=True)
    if next_step:
        click.echo(f"  Next: {next_step}", err=True)
