"""Reads files that claim, or would become, more than this process may have; prints `<outcome> <case>` for each.

    python hostile_sizes.py MEMORY SECONDS          MEMORY: bytes beyond what the process has when all is imported

`refused` is an error of ours, `read` a value. A case that asks for more memory ends as `MemoryError`; one that takes more time
ends the process.
"""

import json
import resource
import struct
import sys
from pathlib import Path

import zstandard

from holdfast.codec.compression import PartDecompressor, decompress
from holdfast.codec.crypto import SealingKey
from holdfast.errors import HoldfastError
from holdfast.ids import BlobId, KeyId, PackId
from holdfast.repository import go_json, keys, sealed
from holdfast.repository.blob import Opener, open_blob, open_blobs
from holdfast.repository.config import Config, open_config
from holdfast.repository.index_file import IndexFile, decode_packs
from holdfast.repository.keys import KeyFile
from holdfast.repository.layout import file_name
from holdfast.repository.lock import LockFile
from holdfast.repository.pack import LARGEST_HEADER, decode_header, read_header
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree import EPOCH, decode_known, decode_nodes, decode_tree
from holdfast.store.memory import MemoryStore

KEY = SealingKey.random()
ID = "0123456789abcdef" * 4
DEEP = 100_000
MANY = 1_000_000
HUGE = [1 << 31, 1 << 32, 1 << 60, 1 << 64, 10**400]
DIGITS = "9" * 10_000
ZEROS = bytes(1 << 20)
BLOB = {"id": ID, "type": "data", "offset": 0, "length": 100}
VALUES = {
    IndexFile: {"packs": [{"id": ID, "blobs": [BLOB]}]},
    Snapshot: {"time": EPOCH, "tree": ID, "paths": ["/"], "uid": 0},
    LockFile: {"time": EPOCH, "exclusive": True, "hostname": "a", "pid": 1},
    Config: {"version": 2, "id": ID, "chunker_polynomial": "3"},
    KeyFile: dict.fromkeys(("created", "username", "hostname", "kdf", "salt", "data"), "") | {"N": 2, "r": 1, "p": 1},
}
NODE = {
    "name": "a",
    "type": "file",
    "mtime": EPOCH,
    "atime": EPOCH,
    "ctime": EPOCH,
    "uid": 0,
    "gid": 0,
    "content": [ID],
}


def frame_of(claim):
    """A whole frame of no content that claims so many bytes."""
    return bytes.fromhex("28b52ffd") + bytes([0b11000000, 0x50]) + struct.pack("<Q", claim) + b"\1\0\0"


def bomb(megabytes, *, tells):
    """So many megabytes of blanks; whether the frame tells it."""
    writer = zstandard.ZstdCompressor(write_content_size=tells).compressobj(size=megabytes << 20 if tells else -1)
    return b"".join([*(writer.compress(b" " * (1 << 20)) for _ in range(megabytes)), writer.flush()])


FRAMES = {
    "a frame that claims 2^60 bytes": frame_of(1 << 60),
    "a frame that claims 400 MiB": frame_of(400 << 20),
    "a frame of 500 MiB": bomb(500, tells=True),
    "a frame of 500 MiB that does not tell": bomb(500, tells=False),
}


def sealed_files():
    for shape, value in VALUES.items():
        for what, frame in FRAMES.items():
            yield (
                f"{what} as {shape.__name__}",
                lambda shape=shape, frame=frame: sealed.decode(KEY, KEY.seal(b"\2" + frame), shape, "it"),
            )
        for what, text in texts(value):
            yield f"{what} as {shape.__name__}", lambda shape=shape, text=text: go_json.decode(text, shape, "it")
    yield "digits as a config's version", lambda: open_config(KEY, KEY.seal(b'{"version":%b}' % DIGITS.encode()))


def texts(value):
    """JSON texts that are deep, or have long numbers, in each of their places."""
    yield "a deep array", b"[" * DEEP
    yield "a deep object", b'{"a":' * DEEP
    for brackets in ("[]", "{}"):
        opening, closing = ("[", "]") if brackets == "[]" else ('{"a":', "}")
        deep = opening * DEEP + "1" + closing * DEEP
        for field in (*value, "unknown"):
            yield f"a deep {brackets} in {field}", json.dumps(value | {field: "@"}).replace('"@"', deep).encode()
    for field in (*value, "unknown"):
        for number in (DIGITS, f"-{DIGITS}", f"0.{DIGITS}", f"1e{DIGITS}"):
            yield f"{number[:5]}… in {field}", json.dumps(value | {field: "@"}).replace('"@"', number).encode()


