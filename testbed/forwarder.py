"""Forwards TCP connections from one network namespace to another, both of which it may enter.

    python -m testbed.forwarder FROM ADDRESS TO ADDRESS PORT…

FROM and TO are files like /proc/1/ns/net. Who connects to ADDRESS:PORT in FROM is talking to ADDRESS:PORT in TO. A socket
stays in the namespace it was made in, so one process can hold both ends. It says `LISTENING` when connections are taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import sys
from functools import partial

LISTENING = "listening"
_CLONE_NEWNET = 0x40000000
_PIECE = 1 << 18


def main(source: str, listening: str, target: str, serving: str, *ports: str) -> None:
    # The target first: if it is ourselves, /proc/self/ns/net would be another one after the move.
    with open(target) as target_network, open(source) as source_network:  # noqa: PTH123 - only descriptors are wanted
        _enter(source_network.fileno())
        listeners = {int(port): socket.create_server((listening, int(port)), backlog=128) for port in ports}
        _enter(target_network.fileno())
    print(LISTENING, flush=True)
    asyncio.run(_serve(listeners, serving))


def _enter(network: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(network, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "setns")


async def _serve(listeners: dict[int, socket.socket], serving: str) -> None:
    for port, listener in listeners.items():
        await asyncio.start_server(partial(_connect, serving, port), sock=listener, limit=_PIECE)
    await asyncio.Event().wait()


async def _connect(serving: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        far_reader, far_writer = await asyncio.open_connection(serving, port, limit=_PIECE)
    except OSError:
        writer.close()
        return
    # An error in one direction ends both.
    with contextlib.suppress(OSError):
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
    for end in (writer, far_writer):
        end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the sender has no more; then the receiver is told so."""
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


if __name__ == "__main__":
    main(*sys.argv[1:])
