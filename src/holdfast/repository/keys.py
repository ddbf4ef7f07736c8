"""Key files: each holds the master key, sealed by a key derived from one password.

All passwords of a repository open the same master key, so adding and removing one rewrites nothing else. A password that
leaked can be removed, the master key that its holder may have read cannot: copy to a new repository then.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

import msgspec

from holdfast.codec.crypto import DEFAULT_COST, ScryptCost, SealingKey, derive_key
from holdfast.errors import DamagedData, FileMissing, UsageError, WrongPassword
from holdfast.ids import KeyId
from holdfast.repository import go_json
from holdfast.repository.layout import Directory, file_name, parse_name
from holdfast.store.base import Store

_SALT_SIZE = 64
_MOST_KEYS_TRIED = 20
"""restic's own limit; each try costs a key derivation."""

_RESTORE_KEY = "Restore a file of keys/ from a copy of the repository or from the recovery kit"


class KeyFile(msgspec.Struct, frozen=True):
    """The JSON of a key file, the only plain text in a repository."""

    created: str
    username: str
    hostname: str
    kdf: str
    N: int
    r: int
    p: int
    salt: str  # base64, 64 bytes
    data: str  # base64, the sealed MasterKey


class _Mac(msgspec.Struct, frozen=True):
    k: str
    r: str


class _MasterKey(msgspec.Struct, frozen=True):
    mac: _Mac
    encrypt: str


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """A key file that a password opened, and the master key in it."""

    key_id: KeyId
    master: SealingKey


def add_key(
    store: Store,
    master: SealingKey,
    password: str,
    *,
    username: str,
    hostname: str,
    now: dt.datetime,
    cost: ScryptCost = DEFAULT_COST,
) -> KeyId:
    """Stores a key file that lets `password` open the repository."""
    if not password:
        raise UsageError("the new password is empty", next="Give a password; without one nothing is protected.")
    salt = os.urandom(_SALT_SIZE)
    plain = go_json.encode(_MasterKey(_Mac(_text(master.mac_k), _text(master.mac_r)), _text(master.encrypt)))
    sealed = derive_key(_encoded(password), salt, cost).seal(plain)
    stored = go_json.encode(
        KeyFile(
            now.isoformat(), username, hostname, "scrypt", cost.n, cost.r, cost.p, salt=_text(salt), data=_text(sealed)
        )
    )
    key_id = KeyId.of(stored)
    store.put(file_name(key_id), [stored])
    return key_id


def list_keys(store: Store) -> Iterator[tuple[KeyId, KeyFile | DamagedData]]:
    """Every key file, in the order of their ids; a damaged one comes as its error."""
    for key_id in sorted(key_ids(store)):
        try:
            yield key_id, _read(store, key_id)
        except DamagedData as error:
            yield key_id, error
        except FileMissing:
            continue  # removed since it was listed


def opened_keys(store: Store, password: str) -> Iterator[OpenedKey]:
    """The key files that `password` opens: one, unless an interrupted `init` left another. None for a wrong password.

    That nobody looks for another password in vain: raises DamagedData if no key file is whole, and WrongPassword, which names
    the damaged one, if the password opens none of those that are.
    """
    tried = opened = 0
    found: list[KeyFile | DamagedData] = []
    for key_id, key_file in list_keys(store):
        found.append(key_file)
        if isinstance(key_file, DamagedData) or tried == _MOST_KEYS_TRIED:
            continue
        tried += 1
        try:
            master = _open(key_file, password)
        except DamagedData:
            continue  # another password's key file
        opened += 1
        yield OpenedKey(key_id, master)
    damaged = [key_file for key_file in found if isinstance(key_file, DamagedData)]
    if len(damaged) == len(found):
        raise DamagedData(
            "the repository has no readable key",
            why=str(damaged[0]) if damaged else "without a file in keys/ nothing in it can be decrypted",
            next=f"{_RESTORE_KEY}.",
        )
    if damaged and not opened:
        raise WrongPassword(
            "the password is wrong, or its key is damaged",
            why=f"it opens none of the keys that are whole, and {damaged[0]}",
            next=f"Try another password, or: {_RESTORE_KEY}.",
        )


def begin_opening(store: Store, password: str) -> Callable[[], Iterator[OpenedKey]]:
    """`opened_keys`, the first of them opened by a thread: deriving a key takes a tenth of a second outside of Python, time to
    import what is needed next.
    """
    opened = opened_keys(store, password)
    with_first: Future[OpenedKey | None] = Future()

    def open_first() -> None:
        try:
            with_first.set_result(next(opened, None))
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            with_first.set_exception(error)

    threading.Thread(target=open_first, name="holdfast-key", daemon=True).start()

    def result() -> Iterator[OpenedKey]:
        first = with_first.result()
        if first is not None:
            yield first
            yield from opened

    return result


def remove_key(store: Store, key_id: KeyId) -> None:
    """Removes a password. Raises UsageError for the last one that works: nothing could ever be read again."""
    if all(other == key_id or isinstance(key_file, DamagedData) for other, key_file in list_keys(store)):
        raise UsageError("this is the repository's last key", next="Add another password first.")
    store.delete(file_name(key_id))


def key_ids(store: Store) -> set[KeyId]:
    listed = (parse_name(entry.name, KeyId) for entry in store.list(Directory.KEYS.value))
    return {key_id for key_id in listed if key_id is not None}


def _read(store: Store, key_id: KeyId) -> KeyFile:
    stored = store.get(file_name(key_id))
    what = f"key file {key_id.short}"
    if KeyId.of(stored) != key_id:
        raise DamagedData(f"{what} is damaged", why="its content does not match its name")
    key_file = go_json.decode(stored, KeyFile, what)
    if key_file.kdf != "scrypt":
        raise DamagedData(f"{what} is damaged", why=f"unknown key derivation {key_file.kdf!r:.40}")
    return key_file


def _open(key_file: KeyFile, password: str) -> SealingKey:
    derived = derive_key(_encoded(password), _bytes(key_file.salt), ScryptCost(key_file.N, key_file.r, key_file.p))
    master = go_json.decode(derived.open(_bytes(key_file.data)), _MasterKey, "a master key")
    key = SealingKey(_bytes(master.encrypt), _bytes(master.mac.k), _bytes(master.mac.r))
    if (len(key.encrypt), len(key.mac_k), len(key.mac_r)) != (32, 16, 16):
        raise DamagedData("a key file holds no master key", why="its parts have wrong lengths")
    return key


def _encoded(password: str) -> bytes:
    """The password's bytes as restic takes them, also where an environment variable is not UTF-8."""
    return password.encode("utf-8", "surrogateescape")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise DamagedData("a key file is damaged", why="a field is not base64") from error
