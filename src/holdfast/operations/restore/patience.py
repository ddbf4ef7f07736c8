"""Waiting for webhooks whose programs this restore brings back: until they answer, they hold up other objects.

Custom resources come after the workloads, so the program that converts them may be starting. Each webhook is waited for
once, by all objects together; then what it holds up fails with the reason.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import TypeVar

from holdfast.errors import ApiRefused
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.objects.webhook_failures import Unanswered, unanswered

SECONDS = 60.0
_PAUSE = 1.0
_T = TypeVar("_T")


class Patience:
    """Thread-safe. Waits only for webhooks whose Service is in one of `namespaces`."""

    def __init__(self, namespaces: Collection[str], cancel: Cancel, progress: Progress) -> None:
        self._namespaces = namespaces
        self._cancel = cancel
        self._progress = progress
        self._guard = threading.Lock()
        self._ends: dict[Unanswered, float] = {}

    def attempt(self, write: Callable[[], _T]) -> _T:
        """What `write` returns, as soon as no webhook holds it up. Raises what it raises, and Cancelled."""
        while True:
            try:
                return write()
            except ApiRefused as error:
                hook = unanswered(error.why)
                if hook is None or hook.namespace not in self._namespaces:
                    raise
                if not self._waits_for(hook):
                    raise _given_up(error, hook) from error
            self._cancel.wait(_PAUSE)

    def _waits_for(self, hook: Unanswered) -> bool:
        with self._guard:
            if hook not in self._ends:
                self._ends[hook] = time.monotonic() + SECONDS
                self._progress.note(f"waiting up to {SECONDS:.0f} s for the webhook {hook.name} in {hook.namespace}")
            return time.monotonic() < self._ends[hook]


def _given_up(error: ApiRefused, hook: Unanswered) -> ApiRefused:
    next_step = (
        f"Look at its pods in {hook.namespace}, and run the restore again when it answers."
        if hook.converts
        else f"Look at its pods in {hook.namespace}. If it holds up what it needs itself, delete its configuration and run"
        " the restore again: webhooks come back last."
    )
    return ApiRefused(error.what, status=error.status, reason=error.reason, why=error.why, next=next_step)
