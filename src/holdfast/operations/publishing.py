"""The report of a run: published as a snapshot of its own, so that lists and logs need nothing but the repository."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from holdfast.errors import HoldfastError
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Run
from holdfast.operations.run_log import RunLog
from holdfast.repository.lock import Lock
from holdfast.repository.lock_file import own_username
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree_builder import TreeBuilder, TreeFile
from holdfast.repository.writer import BlobWriter
from holdfast.version import PROGRAM_VERSION

REPORT_FILE = "report.json"
LOG_FILE = "log.txt"

_NO_TAGS: Mapping[str, str] = {}


@contextlib.contextmanager
def reported(
    repository: Repository,
    run_log: RunLog,
    describe_failure: Callable[[HoldfastError], Run],
    more_tags: Mapping[str, str] = _NO_TAGS,
) -> Iterator[Lock]:
    """A run under a shared lock that is begun but not yet confirmed; a failed run leaves its report before it raises.

    The body publishes the report of a run that ends well. `more_tags` are for that of a failed one.
    """
    lock = repository.unconfirmed_lock()
    try:
        lock.begin()
        yield lock
    except HoldfastError as error:
        run = describe_failure(error)
        error.run = run.run
        run_log.record(f"{error} – {error.next}")
        kept = _publish(repository, lock, run, run_log, hostname="", tree="", more_tags=more_tags)
        if kept is not None:
            error.next = f"{error.next} The repository did not take this run's report; it is in {kept}.".lstrip()
        raise
    finally:
        _release(lock, run_log)


@contextlib.contextmanager
def unreported(repository: Repository, progress: Progress) -> Iterator[Lock]:
    """A part of a run that another process reports, under a shared lock that is begun but not yet confirmed."""
    lock = repository.unconfirmed_lock()
    try:
        lock.begin()
        yield lock
    finally:
        _release(lock, progress)


def _release(lock: Lock, progress: Progress) -> None:
    lock.release()
    if lock.not_removed is not None:
        progress.warn(
            f"this run's lock stays in the repository: {lock.not_removed}. Until it is 30 minutes old, what needs the "
            "repository alone must wait; `holdfast repository unlock` removes old locks."
        )


def add_file(tree: TreeBuilder, writer: BlobWriter, path: Sequence[str], content: bytes, time: str) -> None:
    """Stores a small file and enters it into the tree."""
    tree.add(path, TreeFile(writer.save(BlobType.DATA, content) if content else b"", len(content), time))


def add_document(tree: TreeBuilder, writer: BlobWriter, path: str, document: msgspec.Struct, time: str) -> None:
    """The same with a JSON document, at a path from the root."""
    add_file(tree, writer, path.strip("/").split("/"), _pretty(document), time)


def store_report(writer: BlobWriter, report: msgspec.Struct, log_text: str, time: str) -> str:
    """Writes a report's tree; its id goes into the snapshot once the writer was flushed."""
    tree = TreeBuilder()
    add_document(tree, writer, REPORT_FILE, report, time)
    add_file(tree, writer, [LOG_FILE], log_text.encode(), time)
    return tree.save(writer).hex()


def publish_report(
    repository: Repository,
    lock: Lock,
    run: Run,
    run_log: RunLog,
    *,
    hostname: str,
    tree: str = "",
    more_tags: Mapping[str, str] = _NO_TAGS,
) -> bool:
    """Publishes the report of a run that did its work; `tree` is its tree if that was stored and flushed already.

    A repository that refuses it now cannot undo the work: the report is kept in a local directory, which `run.notes` names.
    Returns whether the repository took it.
    """
    kept = _publish(repository, lock, run, run_log, hostname, tree, more_tags)
    if kept is not None:
        run.notes.append(f"The repository did not take this run's report; it is in {kept}.")
    return kept is None


def _publish(
    repository: Repository,
    lock: Lock,
    run: Run,
    run_log: RunLog,
    hostname: str,
    tree: str,
    more_tags: Mapping[str, str] = _NO_TAGS,
) -> Path | None:
    """In the repository if it takes it, else in a local directory, which is returned; on a full disk nowhere."""
    cancel = Cancel()  # the run's own may be set, and its report is wanted all the same
    try:
        if not tree:
            lock.confirm(cancel)
            writer = repository.writer(lock, cancel)
            try:
                tree = store_report(writer, run, run_log.text(), run.finished_at)
                writer.flush()
            finally:
                writer.close()
        repository.save_snapshot(_snapshot(run, tree, hostname, more_tags), lock)
    except HoldfastError as refused:
        with contextlib.suppress(OSError):
            directory = Path(tempfile.mkdtemp(prefix=f"holdfast-{run.run}-"))
            (directory / REPORT_FILE).write_bytes(_pretty(run))
            (directory / LOG_FILE).write_text(f"{run_log.text()}The repository did not take this report: {refused}\n")
            return directory
    return None


def _snapshot(run: Run, tree: str, hostname: str, more_tags: Mapping[str, str]) -> Snapshot:
    values = {
        tags.KIND: tags.REPORT,
        tags.RUN: run.run,
        tags.VERB: run.verb,
        tags.NAME: run.name,
        tags.TYPE: run.type,
        tags.OUTCOME: run.outcome.value,
        **more_tags,
    }
    return Snapshot(
        time=run.finished_at,
        tree=tree,
        paths=[f"/reports/{run.verb.replace(' ', '/')}"],
        hostname=hostname,
        username=own_username(),
        tags=tags.Tags(values).format(),
        program_version=PROGRAM_VERSION,
    )


def _pretty(report: msgspec.Struct) -> bytes:
    """Indented, because people read it through restic too."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1)
