"""Where the time of a first backup of `big` goes, stage by stage, and the least that this machine needs for it.

Each stage runs alone in one thread, with Holdfast's own functions on pieces of the size that a backup has. What counts is the
processor time of that thread, which other work on the machine changes little. All stages together for all bytes of `big`,
divided by the number of cores, are the ceiling: nothing that does the same work is faster here, unless the disk is slower still.
"""

from __future__ import annotations

import io
import os
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from bench.row import Row, number
from bench.trees import BIG_BYTES, log_lines, random_blocks
from holdfast.codec import compression
from holdfast.codec.chunker import MAX_SIZE, Chunker
from holdfast.codec.crypto import OVERHEAD, SealingKey
from holdfast.ids import BlobId, PackId
from holdfast.repository.blob import Sealer
from holdfast.repository.pack import BlobType
from holdfast.repository.writer import PACK_SIZE
from holdfast.store.local import LocalStore

_SAMPLE = 32 << 20  # bytes of each half
_BLOCK = 1 << 20
_PACK = PACK_SIZE[BlobType.DATA]


class Taken(NamedTuple):
    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class Stage:
    """`share`: how many bytes a backup puts through it for each byte of `big`; 0 if it is only there to compare with."""

    id: str
    what: str
    share: float
    size: int  # bytes that `work` goes through
    work: Callable[[], object]


def rows(directory: Path, *, runs: int, sample: int = _SAMPLE) -> Iterator[Row]:
    """Each stage, then the ceiling. Writes into the directory, which must be on the disk that is meant."""
    needed = disk = 0.0
    for stage in _stages(directory, sample):
        taken = [_measured(stage) for _ in range(runs)]
        of_big = stage.share * BIG_BYTES / stage.size
        cpu = of_big * statistics.median(one.cpu for one in taken)
        needed += cpu
        if stage.id == "write":
            disk = of_big * statistics.median(one.wall for one in taken)
        yield Row(
            id=f"kernels-{stage.id}",
            what=stage.what,
            values=[stage.size / 1e6 / one.cpu for one in taken],
            unit="MB/s",
            more_is_better=True,
            peer=f"{number(cpu)} s of big" if stage.share else "",
            details={"share": stage.share, "cpuSecondsOfBig": cpu},
        )
    cores = os.cpu_count() or 1
    yield Row(
        id="kernels-ceiling",
        what=f"ceiling of the first backup, big, on {cores} cores",
        values=[max(needed / cores, disk)],
        unit="s",
        more_is_better=False,
        peer=f"{number(needed)} s of processor time; the disk alone {number(disk)} s",
        details={"cpuSeconds": needed, "diskSeconds": disk, "cores": cores},
    )


def _measured(stage: Stage) -> Taken:
    cpu, wall = time.thread_time(), time.perf_counter()
    stage.work()
    return Taken(time.thread_time() - cpu, time.perf_counter() - wall)


def _stages(directory: Path, sample: int) -> Iterator[Stage]:
    """In the order in which content passes through them."""
    chosen = random.Random(1)
    text, noise = (b"".join(islice(blocks(chosen), sample // _BLOCK)) for blocks in (log_lines, random_blocks))
    plain, halves = text + noise, len(text) / len(text + noise)
    key = SealingKey.random()
    chunker = Chunker(key)
    texts, noises = (list(chunker.split(io.BytesIO(half))) for half in (text, noise))
    frames = [compression.compress(chunk) for chunk in texts]
    bodies = [*frames, *noises]  # what does not become smaller is stored as it is
    sealed = [key.seal(body) for body in bodies]
    stored = sum(map(len, sealed))
    share = stored / len(plain)
    packs = [b"".join(sealed)[start : start + _PACK] for start in range(0, stored, _PACK)]
    file = directory / "plain"
    file.write_bytes(plain)
    target = memoryview(bytearray(MAX_SIZE + OVERHEAD))
    decompressor, buffer, together = compression.PartDecompressor(), bytearray(plain), Sealer(key, MAX_SIZE)
    lengths = chunker.cutter().cut(memoryview(plain), is_end=True)

    def seal_together() -> None:
        start = 0
        for length in lengths:
            together.seal(buffer, start, start + length)
            start += length

    yield Stage("memcpy", "memcpy, to compare with", 0, len(plain), lambda: _copy(plain))
    yield Stage("read", "read, from the page cache", 1, len(plain), lambda: _read(file))
    yield Stage("cut", "cut into chunks", 1, len(plain), lambda: chunker.cutter().cut(memoryview(plain), is_end=True))
    yield Stage("compress-text", "zstd, text half", halves, len(text), lambda: _each(compression.compress, texts))
    yield Stage(
        "compress-random", "zstd, random half", 1 - halves, len(noise), lambda: _each(compression.compress, noises)
    )
    yield Stage(
        "seal",
        "seal: AES-CTR, Poly1305",
        share,
        stored,
        lambda: _each(lambda body: key.seal_into(body, target), bodies),
    )
    yield Stage(
        "open",
        "prove: open",
        share,
        stored,
        lambda: _each(lambda body: key.open_into(memoryview(body), target), sealed),
    )
    yield Stage("decompress", "prove: zstd back, text half", halves, len(text), lambda: _back(decompressor, frames))
    yield Stage("hash", "prove: SHA-256", 1, len(plain), lambda: _each(BlobId.of, texts + noises))
    yield Stage("compare", "prove: compare", 1, len(plain), lambda: buffer.startswith(plain))
    yield Stage("together", "from zstd to the proof, together", 0, len(plain), seal_together)
    yield Stage("hash-pack", "SHA-256 of packs", share, stored, lambda: _each(PackId.of, packs))
    yield Stage("write", "write packs, fsync", share, stored, lambda: _write(directory / "packs", packs))


def _each(work: Callable[[bytes], object], pieces: Iterable[bytes]) -> None:
    """Keeps no result: memory that is used again is faster than memory that the kernel must give first."""
    for piece in pieces:
        work(piece)


def _back(decompressor: compression.PartDecompressor, frames: Sequence[bytes]) -> None:
    for frame in frames:
        for _ in decompressor.parts(frame, limit=MAX_SIZE):
            pass


def _copy(plain: bytes) -> None:
    for start in range(0, len(plain), _BLOCK):
        bytearray(memoryview(plain)[start : start + _BLOCK])


def _read(path: Path) -> None:
    """Into the same memory again and again."""
    part = bytearray(_BLOCK)
    with path.open("rb", buffering=0) as file:
        while file.readinto(part):
            pass


def _write(directory: Path, packs: Sequence[bytes]) -> None:
    store = LocalStore(directory)
    for place, pack in enumerate(packs):
        store.put(f"data/{place:02x}/pack", [pack])
