"""The flags that say which backup `latest` is, the same for all verbs that restore or prove one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.of_plan import use_repository_of_plan
from holdfast.cli.quantities import parse_before
from holdfast.errors import UsageError

if TYPE_CHECKING:  # see main
    from holdfast.cli.context import Session
    from holdfast.operations.catalog import Entry
    from holdfast.operations.latest import Latest
    from holdfast.repository.repository import Repository

LATEST = "latest"
_OPTIONS = (
    click.option("--plan", default="", metavar="NAMESPACE/NAME", help="With `latest`: the newest backup of this plan."),
    click.option("--before", default="", metavar="TIME", help="With `latest`: the newest backup before this time."),
)


def latest_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags; the function takes them as `**flags` and gives them to `parse_latest`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def parse_latest(session: Session, reference: str, flags: dict[str, Any], namespaces: Sequence[str]) -> Latest:
    """`namespaces` are those of -n, which `latest` has all of. Raises UsageError."""
    from holdfast.model.plan_name import PlanName  # noqa: PLC0415
    from holdfast.operations.latest import Latest  # noqa: PLC0415

    if flags["plan"] and reference != LATEST:
        raise UsageError(
            "--plan has no effect on a backup that is named",
            why=f"it says which one `{LATEST}` is",
            next=f"Leave it out, or write {LATEST} in place of {reference}.",
        )
    if flags["plan"]:
        use_repository_of_plan(session, flags["plan"])
    return Latest(
        plan=str(PlanName.parse(flags["plan"])) if flags["plan"] else "",
        namespaces=tuple(namespaces),
        before=parse_before(flags["before"]),
        cluster=session.settings.cluster_name,
    )


def find_backup(repository: Repository, reference: str, wanted: Latest) -> Entry:
    """Raises NotFound."""
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415
    from holdfast.operations.latest import find_latest  # noqa: PLC0415

    catalog = read_catalog(repository)
    return find_latest(repository, catalog, wanted) if reference == LATEST else catalog.find_backup(reference)
