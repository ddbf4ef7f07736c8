"""restic's repository format version 2, written, read and checked: a library of its own, described in docs/python-api.md.

A *store* keeps files by name: a directory, a bucket, memory. A *repository* is what a password makes of a store. Its content
is blobs (pieces of files, and trees, which are directories), each known by the hash of its bytes and stored once. A
*snapshot* makes one tree reachable. To write, take a *lock*, which keeps others from removing what you rely on; under it a
*writer* takes blobs; when it was flushed, a snapshot that refers to them can be saved. To read, go from a snapshot through its
*contents* to nodes and files, or ask the *reader* for single blobs. Every blob is proved by its hash.

    with init_repository("/srv/backups", password) as repository:        # or open_repository; a path, a URL or a Store
        with repository.new_snapshot() as new:                           # lock and writer
            new.add("notes/today.txt", b"It rained.")                    # bytes or a stream
            snapshot_id = new.publish(tags=["diary"])                    # flush, then snapshot
        snapshot = repository.load_snapshot(snapshot_id)
        repository.contents(snapshot).read("notes/today.txt")

Whatever fails raises one of `holdfast.errors`. Importing this package loads nothing: each name below is loaded when it is
first asked for, because the command line must answer `--help` at once. Modules inside Holdfast import from where things are.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.errors import HoldfastError
    from holdfast.ids import BlobId, SnapshotId
    from holdfast.model.cancel import Cancel
    from holdfast.model.progress import Progress, Silent
    from holdfast.repository.check import check as check_repository
    from holdfast.repository.check_report import CheckReport, Finding, Severity
    from holdfast.repository.contents import FoundNode, SnapshotContents
    from holdfast.repository.index_cache import IndexCache
    from holdfast.repository.lock import Lock
    from holdfast.repository.new_snapshot import NewSnapshot
    from holdfast.repository.pack import BlobType
    from holdfast.repository.prune import PruneReport
    from holdfast.repository.prune import prune as prune_repository
    from holdfast.repository.prune_plan import PruneOptions
    from holdfast.repository.reader import BlobReader
    from holdfast.repository.repository import Repository, init_repository, open_repository
    from holdfast.repository.snapshot import Snapshot, Summary
    from holdfast.repository.tree import Node, NodeType, content_ids, encode_tree, format_time, subtree_id
    from holdfast.repository.tree_builder import TreeBuilder, TreeFile
    from holdfast.repository.writer import BlobWriter, WriterStats
    from holdfast.store.base import Store
    from holdfast.store.location import Location, store_at
    from holdfast.store.memory import MemoryStore

__all__ = [
    "BlobId",
    "BlobReader",
    "BlobType",
    "BlobWriter",
    "Cancel",
    "CheckReport",
    "Finding",
    "FoundNode",
    "HoldfastError",
    "IndexCache",
    "Location",
    "Lock",
    "MemoryStore",
    "NewSnapshot",
    "Node",
    "NodeType",
    "Progress",
    "PruneOptions",
    "PruneReport",
    "Repository",
    "Severity",
    "Silent",
    "Snapshot",
    "SnapshotContents",
    "SnapshotId",
    "Store",
    "Summary",
    "TreeBuilder",
    "TreeFile",
    "WriterStats",
    "check_repository",
    "content_ids",
    "encode_tree",
    "format_time",
    "init_repository",
    "open_repository",
    "prune_repository",
    "store_at",
    "subtree_id",
]

_HOMES = {
    "holdfast.errors": ("HoldfastError",),
    "holdfast.ids": ("BlobId", "SnapshotId"),
    "holdfast.model.cancel": ("Cancel",),
    "holdfast.model.progress": ("Progress", "Silent"),
    "holdfast.repository.check_report": ("CheckReport", "Finding", "Severity"),
    "holdfast.repository.contents": ("FoundNode", "SnapshotContents"),
    "holdfast.repository.index_cache": ("IndexCache",),
    "holdfast.repository.lock": ("Lock",),
    "holdfast.repository.new_snapshot": ("NewSnapshot",),
    "holdfast.repository.pack": ("BlobType",),
    "holdfast.repository.prune": ("PruneReport",),
    "holdfast.repository.prune_plan": ("PruneOptions",),
    "holdfast.repository.reader": ("BlobReader",),
    "holdfast.repository.repository": ("Repository", "init_repository", "open_repository"),
    "holdfast.repository.snapshot": ("Snapshot", "Summary"),
    "holdfast.repository.tree": ("Node", "NodeType", "content_ids", "encode_tree", "format_time", "subtree_id"),
    "holdfast.repository.tree_builder": ("TreeBuilder", "TreeFile"),
    "holdfast.repository.writer": ("BlobWriter", "WriterStats"),
    "holdfast.store.base": ("Store",),
    "holdfast.store.location": ("Location", "store_at"),
    "holdfast.store.memory": ("MemoryStore",),
}
"""Where each name is: the imports above, for when the program runs. A test compares the two."""

_PLACES = {name: (home, name) for home, names in _HOMES.items() for name in names}
_PLACES["check_repository"] = ("holdfast.repository.check", "check")  # `check` is the module's name here
_PLACES["prune_repository"] = ("holdfast.repository.prune", "prune")


if not TYPE_CHECKING:  # or type checkers would take any name for one of ours

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home, attribute = _PLACES[name]
        value = globals()[name] = getattr(importlib.import_module(home), attribute)
        return value

    def __dir__() -> list[str]:
        return __all__
