"""Dumps: what a command in a container writes becomes a file of the backup, without touching a disk."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.cluster.cluster import Cluster
from holdfast.codec.chunker import Chunker
from holdfast.model.hooks import Hook, HookRecord
from holdfast.model.progress import Progress
from holdfast.objects.hooks.select import PodHooks
from holdfast.repository.tree_builder import TreeFile
from holdfast.repository.writer import BlobWriter


class Dump(NamedTuple):
    record: HookRecord
    file: (
        TreeFile | None
    )  # None: nothing is in the backup. Else it belongs to `record.path`: `tree.add(path.strip("/").split("/"), file)`


def save_dump(
    cluster: Cluster, pod: PodHooks, hook: Hook, writer: BlobWriter, chunker: Chunker, progress: Progress
) -> Dump:
    """Raises Cancelled, and what the writer raises: a dump that fails is one record, a store that fails is the end."""
    raise NotImplementedError
