"""A helper process for small files, because Python computes on one processor only in each process.

The helper is a new program, not a fork: whatever threads and connections this process has stay here. It gets the repository's
key and open directories through a private channel, and nothing else: no password, no store. What it seals comes back and is
packed and stored here.

For each batch: names and directories → the digests of what was read; which of them are new → nodes, and the new blobs sealed.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from holdfast.codec.crypto import SealingKey
from holdfast.errors import HoldfastError
from holdfast.ids import DIGEST_SIZE, BlobId
from holdfast.operations.channel import Channel, ChannelClosed, close_all
from holdfast.operations.file_batch import Stored, Wanted, read_batch, seal_batch
from holdfast.repository.blob import Sealed
from holdfast.repository.pack import BlobType
from holdfast.repository.writer import BlobWriter

_PRIVATE = ("HOLDFAST_", "RESTIC_", "AWS_", "AZURE_", "GOOGLE_", "KUBE")
"""Beginnings of the names of variables that a helper has no use for; there are passwords among them."""

_encode = msgspec.msgpack.Encoder().encode


class _Answer(msgspec.Struct, array_like=True, frozen=True):
    """Before the sealed blobs themselves."""

    stored: list[Stored]
    lengths: list[tuple[int, int]]  # of each sealed blob, and its plain length


_wanted = msgspec.msgpack.Decoder(list[Wanted])
_answer = msgspec.msgpack.Decoder(_Answer)


class FileProcess:
    """The helper as this process sees it. One thread at a time."""

    def __init__(self, key: SealingKey) -> None:
        """Starts the program; its first answer takes a tenth of a second."""
        self._channel, theirs = Channel.pair()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
        with theirs:
            # -P: a directory that happens to be the current one has no say in what is imported.
            # A group of its own: Ctrl-C is for this process, which then closes the channel.
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
                env=environment,
            )
        self._channel.send(key.encrypt, key.mac_k, key.mac_r)

    def wait_ready(self) -> None:
        """Raises HoldfastError if the helper does not start."""
        self._receive()

    def store(self, files: Sequence[Wanted], directories: Sequence[int], writer: BlobWriter) -> list[Stored]:
        """Puts small files into the repository; what became of each. Raises HoldfastError, and what the writer raises."""
        try:
            self._channel.send(_encode(files), descriptors=directories)
            digests = self._receive()
            ids = [BlobId(digests[at : at + DIGEST_SIZE]) for at in range(0, len(digests), DIGEST_SIZE)]
            claimed = writer.claim(BlobType.DATA, ids)
            self._channel.send(bytes(claimed))
        except ChannelClosed as error:
            raise self._died() from error
        answer = _answer.decode(self._receive())
        if any(claimed):
            bodies = self._receive()
            writer.add(BlobType.DATA, _cut(ids, claimed, answer.lengths, bodies))
        return answer.stored

    def close(self) -> None:
        """Ends the program. Safe in any state, and from any thread."""
        self._channel.close()
        self._process.terminate()
        self._process.wait()

    def _receive(self) -> memoryview:
        try:
            return self._channel.receive()[0]
        except ChannelClosed as error:
            raise self._died() from error

    def _died(self) -> HoldfastError:
        code = self._process.wait()
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        return HoldfastError(
            "a process that read files for this run ended",
            why=f"it ended with {ended}",
            next="If the machine ran out of memory (see its kernel log), free some; then run the command again.",
        )


def _cut(
    ids: Sequence[BlobId], claimed: Sequence[bool], lengths: Sequence[tuple[int, int]], bodies: memoryview
) -> list[Sealed]:
    start, blobs = 0, []
    new = (blob_id for blob_id, is_new in zip(ids, claimed, strict=True) if is_new)
    for blob_id, (length, plain_length) in zip(new, lengths, strict=True):
        blobs.append(Sealed(blob_id, bodies[start : start + length], plain_length))
        start += length
    return blobs


def serve(channel: Channel) -> None:
    """The helper's work, until the channel is closed."""
    secret = bytes(channel.receive()[0])
    key = SealingKey(secret[:32], secret[32:48], secret[48:])
    channel.send(b"ready")
    while True:
        request, directories = channel.receive()
        try:
            batch = read_batch(_wanted.decode(request), directories)
        finally:
            close_all(directories)
        channel.send(b"".join(batch.ids))
        claimed = [bool(one) for one in channel.receive()[0]]
        sealed = seal_batch(key, batch, claimed)
        channel.send(_encode(_Answer(batch.stored, [(len(blob.body), blob.plain_length) for blob in sealed])))
        if sealed:
            channel.send(b"".join([blob.body for blob in sealed]))


def main() -> None:
    try:
        serve(Channel(socket.socket(fileno=int(sys.argv[1]))))
    except ChannelClosed:
        return  # the run is over, or died


if __name__ == "__main__":
    main()
