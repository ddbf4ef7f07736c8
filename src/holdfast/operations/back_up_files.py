"""Backing up plain directories, files and block devices as one snapshot, laid out as restic lays it out.

The snapshot's tree holds the absolute paths from the root down, so that `restic restore` and `holdfast restore files` bring
them back in the same places below their target.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from holdfast.errors import Cancelled, HoldfastError, NotFound
from holdfast.ids import BlobId
from holdfast.model import tags
from holdfast.model.backup import BackupType
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, Problem, Run, new_run_id, timestamp
from holdfast.operations.archive import Archiver
from holdfast.operations.catalog import Entry, read_catalog
from holdfast.operations.nodes import node_of
from holdfast.operations.publishing import publish_report, reported, store_report
from holdfast.operations.run_log import RunLog
from holdfast.repository.lock import Lock, own_username
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot, Summary
from holdfast.repository.tree import NodeType, encode_node, join_nodes, subtree_id
from holdfast.repository.writer import BlobWriter
from holdfast.version import PROGRAM_VERSION
from holdfast.volumes.entry import Entry as FileEntry
from holdfast.volumes.reading import look_at
from holdfast.volumes.selection import FileSelection

VERB = "backup files"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackUpFilesOptions:
    """What a user asks for."""

    paths: tuple[bytes, ...]
    selection: FileSelection = field(default_factory=FileSelection)
    name: str = ""
    type: BackupType = BackupType.INCREMENTAL
    labels: dict[str, str] = field(default_factory=dict)
    hostname: str = ""


def back_up_files(repository: Repository, options: BackUpFilesOptions, cancel: Cancel, progress: Progress) -> Run:
    """Makes a backup and returns its run, done or partial. Failures are raised after their report was kept."""
    return _BackUpFiles(repository, options, cancel, progress).run()


@dataclass(slots=True)
class _Place:
    """A directory above, or at, what is backed up. `tree` is set where a backup's path ends."""

    entry: FileEntry | None  # None for the root
    below: dict[bytes, _Place | bytes] = field(default_factory=dict)  # name → place, or an encoded node
    tree: BlobId | None = None


