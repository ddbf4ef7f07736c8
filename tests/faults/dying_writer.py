"""A small backup as a process of its own, which kills itself when the n-th change is about to happen.

    python dying_writer.py DIRECTORY N      prints its snapshot's id if it lives: there are fewer than N changes

Changes are those of the store, every step of a file on the way to its place, and the process's end.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

from tests.sample_repository import init, reopen, write_files

from holdfast.errors import NoRepository
from holdfast.repository import writer as writer_module
from holdfast.repository.pack import BlobType
from holdfast.store.local import LocalStore

FILES = {
    "backup.json": b'{"name":"crash"}',
    **{f"objects/{number}.json": (b'{"number":%d}' % number) * 100 for number in range(12)},
    "volumes/random": bytes(range(256)) * 30,
}

_die_at = 0
_changes = itertools.count(1)


def about_to_change():
    if next(_changes) == _die_at:
        os.kill(os.getpid(), signal.SIGKILL)


def watched(function):
    def call(*arguments, **keywords):
        about_to_change()
        return function(*arguments, **keywords)

    return call


class DyingStore(LocalStore):
    put = watched(LocalStore.put)
    create = watched(LocalStore.create)
    delete = watched(LocalStore.delete)


def back_up(directory):
    """Makes the repository if there is none, and a snapshot of FILES in several packs; returns the snapshot's id."""
    writer_module.PACK_SIZE[BlobType.DATA] = 1000
    writer_module.FULL_AT = 5
    store = DyingStore(Path(directory))
    try:
        repository = reopen(store)
    except NoRepository:
        repository = init(store)
    return write_files(repository, FILES)


if __name__ == "__main__":
    _die_at = int(sys.argv[2])
    for name in ("fsync", "replace", "link"):
        setattr(os, name, watched(getattr(os, name)))
    made = back_up(sys.argv[1])
    about_to_change()
    print(made)  # noqa: T201 - the answer to the parent
