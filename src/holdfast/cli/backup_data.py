"""The flags of `backup create` about data: which volumes are saved, how, and without which files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from holdfast.cli.given_document import given_document

_OPTIONS = (
    click.option(
        "--volumes",
        type=click.Choice(["auto", "none"]),
        default="auto",
        show_default=True,
        help="Data of volumes. What was selected and could not be saved makes the backup partial; none leaves it out knowingly.",
    ),
    click.option(
        "--volume-policy",
        default="",
        metavar="FILE",
        help="Which volumes are saved and how, in the form of Velero's volume policies; or the JSON text itself.",
    ),
    click.option(
        "--exclude-path",
        "exclude_paths",
        multiple=True,
        metavar="[NAMESPACE/CLAIM:]PATTERN",
        help="Leave out files of volumes that fit, as --exclude of `backup files` does; repeatable.",
    ),
)


def data_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags to a verb, in the order in which help shows them."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def data_of_flags(flags: dict[str, Any]) -> dict[str, Any]:
    """Fields of BackUpOptions. Raises UsageError."""
    from holdfast.model.backup import VolumesMode  # noqa: PLC0415 - see main
    from holdfast.objects.storage.policy import VolumePolicy, parse_policy  # noqa: PLC0415
    from holdfast.operations.volumes_of_backup.exclude_paths import ExcludedPath  # noqa: PLC0415

    policy = VolumePolicy()
    if text := flags["volume_policy"]:
        name, document = given_document("--volume-policy", text)
        policy = parse_policy(document, name)
    return {
        "volumes": VolumesMode(flags["volumes"]),
        "volume_policy": policy,
        "exclude_paths": tuple(map(ExcludedPath.parse, flags["exclude_paths"])),
    }
