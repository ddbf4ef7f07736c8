"""Whether all is there that must be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tests.restic_oracle import Restic
from tests.sample_repository import check_all, read_files, reopen

from holdfast.errors import HoldfastError
from holdfast.operations.catalog import read_catalog
from soak.counts import Counts
from soak.errand import SomethingIsWrong
from soak.places import Place

Files = Mapping[str, bytes]


class Lost(SomethingIsWrong):
    """Something cannot be read that a backup needs, or a backup is gone."""


def judge(place: Place, truth: Mapping[str, Files], needed: Collection[str], counts: Counts) -> set[str]:
    """Reads all of the repository, compares every backup with what was backed up, and returns their names.

    `needed` are those that must be there. Raises Lost.
    """
    repository = reopen(place.store)
    errors = check_all(repository).errors
    if errors:
        counts.lost_blobs += len(errors)
        raise Lost("check finds damage: " + "; ".join(f"{one.what}: {one.why}" for one in errors[:5]))
    catalog = read_catalog(repository)
    names = {entry.name for entry in catalog.backups}
    if missing := set(needed) - names:
        raise Lost(f"backups are gone that nobody deleted: {', '.join(sorted(missing))}")
    for entry in catalog.backups:
        try:
            files = read_files(repository, entry.id)
        except HoldfastError as error:
            counts.lost_blobs += 1
            raise Lost(f"backup {entry.name} cannot be read: {error}") from error
        if files != truth[entry.name]:
            raise Lost(f"backup {entry.name} is not what was backed up")
        counts.compared += 1
    return names


def ask_restic(place: Place, binary: Path) -> None:
    """Raises Lost if restic does not find the repository whole."""
    try:
        Restic(binary, place.scratch).check(place.as_directory())
    except AssertionError as error:
        raise Lost(f"restic finds damage: {error}") from error
