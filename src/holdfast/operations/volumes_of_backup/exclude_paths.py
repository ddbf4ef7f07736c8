"""`--exclude-path [NAMESPACE/CLAIM:]PATTERN`: files of volumes that are left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, Self

from holdfast.volumes.selection import select

_FORM = re.compile(r"(?:(?P<volume>[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.-]*):)?(?P<pattern>.*)", re.DOTALL)


class ExcludedPath(NamedTuple):
    volume: str  # `shop/data`; "" for all volumes
    pattern: str  # as of `backup files`, from the volume's root

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises UsageError for a pattern that means nothing."""
        found = _FORM.fullmatch(text)
        assert found is not None  # anything fits
        select([found["pattern"]])
        return cls(found["volume"] or "", found["pattern"])


def patterns_for(volume: str, excluded: Iterable[ExcludedPath]) -> list[str]:
    """In the order in which they were given: the last one that fits decides."""
    return [one.pattern for one in excluded if one.volume in ("", volume)]
