"""Globs of patch targets: `*` `?` `[a-z]` `[!a]` `{a,b}`; with a separator, `*` stops there and `**` does not."""

from __future__ import annotations

import re
from re import Pattern

from holdfast.objects.patching.reading import invalid

_PART = re.compile(r"\*\*|\[[!^]?[^\]]+\]|\\.|.", re.DOTALL)
_BRACES = {"{": "(?:", "}": ")", ",": "|"}


def compile_glob(text: str, place: str, *, separator: str = "") -> Pattern[str]:
    """A pattern to be used with `fullmatch`. Raises UsageError."""
    inside = f"[^{re.escape(separator)}]" if separator else "."
    depth = 0
    parts: list[str] = []
    for found in _PART.finditer(text):
        part = found[0]
        if part == "{":
            depth += 1
        parts.append(_translated(part, inside, in_braces=depth > 0))
        if part == "}":
            depth = max(0, depth - 1)
    if depth:
        raise invalid(place, f"the pattern {text!r} has a {{ without }}")
    return compile_regex("".join(parts), place, shown=text)


def _translated(part: str, inside: str, *, in_braces: bool) -> str:
    if in_braces and part in _BRACES:
        return _BRACES[part]
    if len(part) > 2:
        negated = part[1] in "!^"
        members = re.sub(r"([\\\[^&~|])", r"\\\1", part[1 + negated : -1]).replace("--", r"-\-")
        return f"[{'^' * negated}{members}]"
    wild = {"**": ".*", "*": f"{inside}*", "?": inside}
    return wild.get(part) or re.escape(part[-1])


def compile_regex(text: str, place: str, *, shown: str = "") -> Pattern[str]:
    """Raises UsageError."""
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise invalid(place, f"the pattern {shown or text!r} is not possible: {error}") from None
