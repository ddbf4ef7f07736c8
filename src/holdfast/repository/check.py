"""Whether a repository holds what it claims, from the index and the snapshots down to every stored byte. Nothing is changed."""

from __future__ import annotations

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.repository.check_data import read_packs
from holdfast.repository.check_report import CheckReport
from holdfast.repository.check_structure import check_structure
from holdfast.repository.id_interval import IdInterval
from holdfast.repository.repository import Repository


def check(repository: Repository, *, read_fraction: float, cancel: Cancel, progress: Progress) -> CheckReport:
    """Checks the structure, then reads `read_fraction` (0 to 1) of the packs, but at least one: those from a random place on.

    `holdfast.operations.check_repository` chooses the place so that all are read in time.
    """
    report = check_structure(repository, cancel=cancel, progress=progress)
    if read_fraction > 0:
        interval = IdInterval.anywhere(read_fraction)
        interval = interval.with_one_of(pack_id for pack_id, _ in repository.index.packs())
        read_packs(repository, report, interval, cancel=cancel, progress=progress)
    return report
