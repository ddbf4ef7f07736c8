"""Backing up plain directories, files and block devices as one snapshot, laid out as restic lays it out.

The snapshot's tree holds the absolute paths from the root down, so that `restic restore` and `holdfast restore files` bring
them back in the same places below their target.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from holdfast.errors import DamagedData, HoldfastError, NotFound, UsageError
from holdfast.ids import BlobId
from holdfast.model import tags
from holdfast.model.backup import BackupType
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, Problem, Run, Verb, new_run_id, timestamp
from holdfast.model.span import Span
from holdfast.operations.archive import Archiver
from holdfast.operations.catalog import Entry, read_catalog
from holdfast.operations.expectation import Expectation, Totals
from holdfast.operations.file_summary import summarize
from holdfast.operations.nodes import node_of
from holdfast.operations.publishing import publish_report, reported, store_report
from holdfast.operations.run_log import RunLog
from holdfast.repository.lock import Lock
from holdfast.repository.lock_file import own_username
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree import NodeType, encode_node, join_nodes, subtree_id
from holdfast.repository.writer import BlobWriter
from holdfast.version import PROGRAM_VERSION
from holdfast.volumes.entry import Entry as FileEntry
from holdfast.volumes.entry import EntryType as FileType
from holdfast.volumes.reading import look_at, look_at_directory
from holdfast.volumes.selection import FileSelection


@dataclass(frozen=True, slots=True, kw_only=True)
class BackUpFilesOptions:
    """What a user asks for."""

    paths: tuple[bytes, ...]
    selection: FileSelection = field(default_factory=FileSelection)
    name: str = ""
    type: BackupType = BackupType.INCREMENTAL
    labels: dict[str, str] = field(default_factory=dict)
    keep_for: Span | None = None  # instead of the rules of `backup forget`
    hostname: str = ""


def back_up_files(repository: Repository, options: BackUpFilesOptions, cancel: Cancel, progress: Progress) -> Run:
    """Makes a backup and returns its run, done or partial.

    Any failure is raised, its `run` set, after its report was published or kept locally. Raises NotFound for a path that
    does not exist, or if none of them can be read; UsageError for an empty one.
    """
    if b"" in options.paths:
        raise UsageError(
            "a path is empty",
            why="it would mean the current directory, and most often comes from a variable that is not set",
            next="Give the path, or `.` for the current directory.",
        )
    for key, value in options.labels.items():
        tags.check_tag_value("--label", f"{key}={value}")
    if options.name:
        tags.check_tag_value("--name", options.name)
    return _BackUpFiles(repository, options, cancel, progress).run()


@dataclass(slots=True)
class _Place:
    """A directory above, or at, what is backed up. `tree` is set where a backup's path ends."""

    entry: FileEntry | None  # None for the root
    below: dict[bytes, _Place | bytes] = field(default_factory=dict)  # name → place, or an encoded node
    tree: BlobId | None = None


