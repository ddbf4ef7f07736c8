"""A helper process for small files, because Python computes on one processor only in each process.

The helper is a new program, not a fork: whatever threads and connections this process has stay here. It gets the repository's
key and open directories through a private channel, and nothing else: no password, no store.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence

from holdfast.codec.crypto import SealingKey
from holdfast.errors import HoldfastError
from holdfast.operations.channel import Channel, ChannelClosed

_PROGRAM = "holdfast.operations.helper"

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
                [sys.executable, "-P", "-m", _PROGRAM, str(theirs.fileno())],
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
            with contextlib.suppress(subprocess.TimeoutExpired):  # one that waits for a dead disk cannot be ended
                self._process.wait(_PATIENCE)

    def _died(self) -> HoldfastError:
        code = self._process.wait()
        return HoldfastError(
            "a process that worked on files for this run ended",
            why=f"it ended with signal {-code}" if code < 0 else f"it ended with exit code {code}",
            next="If the machine ran out of memory (see its kernel log), free some; then run the command again.",
        )
