"""The flags of a restore about hooks and dumps, and how a report shows what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session
from holdfast.cli.given_document import given_document
from holdfast.cli.output import show_table
from holdfast.model.hooks import DumpMode, HookRecord

if TYPE_CHECKING:
    from holdfast.model.hooks import HookSet

_OPTIONS = (
    click.option(
        "--hooks",
        "hook_documents",
        multiple=True,
        metavar="FILE",
        help="Hooks, in Velero's form or Holdfast's; or the JSON text itself. Repeatable.",
    ),
    click.option(
        "--hook-after-restore",
        multiple=True,
        metavar="NAMESPACE/POD[:CONTAINER]=COMMAND",
        help="Run it in pods of workloads that the restore makes, once the container runs. Repeatable.",
    ),
    click.option(
        "--hook-load",
        multiple=True,
        metavar="NAMESPACE/POD[:CONTAINER]/NAME=COMMAND",
        help="Give this dump of the backup to the command's input. Repeatable.",
    ),
    click.option(
        "--dumps",
        type=click.Choice([mode.value for mode in DumpMode]),
        default=DumpMode.GIVEN.value,
        show_default=True,
        help="Dumps go back into new pods: where hooks say how, also where a recipe knows it (auto), or nowhere.",
    ),
    click.option("--no-hooks", is_flag=True, help="Run no hook and load no dump, whatever pods say."),
)


def hook_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def parse_hooks(flags: dict[str, Any]) -> HookSet:
    """Raises UsageError."""
    from holdfast.objects.hooks.flags import AFTER_RESTORE, LOAD, hooks_of_flags  # noqa: PLC0415 - see main

    texts = {AFTER_RESTORE: flags["hook_after_restore"], LOAD: flags["hook_load"]}
    documents = [given_document("--hooks", value) for value in flags["hook_documents"]]
    return hooks_of_flags(texts, documents, enabled=not flags["no_hooks"], dumps=DumpMode(flags["dumps"]))


def show_hooks(session: Session, hooks: Sequence[HookRecord]) -> None:
    """Nothing if there are none."""
    if not hooks:
        return
    rows = [
        (one.outcome.value, one.namespace, one.pod, one.container, one.name, one.when.value, one.why) for one in hooks
    ]
    show_table(session, ("HOOK", "NAMESPACE", "POD", "CONTAINER", "NAME", "WHEN", "WHY"), rows)
    click.echo()
