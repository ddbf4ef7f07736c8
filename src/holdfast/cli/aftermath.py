"""The flags for what a restore does after its writes, and how its findings are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from holdfast.cli.quantities import parse_duration
from holdfast.model.restore import RestoreReport

_OPTIONS = (
    click.option(
        "--wait", is_flag=True, help="Wait until all that was restored is ready, and say what is not, and why."
    ),
    click.option(
        "--wait-timeout",
        default="10m",
        show_default=True,
        metavar="TIME",
        help="With --wait: no longer than this: 90s, 1h.",
    ),
    click.option(
        "--verify/--no-verify",
        default=True,
        show_default=True,
        help="Read back what was restored, objects and files, and compare it.",
    ),
)


def aftermath_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def parse_aftermath(flags: dict[str, Any]) -> dict[str, Any]:
    """Fields of RestoreOptions; none of a verb that does not have these flags. Raises UsageError."""
    if "wait" not in flags:
        return {}
    timeout = parse_duration("--wait-timeout", flags["wait_timeout"])
    return {"wait": timeout if flags["wait"] else None, "verify": flags["verify"]}


def aftermath_lines(report: RestoreReport) -> list[str]:
    """What a restore found out after its writes, for people."""
    lines = []
    if report.waited is not None:
        waited = report.waited
        lines.append(f"Waited {waited.seconds:,.1f} s: {waited.ready:,} of {waited.objects:,} are ready")
    if report.read_back:
        lines.append(f"Read back: {', '.join(f'{count:,} {word}' for word, count in report.read_back.items())}")
    return lines
