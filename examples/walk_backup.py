"""Prints the SHA-256 of every file in a snapshot, for a judge that has never heard of backups:

    export HOLDFAST_REPOSITORY=/srv/backups HOLDFAST_PASSWORD=…
    holdfast backup files /srv/data
    python3 walk_backup.py | sha256sum --check --quiet

Without the first digits of a snapshot's id it takes the newest one that is no report. Ends with 1 if anything is damaged.
It uses the library that docs/python-api.md describes.
"""

from __future__ import annotations

import hashlib
import os
import sys

from holdfast.errors import DamagedData, HoldfastError, NotFound
from holdfast.repository import NodeType, Repository, Snapshot, SnapshotContents, open_repository


def find(repository: Repository, prefix: str) -> Snapshot:
    if prefix:
        snapshot_id = repository.resolve_snapshot_id(prefix)
        if snapshot_id is None:
            raise NotFound(f"there is no snapshot {prefix}")
        return repository.load_snapshot(snapshot_id)
    readable = [snapshot for _, snapshot in repository.snapshots() if isinstance(snapshot, Snapshot)]
    backups = [snapshot for snapshot in readable if "kind=report" not in snapshot.tags]
    if not backups:
        raise NotFound("the repository holds no backup")
    return max(backups, key=Snapshot.moment)


def digest(contents: SnapshotContents, path: str) -> str:
    sha256 = hashlib.sha256()
    for piece in contents.pieces(path):
        sha256.update(piece)
    return sha256.hexdigest()


def line(digits: str, path: str) -> bytes:
    """As sha256sum writes it: a backslash in front says that there are some in the name."""
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return os.fsencode(f"{'' if escaped == path else chr(92)}{digits}  {escaped}\n")


def main(prefix: str = "") -> int:
    damaged = 0
    with open_repository(os.environ["HOLDFAST_REPOSITORY"], os.environ["HOLDFAST_PASSWORD"]) as repository:
        contents = repository.contents(find(repository, prefix))
        for found in contents.walk():
            try:
                if isinstance(found, DamagedData):
                    raise found
                if found.node.type is NodeType.FILE:
                    sys.stdout.buffer.write(line(digest(contents, found.path), found.path))
            except DamagedData as error:
                damaged += 1
                print(f"Error: {error}", file=sys.stderr)
    return 1 if damaged else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except HoldfastError as error:
        sys.exit(f"Error: {error}\n  Next: {error.next}")