class _BackUpFiles:
    def __init__(
        self, repository: Repository, options: BackUpFilesOptions, cancel: Cancel, progress: Progress
    ) -> None:
        self._repository = repository
        self._options = options
        self._cancel = cancel
        self._clock = repository.clock
        self._started = self._clock.now()
        self._id = new_run_id(self._started)
        self._log = RunLog(progress, self._clock)
        self._hostname = options.hostname or socket.gethostname()
        self._paths = _without_nested(os.path.abspath(path) for path in options.paths)
        name = os.path.basename(self._paths[0]).decode("utf-8", "replace") if self._paths else ""
        self._name = options.name or f"{name or 'root'}-{self._started:%Y%m%d-%H%M%S}"

    def run(self) -> Run:
        with reported(self._repository, self._log, self._failed) as lock:
            for path in self._paths:
                if not os.path.lexists(path):
                    raise NotFound(f"{_shown(path)} does not exist", next="Check the path.")
            writer = self._repository.writer(lock, self._cancel)
            try:
                return self._write(writer, lock)
            finally:
                writer.close()

    def _write(self, writer: BlobWriter, lock: Lock) -> Run:
        earlier = self._earlier()
        archiver = Archiver(
            writer,
            self._repository.reader,
            self._repository.chunker,
            self._options.selection,
            self._cancel,
            self._log,
        )
        self._log.phase("read files")
        try:
            tree = self._store(archiver, writer, BlobId.parse(earlier.snapshot.tree) if earlier else None)
        finally:
            archiver.close()
        self._cancel.check()
        run = self._describe(archiver, writer, earlier)
        summary = self._summary(archiver, writer)
        report = store_report(writer, run, self._log.text(), run.finished_at)
        writer.flush()
        snapshot = Snapshot(
            time=timestamp(self._started),
            parent=earlier.id.hex() if earlier else None,
            tree=tree.hex(),
            paths=[_shown(path) for path in self._paths],
            hostname=self._hostname,
            username=own_username(),
            excludes=list(self._options.selection.texts),
            tags=self._tags(run).format(),
            program_version=PROGRAM_VERSION,
            summary=summary,
        )
        run.id = self._repository.save_snapshot(snapshot, lock).hex()
        publish_report(self._repository, lock, report, run, self._hostname)
        return run

    def _earlier(self) -> Entry | None:
        """The newest backup of the same paths, the newest full one for a differential; None for a full."""
        if self._options.type is BackupType.FULL:
            return None
        wanted = (self._hostname, [_shown(path) for path in self._paths])
        fitting = [
            entry
            for entry in read_catalog(self._repository).backups
            if (entry.snapshot.hostname, entry.snapshot.paths) == wanted
            and (self._options.type is BackupType.INCREMENTAL or entry.tags.get(tags.TYPE) == BackupType.FULL)
        ]
        return fitting[-1] if fitting else None

    def _store(self, archiver: Archiver, writer: BlobWriter, parent: BlobId | None) -> BlobId:
        """The tree from the root down to each path."""
        root = _Place(None)
        for path in self._paths:
            place, walked = root, b""
            *above, last = [part for part in path.split(b"/") if part] or [b""]
            for part in above:
                walked += b"/" + part
                below = place.below.setdefault(part, _Place(look_at(walked)))
                assert isinstance(below, _Place)  # nested paths were taken out
                place = below
            before = self._subtree(parent, [*above, last] if last else [])
            if not last:
                return archiver.directory(b"/", parent)
            entry = look_at(path)
            if stat.S_ISDIR(entry.mode):
                place.below[last] = _Place(entry, tree=archiver.directory(path, before))
            else:
                place.below[last] = archiver.single(path, entry)
        return _save(root, writer)

    def _subtree(self, tree: BlobId | None, parts: Sequence[bytes]) -> BlobId | None:
        for part in parts:
            if tree is None:
                return None
            nodes = self._repository.reader.load_tree(tree)
            found = next((node for node in nodes if node.raw_name() == part), None)
            tree = subtree_id(found) if found is not None and found.type is NodeType.DIRECTORY else None
        return tree

    def _describe(self, archiver: Archiver, writer: BlobWriter, earlier: Entry | None) -> Run:
        counts = archiver.counts
        return Run(
            id=self._id,
            run=self._id,
            verb=VERB,
            name=self._name,
            kind=tags.FILES,
            type=self._options.type.value if earlier else BackupType.FULL.value,
            outcome=Outcome.PARTIAL if archiver.problems else Outcome.DONE,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._clock.now()),
            counts={
                "files": counts.files,
                "new": counts.files_new,
                "changed": counts.files_changed,
                "unmodified": counts.files_unmodified,
                "directories": counts.dirs_new + counts.dirs_changed + counts.dirs_unmodified,
                "errors": len(archiver.problems),
            },
            bytes={"files": counts.bytes, "added": writer.stats.content_bytes, "stored": writer.stats.stored_bytes},
            errors=archiver.problems,
        )

    def _summary(self, archiver: Archiver, writer: BlobWriter) -> Summary:
        counts = archiver.counts
        return Summary(
            backup_start=timestamp(self._started),
            backup_end=timestamp(self._clock.now()),
            files_new=counts.files_new,
            files_changed=counts.files_changed,
            files_unmodified=counts.files_unmodified,
            dirs_new=counts.dirs_new,
            dirs_changed=counts.dirs_changed,
            dirs_unmodified=counts.dirs_unmodified,
            data_blobs=writer.stats.data_blobs,
            tree_blobs=writer.stats.tree_blobs,
            data_added=writer.stats.content_bytes,
            data_added_packed=writer.stats.stored_bytes,
            total_files_processed=counts.files,
            total_bytes_processed=counts.bytes,
        )

    def _tags(self, run: Run) -> tags.Tags:
        values = {
            tags.KIND: tags.FILES,
            tags.NAME: self._name,
            tags.TYPE: run.type,
            tags.RUN: self._id,
            tags.OUTCOME: run.outcome.value,
        }
        return tags.Tags(values | {f"{tags.LABEL_PREFIX}{key}": value for key, value in self._options.labels.items()})

    def _failed(self, error: HoldfastError) -> Run:
        cancelled = isinstance(error, Cancelled)
        return Run(
            id=self._id,
            run=self._id,
            verb=VERB,
            name=self._name,
            kind=tags.FILES,
            type=self._options.type.value,
            outcome=Outcome.CANCELLED if cancelled else Outcome.FAILED,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._clock.now()),
            counts={},
            bytes={},
            errors=[Problem.of(error)],
        )


def _save(place: _Place, writer: BlobWriter) -> BlobId:
    if place.tree is not None:
        return place.tree
    encoded = []
    for _, below in sorted(place.below.items()):
        if isinstance(below, _Place):
            assert below.entry is not None
            encoded.append(encode_node(node_of(below.entry, subtree=_save(below, writer))))
        else:
            encoded.append(below)
    return writer.save(BlobType.TREE, join_nodes(encoded))


def _without_nested(paths: Iterable[bytes]) -> tuple[bytes, ...]:
    """Sorted, each once, and none that lies in another."""
    kept: list[bytes] = []
    for path in sorted(set(paths)):
        if not kept or not (path + b"/").startswith(kept[-1].rstrip(b"/") + b"/"):
            kept.append(path)
    return tuple(kept)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
