"""The flags by which a restore changes objects: mappings, patches, and Velero's resource modifiers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from holdfast.errors import UsageError

_OPTIONS = (
    click.option(
        "--map-image",
        multiple=True,
        metavar="OLD=NEW",
        help="Take images from another registry or repository; repeatable.",
    ),
    click.option(
        "--map-node-label",
        multiple=True,
        metavar="KEY=OLD=NEW",
        help="Choose nodes by another value of a label, or with `KEY-` not by that label; repeatable.",
    ),
    click.option(
        "--patch", "patch_files", multiple=True, metavar="FILE", help="Patches of objects, in YAML; repeatable."
    ),
    click.option(
        "--resource-modifiers", "modifier_files", multiple=True, metavar="FILE", help="Velero's resource modifiers."
    ),
)


def change_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags; `read_patches` takes what two of them hold."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def read_patches(flags: dict[str, Any]) -> Sequence[Any]:
    """Velero's modifiers, then the patches, each in the order of the command line. Raises UsageError."""
    from holdfast.objects.patching.files import parse_patches  # noqa: PLC0415 - YAML is read by few commands
    from holdfast.objects.patching.modifiers import parse_modifiers  # noqa: PLC0415

    modifiers = [rule for name in flags["modifier_files"] for rule in parse_modifiers(_read(name), name)]
    return [*modifiers, *(patch for name in flags["patch_files"] for patch in parse_patches(_read(name), name))]


def _read(name: str) -> bytes:
    from holdfast.objects.patching.reading import MAX_BYTES  # noqa: PLC0415

    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{name} cannot be read", why=why, next="Check the name of the file.") from error
