"""What became of hooks and dumps, as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from holdfast.cli.context import Session
from holdfast.cli.output import show_table
from holdfast.cli.progress_text import format_size

if TYPE_CHECKING:  # see main
    from holdfast.model.hooks import HookRecord

_COLUMNS = ("NAMESPACE", "POD", "HOOK", "WHEN", "OUTCOME", "SECONDS", "WHY")


def show_hooks(session: Session, hooks: Sequence[HookRecord]) -> None:
    """Nothing if there are none."""
    if hooks:
        show_table(session, _COLUMNS, [_row(hook) for hook in hooks])
        click.echo()


def _row(hook: HookRecord) -> Sequence[str]:
    name = f"{hook.name} ({hook.recipe})" if hook.recipe else hook.name
    told = hook.why or (f"{format_size(hook.bytes)} in {hook.path}" if hook.path else "-")
    return (
        hook.namespace,
        hook.pod,
        name,
        hook.when.value,
        hook.outcome.value,
        f"{hook.seconds:.1f}" if hook.started_at else "-",
        told,
    )
