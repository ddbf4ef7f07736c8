"""Globs of patch targets: `*` `?` `[a-z]` `[!a]` `{a,b}`; with a separator, `*` stops there and `**` does not."""

from __future__ import annotations

import re
from re import Pattern

from holdfast.objects.patching.reading import invalid


def compile_glob(text: str, place: str, *, separator: str = "") -> Pattern[str]:
    """A pattern to be used with `fullmatch`. Raises UsageError."""
    inside = f"[^{re.escape(separator)}]" if separator else "."
    parts: list[str] = []
    depth = position = 0
    while position < len(text):
        char = text[position]
        position += 1
        match char:
            case "*" if text.startswith("*", position):
                parts.append(".*")
                position += 1
            case "*":
                parts.append(f"{inside}*")
            case "?":
                parts.append(inside)
            case "[":
                end = text.find("]", position + 1)
                if end < 0:
                    raise invalid(place, f"the pattern {text!r} has a [ without ]")
                members = text[position:end].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
                parts.append(f"[{'^' + members[1:] if members.startswith('!') else members}]")
                position = end + 1
            case "{":
                depth += 1
                parts.append("(?:")
            case "}" if depth:
                depth -= 1
                parts.append(")")
            case "," if depth:
                parts.append("|")
            case "\\" if position < len(text):
                parts.append(re.escape(text[position]))
                position += 1
            case _:
                parts.append(re.escape(char))
    if depth:
        raise invalid(place, f"the pattern {text!r} has a {{ without }}")
    return compile_regex("".join(parts), place, shown=text)


def compile_regex(text: str, place: str, *, shown: str = "") -> Pattern[str]:
    """Raises UsageError."""
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise invalid(place, f"the pattern {shown or text!r} is not possible: {error}") from None
