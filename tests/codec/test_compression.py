import contextlib
import struct
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.codec.compression import PartDecompressor, compress, compress_parts, decompress
from holdfast.errors import DamagedData

MAGIC = bytes.fromhex("28b52ffd")
EMPTY_LAST_BLOCK = b"\x01\x00\x00"


def frame_claiming(size, *, window_descriptor=0x50):
    """A whole, valid frame of no content whose header claims `size` bytes."""
    return MAGIC + bytes([0b11_0_0_0_0_00, window_descriptor]) + struct.pack("<Q", size) + EMPTY_LAST_BLOCK


def frame_without_size(window_descriptor):
    return MAGIC + bytes([0, window_descriptor]) + EMPTY_LAST_BLOCK


@given(st.binary(max_size=4096), st.integers(1, 500))
def test_content_comes_back(piece, repeats):
    content = piece * repeats
    assert decompress(compress(content), limit=len(content)) == content


@given(st.lists(st.binary(min_size=1, max_size=5000), max_size=20), st.integers(1, 99))
def test_content_compressed_in_parts_comes_back(parts, repeats):
    content = b"".join(parts * repeats)
    frame = compress_parts(parts * repeats)
    assert decompress(frame, limit=len(content)) == content
    assert b"".join(map(bytes, PartDecompressor().parts(frame, limit=len(content)))) == content


@given(st.binary(max_size=4096), st.integers(1, 500))
def test_content_comes_back_in_parts(piece, repeats):
    content = piece * repeats
    assert b"".join(map(bytes, PartDecompressor().parts(compress(content), limit=len(content)))) == content


def test_parts_of_a_frame_cut_short_or_too_large_are_refused():
    frame = compress(bytes(range(256)) * 4000)
    decompressor = PartDecompressor()
    for length in range(0, len(frame), 7):
        with pytest.raises(DamagedData):
            list(decompressor.parts(frame[:length], limit=1 << 20))
    with pytest.raises(DamagedData, match="at most 9 fit"):
        next(decompressor.parts(frame, limit=9))
    assert sum(map(len, decompressor.parts(frame, limit=1 << 20))) == 1_024_000  # it goes on working


def test_an_unknown_size_is_opened_within_the_limit():
    frame = compress_parts([bytes(1 << 20)] * 64)
    with pytest.raises(DamagedData, match="at most 1000 bytes fit"):
        decompress(frame, limit=1000)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_can_be_compressed(kind):
    assert decompress(memoryview(compress(kind(b"abc" * 99))), limit=297) == b"abc" * 99


def test_a_frame_tells_its_size_and_has_no_checksum():
    descriptor = compress(b"a" * 1000)[4]
    assert descriptor & 0b00000100 == 0  # checksum
    assert descriptor >> 6 != 0 or descriptor & 0b00100000  # content size
    assert decompress(compress(b"a" * 1000), limit=1000) == b"a" * 1000


def test_content_of_exactly_the_limit_is_taken_and_one_byte_more_is_not():
    frame = compress(bytes(1000))
    assert decompress(frame, limit=1000) == bytes(1000)
    with pytest.raises(DamagedData, match="at most 999"):
        decompress(frame, limit=999)


def test_a_claimed_size_over_the_limit_is_refused_without_allocating_it():
    frame = frame_claiming(1 << 40)
    tracemalloc.start()
    try:
        with pytest.raises(DamagedData, match="claims 1099511627776 bytes"):
            decompress(frame, limit=1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_claimed_size_within_a_huge_limit_is_not_allocated_before_there_is_content():
    frame = frame_claiming(3 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(DamagedData):
            decompress(frame, limit=4 << 30)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_content_over_the_limit_is_refused_when_the_frame_does_not_tell_its_size():
    run_length_block = struct.pack("<I", 1 | 1 << 1 | (100_000 << 3))[:3] + b"x"
    frame = MAGIC + bytes([0, 0x58]) + run_length_block
    assert decompress(frame, limit=100_000) == b"x" * 100_000
    with pytest.raises(DamagedData):
        decompress(frame, limit=99_999)


def test_a_window_beyond_restics_is_refused():
    within, beyond = frame_without_size(17 << 3), frame_without_size(18 << 3)  # 2^(10 + n): 128 MiB, 256 MiB
    assert decompress(within, limit=10) == b""
    with pytest.raises(DamagedData):
        decompress(beyond, limit=10)


@pytest.mark.parametrize("content", [b"", b"short", bytes(300_000)], ids=["empty", "short", "long"])
def test_a_frame_cut_short_anywhere_is_refused(content):
    frame = compress(content)
    for length in range(len(frame)):
        with pytest.raises(DamagedData):
            decompress(frame[:length], limit=1 << 20)


@pytest.mark.parametrize(
    "behind", [b"\0", b"more", compress(b"a second frame"), bytes.fromhex("502a4d1804000000") + b"skip"]
)
def test_bytes_behind_a_frame_are_refused(behind):
    with pytest.raises(DamagedData):
        decompress(compress(b"content") + behind, limit=1000)


@given(st.binary(max_size=200))
def test_foreign_bytes_give_our_error_and_never_more_than_the_limit(frame):
    with contextlib.suppress(DamagedData):
        assert len(decompress(frame, limit=100)) <= 100


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_changed_frame_gives_our_error_or_bytes_within_the_limit(content, data):
    frame = bytearray(compress(content))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(DamagedData):
        assert len(decompress(bytes(frame), limit=len(content))) <= len(content)


def test_threads_do_not_mix_their_frames():
    failures = []

    def work(number):
        content = bytes([number]) * 10_000
        failures.extend(number for _ in range(50) if decompress(compress(content), limit=10_000) != content)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
