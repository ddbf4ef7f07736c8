"""Showing what a restore is about to overwrite or delete, and asking whether it may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from holdfast.cli.context import Session, confirm, is_interactive
from holdfast.errors import UsageError
from holdfast.model.restore import Action

if TYPE_CHECKING:
    from holdfast.operations.restore.plan import PlannedObject, RestorePlan

_SHOWN = 20
_WORDS = {
    Action.UPDATE: "overwritten",
    Action.REPLACE: "deleted and created again",
    Action.DELETE: "deleted",
}


def approval(session: Session, *, yes: bool) -> Callable[[RestorePlan], None]:
    """What a restore calls with its plan. It raises click.Abort for a no, and UsageError if deletions need one who says yes."""

    def approve(plan: RestorePlan) -> None:
        destructive = plan.destructive
        if not destructive or yes:
            return
        counts = describe(item.action for item in destructive)
        if is_interactive():
            _show(session, destructive)
            confirm(f"{counts}. Go on?")
        elif any(item.action is Action.DELETE for item in destructive):
            raise UsageError(
                f"nobody can be asked whether {counts} may be",
                why="objects would be deleted, and the standard input is not a terminal",
                next="Nothing was changed. Look at `holdfast restore plan`, and give --yes.",
            )

    return approve


def describe(actions: Iterable[Action]) -> str:
    """`3 objects overwritten, 1 deleted`"""
    found = Counter(actions)
    parts = [f"{found[action]:,} {word}" for action, word in _WORDS.items() if found[action]]
    first, *rest = parts
    number, _, word = first.partition(" ")
    return ", ".join([f"{number} object{'' if number == '1' else 's'} {word}", *rest])


def _show(session: Session, destructive: list[PlannedObject]) -> None:
    session.progress.pause()
    for item in destructive[:_SHOWN]:
        click.echo(f"{item.action.value:8} {item.key}", err=True)
    if len(destructive) > _SHOWN:
        click.echo(f"… and {len(destructive) - _SHOWN:,} more; `holdfast restore plan` shows all", err=True)
