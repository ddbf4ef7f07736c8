"""Storing a file that others rely on, under a lock that may be lost at any moment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

from holdfast.errors import HoldfastError, StoreError
from holdfast.ids import StoredId
from holdfast.repository.layout import file_name
from holdfast.store.base import Store

Id = TypeVar("Id", bound=StoredId)


def save_under(prove: Callable[[], None], store: Store, save: Callable[[], Id]) -> Id:
    """What `save` stored, between two calls of `prove` that found the lock alive; see `holdfast.repository.lock.Lock.prove`.

    Raises what `prove` raises, and has taken the file back then: a process that was stopped just before may store it long
    after its time. Who may not delete can only say it.
    """
    prove()
    file_id = save()
    try:
        prove()
    except HoldfastError:
        with contextlib.suppress(StoreError):
            store.delete(file_name(file_id))
        raise
    return file_id
