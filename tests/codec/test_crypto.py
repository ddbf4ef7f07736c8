"""Encryption against a repository that restic 0.14 made: `restic init` with the password below, printed by `restic cat`."""

import base64
import contextlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.codec.crypto import DEFAULT_COST, OVERHEAD, ScryptCost, SealingKey, derive_key
from holdfast.errors import DamagedData

PASSWORD = "geheim ü".encode()
COST = ScryptCost(n=32768, r=8, p=2)
SALT = "PpCE5YaxG+8fHzTiG1+1aFkkt9HlG8MiI3EIDqXrZ8edCqCPJ79Kp3c6gdkWlb3yizgeqMJBSBuh+7ArO5X3nQ=="
DATA = (
    "MYHpUvuovuerxJ2mQ+bcyBs6QCAGyxaN6oc9er9nnstAKMO2RkZuKB9Y6i2hTftI/3TBBBvpaMhuS/JOwenCX0jjmVgc7RRU3gUpSLddH+ViWs7F"
    "Jq6q+fsT7TBZZ55xP43ydOgwDRPFeXJrNDgwu8Bf3Dz8ycG2pVdA1fpmpOh9nwFVjHwNnak+QwDXUS+dZdyD/ZLrXy7Oa1s5xISZLg=="
)
MASTER = SealingKey(
    base64.b64decode("WJJVYSstMHcCUYACblEhVd9hD+HxIvayhtN2rPW49UA="),
    base64.b64decode("rjQ+fyzWHG3A0rL+HfHqTQ=="),
    base64.b64decode("GJX4C6QWfwRgGCkKDH2DCg=="),
)
CONFIG = (
    "3COWLvvi8BOODugYPkgxyWDtZg6JD70FZqd7ii5FPstMaxC5N7vD68kbB4zpS5gmwQ7+ulf4w/Lxo+JbEMPLCK8DYRJblkG7HAAUW66E12QN8P4r"
    "5ynRRKGFS2ZdYV1+YD0wroJU10B7kqUrJz1F2Fr4gjzhOhQzzdGiRroTxAng9kIqfqZzAknwctQ4libNvAXkr8WnXVok98c="
)
CHEAP = ScryptCost(n=2, r=1, p=1)


def test_a_password_opens_restics_key_file():
    opened = derive_key(PASSWORD, base64.b64decode(SALT), COST).open(base64.b64decode(DATA))
    assert opened == (
        b'{"mac":{"k":"rjQ+fyzWHG3A0rL+HfHqTQ==","r":"GJX4C6QWfwRgGCkKDH2DCg=="},'
        b'"encrypt":"WJJVYSstMHcCUYACblEhVd9hD+HxIvayhtN2rPW49UA="}'
    )


def test_the_master_key_opens_restics_config():
    assert MASTER.open(base64.b64decode(CONFIG)) == (
        b'{"version":2,"id":"b4bc8c44a095927027bf9ca02fca73909fe5cfb3cff67efe55bce7bc692ef0c2",'
        b'"chunker_polynomial":"243132622feec7"}'
    )


@given(st.binary(max_size=5000))
def test_a_message_comes_back(plain):
    sealed = MASTER.seal(plain)
    assert len(sealed) == len(plain) + OVERHEAD
    assert MASTER.open(sealed) == plain
    assert MASTER.open(memoryview(sealed)) == plain


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_can_be_sealed(kind):
    assert MASTER.open(MASTER.seal(kind(b"content"))) == b"content"


def test_equal_messages_are_sealed_differently():
    assert len({MASTER.seal(b"content") for _ in range(100)}) == 100


def test_a_flip_of_any_bit_is_found():
    sealed = MASTER.seal(b"some content")
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises(DamagedData, match="authentication code does not match"):
                MASTER.open(bytes(changed))


def test_a_message_cut_short_anywhere_is_refused():
    sealed = MASTER.seal(b"some content")
    for length in range(len(sealed)):
        with pytest.raises(DamagedData):
            MASTER.open(sealed[:length])


def test_another_key_does_not_open_a_message():
    with pytest.raises(DamagedData, match="another repository"):
        SealingKey.random().open(MASTER.seal(b"content"))


@pytest.mark.parametrize("part", ["encrypt", "mac_k", "mac_r"])
def test_each_part_of_a_key_matters(part):
    parts = {"encrypt": MASTER.encrypt, "mac_k": MASTER.mac_k, "mac_r": MASTER.mac_r}
    parts[part] = bytes([parts[part][0] ^ 1]) + parts[part][1:]
    sealed = SealingKey(**parts).seal(b"content")
    with contextlib.suppress(DamagedData):
        assert MASTER.open(sealed) != b"content"


def test_a_key_does_not_show_itself():
    for secret in (MASTER.encrypt, MASTER.mac_k, MASTER.mac_r):
        assert repr(secret)[2:-1] not in repr(MASTER)
        assert secret.hex() not in repr(MASTER)


def test_threads_may_share_a_key():
    failures = []

    def work(number):
        plain = bytes([number]) * 3000  # long enough for the cipher to release the interpreter lock
        failures.extend(number for _ in range(200) if MASTER.open(MASTER.seal(plain)) != plain)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_same_password_and_salt_give_the_same_key():
    salt = bytes(64)
    assert derive_key(b"password", salt, CHEAP) == derive_key(b"password", salt, CHEAP)


@pytest.mark.parametrize(
    ("password", "salt", "cost"),
    [
        (b"Password", bytes(64), CHEAP),
        (b"password", bytes(63) + b"\1", CHEAP),
        (b"password", bytes(64), ScryptCost(n=4, r=1, p=1)),
        (b"password", bytes(64), ScryptCost(n=2, r=2, p=1)),
        (b"password", bytes(64), ScryptCost(n=2, r=1, p=2)),
    ],
)
def test_another_password_salt_or_cost_gives_another_key(password, salt, cost):
    assert derive_key(password, salt, cost) != derive_key(b"password", bytes(64), CHEAP)


@pytest.mark.parametrize(
    "cost",
    [
        ScryptCost(n=0, r=8, p=1),
        ScryptCost(n=1, r=8, p=1),
        ScryptCost(n=-2, r=8, p=1),
        ScryptCost(n=1000, r=8, p=1),
        ScryptCost(n=1 << 15, r=0, p=1),
        ScryptCost(n=1 << 15, r=-8, p=1),
        ScryptCost(n=1 << 15, r=8, p=0),
        ScryptCost(n=1 << 15, r=8, p=-1),
        ScryptCost(n=1 << 19, r=8, p=1),  # 512 MiB
        ScryptCost(n=1 << 63, r=1 << 40, p=1),
        ScryptCost(n=1 << 15, r=8, p=33),  # more work than any honest file asks for
        ScryptCost(n=2, r=1 << 22, p=1),
        ScryptCost(n=1 << 16, r=1, p=1),  # not defined: N must be below 2^(16 r)
        ScryptCost(n=2, r=1, p=1 << 30),
        ScryptCost(n=2, r=1 << 19, p=8),  # within the limits of memory and work, too much for the library's
    ],
    ids=str,
)
def test_a_cost_that_no_honest_key_file_has_is_refused(cost):
    with pytest.raises(DamagedData, match="impossible key derivation"):
        derive_key(b"password", bytes(64), cost)


@pytest.mark.parametrize("cost", [DEFAULT_COST, ScryptCost(n=32768, r=8, p=5), ScryptCost(n=262144, r=8, p=4)])
def test_costs_that_restic_arrives_at_are_taken(cost):
    cost.check()
