"""`python -m bench.lookups COUNT BLOBS`: opens the repository of the environment and looks up COUNT blobs.

Half of them are among the BLOBS that `bench.synthetic` made, half are not there. Prints the seconds of all lookups but the first,
which loads the index. A program of its own, so that its start, time and memory can be measured.
"""

from __future__ import annotations

import os
import random
import sys
import time

from bench.synthetic import blob_id
from holdfast import assembly
from holdfast.model.cancel import Cancel
from holdfast.repository.pack import BlobType


def main(count: int, blobs: int) -> float:
    settings = assembly.Settings(repository=os.environ["HOLDFAST_REPOSITORY"])
    index = assembly.open_repository(settings, Cancel()).index
    chosen = random.Random(count)
    wanted = [blob_id(chosen.randrange(2 * blobs)) for _ in range(count)]
    index.has(BlobType.DATA, wanted[0])
    started = time.perf_counter()
    found = sum(index.has(BlobType.DATA, digest) or index.has(BlobType.TREE, digest) for digest in wanted[1:])
    took = time.perf_counter() - started
    if count > 1000 and not 0.45 < found / count < 0.55:
        raise SystemExit(f"{found} of {count} blobs were found, and half of them should")
    return took


if __name__ == "__main__":
    print(main(int(sys.argv[1]), int(sys.argv[2])))
