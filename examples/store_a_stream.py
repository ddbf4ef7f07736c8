"""Stores standard input as one file of a new snapshot, as `restic backup --stdin` does: a dump that never lies on a disk.

    export HOLDFAST_REPOSITORY=/srv/backups HOLDFAST_PASSWORD=…
    set -o pipefail; pg_dump shop | python3 store_a_stream.py shop.sql database=shop

The name comes first, tags may follow. It uses the library that docs/python-api.md describes.
"""

from __future__ import annotations

import os
import signal
import sys

from holdfast.errors import HoldfastError
from holdfast.repository import Cancel, open_repository


def main(name: str, *tags: str) -> None:
    cancel = Cancel()
    signal.signal(signal.SIGTERM, lambda *_: cancel.request())
    with (
        open_repository(os.environ["HOLDFAST_REPOSITORY"], os.environ["HOLDFAST_PASSWORD"]) as repository,
        repository.new_snapshot(cancel) as new,
    ):
        size = new.add(name, sys.stdin.buffer)
        if not size:
            sys.exit("Error: standard input was empty; the program before the pipe has failed, most likely")
        snapshot_id = new.publish(paths=[f"/{name}"], tags=tags)
        print(f"{snapshot_id.short}: {size:,} bytes read, {new.writer.stats.stored_bytes:,} stored")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except HoldfastError as error:
        sys.exit(f"Error: {error}\n  Next: {error.next}")
