import io
import random
import threading

import pytest

from holdfast.codec.chunker import MAX_SIZE, MIN_SIZE, Chunker
from holdfast.codec.crypto import SealingKey

KEY = SealingKey(bytes(range(32)), bytes(16), bytes(16))
RANDOM = random.Random(1).randbytes(24 << 20)
GOLDEN = [1880575, 1846861, 1030768, 1754211, 1023621, 700589]


class Dribbling(io.RawIOBase):
    """A file whose reads give fewer bytes than asked for, as pipes and network files do."""

    def __init__(self, content, seed):
        self._file = io.BytesIO(content)
        self._random = random.Random(seed)

    def read(self, size=-1):
        return self._file.read(min(size, self._random.choice([1, 100, 5_000, 1 << 20, 3 << 20])))


def split(content, key=KEY):
    return list(Chunker(key).split(io.BytesIO(content)))


def lengths(content, key=KEY):
    return [len(chunk) for chunk in split(content, key)]


@pytest.fixture(scope="module")
def chunks():
    return split(RANDOM)


def test_the_chunks_joined_are_the_file(chunks):
    assert b"".join(chunks) == RANDOM
    assert all(type(chunk) is bytes for chunk in chunks)


def test_random_content_is_cut_into_chunks_of_about_one_and_a_half_mebibytes(chunks):
    assert len(RANDOM) / len(chunks) == pytest.approx(1.5 * (1 << 20), rel=0.5)


def test_sizes_are_within_the_bounds(chunks):
    assert all(MIN_SIZE <= len(chunk) <= MAX_SIZE for chunk in chunks[:-1])
    assert 0 < len(chunks[-1]) <= MAX_SIZE


def test_an_empty_file_has_no_chunks():
    assert split(b"") == []


@pytest.mark.parametrize("size", [1, 63, 64, 65, MIN_SIZE - 1, MIN_SIZE])
def test_a_small_file_is_one_chunk(size):
    assert lengths(RANDOM[:size]) == [size]


@pytest.mark.parametrize("size", [MIN_SIZE + 1, MAX_SIZE - 1, MAX_SIZE, MAX_SIZE + 1, 2 * MAX_SIZE, 3 * MAX_SIZE + 5])
@pytest.mark.parametrize("byte", [b"\0", b"a"])
def test_monotonous_content_stays_within_the_bounds(size, byte):
    sizes = lengths(byte * size)
    assert sum(sizes) == size
    assert all(MIN_SIZE <= length <= MAX_SIZE for length in sizes[:-1])


def test_monotonous_content_gives_few_different_chunks():
    assert len(set(split(bytes(60 << 20)))) <= 2


@pytest.mark.parametrize("seed", range(3))
def test_cuts_do_not_depend_on_how_the_file_is_read(chunks, seed):
    assert list(Chunker(KEY).split(Dribbling(RANDOM, seed))) == chunks


def test_cuts_do_not_depend_on_what_was_split_before(chunks):
    chunker = Chunker(KEY)
    list(chunker.split(io.BytesIO(RANDOM[12345:])))
    assert list(chunker.split(io.BytesIO(RANDOM))) == chunks


@pytest.mark.parametrize(
    "edited",
    [
        RANDOM[:5_000_000] + b"inserted" + RANDOM[5_000_000:],
        RANDOM[:5_000_000] + RANDOM[5_001_000:],
        b"x" + RANDOM,
        RANDOM[1:],
        RANDOM + b"appended",
        RANDOM[:9_000_000] + b"?" + RANDOM[9_000_001:],
    ],
    ids=["insert", "delete", "prepend", "delete first", "append", "replace"],
)
def test_an_edit_keeps_almost_all_chunks(chunks, edited):
    assert len(set(split(edited)) - set(chunks)) <= 3


def test_equal_stretches_in_different_files_become_equal_chunks(chunks):
    other = split(random.Random(2).randbytes(3 << 20) + RANDOM)
    assert len(set(chunks) - set(other)) <= 3


def test_another_key_cuts_elsewhere():
    cuts = []
    for number in range(3):
        key = SealingKey(bytes([number]) * 32, bytes(16), bytes(16))
        ends, end = set(), 0
        for length in lengths(RANDOM, key)[:-1]:
            end += length
            ends.add(end)
        cuts.append(ends)
    assert all(len(left & right) < len(left) / 4 for left in cuts for right in cuts if left is not right)


def test_the_same_key_cuts_as_it_always_did(chunks):
    # Other cuts would be read as well, but a repository's older chunks would never be met again.
    assert [len(chunk) for chunk in chunks][:6] == GOLDEN


def test_threads_may_share_a_chunker(chunks):
    chunker, found = Chunker(KEY), []
    threads = [threading.Thread(target=lambda: found.append(list(chunker.split(io.BytesIO(RANDOM))))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [chunks] * 4


def test_an_error_while_reading_is_passed_on():
    class Failing(io.RawIOBase):
        def read(self, *_):
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(Chunker(KEY).split(Failing()))
