"""Restoring files: a backup's tree, or chosen paths of it, into a directory or as a tar stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from holdfast.errors import HoldfastError, NotFound, StoreRefused, UsageError
from holdfast.ids import BlobId
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, Problem, Run, Verb, new_run_id, timestamp
from holdfast.operations.catalog import Entry
from holdfast.operations.contents import Contents
from holdfast.operations.extract import Extractor
from holdfast.operations.publishing import publish_report, reported
from holdfast.operations.run_log import RunLog
from holdfast.operations.tar_stream import Streamed, write_tar
from holdfast.repository.lock import Lock
from holdfast.repository.repository import Repository
from holdfast.volumes.selection import include


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreFilesOptions:
    """What a user asks for. No `paths` means all, and so does no `include`; with both, what both choose.

    `delete` removes what the backup does not have from directories that were backed up and are restored; never from those
    above, of which the backup knows only what led to its paths.
    """

    target: bytes
    paths: tuple[bytes, ...] = ()  # absolute, as the backup has them
    include: tuple[str, ...] = ()  # patterns, see `holdfast.volumes.selection.include`
    delete: bool = False
    verify: bool = False


def restore_files(
    repository: Repository, entry: Entry, options: RestoreFilesOptions, cancel: Cancel, progress: Progress
) -> Run:
    """Restores and returns the run, done or partial. Failures are raised after their report was kept.

    Raises NotFound for a path that the backup does not have, UsageError for a target that is no directory, or a pattern
    that is none.
    """
    return _RestoreFiles(repository, entry, options, cancel, progress).run()


_Choice = Callable[[bytes], bool | None]
"""What an Extractor asks of a path: True for it and all below it, None to look into it, False to pass it by."""


def chooser(paths: Sequence[bytes]) -> _Choice:
    """True at and below a chosen path, None above one, False elsewhere."""
    if not paths:
        return lambda _: True
    chosen = [path.rstrip(b"/") + b"/" for path in paths]

    def wanted(path: bytes) -> bool | None:
        below = path + b"/"
        if any(below.startswith(one) for one in chosen):
            return True
        return None if any(one.startswith(below) for one in chosen) else False

    return wanted


def _both(one: _Choice, other: _Choice) -> _Choice:
    """What both choose; directories on the way of either, if the other does not pass them by."""

    def wanted(path: bytes) -> bool | None:
        choices = (one(path), other(path))
        return False if False in choices else None if None in choices else True

    return wanted


def stream_files(
    repository: Repository,
    entry: Entry,
    options: RestoreFilesOptions,
    stream: BinaryIO,
    cancel: Cancel,
    progress: Progress,
) -> Run:
    """The chosen files as a tar stream; `target`, `delete` and `verify` mean nothing to it. Errors as `restore_files`."""
    return _RestoreFiles(repository, entry, options, cancel, progress).stream(stream)


_UNPRIVILEGED = "Owners were not restored, because only root may give files to others."
SPARED = Problem(
    "nothing was deleted",
    "the backup is partial: what it could not read is not in it, and would be gone from the target",
    "See what it lacks with `holdfast backup show`; delete by hand, or use --delete with a backup that is whole.",
)
_NOTHING = "Nothing was restored, because nothing in the backup fits --include."


class _RestoreFiles:
    def __init__(
        self, repository: Repository, entry: Entry, options: RestoreFilesOptions, cancel: Cancel, progress: Progress
    ) -> None:
        self._repository = repository
        self._entry = entry
        self._options = options
        self._cancel = cancel
        self._clock = repository.clock
        self._started = self._clock.now()
        self._id = new_run_id(self._started)
        self._log = RunLog(progress, self._clock)
        self._wanted = chooser(options.paths)
        if options.include:
            self._wanted = _both(self._wanted, include(options.include))
        self._extractor: Extractor | None = None
        self._streamed: Streamed | None = None

    def run(self) -> Run:
        with reported(self._repository, self._log, self._failed) as lock:
            self._extractor = Extractor(
                self._repository,
                self._cancel,
                self._log,
                wanted=self._wanted,
                exact=self._is_exact,
                verify=self._options.verify,
            )
            try:
                self._extract(self._begin(lock))
            finally:
                self._extractor.close()
            if self._options.delete and self._is_partial:
                self._extractor.problems.append(SPARED)
            return self._publish(lock, self._extractor.problems)

    @property
    def _is_partial(self) -> bool:
        """Whether the backup lacks files that were there: which of those in the target they are, nobody knows."""
        return self._entry.outcome is Outcome.PARTIAL

    def _is_exact(self, path: bytes) -> bool:
        if not self._options.delete or self._is_partial:
            return False
        backed_up = chooser([os.fsencode(saved) for saved in self._entry.snapshot.paths])
        return backed_up(path) is True and self._wanted(path) is True

    def stream(self, stream: BinaryIO) -> Run:
        with reported(self._repository, self._log, self._failed) as lock:
            tree = self._begin(lock)
            streamed = write_tar(self._repository.reader, tree, stream, self._wanted, self._cancel, self._log)
            self._streamed = streamed
            return self._publish(lock, streamed.problems)

    def _begin(self, lock: Lock) -> BlobId:
        tree = BlobId.parse(self._entry.snapshot.tree)
        contents = Contents(self._repository, tree)
        for path in self._options.paths:
            if contents.find(os.fsdecode(path)) is None:
                raise NotFound(
                    f"the backup has no {_shown(path)}",
                    why="none of its directories holds it",
                    next="Look around with `holdfast backup browse`.",
                )
        self._prepare()
        lock.confirm(self._cancel)
        summary = self._entry.snapshot.summary
        if summary is None or self._options.paths or self._options.include:
            self._log.phase("restore files")
        else:
            self._log.phase("restore files", summary.total_files_processed, summary.total_bytes_processed)
        return tree

    def _prepare(self) -> None:
        """What takes time and changes nothing, while the lock settles."""
        summary = self._entry.snapshot.summary
        if self._extractor is not None and summary is not None and not self._options.paths:
            self._extractor.expect(summary.total_files_processed)
        for fault in self._repository.index.faults:  # which loads it
            self._log.warn(str(fault))

    def _extract(self, tree: BlobId) -> None:
        assert self._extractor is not None
        try:
            self._extractor.extract(tree, self._options.target)
        except (FileExistsError, NotADirectoryError) as error:
            raise UsageError(
                f"{_shown(self._options.target)} is not a directory",
                why=error.strerror or str(error),
                next="Give a directory with --target.",
            ) from error
        except OSError as error:
            raise StoreRefused(
                f"{_shown(self._options.target)} cannot be written",
                why=error.strerror or str(error),
                next="Check that it is a directory that this account may write.",
            ) from error

    def _publish(self, lock: Lock, problems: list[Problem]) -> Run:
        run = self._describe(Outcome.PARTIAL if problems else Outcome.DONE, problems)
        publish_report(self._repository, lock, run, self._log, hostname=self._entry.snapshot.hostname)
        return run

    def _failed(self, error: HoldfastError) -> Run:
        outcome = Outcome.of_failure(error)
        return self._describe(outcome, [Problem.of(error)])

    def _describe(self, outcome: Outcome, problems: list[Problem]) -> Run:
        counts: dict[str, int] = {}
        size = 0
        if self._extractor is not None:
            done = self._extractor.counts
            counts = {
                "files": done.files,
                "directories": done.directories,
                "others": done.others,
                "deleted": done.deleted,
                "verified": done.verified,
            }
            size = done.bytes
        elif self._streamed is not None:
            counts, size = {"files": self._streamed.files}, self._streamed.bytes
        notes = [_UNPRIVILEGED] if self._extractor is not None and os.geteuid() != 0 else []
        if self._options.include and outcome is Outcome.DONE and not counts["files"] + counts.get("others", 0):
            notes.append(_NOTHING)
        return Run(
            id=self._id,
            run=self._id,
            verb=Verb.RESTORE_FILES,
            name=self._entry.name,
            kind=tags.FILES,
            type="",
            outcome=outcome,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._clock.now()),
            counts=counts,
            bytes={"files": size},
            errors=problems,
            notes=notes,
        )


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
