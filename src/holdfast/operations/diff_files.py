"""Comparing the file trees of two backups, whole or at chosen paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from holdfast.errors import DamagedData, NotFound
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.operations.catalog import Entry
from holdfast.operations.contents import Contents
from holdfast.operations.tree_diff import Difference, TreeComparison
from holdfast.repository.contents import shown
from holdfast.repository.repository import Repository


def diff_files(
    repository: Repository,
    before: Entry,
    after: Entry,
    paths: Sequence[str],
    cancel: Cancel,
    *,
    metadata: bool = False,
) -> Iterator[Difference | DamagedData]:
    """What turns the first backup's tree into the second's, in the order of paths; a directory that is damaged as its error.

    `paths` (absolute) limit it to what is at and below them; none means all. `metadata` asks also for what differs in nothing
    else. Raises NotFound at once for a path that neither backup has; Cancelled.
    """
    comparison = TreeComparison(repository.reader, cancel, metadata=metadata)
    chosen = _outermost(paths)
    if not chosen or chosen == ["/"]:
        return comparison.compare_trees(before.snapshot.tree, after.snapshot.tree)
    sides = [Contents(repository, BlobId.parse(entry.snapshot.tree)) for entry in (before, after)]
    return chain.from_iterable([_compare_at(path, comparison, sides) for path in chosen])


def _compare_at(path: str, comparison: TreeComparison, sides: Iterable[Contents]) -> Iterator[Difference | DamagedData]:
    """Finds the path in both backups now, and compares when it is asked to."""
    try:
        before, after = (found and found.node for found in [contents.find(path) for contents in sides])
    except DamagedData as error:
        return iter((DamagedData(f"a directory on the way to {shown(path)} cannot be read", why=str(error)),))
    if before is None and after is None:
        raise NotFound(
            f"neither backup has {shown(path)}",
            why="nothing in them has this path",
            next="Look around with `holdfast backup browse`.",
        )
    return comparison.compare_nodes(path, before, after)


def _outermost(paths: Iterable[str]) -> list[str]:
    """Each once, in order, in one spelling, and none that is below another."""
    chosen: list[str] = []
    for path in sorted({"/" + "/".join(filter(None, path.split("/"))) for path in paths}):
        if not any(f"{path}/".startswith(f"{other.rstrip('/')}/") for other in chosen):
            chosen.append(path)
    return chosen
