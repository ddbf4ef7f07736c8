"""The flags about hooks that `backup create` and verbs that restore share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.given_document import given_document

if TYPE_CHECKING:  # see main
    from holdfast.model.hooks import HookSet

_POD = "NAMESPACE/POD[:CONTAINER]=COMMAND"
_DUMP = "NAMESPACE/POD[:CONTAINER]/NAME=COMMAND"


def _flag(name: str, metavar: str, text: str) -> Callable[..., Any]:
    return click.option(name, multiple=True, metavar=metavar, help=text)


_DOCUMENTS = click.option(
    "--hooks",
    "hook_documents",
    multiple=True,
    metavar="FILE",
    help="Hooks from a file, Holdfast's or Velero's YAML, or the JSON text itself; repeatable.",
)
_BEFORE = _flag("--hook-before", _POD, "Run this before volumes of the pod are read; repeatable.")
_AFTER = _flag("--hook-after", _POD, "Run this when they have been read, whatever became of them; repeatable.")
_AFTER_RESTORE = _flag(
    "--hook-after-restore",
    _POD,
    "Run this in pods of workloads that the restore makes, once the container runs; repeatable.",
)
_DUMP_FLAG = _flag("--hook-dump", _DUMP, "Keep what this writes as a file of the backup, /dumps/…; repeatable.")
_LOAD = _flag("--hook-load", _DUMP, "Give a dump to this command's input after a restore; repeatable.")
_OFF = click.option("--no-hooks", is_flag=True, help="Run no hooks and no dumps, whatever annotations of pods say.")


def _dumps(text: str) -> Callable[..., Any]:
    return click.option(
        "--dumps", type=click.Choice(["given", "auto", "none"]), default="given", show_default=True, help=text
    )


_OF_BACKUPS = (
    _DOCUMENTS,
    _BEFORE,
    _AFTER,
    _DUMP_FLAG,
    _LOAD,
    _dumps("Dumps that hooks ask for; auto: also one of each database that a recipe recognises."),
    _OFF,
)
_OF_RESTORES = (
    _DOCUMENTS,
    _AFTER_RESTORE,
    _LOAD,
    _dumps("Dumps go back into new pods: where hooks say how, also where a recipe knows it (auto), or nowhere."),
    _OFF,
)


def backup_hook_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags to a verb, in the order in which help shows them."""
    return _with(_OF_BACKUPS, function)


def restore_hook_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a verb that restores."""
    return _with(_OF_RESTORES, function)


def _with(options: tuple[Callable[..., Any], ...], function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        function = option(function)
    return function


def hooks_of(flags: dict[str, Any]) -> HookSet:
    """What the flags of either sort ask for. Raises UsageError."""
    from holdfast.model.hooks import DumpMode  # noqa: PLC0415 - see main
    from holdfast.objects.hooks.flags import FLAGS, hooks_of_flags  # noqa: PLC0415

    documents = [given_document("--hooks", value) for value in flags["hook_documents"]]
    values = {flag: flags.get(flag.removeprefix("--").replace("-", "_"), ()) for flag in FLAGS}
    return hooks_of_flags(values, documents, enabled=not flags["no_hooks"], dumps=DumpMode(flags["dumps"]))
