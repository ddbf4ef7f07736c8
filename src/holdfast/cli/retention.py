"""The flags that say how long backups are kept, the same for `backup forget` and for plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

KEEP_COUNTS = ("keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")


class _Count(click.ParamType[int]):
    """A number of backups, or `unlimited`, for which restic has -1 too."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value in ("unlimited", "-1"):
            return -1
        try:
            number = int(value)
        except ValueError:
            number = -1
        if number < 0:
            self.fail(f"{value!r} is neither a number nor `unlimited`", param, ctx)
        return number


def _keep(flag: str, what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(flag, type=_Count(), metavar="N", help=what)


_OPTIONS = (
    _keep("--keep-last", "Keep the N newest good backups; N may be `unlimited`, here and below."),
    _keep("--keep-hourly", "The newest good backup of each of N hours that have one."),
    _keep("--keep-daily", "Of each of N days."),
    _keep("--keep-weekly", "Of each of N weeks, which begin on Monday."),
    _keep("--keep-monthly", "Of each of N months."),
    _keep("--keep-yearly", "Of each of N years."),
    click.option(
        "--keep-within",
        default="",
        metavar="DURATION",
        help="All made in the time before the newest good backup: 30d, 12h, 1y6m.",
    ),
)


def keep_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags; the function takes those of KEEP_COUNTS and `keep_within`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
