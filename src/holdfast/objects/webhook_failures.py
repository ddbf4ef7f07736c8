"""Which webhook did not answer, by what the API server says when it refuses an object because of that."""

from __future__ import annotations

import re
from typing import NamedTuple

_CALLS = (
    re.compile(r'failed calling webhook "(?P<name>[^"]+)".*?Post "(?P<url>[^"]*)"', re.DOTALL),
    re.compile(r'conversion webhook for (?P<name>.+?) failed.*?Post "(?P<url>[^"]*)"', re.DOTALL),
)
_SERVICE = re.compile(r"https://[^./:]+\.(?P<namespace>[^./:]+)\.svc[:/]")


class Unanswered(NamedTuple):
    name: str  # of a webhook, or of the kind that it converts
    namespace: str  # of the Service behind it; "" if it is not one of the cluster
    converts: bool


def unanswered(message: str) -> Unanswered | None:
    """None if the refusal has another reason; a webhook that answers no is another reason."""
    for converts, pattern in enumerate(_CALLS):
        if found := pattern.search(message):
            service = _SERVICE.match(found["url"])
            return Unanswered(found["name"], service["namespace"] if service else "", bool(converts))
    return None
