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
from holdfast.codec.chunker import Chunker
from holdfast.codec.crypto import SealingKey
from holdfast.ids import BlobId, PackId
from holdfast.repository.pack import BlobType
from holdfast.repository.writer import PACK_SIZE
from holdfast.store.local import LocalStore

_SAMPLE = 32 << 20  # bytes of each half
_BLOCK = 1 << 20


class Taken(NamedTuple):
    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class Stage:
    """`share` says through how many bytes a backup puts each byte of `big` here; 0 if it is only there to compare with."""

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
    chosen = random.Random(1)
    text = b"".join(islice(log_lines(chosen), sample // _BLOCK))[:sample]
    noise = b"".join(islice(random_blocks(chosen), sample // _BLOCK))[:sample]
    key = SealingKey.random()
    chunker = Chunker(key)
    plain = text + noise
    texts, noises = list(chunker.split(io.BytesIO(text))), list(chunker.split(io.BytesIO(noise)))
    chunks = texts + noises
    text_frames, noise_frames = _all(compression.compress, texts), _all(compression.compress, noises)
    sealed = _all(key.seal, text_frames + noise_frames)
    joined = b"".join(sealed)
    packs = [joined[start : start + _PACK] for start in range(0, len(joined), _PACK)]
    stored = len(joined) / len(plain)
    file = directory / "plain"
    file.write_bytes(plain)
    yield Stage("memcpy", "memcpy, to compare with", 0, len(plain), lambda: _copy(plain))
    yield Stage("read", "read a file from the page cache", 1, len(plain), lambda: _read(file))
    yield Stage("chunk", "chunk", 1, len(plain), lambda: _each(len, chunker.split(io.BytesIO(plain))))
    yield Stage("hash", "SHA-256 of chunks", 1, len(plain), lambda: _each(BlobId.of, chunks))
    yield Stage("compress-text", "zstd, text half", 0.5, len(text), lambda: _each(compression.compress, texts))
    yield Stage("compress-random", "zstd, random half", 0.5, len(noise), lambda: _each(compression.compress, noises))
    yield Stage(
        "seal", "AES-CTR and Poly1305, seal", stored, len(joined), lambda: _each(key.seal, text_frames + noise_frames)
    )
    yield Stage("open", "prove: open", stored, len(joined), lambda: _each(key.open, sealed))
    yield Stage("decompress-text", "prove: zstd back, text half", 0.5, len(text), lambda: _back(text_frames))
    yield Stage("decompress-random", "prove: zstd back, random half", 0.5, len(noise), lambda: _back(noise_frames))
    yield Stage("prove", "prove: SHA-256 again", 1, len(plain), lambda: _each(BlobId.of, chunks))
    yield Stage("hash-pack", "SHA-256 of packs", stored, len(joined), lambda: _each(PackId.of, packs))
    yield Stage("write", "write packs, fsync", stored, len(joined), lambda: _write(directory / "packs", packs))


_PACK = PACK_SIZE[BlobType.DATA]


def _each(work: Callable[[bytes], object], pieces: Iterable[bytes]) -> None:
    """Keeps no result: memory that is used again is faster than memory that the kernel must give first."""
    for piece in pieces:
        work(piece)


def _all(work: Callable[[bytes], bytes], pieces: Sequence[bytes]) -> list[bytes]:
    return [work(piece) for piece in pieces]


def _back(frames: Sequence[bytes]) -> None:
    for frame in frames:
        for _ in compression.decompressed(frame, limit=1 << 30):
            pass


def _copy(plain: bytes) -> None:
    for start in range(0, len(plain), _BLOCK):
        bytearray(memoryview(plain)[start : start + _BLOCK])


def _read(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(_BLOCK):
            pass


def _write(directory: Path, packs: Sequence[bytes]) -> None:
    store = LocalStore(directory)
    for place, pack in enumerate(packs):
        store.put(f"data/{place:02x}/pack", [pack])
