"""A helper process for small files, because Python computes on one processor only in each process.

The helper is a new program, not a fork: whatever threads and connections this process has stay here. It gets the repository's
key and open directories through a private channel, and nothing else: no password, no store.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence

from holdfast.codec.crypto import SealingKey
from holdfast.errors import HoldfastError
from holdfast.operations.channel import Channel, ChannelClosed, close_all

_PRIVATE = ("HOLDFAST_", "RESTIC_", "AWS_", "AZURE_", "GOOGLE_", "KUBE")
"""Beginnings of the names of variables that a helper has no use for; there are passwords among them."""

_PATIENCE = 5.0
"""Seconds for the work on one batch of files, which takes a tenth of one."""


def public_environment() -> dict[str, str]:
    """The environment without what holds secrets."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}


class FileProcess:
    """The helper as this process sees it. One thread at a time."""

    def __init__(self, key: SealingKey) -> None:
        """Starts the program, which is ready a tenth of a second later."""
        self._channel, theirs = Channel.pair()
        with theirs:
            # -P: a directory that happens to be the current one has no say in what is imported.
            # A group of its own: Ctrl-C is for this process, which then closes the channel.
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
                env=public_environment(),
            )
        self._key = key

    def wait_ready(self) -> None:
        """Hands over the key. Raises HoldfastError if the helper does not start."""
        self.send(self._key.encrypt, self._key.mac_k, self._key.mac_r)
        self.receive()

    def send(self, *parts: bytes | memoryview, descriptors: Sequence[int] = ()) -> None:
        """One message. Raises HoldfastError."""
        try:
            self._channel.send(*parts, descriptors=descriptors)
        except ChannelClosed as error:
            raise self._died() from error

    def receive(self) -> memoryview:
        """The next message. Raises HoldfastError."""
        try:
            return self._channel.receive()[0]
        except ChannelClosed as error:
            raise self._died() from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def dismiss(self) -> None:
        """Lets the program end after the work that it is at, without half files. Safe in any state, and from any thread."""
        self._channel.close()

    def close(self) -> None:
        """Dismisses the program and waits for its end. Safe in any state, and from any thread."""
        self.dismiss()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:  # somebody stopped it, or its disk does not answer
            self._process.kill()
            self._process.wait()

    def _died(self) -> HoldfastError:
        code = self._process.wait()
        return HoldfastError(
            "a process that worked on files for this run ended",
            why=f"it ended with signal {-code}" if code < 0 else f"it ended with exit code {code}",
            next="If the machine ran out of memory (see its kernel log), free some; then run the command again.",
        )


Task = Callable[[SealingKey, Channel, memoryview, Sequence[int]], None]
"""What a helper does with a request and the directories that came with it."""


def serve(channel: Channel, tasks: dict[int, Task]) -> None:
    """The helper's work, until the channel is closed; a request's first byte says which task it is."""
    secret = bytes(channel.receive()[0])
    key = SealingKey(secret[:32], secret[32:48], secret[48:])
    channel.send(b"ready")
    while True:
        request, directories = channel.receive()
        try:
            tasks[request[0]](key, channel, request[1:], directories)
        finally:
            close_all(directories)


def main() -> None:
    # Ctrl-C or the end of a service may be told to all processes of a run. The one that started this says what they mean.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Here, because these modules import this one for the other side of their talk.
    from holdfast.operations import restore_batch, store_batch  # noqa: PLC0415

    try:
        serve(
            Channel(socket.socket(fileno=int(sys.argv[1]))),
            {store_batch.TASK: store_batch.serve, restore_batch.TASK: restore_batch.serve},
        )
    except ChannelClosed:  # the run is over, or died
        os._exit(0)  # at once: there is nothing to be written out, and the run waits


if __name__ == "__main__":
    main()
