"""One thing that people are told."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from holdfast.controller.world import Key

_LISTED = 20


class MessageKind(StrEnum):
    FAILED = "failed"  # a plan's run did not make a good backup
    RECOVERED = "recovered"  # what was told is over
    MISSED = "missed"  # a scheduled run did not begin
    RETENTION_HELD = "retention-held"  # old backups stay until a person has looked
    LOCATION_FAILED = "location-failed"  # a location cannot be used


@dataclass(frozen=True, slots=True)
class Message:
    kind: MessageKind
    about: Key
    title: str
    body: str  # what happened, why, what to do next; plain text
    time: dt.datetime  # when it happened
    notified: str  # what `status.notified` of the object becomes once this is told


def combined(messages: Sequence[Message]) -> tuple[str, str]:
    """(title, body) of one notification that tells all of these."""
    if len(messages) == 1:
        return messages[0].title, messages[0].body
    counts = Counter(message.kind for message in messages)
    title = f"{len(messages)} messages: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    parts = [f"{message.title}\n{message.body}" for message in messages[:_LISTED]]
    if len(messages) > _LISTED:
        parts.append(f"… and {len(messages) - _LISTED} more.")
    return title, "\n\n".join(parts)
