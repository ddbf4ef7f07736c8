"""restic's authenticated encryption and its key derivation.

A sealed message is `IV(16) ‖ AES-256-CTR ciphertext ‖ MAC(16)`. The MAC is Poly1305 over the ciphertext with the one-time
key `r(16) ‖ AES-128-ECB_k(IV)`. Source: restic's doc/design.rst, "Keys, Encryption and MAC".
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from holdfast.errors import DamagedData

IV_SIZE = 16
MAC_SIZE = 16
OVERHEAD = IV_SIZE + MAC_SIZE

_SCRYPT_MEMORY_LIMIT = 256 << 20
_SCRYPT_WORK_LIMIT = 1 << 30
"""Bytes that a derivation may go through, 128 · N · r · p: about 3 seconds. restic calibrates for half a second."""


class _Contexts(threading.local):
    """Cipher contexts made once per thread: making them anew costs five times the encryption of a small blob."""

    def __init__(self) -> None:
        self.counter: CipherContext | None = None
        self.one_time: CipherContext | None = None


@dataclass(frozen=True, slots=True, repr=False)
class SealingKey:
    """A repository's master key, or the key that a password derives."""

    encrypt: bytes  # 32 bytes, AES-256
    mac_k: bytes  # 16 bytes, AES-128
    mac_r: bytes  # 16 bytes, Poly1305's r, stored unclamped
    _contexts: _Contexts = field(default_factory=_Contexts, compare=False)

    @classmethod
    def random(cls) -> SealingKey:
        return cls(os.urandom(32), os.urandom(16), os.urandom(16))

    def seal(self, plain: bytes | bytearray | memoryview) -> bytes:
        """The encrypted and authenticated message, OVERHEAD bytes longer than `plain`."""
        iv = os.urandom(IV_SIZE)
        counter, one_time = self._ready(iv)
        cipher = counter.update(plain)
        return b"".join((iv, cipher, Poly1305.generate_tag(self.mac_r + one_time.update(iv), cipher)))

    def open(self, sealed: bytes | memoryview) -> bytes:
        """The plain message. Raises DamagedData unless the authentication code is right."""
        cipher, counter = self._authenticated(memoryview(sealed))
        return counter.update(cipher)

    def open_many(self, messages: Sequence[bytes | memoryview]) -> list[bytes | DamagedData]:
        """`open` for many short ones, at two thirds of the time; one that is damaged as its error."""
        whole = [bytes(sealed) for sealed in messages]
        if not whole or min(map(len, whole)) < OVERHEAD:
            return [self._open_or_damage(sealed) for sealed in whole]
        counter, one_time = self._ready(whole[0][:IV_SIZE])
        # One block for each message, and blocks do not depend on each other.
        pads = one_time.update(b"".join([sealed[:IV_SIZE] for sealed in whole]))
        verify, reset, decrypt, mac_r = Poly1305.verify_tag, counter.reset_nonce, counter.update, self.mac_r
        opened: list[bytes | DamagedData] = []
        for start, sealed in zip(range(0, len(pads), IV_SIZE), whole, strict=True):
            cipher = sealed[IV_SIZE:-MAC_SIZE]
            try:
                verify(mac_r + pads[start : start + IV_SIZE], cipher, sealed[-MAC_SIZE:])
            except InvalidSignature:
                opened.append(_changed())
            else:
                reset(sealed[:IV_SIZE])
                opened.append(decrypt(cipher))
        return opened

    def _open_or_damage(self, sealed: bytes) -> bytes | DamagedData:
        try:
            return self.open(sealed)
        except DamagedData as error:
            return error

    def seal_into(self, plain: bytes | memoryview, target: memoryview) -> int:
        """`seal` into memory that the caller has, OVERHEAD bytes longer than `plain` at least; returns the message's length.

        Long messages gain: no memory is asked for, and other threads run meanwhile.
        """
        iv = os.urandom(IV_SIZE)
        counter, one_time = self._ready(iv)
        end = IV_SIZE + len(plain)
        target[:IV_SIZE] = iv
        counter.update_into(plain, target[IV_SIZE : end + MAC_SIZE])  # it wants a block more than it fills
        with target[IV_SIZE:end] as cipher:
            target[end : end + MAC_SIZE] = Poly1305.generate_tag(self.mac_r + one_time.update(iv), cipher)
        return end + MAC_SIZE

    def open_into(self, sealed: memoryview, target: memoryview) -> int:
        """`open` into memory as long as `sealed`; returns the plain message's length. Raises DamagedData."""
        cipher, counter = self._authenticated(sealed)
        counter.update_into(cipher, target)
        return len(cipher)

    def _authenticated(self, sealed: memoryview) -> tuple[memoryview, CipherContext]:
        """The message's cipher text and what decrypts it."""
        if len(sealed) < OVERHEAD:
            raise DamagedData("a sealed message is too short", why=f"it has {len(sealed)} bytes, fewer than {OVERHEAD}")
        iv = bytes(sealed[:IV_SIZE])
        cipher = sealed[IV_SIZE:-MAC_SIZE]
        counter, one_time = self._ready(iv)
        try:
            Poly1305.verify_tag(self.mac_r + one_time.update(iv), cipher, bytes(sealed[-MAC_SIZE:]))
        except InvalidSignature as error:
            raise _changed() from error
        return cipher, counter

    def _ready(self, iv: bytes) -> tuple[CipherContext, CipherContext]:
        """The calling thread's contexts, the counter set to `iv`."""
        contexts = self._contexts
        counter, one_time = contexts.counter, contexts.one_time
        if counter is None or one_time is None:
            # CTR has one direction: encrypting and decrypting are the same operation.
            counter = contexts.counter = Cipher(algorithms.AES(self.encrypt), modes.CTR(iv)).encryptor()
            one_time = contexts.one_time = Cipher(algorithms.AES(self.mac_k), modes.ECB()).encryptor()  # noqa: S305 - one block, as Poly1305-AES defines
        else:
            counter.reset_nonce(iv)
        return counter, one_time


