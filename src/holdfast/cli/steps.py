"""What install and uninstall have in common: the flag --namespace, and telling what was done, object by object."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from holdfast.api.names import DEFAULT_NAMESPACE
from holdfast.cli.context import Session
from holdfast.cli.output import show_table

if TYPE_CHECKING:  # imported when used: see assembly
    from holdfast.operations.applying import InstallStep


def _namespace(ctx: click.Context, param: click.Parameter, value: str) -> str:  # noqa: ARG001 - click's signature
    """A name that Kubernetes takes for a namespace, so that nothing is half done when it does not."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value, re.ASCII):
        raise click.BadParameter(f"{value!r:.80} is no name of a namespace: a-z, 0-9 and -, at most 63 of them")
    return value


namespace_option = click.option(
    "--namespace",
    callback=_namespace,
    default=DEFAULT_NAMESPACE,
    show_default=True,
    metavar="NAME",
    help="Where the controller lives.",
)


def show_steps(session: Session, steps: Sequence[InstallStep]) -> None:
    """A table, and how many of each result."""
    if not steps:
        return
    show_table(session, ("RESULT", "OBJECT", "WHY"), [(step.result.value, step.object, step.why) for step in steps])
    counts = Counter(step.result.value for step in steps)
    click.echo(", ".join(f"{count} {result}" for result, count in counts.items()))
