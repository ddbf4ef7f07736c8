"""Storing a file that others rely on, under a lock that may be lost at any moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from holdfast.errors import HoldfastError, LockLost, StoreError
from holdfast.ids import StoredId
from holdfast.repository.layout import file_name
from holdfast.store.base import Store

Id = TypeVar("Id", bound=StoredId)


def save_under(prove: Callable[[], None], store: Store, save: Callable[[], Id]) -> Id:
    """What `save` stored, between two calls of `prove` that found the lock alive; see `holdfast.repository.lock.Lock.prove`.

    Raises what `prove` raises, and has taken the file back then: a process that was stopped just before may store it long
    after its time.
    """
    prove()
    file_id = save()
    try:
        prove()
    except HoldfastError:
        _take_back(store, file_name(file_id))
        raise
    return file_id


def _take_back(store: Store, name: str) -> None:
    """Who may not delete can only say it."""
    try:
        store.delete(name)
    except StoreError as refusal:
        raise LockLost(
            f"{name} is in the repository, and data that it needs may not be",
            why=f"its run could not make sure at the end, and could not remove it either: {refusal.what}",
            next="Run `holdfast repository check`. If it names that file, delete it, and run this command again.",
        ) from refusal
