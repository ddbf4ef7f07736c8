"""What a mover tells its coordinator: JSON lines on standard output, one message each, the result last.

The same result, without its list of problems if that is long, is left as the container's termination message, for a coordinator
that has lost the log. What a mover stored is in the repository: a part, named by its id.
"""

from __future__ import annotations

import msgspec

from holdfast.model.run import Outcome, Problem

VOLUME_TAG = "volume"  # of a part: `shop/data`


class Told(msgspec.Struct, kw_only=True, frozen=True, rename="camel", tag_field="message", tag="progress"):
    """How far it is: what is done in all so far. Totals are 0 while they are unknown."""

    files: int
    bytes: int
    total_files: int = 0
    total_bytes: int = 0


class Warned(msgspec.Struct, kw_only=True, frozen=True, rename="camel", tag_field="message", tag="warning"):
    text: str


class Moved(msgspec.Struct, kw_only=True, frozen=True, rename="camel", tag_field="message", tag="result"):
    """The end, whatever it is."""

    outcome: Outcome
    part: str = ""  # of a backup: id of the snapshot that holds the volume's files at `volume_path`
    files: int = 0
    bytes: int = 0
    added: int = 0
    stored: int = 0
    unmodified: int = 0  # files that were taken over from the parent without being read
    verified: int = 0  # files of a restore that were read back and compared
    deleted: int = 0
    started_at: str = ""
    finished_at: str = ""
    errors: list[Problem] = []  # at most MOST_ERRORS
    error_count: int = 0
    reason: str = ""  # of a failure: the class of its error, "StoreUnavailable"
    peak_memory: int = 0  # bytes, of all its processes


Message = Told | Warned | Moved
MOST_ERRORS = 100


def encode_line(message: Message) -> bytes:
    """With its newline."""
    return msgspec.json.encode(message) + b"\n"


def decode_line(line: bytes) -> Message | None:
    """None for a line that is none of ours: runtimes and libraries write into the same stream."""
    try:
        message: Message = msgspec.json.decode(line, type=Message)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return message
