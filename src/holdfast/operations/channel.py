"""Messages, and open directories with them, between this process and a helper on the same machine."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from array import array
from collections.abc import Sequence
from typing import Self

_HEADER = struct.Struct("<QH")  # bytes that follow, descriptors that come along
MOST_DESCRIPTORS = 64
"""In one message; the kernel takes 253."""


_MOST_PARTS = 512  # in one call; the kernel takes 1,024
_FIRST_MEMORY = 64 << 10


class ChannelClosed(Exception):
    """The other side is gone."""


class Channel:
    """One end of a pair. One thread at a time; messages arrive whole and in order."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        # Used again for each message: new memory costs more than what is written into it.
        self._memory = memoryview(bytearray(_FIRST_MEMORY))

    @classmethod
    def pair(cls) -> tuple[Self, socket.socket]:
        """(our end, the other one's for a child process)."""
        ours, theirs = socket.socketpair()
        return cls(ours), theirs

    def send(self, *parts: bytes | memoryview, descriptors: Sequence[int] = ()) -> None:
        """One message, its parts joined. Raises ChannelClosed."""
        header = _HEADER.pack(sum(map(len, parts)), len(descriptors))
        waiting = [memoryview(part) for part in (header, *parts)]
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []
        try:
            while waiting:
                sent = self._socket.sendmsg(waiting[:_MOST_PARTS], rights)
                rights = []
                waiting = _without(waiting, sent)
        except OSError as error:
            raise ChannelClosed from error

    def receive(self) -> tuple[memoryview, list[int]]:
        """(a message, which is good until the next one; its descriptors, which are the caller's to close).

        Raises ChannelClosed.
        """
        try:
            header, descriptors, *_ = socket.recv_fds(self._socket, _HEADER.size, MOST_DESCRIPTORS)
            while 0 < len(header) < _HEADER.size:
                more = self._socket.recv(_HEADER.size - len(header))
                if not more:
                    break
                header += more
            if len(header) < _HEADER.size:
                raise ChannelClosed
            size, count = _HEADER.unpack(header)
            assert len(descriptors) == count
            if size > len(self._memory):
                self._memory = memoryview(bytearray(size))
            message = self._memory[:size]
            filled = 0
            while filled < size:
                received = self._socket.recv_into(message[filled:])
                if not received:
                    raise ChannelClosed
                filled += received
        except OSError as error:
            raise ChannelClosed from error
        return message, descriptors

    def close(self) -> None:
        """Ends a `receive` of the other side, and one that waits here in another thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _without(parts: list[memoryview], sent: int) -> list[memoryview]:
    """What is left of the parts after so many bytes."""
    for number, part in enumerate(parts):
        if sent < len(part):
            return [part[sent:], *parts[number + 1 :]]
        sent -= len(part)
    return []


def close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
