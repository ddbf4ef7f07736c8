"""The files of a mounted volume into a part: a snapshot from which the run grafts the volume into its backup.

A part holds one directory, at the place that it will have in the backup, so that it is a parent for the next one as much as a
backup is: files that are as it has them are not read. Nothing refers to what was stored before the part is published, but the
index lists it every minute: a mover that is killed finds it there when it is tried again.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.errors import DamagedData, NotFound, UsageError, VolumeError
from holdfast.ids import BlobId
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, timestamp
from holdfast.operations.archive import Archiver
from holdfast.operations.expectation import Expectation
from holdfast.operations.file_summary import summarize
from holdfast.operations.movers.contract import MOST_ERRORS, VOLUME_TAG, Moved
from holdfast.operations.movers.saved_volume import SavedVolume, find_volume
from holdfast.operations.movers.volume_name import VolumeName
from holdfast.operations.nodes import node_of
from holdfast.operations.publishing import unreported
from holdfast.repository import go_json
from holdfast.repository.lock import Lock
from holdfast.repository.lock_file import own_username
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree import EPOCH, Node, NodeType, encode_node, go_mode, join_nodes
from holdfast.repository.writer import BlobWriter, Checkpoints
from holdfast.version import PROGRAM_VERSION
from holdfast.volumes.entry import Entry
from holdfast.volumes.reading import look_at_directory
from holdfast.volumes.selection import FileSelection, select

OF_THE_FILE_SYSTEM = "lost+found"
"""A directory in the root that belongs to the file system itself; a target has its own."""

CHECKPOINTS = Checkpoints()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadVolumeOptions:
    """What a mover is asked for. `excludes` are patterns from the volume's root, see `holdfast.volumes.selection`."""

    run: str
    volume: VolumeName
    root: bytes  # where it is mounted
    cluster_name: str
    parent: str = ""  # id of a backup or part; what is wrong with it only means that all is read
    full: bool = False
    excludes: tuple[str, ...] = ()
    name: str = ""  # of the backup


def read_volume(repository: Repository, options: ReadVolumeOptions, cancel: Cancel, progress: Progress) -> Moved:
    """Makes a part and says what is in it; it is partial if something could not be read.

    Raises VolumeError if nothing at all can be, UsageError, and what the repository raises.
    """
    tags.check_tag_value("--run", options.run)
    if options.name:
        tags.check_tag_value("--name", options.name)
    if not options.cluster_name:
        raise UsageError(
            "no cluster name is given",
            why="a part carries it, and a mover cannot ask the cluster",
            next="Give --cluster-name, or set HOLDFAST_CLUSTER_NAME.",
        )
    return _ReadVolume(repository, options, cancel, progress).run()


class _ReadVolume:
    def __init__(self, repository: Repository, options: ReadVolumeOptions, cancel: Cancel, progress: Progress) -> None:
        self._repository = repository
        self._options = options
        self._cancel = cancel
        self._progress = progress
        self._clock = repository.clock
        self._started = self._clock.now()
        self._path = options.volume.path
        self._selection = select([f"/{OF_THE_FILE_SYSTEM}", *options.excludes])

    def run(self) -> Moved:
        root = self._look_at_root()
        with unreported(self._repository, self._progress) as lock:
            writer = self._repository.writer(lock, self._cancel, CHECKPOINTS)
            try:
                return self._write(root, writer, lock)
            finally:
                writer.close()

    def _look_at_root(self) -> Entry:
        try:
            return look_at_directory(self._options.root)._replace(name=self._options.volume.claim.encode())
        except OSError as error:
            raise self._unreadable(error) from error

    def _write(self, root: Entry, writer: BlobWriter, lock: Lock) -> Moved:
        lost = self._repository.forget_lost_packs()
        if lost:
            self._progress.warn(f"{lost} packs of the repository are lost; what is needed of them is stored again")
        parent = self._parent()
        archiver = Archiver(
            self._repository, writer, self._selection, self._cancel, self._progress, called=self._place_in_backup
        )
        self._progress.phase("read files")
        try:
            with self._expectation(self._selection, parent):
                tree = archiver.directory(self._options.root, parent.tree if parent else None, b"")
        except OSError as error:
            raise self._unreadable(error) from error
        finally:
            archiver.close()
        self._cancel.check()
        outcome = Outcome.PARTIAL if archiver.problems else Outcome.DONE
        snapshot = Snapshot(
            time=timestamp(self._started),
            parent=parent.snapshot.hex() if parent else None,
            tree=self._place(root, tree, writer).hex(),
            paths=[self._path],
            hostname=self._options.cluster_name,
            username=own_username(),
            excludes=list(self._options.excludes),
            tags=self._tags(outcome).format(),
            program_version=PROGRAM_VERSION,
            summary=summarize(archiver.counts, writer.stats, self._started, self._clock.now()),
        )
        writer.flush()
        part = self._repository.save_snapshot(snapshot, lock)
        return Moved(
            outcome=outcome,
            part=part.hex(),
            files=archiver.counts.files,
            bytes=archiver.counts.bytes,
            added=writer.stats.content_bytes,
            stored=writer.stats.stored_bytes,
            unmodified=archiver.counts.files_unmodified,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._clock.now()),
            errors=archiver.problems[:MOST_ERRORS],
            error_count=len(archiver.problems),
        )

    def _parent(self) -> SavedVolume | None:
        if self._options.full or not self._options.parent:
            return None
        try:
            return find_volume(self._repository, self._options.parent, self._options.volume)
        except (NotFound, DamagedData) as error:
            self._progress.warn(f"everything is read, because the parent cannot be used: {error}")
            return None

    def _expectation(self, selection: FileSelection, parent: SavedVolume | None) -> Expectation:
        """With its pattern for lost+found the selection keeps it from asking the file system, of which a volume may be a part."""
        return Expectation(
            self._progress,
            [self._options.root],
            selection,
            parent.totals if parent else None,
            patterns_from=self._options.root.rstrip(b"/"),
        )

    def _place_in_backup(self, path: bytes) -> bytes:
        return self._path.encode() + path.removeprefix(self._options.root.rstrip(b"/"))

    def _place(self, root: Entry, tree: BlobId, writer: BlobWriter) -> BlobId:
        """Stores the directories above the volume, always the same ones; returns the snapshot's tree."""
        node = node_of(root, subtree=tree)
        for name in (self._options.volume.namespace, "volumes"):
            node = _directory(name, _save(node, writer))
        return _save(node, writer)

    def _tags(self, outcome: Outcome) -> tags.Tags:
        return tags.Tags(
            {
                tags.KIND: tags.PART,
                tags.NAME: self._options.name,
                tags.RUN: self._options.run,
                VOLUME_TAG: str(self._options.volume),
                tags.OUTCOME: outcome.value,
            }
        )

    def _unreadable(self, error: OSError) -> VolumeError:
        root = self._options.root.decode("utf-8", "backslashreplace")
        return VolumeError(
            f"the volume {self._options.volume} cannot be read", why=f"{root}: {error.strerror or error}"
        )


def _save(node: Node, writer: BlobWriter) -> BlobId:
    """A directory with this one entry."""
    return writer.save(BlobType.TREE, join_nodes([encode_node(node)]))


def _directory(name: str, tree: BlobId) -> Node:
    return Node(
        name=go_json.quote_name(name.encode()),
        type=NodeType.DIRECTORY,
        mode=go_mode(0o040700),
        mtime=EPOCH,
        atime=EPOCH,
        ctime=EPOCH,
        uid=0,
        gid=0,
        content=None,
        subtree=tree.hex(),
    )
