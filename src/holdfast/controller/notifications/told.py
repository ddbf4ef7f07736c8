"""`status.notified`: what people were told of one object, as words `FACT=TIME`.

    failed:WrongPassword=2026-11-26T02:03:10Z missed=2026-11-25T02:00:00Z

It is in the object, so a controller that is started anew, or another replica, tells nothing twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from holdfast.api.conditions import timestamp

LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Told:
    """The words, read. Words that nobody understands are dropped."""

    def __init__(self, notified: str) -> None:
        self._facts: dict[str, dt.datetime] = {}
        for word in notified.split():
            fact, _, written = word.partition("=")
            if moment := parse(written):
                self._facts[fact] = moment

    def when(self, fact: str) -> dt.datetime:
        """LONG_AGO if it was not told."""
        return self._facts.get(fact, LONG_AGO)

    def has(self, prefix: str) -> bool:
        """Whether a fact that begins so was told."""
        return any(fact.startswith(prefix) for fact in self._facts)

    def after(self, new: Mapping[str, dt.datetime], over: Iterable[str] = ()) -> str:
        """The words once `new` was told too, without those facts that begin as one of `over` does."""
        gone = tuple(over)
        facts = {fact: moment for fact, moment in self._facts.items() if not fact.startswith(gone)} | dict(new)
        return " ".join(f"{fact}={timestamp(moment)}" for fact, moment in sorted(facts.items()))


def parse(moment: str) -> dt.datetime | None:
    """A time in an object, to the second, as it is written back; None for what is no time."""
    try:
        read = dt.datetime.fromisoformat(moment)
    except ValueError:
        return None
    return read.astimezone(dt.UTC).replace(microsecond=0)
