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
    from holdfast.operations.restore.plan import PlannedObject, PlannedVolume, RestorePlan

_SHOWN = 20
_WORDS = {
    Action.UPDATE: "overwritten",
    Action.REPLACE: "deleted and created again",
    Action.DELETE: "deleted",
}


def approval(session: Session, *, yes: bool) -> Callable[[RestorePlan], None]:
    """What a restore calls with its plan. It raises click.Abort for a no, and UsageError if deletions need one who says yes."""

    def approve(plan: RestorePlan) -> None:
        destructive, overwritten = plan.destructive, plan.overwritten_data
        if yes or not (destructive or overwritten):
            return
        counts = describe([item.action for item in destructive], len(overwritten))
        if is_interactive():
            _show(session, destructive)
            _show_volumes(overwritten)
            confirm(f"{counts}. Go on?")
        elif overwritten or any(item.action is Action.DELETE for item in destructive):
            what = "files of volumes would be replaced" if overwritten else "objects would be deleted"
            raise UsageError(
                f"nobody can be asked whether {counts} may be",
                why=f"{what}, and the standard input is not a terminal",
                next="Nothing was changed. Look at `holdfast restore plan`, and give --yes.",
            )

    return approve


def describe(actions: Iterable[Action], volumes: int = 0) -> str:
    """`3 objects overwritten, 1 deleted, the data of 2 volumes replaced`; of one action or volume at least."""
    found = Counter(actions)
    parts = [f"{found[action]:,} {word}" for action, word in _WORDS.items() if found[action]]
    if parts:
        number, _, word = parts[0].partition(" ")
        parts[0] = f"{number} object{'' if number == '1' else 's'} {word}"
    if volumes:
        parts.append(f"the data of {volumes:,} volume{'' if volumes == 1 else 's'} replaced")
    return ", ".join(parts)


def _show(session: Session, destructive: list[PlannedObject]) -> None:
    session.progress.pause()
    for item in destructive[:_SHOWN]:
        click.echo(f"{item.action.value:8} {item.key}", err=True)
    if len(destructive) > _SHOWN:
        click.echo(f"… and {len(destructive) - _SHOWN:,} more; `holdfast restore plan` shows all", err=True)


def _show_volumes(overwritten: list[PlannedVolume]) -> None:
    for volume in overwritten[:_SHOWN]:
        click.echo(f"replace  the data of {volume.view.namespace}/{volume.view.name}: {volume.view.why}", err=True)
