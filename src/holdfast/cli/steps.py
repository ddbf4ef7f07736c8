"""What install and uninstall did, object by object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from holdfast.cli.context import Session
from holdfast.cli.output import show_table

if TYPE_CHECKING:  # imported when used: see assembly
    from holdfast.operations.applying import InstallStep


def show_steps(session: Session, steps: Sequence[InstallStep]) -> None:
    """A table, and how many of each result."""
    if not steps:
        return
    show_table(session, ("RESULT", "OBJECT", "WHY"), [(step.result.value, step.object, step.why) for step in steps])
    counts = Counter(step.result.value for step in steps)
    click.echo(", ".join(f"{count} {result}" for result, count in counts.items()))
