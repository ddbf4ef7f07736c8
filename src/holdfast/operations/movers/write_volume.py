"""The files of a volume out of a backup, into a mounted one.

A mover that died is tried again, and finds what it wrote itself in what was an empty volume. So it leaves a sign there for as
long as it works: a retry of the same run goes on, and takes away what the first attempt left half done.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from holdfast.errors import NotFound, TargetNotEmpty, VolumeError
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, Problem, timestamp
from holdfast.operations.contents import Contents
from holdfast.operations.extract import Extractor
from holdfast.operations.movers.contract import MOST_ERRORS, Moved
from holdfast.operations.movers.read_volume import OF_THE_FILE_SYSTEM
from holdfast.operations.movers.saved_volume import SavedVolume, find_volume
from holdfast.operations.movers.volume_name import VolumeName
from holdfast.operations.nodes import entry_of
from holdfast.operations.publishing import unreported
from holdfast.operations.restore_files import SPARED, chooser
from holdfast.repository.repository import Repository
from holdfast.volumes.writing import TargetDirectory

_SIGN = ".holdfast-restore-"  # and the run's id

_UNPRIVILEGED = "Owners were not restored, because only root may give files to others."


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteVolumeOptions:
    """What a mover is asked for. `paths` are from the volume's root; none means all."""

    run: str
    volume: VolumeName  # as the backup knows it
    backup: str  # id of a backup or part
    root: bytes  # where the target is mounted
    paths: tuple[bytes, ...] = ()
    exact: bool = False  # what the backup does not have goes, at and below the paths
    overwrite: bool = False  # the target need not be empty
    verify: bool = False


def write_volume(repository: Repository, options: WriteVolumeOptions, cancel: Cancel, progress: Progress) -> Moved:
    """Restores, and says what came of it; it is partial if something could not be restored.

    Raises NotFound for a snapshot, volume or path that is not there, TargetNotEmpty, VolumeError if nothing can be written,
    and what the repository raises.
    """
    tags.check_tag_value("--run", options.run)
    return _WriteVolume(repository, options, cancel, progress).run()


class _WriteVolume:
    def __init__(self, repository: Repository, options: WriteVolumeOptions, cancel: Cancel, progress: Progress) -> None:
        self._repository = repository
        self._options = options
        self._cancel = cancel
        self._progress = progress
        self._started = repository.clock.now()
        self._path = options.volume.path.encode()
        self._chosen = tuple(self._path + b"/" + path.strip(b"/") for path in options.paths)
        self._wanted = chooser(self._chosen)
        self._sign = f"{_SIGN}{options.run}".replace("/", "-").encode()
        self._is_retry = False

    def run(self) -> Moved:
        with unreported(self._repository, self._progress) as lock:
            saved = find_volume(self._repository, self._options.backup, self._options.volume)
            self._refuse_missing_paths(saved)
            lock.confirm(self._cancel)
            for fault in self._repository.index.faults:
                self._progress.warn(str(fault))
            try:
                with contextlib.closing(TargetDirectory.existing(self._options.root)) as target:
                    self._begin(target)
                    extractor = self._extract(saved)
                    self._end(saved, target, extractor.problems)
            except OSError as error:
                raise VolumeError(
                    f"the volume {self._options.volume} cannot be written",
                    why=f"{_shown(self._options.root)}: {error.strerror or error}",
                ) from error
            return self._describe(extractor)

    def _refuse_missing_paths(self, saved: SavedVolume) -> None:
        contents = Contents(self._repository, saved.tree)
        for path in self._options.paths:
            if not path.strip(b"/") or contents.find(os.fsdecode(path)) is None:
                raise NotFound(
                    f"the backup of {self._options.volume} has no {_shown(path)!r:.200}",
                    why="nothing below the volume's root has this path",
                    next="Look around with `holdfast backup browse`.",
                )

    def _begin(self, target: TargetDirectory) -> None:
        """Refuses a target that is not empty, and leaves a sign in one that is."""
        there = set(target.names()) - {OF_THE_FILE_SYSTEM.encode()}
        self._is_retry = self._sign in there
        if self._options.overwrite or self._is_retry:
            return
        if there:
            raise TargetNotEmpty(
                f"the volume for {self._options.volume} is not empty", why=f"it has {_shown(min(there))!r:.200}"
            )
        target.make_empty_file(self._sign)

    def _extract(self, saved: SavedVolume) -> Extractor:
        extractor = Extractor(
            self._repository,
            self._cancel,
            self._progress,
            wanted=self._wanted,
            exact=lambda path: self._is_exact(path, saved),
            verify=self._options.verify,
        )
        try:
            totals = saved.totals
            if totals is not None and not self._options.paths:
                self._progress.phase("restore files", *totals)
                extractor.expect(totals.files or 0)
            else:
                self._progress.phase("restore files")
            spared = [self._path + b"/" + name for name in (OF_THE_FILE_SYSTEM.encode(), self._sign)]
            extractor.extract(saved.tree, self._options.root, inside=self._path, spared=spared)
        finally:
            extractor.close()
        if self._options.exact and saved.is_partial:
            extractor.problems.append(SPARED)
        return extractor

    def _is_exact(self, path: bytes, saved: SavedVolume) -> bool:
        """What a retry finds is its own, so all that the backup does not have is half done."""
        if self._is_retry:
            return True
        return self._options.exact and not saved.is_partial and self._wanted(path) is True

    def _end(self, saved: SavedVolume, target: TargetDirectory, problems: list[Problem]) -> None:
        """Gives the root its own metadata, last: the sign's removal changes its time."""
        for name in target.names():
            if name.startswith(_SIGN.encode()):  # of an earlier run too, which never came to its end
                target.remove(name)
        is_root = os.geteuid() == 0
        if not is_root:
            self._progress.warn(_UNPRIVILEGED)
        if self._options.paths:
            return
        failures = target.finish(entry_of(saved.node), as_owner=is_root)
        if failures and is_root:
            what = f"{_shown(self._path)} lacks some of its metadata"
            problems.append(
                Problem(what, ", ".join(failures), "Restore into a file system that knows these attributes.")
            )
        elif failures:  # the root of a new volume belongs to somebody else
            self._progress.warn(f"The volume's root lacks some of its metadata: {', '.join(failures)}")

    def _describe(self, extractor: Extractor) -> Moved:
        counts, problems = extractor.counts, extractor.problems
        return Moved(
            outcome=Outcome.PARTIAL if problems else Outcome.DONE,
            files=counts.files,
            bytes=counts.bytes,
            verified=counts.verified,
            deleted=counts.deleted,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._repository.clock.now()),
            errors=problems[:MOST_ERRORS],
            error_count=len(problems),
        )


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