class _BackUpFiles:
    def __init__(self, repository: Repository, options: BackUpFilesOptions, cancel: Cancel, progress: Progress) -> None:
        self._repository = repository
        self._options = options
        self._cancel = cancel
        self._clock = repository.clock
        self._started = self._clock.now()
        self._id = new_run_id(self._started)
        self._keep_until = timestamp(options.keep_for.after(self._started, dt.UTC)) if options.keep_for else ""
        self._log = RunLog(progress, self._clock)
        self._notes: list[str] = []
        self._before: Totals | None = None  # of the newest backup of the same paths
        self._hostname = options.hostname or socket.gethostname()
        self._paths = _without_nested(os.path.abspath(path) for path in options.paths)  # never none
        self._name = options.name or _default_name(os.path.abspath(options.paths[0]), self._started)

    def run(self) -> Run:
        with reported(self._repository, self._log, self._failed) as lock:
            for path in map(os.path.abspath, self._options.paths):
                if not _exists(path):
                    raise NotFound(
                        f"{_shown(path)} does not exist", why="no file or directory has this path", next="Check it."
                    )
            writer = self._repository.writer(lock, self._cancel)
            try:
                return self._write(writer, lock)
            finally:
                writer.close()

    def _write(self, writer: BlobWriter, lock: Lock) -> Run:
        lost = self._repository.forget_lost_packs()
        if lost:
            self._log.warn(f"{lost} packs of the repository are lost; what this backup needs of them is stored again")
        earlier = self._earlier()
        archiver = Archiver(self._repository, writer, self._options.selection, self._cancel, self._log)
        self._log.phase("read files")
        try:
            with Expectation(self._log, self._paths, self._options.selection, self._before):
                tree = self._store(archiver, writer, BlobId.parse(earlier.snapshot.tree) if earlier else None)
        finally:
            archiver.close()
        self._cancel.check()
        if self._options.selection.included is not None and not archiver.counts.files:
            self._notes.append(_NOTHING)
        run = self._describe(archiver, writer, earlier)
        summary = summarize(archiver.counts, writer.stats, self._started, self._clock.now())
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
        publish_report(self._repository, lock, run, self._log, hostname=self._hostname, tree=report)
        return run

    def _earlier(self) -> Entry | None:
        """The newest backup of the same paths, the newest full one for a differential; None for a full.

        Raises UsageError if the wanted name is taken, and gives the run another one if a made one is.
        """
        backups = read_catalog(self._repository).backups
        names = {entry.name for entry in backups}
        if self._options.name and self._options.name in names:
            raise UsageError(
                f"there is a backup named {self._options.name} already",
                why="a name means one backup",
                next="Choose another --name, or leave it out.",
            )
        if self._name in names:  # one of this very second
            self._name += self._id[self._id.rindex("-") :]
        wanted = (self._hostname, [_shown(path) for path in self._paths])
        same = [entry for entry in backups if (entry.snapshot.hostname, entry.snapshot.paths) == wanted]
        summary = same[-1].snapshot.summary if same else None
        self._before = Totals(summary.total_files_processed, summary.total_bytes_processed) if summary else None
        if same and same[-1].time > self._started:
            self._notes.append(_CLOCK.format(same[-1].name or same[-1].id.short, timestamp(same[-1].time)))
        match self._options.type:
            case BackupType.FULL:
                return None
            case BackupType.DIFFERENTIAL:
                same = [entry for entry in same if entry.tags.get(tags.TYPE) == BackupType.FULL]
        return same[-1] if same else None

    def _store(self, archiver: Archiver, writer: BlobWriter, parent: BlobId | None) -> BlobId:
        """The tree from the root down to each path. Paths that cannot be read are problems; NotFound if none can."""
        root = _Place(None)
        unread: list[Problem] = []
        for path in self._paths:
            try:
                self._store_path(archiver, root, path, parent)
            except OSError as error:
                unread.append(Problem(f"{_shown(path)} cannot be read", error.strerror or str(error), _READABLE))
        if len(unread) == len(self._paths):
            raise NotFound(unread[0].what, why=unread[0].why, next=unread[0].next)
        archiver.problems.extend(unread)
        return _save(root, writer)

    def _store_path(self, archiver: Archiver, root: _Place, path: bytes, parent: BlobId | None) -> None:
        """Raises OSError, and then the path is not below `root`."""
        place, walked = root, b""
        *above, last = [part for part in path.split(b"/") if part] or [b""]
        if not last:
            root.tree = archiver.directory(b"/", parent)
            return
        for part in above:
            walked += b"/" + part
            below = place.below.setdefault(part, _Place(look_at_directory(walked)))
            assert isinstance(below, _Place)  # nested paths were taken out
            place = below
        entry = look_at(path)
        if entry.type is FileType.DIRECTORY:
            tree = archiver.directory(path, self._subtree(parent, [*above, last]))
            place.below[last] = _Place(entry, tree=tree)
        else:
            place.below[last] = archiver.single(path, entry, self._subtree(parent, above))

    def _subtree(self, tree: BlobId | None, parts: Sequence[bytes]) -> BlobId | None:
        for part in parts:
            if tree is None:
                return None
            try:
                nodes = self._repository.reader.load_tree(tree)
            except DamagedData:
                return None  # then everything is read
            found = next((node for node in nodes if node.raw_name() == part), None)
            tree = subtree_id(found) if found is not None and found.type is NodeType.DIRECTORY else None
        return tree

    def _describe(self, archiver: Archiver, writer: BlobWriter, earlier: Entry | None) -> Run:
        counts = archiver.counts
        return Run(
            id=self._id,
            run=self._id,
            verb=Verb.BACKUP_FILES,
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
            notes=self._notes,
            keep_until=self._keep_until,
        )

    def _tags(self, run: Run) -> tags.Tags:
        values = {
            tags.KIND: tags.FILES,
            tags.NAME: self._name,
            tags.TYPE: run.type,
            tags.RUN: self._id,
            tags.KEEP_UNTIL: self._keep_until,
            tags.OUTCOME: run.outcome.value,
        }
        return tags.Tags(values | {f"{tags.LABEL_PREFIX}{key}": value for key, value in self._options.labels.items()})

    def _failed(self, error: HoldfastError) -> Run:
        return Run(
            id=self._id,
            run=self._id,
            verb=Verb.BACKUP_FILES,
            name=self._name,
            kind=tags.FILES,
            type=self._options.type.value,
            outcome=Outcome.of_failure(error),
            started_at=timestamp(self._started),
            finished_at=timestamp(self._clock.now()),
            counts={},
            bytes={},
            errors=[Problem.of(error)],
        )


def _exists(path: bytes) -> bool:
    """Whether it is there, or something that hinders us from looking."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last for a zero byte in it
        return False
    except OSError:
        return True
    return True


_CLOCK = (
    "The newest backup of these paths, {}, is of {}, which is still to come. Check this machine's clock; "
    "`latest` means the newest by its time."
)
_NOTHING = "No file was saved, because none fits --include."
_READABLE = "Check the path and its permissions, and back up again."


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


def _default_name(path: bytes, started: dt.datetime) -> str:
    """`data-20261123-051942`: the first path's last name says what, the time makes it the only one."""
    name = re.sub(r"[^\w.+-]+", "-", os.path.basename(path).decode("utf-8", "replace")).strip("-")
    return f"{name or 'root'}-{started:%Y%m%d-%H%M%S}"


def _shown(path: bytes | str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
