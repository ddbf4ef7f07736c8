"""Messages, and open directories with them, between this process and a helper on the same machine."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Sequence
from typing import Self

_HEADER = struct.Struct("<QH")  # bytes that follow, descriptors that come along
MOST_DESCRIPTORS = 64
"""In one message; the kernel takes 253."""


class ChannelClosed(Exception):
    """The other side is gone."""


class Channel:
    """One end of a pair. One thread at a time; messages arrive whole and in order."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    @classmethod
    def pair(cls) -> tuple[Self, socket.socket]:
        """(our end, the other one's for a child process)."""
        ours, theirs = socket.socketpair()
        return cls(ours), theirs

    def send(self, *parts: bytes | memoryview, descriptors: Sequence[int] = ()) -> None:
        """One message, its parts joined. Raises ChannelClosed."""
        header = _HEADER.pack(sum(map(len, parts)), len(descriptors))
        try:
            socket.send_fds(self._socket, [header], descriptors)
            for part in parts:
                self._socket.sendall(part)
        except OSError as error:
            raise ChannelClosed from error

    def receive(self) -> tuple[memoryview, list[int]]:
        """(a message, its descriptors, which are the caller's to close). Raises ChannelClosed."""
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
            message = memoryview(bytearray(size))
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


def close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
