"""How a plan is named on the command line: NAMESPACE/NAME, or NAME in Holdfast's namespace or that of --in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from holdfast.api.names import DEFAULT_NAMESPACE
from holdfast.errors import UsageError
from holdfast.model.plan_name import PlanName


def in_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --in, which the function takes as `within`."""
    option = click.option(
        "--in",
        "within",
        default="",
        metavar="NAMESPACE",
        help=f"Where a plan given as NAME is. Default: {DEFAULT_NAMESPACE}.",
    )
    return option(function)


def plan_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the argument PLAN with --in; the function takes `reference` and `within`."""
    return click.argument("reference", metavar="PLAN")(in_option(function))


def plan_name(reference: str, within: str) -> PlanName:
    """Raises UsageError."""
    namespace, slash, _ = reference.partition("/")
    if slash and within and namespace != within:
        raise UsageError(
            f"{reference!r:.80} is not in {within}",
            why="the name and --in say different namespaces",
            next="Leave one of them out.",
        )
    try:
        return PlanName.parse(reference if slash else f"{within or DEFAULT_NAMESPACE}/{reference}")
    except UsageError as error:
        raise UsageError(
            f"{reference!r:.80} does not name a plan",
            why="a name has small letters, digits, - and ., and begins and ends with a letter or digit",
            next="Write it as NAMESPACE/NAME, or NAME with --in NAMESPACE.",
        ) from error


def language_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --language, the one in which schedules are told."""
    option = click.option(
        "--language",
        type=click.Choice(["en", "zh"]),
        default="en",
        show_default=True,
        help="In which schedules are told.",
    )
    return option(function)
