"""Tries again what failed for a passing reason.

Only StoreUnavailable is tried again; every other error is an answer. A store that has not answered once is given up
sooner than one that has: then the URL is more likely wrong than the network disturbed.

Cancel ends the waiting between two tries. It does not stop the first try of anything, so that a cancelled run can still
remove its lock.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from holdfast.errors import FileExists, FileMissing, StoreError, StoreUnavailable
from holdfast.model.cancel import Cancel
from holdfast.model.clock import Clock, SystemClock
from holdfast.store.base import Part, Store, StoredFile

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """All in seconds. Each wait is twice the one before, less up to half of it at random."""

    first_wait: float = 0.5
    longest_wait: float = 30
    give_up_after: float = 15 * 60
    give_up_unanswered_after: float = 15


class RetryingStore:
    """`store`, tried again as `policy` says. `sleep` and `clock` are for tests; `jitter` gives values from 0 to 1."""

    def __init__(
        self,
        store: Store,
        *,
        cancel: Cancel,
        policy: RetryPolicy | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], None] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._policy = policy or RetryPolicy()
        self._clock = clock or SystemClock()
        self._sleep = sleep or cancel.wait
        self._jitter = jitter
        self._answered = False

    @property
    def url(self) -> str:
        return self._store.url

    def put(self, name: str, parts: Sequence[Part]) -> None:
        self._persist(lambda: self._store.put(name, parts))

    def create(self, name: str, parts: Sequence[Part]) -> None:
        """As the contract says, with one addition.

        If a try failed, and a later one finds the file there with the very content, this call wrote it and only the
        answer was lost. (Two writers of equal content may then both believe that they were first.)
        """
        tries = 0

        def once() -> None:
            nonlocal tries
            tries += 1
            try:
                self._store.create(name, parts)
            except FileExists:
                if tries == 1 or not self._holds(name, b"".join(parts)):
                    raise

        self._persist(once)

    def get(self, name: str) -> bytes:
        return self._persist(lambda: self._store.get(name))

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        return self._persist(lambda: self._store.get_range(name, offset, length))

    def size(self, name: str) -> int:
        return self._persist(lambda: self._store.size(name))

    def list(self, directory: str) -> Iterator[StoredFile]:
        """A listing that broke off is begun anew, so it is complete before its first file is handed out."""
        yield from self._persist(lambda: tuple(self._store.list(directory)))

    def delete(self, name: str) -> None:
        self._persist(lambda: self._store.delete(name))

    def close(self) -> None:
        self._store.close()

    def _holds(self, name: str, content: bytes) -> bool:
        try:
            return self._store.size(name) == len(content) and self._store.get(name) == content
        except FileMissing:
            return False

    def _persist(self, action: Callable[[], _Result]) -> _Result:
        started = self._clock.monotonic()
        wait = self._policy.first_wait
        tries = 0
        while True:
            tries += 1
            try:
                result = action()
            except StoreUnavailable as error:
                spent = self._clock.monotonic() - started
                pause = wait * (1 - self._jitter() / 2)
                if spent + pause > self._limit():
                    why = f"{error.why}; gave up after {tries} tries in {spent:.0f} s"
                    raise StoreUnavailable(error.what, why=why.removeprefix("; "), next=error.next) from error
                self._sleep(pause)
                wait = min(2 * wait, self._policy.longest_wait)
            except StoreError:
                self._answered = True
                raise
            else:
                self._answered = True
                return result

    def _limit(self) -> float:
        return self._policy.give_up_after if self._answered else self._policy.give_up_unanswered_after
