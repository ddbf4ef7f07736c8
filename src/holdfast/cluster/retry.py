"""When a request is sent again, and after how long. Pure rules; `connection` carries them out.

A request that may have been carried out is only repeated if repeating it does no harm (`repeatable`: reads, and
server-side apply). What surely was not carried out – refused with 429, or never sent – is repeated whatever it is.
"""

from __future__ import annotations

import random

ATTEMPTS = 8  # about half a minute in all: an API server that is being replaced is back by then
FIRST_ATTEMPTS = 2  # before the server has answered for the first time: a wrong address is to be told soon
UNPROMISING_ATTEMPTS = 3  # 5xx without Retry-After: often a broken webhook or API service, which stays broken
LONGEST_ADVICE = 120.0  # seconds; a server that asks for more is taken as refusing
DOUBTFUL_SECONDS = 120.0  # after a connection failed, the server may have just started: a 403 is not believed at once
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0

TOO_MANY_REQUESTS = 429
SERVER_ERRORS = range(500, 600)


def pause_after_answer(status: int, advice: float | None, attempt: int, *, repeatable: bool) -> float | None:
    """Seconds to wait before the next try, or None if this answer is final.

    `advice` is the server's Retry-After in seconds, `attempt` counts the tries made so far, from 1.
    """
    if status == TOO_MANY_REQUESTS:
        attempts = ATTEMPTS
    elif status in SERVER_ERRORS and repeatable:
        attempts = ATTEMPTS if advice is not None else UNPROMISING_ATTEMPTS
    else:
        return None
    if attempt >= attempts or (advice or 0) > LONGEST_ADVICE:
        return None
    # Many threads are told the same number; spread them, never before the time that was asked for.
    return backoff(attempt) if advice is None else advice * random.uniform(1.0, 1.25)  # noqa: S311 - no secret


def pause_after_failure(attempt: int, *, sent: bool, repeatable: bool, patient: bool) -> float | None:
    """The same for a connection that failed. `sent`: the request may have reached the server."""
    if sent and not repeatable:
        return None
    return None if attempt >= (ATTEMPTS if patient else FIRST_ATTEMPTS) else backoff(attempt)


def backoff(attempt: int) -> float:
    """Seconds to wait after `attempt` tries, when the server does not say how long."""
    pause: float = _FIRST_PAUSE * 2 ** (attempt - 1)
    return min(_LONGEST_PAUSE, pause) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
