"""The checks of a drill, from flags and from a file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from holdfast.errors import UsageError
from holdfast.model.drill import Check, CheckKind
from holdfast.objects.checks import make_check, parse_check, parse_target

_KINDS = {"command": CheckKind.COMMAND, "query": CheckKind.QUERY, "checksum": CheckKind.CHECKSUM}
_EXAMPLE = "See docs/drill.md for an example."


def gather_checks(
    commands: Sequence[str], queries: Sequence[str], checksums: Sequence[str], file: Path | None
) -> tuple[Check, ...]:
    """In the order of the file, then of the flags. Raises UsageError."""
    return (
        *(_read(file) if file is not None else ()),
        *(parse_check(CheckKind.COMMAND, text, "--check-command") for text in commands),
        *(parse_check(CheckKind.QUERY, text, "--check-query") for text in queries),
        *(parse_check(CheckKind.CHECKSUM, text, "--check-checksum") for text in checksums),
    )


def _read(file: Path) -> Iterator[Check]:
    import yaml  # noqa: PLC0415 - only who has such a file waits for it

    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--checks {file} cannot be read", why=getattr(error, "strerror", "") or "it is no text"
        ) from error
    except yaml.YAMLError as error:
        raise UsageError(f"--checks {file} is no YAML", why=" ".join(str(error).split())) from error
    checks = document.get("checks") if isinstance(document, dict) else None
    if not isinstance(checks, list) or not checks:
        raise UsageError(f"--checks {file} has no checks", why="it needs a list `checks`", next=_EXAMPLE)
    for number, entry in enumerate(checks, 1):
        yield _check(entry, f"--checks {file}: check {number}")


def _check(entry: Any, where: str) -> Check:
    if not isinstance(entry, dict) or not entry.keys() <= {"target", "expect", *_KINDS}:
        raise UsageError(
            f"{where} is none", why=f"it has target, one of {', '.join(_KINDS)}, and expect", next=_EXAMPLE
        )
    kinds = [name for name in _KINDS if name in entry]
    if len(kinds) != 1 or not isinstance(entry.get("target"), str):
        raise UsageError(f"{where} is none", why=f"it needs target and one of {', '.join(_KINDS)}", next=_EXAMPLE)
    (kind,) = kinds
    asked = entry[kind]
    text = shlex.join(map(str, asked)) if isinstance(asked, list) else str(asked)
    return make_check(_KINDS[kind], parse_target(entry["target"], where), text, str(entry.get("expect", "")).strip())