def _changed() -> DamagedData:
    return DamagedData(
        "a sealed message was changed or belongs to another repository", why="its authentication code does not match"
    )


@dataclass(frozen=True, slots=True)
class ScryptCost:
    """scrypt's parameters as a key file holds them. Memory needed: 128 · N · r bytes."""

    n: int
    r: int
    p: int

    def check(self) -> None:
        """Raises DamagedData for costs that no honest key file has and that would exhaust this machine."""
        power_of_two = self.n > 1 and self.n & (self.n - 1) == 0
        memory = 128 * self.n * self.r
        within_limits = memory <= _SCRYPT_MEMORY_LIMIT and memory * self.p <= _SCRYPT_WORK_LIMIT
        if not power_of_two or self.r < 1 or self.p < 1 or not within_limits:
            raise self.refusal()

    def refusal(self) -> DamagedData:
        return DamagedData("a key file asks for an impossible key derivation", why=f"N={self.n} r={self.r} p={self.p}")


DEFAULT_COST = ScryptCost(n=1 << 15, r=8, p=1)
"""32 MiB and about 0.1 s: what restic's calibration arrives at, with p lowered from its 4-5 to open repositories quickly."""


def derive_key(password: bytes, salt: bytes, cost: ScryptCost) -> SealingKey:
    """The key that a password gives with a key file's salt. Raises DamagedData for a cost that is not acceptable."""
    cost.check()
    try:
        derived = hashlib.scrypt(
            password, salt=salt, n=cost.n, r=cost.r, p=cost.p, dklen=64, maxmem=2 * _SCRYPT_MEMORY_LIMIT
        )
    except ValueError as error:  # some combinations within the limits are not defined, r = 1 with N = 65536 for one
        raise cost.refusal() from error
    return SealingKey(derived[:32], derived[32:48], derived[48:])
