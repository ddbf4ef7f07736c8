"""Claims: of several runs that would publish the same thing, one does, and the others see it.

A claim is a lock of its own, beside the run's. It is taken just before the last look at what is published, and given back when
the snapshot is: whoever has it next finds that snapshot. So it is held for seconds, and is waited for. One whose holder died is
removed at once if that was a process of this host; else when its file stayed the same for longer than a holder that lives lets
pass without a refresh. How long that is tells this process's own clock, so that other machines' clocks do not matter.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

from holdfast.errors import RepositoryLocked
from holdfast.ids import LockId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress, Silent
from holdfast.repository.layout import file_name
from holdfast.repository.lock import REFRESH_EVERY, Lock
from holdfast.repository.lock_file import Role, list_locks
from holdfast.repository.repository import Repository

PATIENCE = 2 * REFRESH_EVERY
_PAUSE = (0.2, 1.5)  # seconds between two tries, by chance: who met a competitor must not meet it again


@contextlib.contextmanager
def claimed(
    repository: Repository, what: str, beside: Lock, cancel: Cancel, progress: Progress | None = None
) -> Iterator[Lock]:
    """Waits until nobody else claims `what`, and claims it for the length of the block.

    Whoever publishes asks the claim to `prove` itself just before. Raises Cancelled, RepositoryLocked.
    """
    claim = _take(repository, what, beside, cancel, progress or Silent())
    try:
        yield claim
    finally:
        claim.release()


def _take(repository: Repository, what: str, beside: Lock, cancel: Cancel, progress: Progress) -> Lock:
    rivals: set[LockId] = set()
    waits = False
    since = repository.clock.monotonic()
    while True:
        claim = Lock(
            repository.store,
            repository.key,
            repository.clock,
            exclusive=False,
            role=Role.CLAIM,
            run=beside.run,
            claim=what,
        )
        try:
            claim.begin()
            claim.confirm(cancel)
        except RepositoryLocked:
            if not waits:
                progress.phase(f"wait for another run that is about to publish {what}")
            waits = True
            now, found = repository.clock.monotonic(), _rivals(repository, what, beside.run)
            if found != rivals:
                rivals, since = found, now
            elif now - since > PATIENCE:
                if not rivals:
                    raise  # it is something else that is in the way
                for rival in rivals:
                    repository.store.delete(file_name(rival))
            cancel.wait(random.uniform(*_PAUSE))  # noqa: S311 - nothing secret
        except BaseException:
            claim.release()
            raise
        else:
            return claim


def _rivals(repository: Repository, what: str, own_run: str) -> set[LockId]:
    return {
        found.id
        for found in list_locks(repository.store, repository.key)
        if found.file is not None
        and (holder := found.file.holdfast) is not None
        and (holder.role, holder.claim) == (Role.CLAIM, what)
        and holder.run != own_run
    }
