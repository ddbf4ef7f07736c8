"""Which parts of a file tree are read: patterns as restic has them, CACHEDIR.TAG, and file system borders.

A pattern with a `/` is matched against the whole path from the root of the backup (a leading `/` anchors it there, without
one it may begin at any directory), one without against each name. `*`, `?` and `[…]` do not match `/`; `**` matches any number
of directories. A pattern that begins with `!` takes back an exclusion made before it. What is included is what a pattern fits,
with all below it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import UsageError

CACHE_TAG_NAME = b"CACHEDIR.TAG"
CACHE_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"  # https://bford.info/cachedir/


@dataclass(frozen=True, slots=True)
class _Pattern:
    expression: re.Pattern[str]
    takes_back: bool


@dataclass(frozen=True, slots=True)
class FileSelection:
    """Made by `select`; asks nothing of the file system but the content of a CACHEDIR.TAG."""

    patterns: tuple[_Pattern, ...] = ()
    exclude_caches: bool = False
    one_file_system: bool = False
    texts: tuple[str, ...] = field(default=(), compare=False)  # as typed, for the snapshot's `excludes`
    included: Callable[[bytes], bool | None] | None = None  # see `include`; None for everything
    included_texts: tuple[str, ...] = field(default=(), compare=False)  # as typed

    @property
    def has_patterns(self) -> bool:
        """Whether `keeps` has to be asked at all."""
        return bool(self.patterns) or self.included is not None

    def keeps(self, path: bytes, *, is_directory: bool) -> bool:
        """Whether the entry at `path` is backed up: included, or a directory that may hold such, and not excluded."""
        if self.included is not None:
            choice = self.included(path)
            if choice is False or (choice is None and not is_directory):
                return False
        return not self.excludes(path)

    def excludes(self, path: bytes) -> bool:
        """Whether the entry at `path`, from the root of the backup and beginning with `/`, is left out."""
        if not self.patterns:
            return False
        text = os.fsdecode(path)  # ? is a character, not a byte
        left_out = False
        for pattern in self.patterns:
            if left_out == pattern.takes_back and pattern.expression.search(text):
                left_out = not pattern.takes_back
        return left_out

    def is_cache(self, directory_fd: int, names: Iterable[bytes]) -> bool:
        """Whether an open directory with these names is marked as a cache, whose content can be made again."""
        if not self.exclude_caches or CACHE_TAG_NAME not in names:
            return False
        try:
            tag = os.open(
                CACHE_TAG_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory_fd
            )
            with os.fdopen(tag, "rb") as file:
                return file.read(len(CACHE_TAG)) == CACHE_TAG
        except OSError:
            return False


def select(
    excludes: Sequence[str],
    *,
    includes: Sequence[str] = (),
    exclude_caches: bool = False,
    one_file_system: bool = False,
) -> FileSelection:
    """Without `includes` everything is included. Raises UsageError for a pattern that cannot be understood."""
    return FileSelection(
        tuple(_compile(text) for text in excludes),
        exclude_caches=exclude_caches,
        one_file_system=one_file_system,
        texts=tuple(excludes),
        included=include(includes) if includes else None,
        included_texts=tuple(includes),
    )


def read_patterns(path: Path) -> list[str]:
    """The patterns of a file, one a line; empty lines and those that begin with `#` are none. Raises UsageError."""
    try:
        lines = map(str.strip, os.fsdecode(path.read_bytes()).split("\n"))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read", why=error.strerror or str(error), next="Give a file with one pattern a line."
        ) from error
    return [line for line in lines if line and not line.startswith("#")]


def include(patterns: Sequence[str]) -> Callable[[bytes], bool | None]:
    """Paths → True for what a pattern fits and all below that, None for directories that may hold such, False elsewhere.

    Raises UsageError for a pattern that cannot be understood.
    """
    for text in patterns:
        if text.startswith("!"):
            raise UsageError(f"{text!r} cannot be included", why="only exclusions are taken back", next=_SEE)
    fitting = [_expression(text, end=r"(?:/|\Z)") for text in patterns]
    leading = [_leading(text) for text in patterns]

    def included(path: bytes) -> bool | None:
        text = os.fsdecode(path)
        if not patterns or any(pattern.search(text) for pattern in fitting):
            return True
        return None if any(pattern.search(text) for pattern in leading) else False

    return included


_SEE = "See docs/files.md."


def _compile(text: str) -> _Pattern:
    return _Pattern(_expression(text.removeprefix("!"), end=r"\Z"), takes_back=text.startswith("!"))


def _expression(text: str, *, end: str) -> re.Pattern[str]:
    """What the pattern fits, from the root or any directory to `end`."""
    *directories, last = _names(text)
    start = "^/" if text.startswith("/") else "(?:^|/)"
    expression = "".join("(?:[^/]+/)*" if name == "**" else f"{_name(name)}/" for name in directories)
    expression += ".*" if last == "**" else _name(last)
    try:
        return re.compile(f"{start}{expression}{end}", re.DOTALL)
    except re.error as error:
        raise UsageError(f"{text!r} is not a pattern", why=str(error), next=_SEE) from error


def _leading(text: str) -> re.Pattern[str]:
    """Directories in which something may be that the pattern fits: those on the way, or all if it has no beginning."""
    expression = ""
    for name in reversed(_names(text)[:-1]):
        expression = "(?:/.*)?" if name == "**" else f"(?:/{_name(name)}{expression})?"
    return re.compile(rf"^{expression}\Z" if text.startswith("/") else "", re.DOTALL)


def _names(text: str) -> list[str]:
    names = [name for name in text.split("/") if name]
    if not names:
        raise UsageError(f"{text!r} is not a pattern", why="it is empty", next=_SEE)
    return names


_TOKEN = re.compile(r"\*|\?|\[!?\]?[^\]]*\]|\\.|.", re.DOTALL)


_MEMBER = re.compile(r"(.)-(.)|.", re.DOTALL)  # of a set: a range or a character


def _member(found: re.Match[str]) -> str:
    return "-".join(map(re.escape, found.groups())) if found[1] else re.escape(found[0])


def _name(pattern: str) -> str:
    """One name's pattern as a regular expression that never matches a `/`."""
    return "".join(_token(token) for token in _TOKEN.findall(pattern))


def _token(token: str) -> str:
    match token[0]:
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
        case "[" if len(token) > 1:
            body = token[1:-1]
            members = _MEMBER.sub(_member, body.removeprefix("!"))
            return f"(?!/)[{'^' if body.startswith('!') else ''}{members}]"
        case "\\" if len(token) > 1:
            return re.escape(token[1])
        case _:
            return re.escape(token)
