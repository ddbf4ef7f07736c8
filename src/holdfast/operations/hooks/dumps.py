"""Dumps: what a command in a container writes becomes a file of the backup, without touching a disk."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.cluster.cluster import Cluster
from holdfast.codec.chunker import Chunker
from holdfast.errors import ClusterError
from holdfast.model.hooks import Hook, HookRecord, dump_path
from holdfast.model.progress import Progress
from holdfast.model.run import timestamp
from holdfast.objects.hooks.select import PodHooks
from holdfast.operations.hooks.attempt import Attempt, told
from holdfast.repository.pack import BlobType
from holdfast.repository.tree_builder import TreeFile
from holdfast.repository.writer import BlobWriter


class Dump(NamedTuple):
    record: HookRecord
    file: TreeFile | None  # None: nothing of it is in the backup. Else it belongs at `record.path`


def save_dump(
    cluster: Cluster, pod: PodHooks, hook: Hook, writer: BlobWriter, chunker: Chunker, progress: Progress
) -> Dump:
    """Only a dump whose command ended well becomes a file. What was stored of another stays behind for prune.

    Raises Cancelled, ClusterUnreachable, and what the writer raises: a dump that fails is one record, a store that fails is the
    end of the run.
    """
    dump = _save(cluster, pod, hook, writer, chunker, progress)
    say = progress.note if dump.file else progress.warn
    say(told(dump.record))
    return dump


def _save(
    cluster: Cluster, pod: PodHooks, hook: Hook, writer: BlobWriter, chunker: Chunker, progress: Progress
) -> Dump:
    attempt = Attempt(cluster, pod, hook)
    if impossible := attempt.not_possible():
        return Dump(impossible, None)
    if hook.container not in pod.running:
        return Dump(attempt.failed("its container does not run", "Start the pod, or leave its dump out."), None)
    content, size = bytearray(), 0
    time = timestamp(cluster.connection.clock.now())
    try:
        with cluster.running(
            pod.namespace, pod.pod, hook.command, container=hook.container, timeout=hook.timeout
        ) as command:
            for chunk in chunker.split(command):
                content += writer.save(BlobType.DATA, chunk)
                size += len(chunk)
                progress.advance(0, len(chunk))
    except ClusterError as error:
        return Dump(attempt.broke(error), None)
    if command.exit_code == 0 and size == 0:
        return Dump(
            attempt.failed("it wrote nothing", "Let the command write the dump to its standard output.", exit_code=0),
            None,
        )
    path = dump_path(pod.namespace, pod.pod, hook.container, hook.name)
    record = attempt.ended(command.exit_code, command.errors, path=path, bytes=size)
    return Dump(record, TreeFile(bytes(content), size, time) if command.exit_code == 0 else None)
