"""The program of a helper process, and the messages that it exchanges with the one that started it.

It is given the repository's key, and then one request after the other until the channel is closed:

    store:    names and directories → digests of what was read → which of them are new → nodes, then the new blobs sealed
    restore:  nodes and directories, then the files' sealed blobs → what went wrong
    examine:  a pack's id, and its content in a file → faults, and its header opened
"""

from __future__ import annotations

import gc
import mmap
import os
import signal
import socket
import sys
from collections.abc import Sequence

import msgspec

from holdfast.codec.crypto import SealingKey
from holdfast.ids import PackId
from holdfast.operations.channel import Channel, ChannelClosed, close_all
from holdfast.operations.file_work import (
    SealedFile,
    Stored,
    Wanted,
    Written,
    read_batch,
    seal_batch,
    write_files,
)
from holdfast.repository.pack_examination import PackExaminer
from holdfast.volumes.writing import TargetDirectory

STORE, RESTORE, EXAMINE = b"SRE"
"""A request's first byte."""


class StoredAnswer(msgspec.Struct, array_like=True, frozen=True):
    """Before the sealed blobs themselves, joined."""

    stored: list[Stored]
    lengths: list[tuple[int, int]]  # of each sealed blob, and its plain length


class RestoreRequest(msgspec.Struct, array_like=True, frozen=True):
    """Before the sealed blobs of all files, joined."""

    files: list[tuple[int, bytes, int, int]]  # directory, node, length of its sealed blob, and its plain length
    as_owner: bool
    verify: bool


class ExamineAnswer(msgspec.Struct, array_like=True, frozen=True):
    faults: list[tuple[str, str]]  # what, why
    header: bytes


encode = msgspec.msgpack.Encoder().encode
decode_stored = msgspec.msgpack.Decoder(StoredAnswer).decode
decode_written = msgspec.msgpack.Decoder(list[Written | None]).decode
decode_examined = msgspec.msgpack.Decoder(ExamineAnswer).decode
_decode_wanted = msgspec.msgpack.Decoder(list[Wanted]).decode
_decode_restore = msgspec.msgpack.Decoder(RestoreRequest).decode


def serve(channel: Channel) -> None:
    """Works until the channel is closed, which raises ChannelClosed."""
    secret = bytes(channel.receive()[0])
    key = SealingKey(secret[:32], secret[32:48], secret[48:])
    channel.send(b"ready")
    while True:
        request, directories = channel.receive()
        try:
            if request[0] == STORE:
                _store(key, channel, request[1:], directories)
            elif request[0] == EXAMINE:
                _examine(key, channel, request[1:], directories[0])
            else:
                _restore(key, channel, request[1:], directories)
        finally:
            close_all(directories)


def _store(key: SealingKey, channel: Channel, request: memoryview, directories: Sequence[int]) -> None:
    hashed = read_batch(_decode_wanted(request), directories)
    channel.send(b"".join(hashed.ids))
    claimed = [bool(one) for one in channel.receive()[0]]
    sealed = seal_batch(key, hashed, claimed)
    channel.send(encode(StoredAnswer(hashed.stored, [(len(blob.body), blob.plain_length) for blob in sealed])))
    if sealed:
        channel.send(*(blob.body for blob in sealed))


def _restore(key: SealingKey, channel: Channel, request: memoryview, directories: Sequence[int]) -> None:
    asked = _decode_restore(request)
    bodies = channel.receive()[0]
    targets = [TargetDirectory(descriptor) for descriptor in directories]
    start, files = 0, []
    for place, node, length, plain_length in asked.files:
        files.append(SealedFile(targets[place], node, bodies[start : start + length], plain_length))
        start += length
    channel.send(encode(write_files(key, files, as_owner=asked.as_owner, verify=asked.verify)))


def _examine(key: SealingKey, channel: Channel, request: memoryview, file: int) -> None:
    # Not closed by a `with` block: faults that were raised hold parts of it, until they are told.
    content = mmap.mmap(file, 0, access=mmap.ACCESS_READ)
    examined = PackExaminer(key).examine(PackId(request), memoryview(content))
    faults = [(fault.what, fault.why) for fault in examined.faults]
    channel.send(encode(ExamineAnswer(faults, examined.header)))


def main() -> None:
    # Ctrl-C or the end of a service may be told to all processes of a run. The one that started this says what they mean.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)  # as the command line does: nothing here makes cycles
    try:
        serve(Channel(socket.socket(fileno=int(sys.argv[1]))))
    except ChannelClosed:  # the run is over, or died
        os._exit(0)  # at once: there is nothing to be written out, and the run waits


if __name__ == "__main__":
    main()
