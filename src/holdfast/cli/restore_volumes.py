"""The flags of a restore about the data of claims, and how plans and reports show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from holdfast.cli.context import Session
from holdfast.cli.output import show_table
from holdfast.cli.progress_text import format_size
from holdfast.errors import UsageError
from holdfast.model.restore import VolumePlan, VolumeResult, Volumes

_OPTIONS = (
    click.option(
        "--volumes",
        type=click.Choice([choice.value for choice in Volumes]),
        default=Volumes.AUTO.value,
        show_default=True,
        help="The data of claims: into those that the restore makes, into none, or into claims that exist too, which then "
        "hold what the backup has and nothing else.",
    ),
    click.option(
        "--volume",
        "volume_claims",
        multiple=True,
        metavar="NAMESPACE/CLAIM",
        help="Only the data of this claim, named as in the backup; repeatable. Without selection flags, only the claim too.",
    ),
    click.option(
        "--volume-size",
        multiple=True,
        metavar="NAMESPACE/CLAIM=SIZE",
        help="Make the claim, named as in the backup, with another size: shop/data=20Gi.",
    ),
)


def volume_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def parse_volumes(flags: dict[str, Any]) -> dict[str, Any]:
    """Fields of RestoreOptions. Raises UsageError."""
    mode, claims = Volumes(flags["volumes"]), flags["volume_claims"]
    for name in claims:
        if name.count("/") != 1 or not all(name.split("/")):
            raise UsageError(
                f"--volume {name} is not possible",
                why="a claim is written with its namespace",
                next="Write it as --volume shop/data, as the backup names it.",
            )
    if claims and mode is Volumes.NONE:
        raise UsageError(
            "--volume and --volumes none contradict each other",
            why="the one asks for data that the other leaves out",
            next="Leave out one of them.",
        )
    return {"volumes": mode, "volume_claims": claims}


def show_planned_volumes(session: Session, volumes: Sequence[VolumePlan]) -> None:
    """Nothing if there are none."""
    if not volumes:
        return
    rows = [
        (
            one.action.value,
            one.namespace,
            one.name,
            one.original if one.original != f"{one.namespace}/{one.name}" else "-",
            one.storage_class or "-",
            one.size or "-",
            format_size(one.bytes) if one.bytes else "-",
            _told(one.why, one.next),
        )
        for one in volumes
    ]
    show_table(session, ("DATA", "NAMESPACE", "CLAIM", "IN BACKUP", "CLASS", "SIZE", "FILES", "WHY"), rows)
    click.echo()


def show_volumes(session: Session, volumes: Sequence[VolumeResult]) -> None:
    """Nothing if there are none."""
    if not volumes:
        return
    rows = [
        (
            one.outcome.value,
            one.namespace,
            one.name,
            f"{one.files:,}",
            format_size(one.bytes),
            f"{one.verified:,}",
            one.node or "-",
            one.why,
        )
        for one in volumes
    ]
    show_table(session, ("DATA", "NAMESPACE", "CLAIM", "FILES", "SIZE", "VERIFIED", "NODE", "WHY"), rows)
    click.echo()


def _told(why: str, next_step: str) -> str:
    return f"{why}. {next_step}" if why and next_step else why