def trees():
    for what, text in texts(NODE):
        for read in (decode_tree, decode_known):
            tree = b'{"nodes":[%b]}' % text
            yield f"{what} in a node, {read.__name__}", lambda read=read, tree=tree: read(tree)
    text = json.dumps(NODE, separators=(",", ":")).replace('"a"', '"%08d"', 1)
    many = b'{"nodes":[%b]}' % b",".join(text.encode() % number for number in range(MANY))
    yield "a legal tree of a million nodes", lambda: sum(1 for _ in decode_nodes(many))


def indexes():
    for field in ("offset", "length", "uncompressed_length"):
        for number in HUGE:
            text = json.dumps({"packs": [{"id": ID, "blobs": [BLOB | {field: number}]}]}).encode()
            yield (
                f"{field} 2^{number.bit_length() - 1}",
                lambda text=text: list(decode_packs(go_json.decode(text, IndexFile, "it"))),
            )


def key_files():
    for field in ("N", "r", "p"):
        for number in HUGE:
            value = VALUES[KeyFile] | {"kdf": "scrypt", field: number}
            yield (
                f"scrypt with {field} 2^{number.bit_length() - 1}",
                lambda value=value: open_only(json.dumps(value).encode()),
            )
    for cost in (
        {"N": 1 << 20, "r": 1 << 9},
        {"N": 1 << 21},
        {"r": 1 << 20},
        {"p": 1 << 29},
        {"N": 1 << 17, "r": 8, "p": 999},
    ):
        value = VALUES[KeyFile] | {"kdf": "scrypt"} | cost
        yield f"scrypt with {cost}", lambda value=value: open_only(json.dumps(value).encode())


def open_only(content):
    """Opens a repository whose only key file this is; what it opens is nothing."""
    store = MemoryStore()
    store.put(file_name(KeyId.of(content)), [content])
    if not list(keys.opened_keys(store, "test")):
        raise HoldfastError("the password is wrong")


def packs():
    for length in (1 << 31, (1 << 32) - 1, LARGEST_HEADER + 1, LARGEST_HEADER):
        yield f"a header of {length} bytes", lambda length=length: read_claimed(length)
    entries = struct.pack("<BI32s", 0, 100, bytes(32)) * (LARGEST_HEADER // 37)
    yield "a legal header of 16 MiB", lambda: len(decode_header(entries))


def read_claimed(length):
    content = bytes(1000) + struct.pack("<I", length)
    store = MemoryStore()
    pack_id = PackId.of(content)
    store.put(file_name(pack_id), [content])
    return read_header(store, KEY, pack_id, 1 << 40)  # as a lying listing has it


def blobs():
    opener = Opener(KEY, 1 << 16)
    blob_id = BlobId.of(b"")
    for what, frame in FRAMES.items():
        for length in (1000, 300 << 20, (1 << 32) - 1):
            body = KEY.seal(frame)
            if what.startswith("a frame of 500 MiB that does not tell") and length > 1000:
                continue  # so much is in it, and so much the index says: it has a right to its memory
            if what == "a frame of 500 MiB" and length > 500 << 20:
                continue  # the same
            yield (
                f"{what} as a blob of {length}",
                lambda body=body, length=length: open_blob(KEY, blob_id, body, length),
            )
            yield (
                f"{what} among blobs of {length}",
                lambda body=body, length=length: raised(open_blobs(KEY, [(blob_id, body, length)])),
            )
            yield (
                f"{what} in parts of {length}",
                lambda body=body, length=length: sum(map(len, opener.open(blob_id, body, length))),
            )
    frame = FRAMES["a frame of 500 MiB"]
    yield "a long frame in parts", lambda: sum(map(len, PartDecompressor().parts(frame, limit=1 << 30)))
    yield "a long frame that is too long", lambda: decompress(frame, limit=(500 << 20) - 1)


def raised(outcome):
    raise outcome[0]


def used():
    """Bytes of address space."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def outcome(read):
    try:
        read()
    except HoldfastError:
        return "refused"
    except Exception as error:  # noqa: BLE001 - which one it is, is the result
        return type(error).__name__
    return "read"


if __name__ == "__main__":
    memory, seconds = map(int, sys.argv[1:])
    cases = [case for some in (sealed_files, trees, indexes, key_files, packs, blobs) for case in some()]
    resource.setrlimit(resource.RLIMIT_AS, (used() + memory,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    for what, read in cases:
        print(outcome(read), what, flush=True)  # noqa: T201 - to the test
