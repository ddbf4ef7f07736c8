"""The command `holdfast`: nouns with verbs, global options, and how errors become exit codes.

Each noun's module is imported only when it is used, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import resource
import signal
import sys
from types import FrameType
from typing import Any

import click

from holdfast.cli import errors
from holdfast.cli.context import Session, TakesGlobalOptions
from holdfast.version import VERSION

NOUNS = {
    "backup": "Make backups of applications and files, list them, look into them.",
    "controller": "Run what turns plans into CronJobs; `install` does it in a cluster.",
    "completion": "Print the completion script of a shell.",
    "drill": "Restore backups into throw-away namespaces, check what runs there, and remove it.",
    "install": "Install Holdfast in a cluster, or upgrade it.",
    "location": "Store, list and try repositories that a cluster knows by name.",
    "plan": "Declare what is backed up, when and for how long; see how its runs went.",
    "repository": "Create, show, check and unlock the place where backups live; its keys.",
    "restore": "Plan and run restores, and read their reports.",
    "uninstall": "Remove the controller and its roles; plans, definitions and backups stay.",
}
_OF_PODS = ("mover",)
"""Nouns that pods of ours use, and nobody else: found, but in no list."""


class _Nouns(TakesGlobalOptions, click.Group):
    """Finds nouns without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in (*NOUNS, *_OF_PODS):
            return None
        command = importlib.import_module(f"holdfast.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in (*NOUNS, *_OF_PODS) and not ctx.resilient_parsing:
            raise click.NoSuchCommand(args[0], possibilities=NOUNS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Nouns"):
            formatter.write_dl(sorted(NOUNS.items()))


@click.command(
    cls=_Nouns,
    name="holdfast",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Every verb has a --help of its own. Manual: docs/ in the source.",
)
@click.version_option(VERSION, message="holdfast %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, **_: Any) -> None:
    """Kubernetes backup you can prove.

    Backs up applications – their API objects – into an encrypted, deduplicating repository that restic can read, and
    restores them into the same cluster or another one.
    """
    ctx.ensure_object(Session)


def run() -> None:
    """The program's entry point."""
    _allow_many_open_files()
    _collect_garbage_seldom()
    session = Session()
    _stop_at_a_safe_point(session)
    try:
        result = cli.main(standalone_mode=False, obj=session, prog_name="holdfast")
    except Exception as error:  # noqa: BLE001 - the one place where everything ends
        result = errors.report(error, session, sys.argv[1:])
    except SystemExit as end:  # click's way to end after it completed words (0), and when it met a closed pipe
        result = errors.report(BrokenPipeError(), session, sys.argv[1:]) if end.code else 0
    finally:
        session.close()
    exit_code = result if isinstance(result, int) else 0
    _leave_result(session, exit_code)
    sys.stdout.flush()
    sys.exit(exit_code)


def _leave_result(session: Session, exit_code: int) -> None:
    if session.verb.startswith("mover "):
        from holdfast.cli.mover_end import tell_end  # noqa: PLC0415 - most runs are not in pods

        tell_end(session)
    elif os.environ.get("HOLDFAST_RESULT_FILE"):
        from holdfast.cli.result_file import write_result  # noqa: PLC0415 - most runs are not in pods

        write_result(session, exit_code)


def _allow_many_open_files() -> None:
    """Raises the soft limit to the hard one, as Go programs do: a tree keeps one descriptor open for each of its levels.

    The soft limit is low for the sake of programs that use select(2), of which this is none.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _collect_garbage_seldom() -> None:
    """Millions of small objects come and go here, nearly none of them in cycles: looking for those so often as Python does by
    itself takes a twentieth of the time.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def _stop_at_a_safe_point(session: Session) -> None:
    """The first Ctrl-C or SIGTERM asks the run to stop; the second one ends the process where it is."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a signal handler
        if session.cancel.requested:
            os._exit(130)
        session.cancel.request()
        with contextlib.suppress(OSError):  # nobody reads it
            # Past Python's own buffer: the signal may have come in the middle of writing to that.
            os.write(2, b"\nStopping at the next safe point; press Ctrl-C again to stop at once.\n")

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
