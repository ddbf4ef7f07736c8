"""The file `config`: what version a repository is of and which one it is. Encrypted, never compressed."""

from __future__ import annotations

import os

import msgspec

from holdfast.codec import polynomial
from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, UnsupportedRepository
from holdfast.repository import go_json

VERSION = 2


class Config(msgspec.Struct, frozen=True):
    """restic's fields. Unknown ones are ignored by restic and by us; rustic keeps its own there."""

    version: int
    id: str  # 64 random hexadecimal digits
    chunker_polynomial: str  # hexadecimal; restic refuses to open a repository without an irreducible one

    @classmethod
    def random(cls) -> Config:
        return cls(VERSION, os.urandom(32).hex(), f"{polynomial.random_irreducible():x}")


class _Version(msgspec.Struct, frozen=True):
    version: int


def seal_config(key: SealingKey, config: Config) -> bytes:
    return key.seal(go_json.encode(config))


def open_config(key: SealingKey, stored: bytes) -> Config:
    """Raises DamagedData, or UnsupportedRepository for another version."""
    try:
        plain = key.open(stored)
    except DamagedData as error:
        raise DamagedData("the repository's config is damaged", why=str(error)) from error
    what = "the repository's config"
    version = go_json.decode(plain, _Version, what).version
    if version != VERSION:  # before the other fields: another version may have others
        raise UnsupportedRepository(
            f"the repository has format version {version}", why=f"Holdfast reads and writes version {VERSION}"
        )
    return go_json.decode(plain, Config, what)
