import hashlib
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from holdfast.repository.id_numbers import IdNumbers

ids = st.binary(min_size=32, max_size=32)


def digest(number):
    return hashlib.sha256(b"%d" % number).digest()


@given(st.lists(ids), st.lists(ids))
def test_each_id_has_a_number_of_its_own_and_others_have_none(known, others):
    numbers = IdNumbers([*known, *known])
    assert sorted(numbers.find_joined(b"".join(set(known)))) == list(range(len(numbers)))
    assert len(numbers) == len(set(known))
    for other in set(others) - set(known):
        assert numbers.find(other) == -1


def test_many_ids_in_many_buckets():
    numbers = IdNumbers(digest(number) for number in range(50_000))
    found = numbers.find_joined(b"".join(digest(number) for number in range(50_000)))
    assert sorted(found) == list(range(50_000))
    assert set(numbers.find_joined(b"".join(digest(number) for number in range(50_000, 60_000)))) == {-1}


def test_bytes_that_stand_across_two_ids_are_no_id():
    first, second = bytes(12) + b"abcd", bytes(8) + b"zzzz" + bytes(4)
    across = bytes(4) + b"abcd" + bytes(8)
    numbers = IdNumbers([bytes(16) + bytes(16), first + bytes(16), second + bytes(16)])
    assert across not in (first, second)
    assert numbers.find(across + bytes(16)) == -1
    both = IdNumbers([bytes(12) + b"\0\0\0\1" + bytes(16), bytes(11) + b"\1\0\0\0\1" + bytes(16)])
    assert sorted(both.find_joined(bytes(12) + b"\0\0\0\1" + bytes(16) + bytes(11) + b"\1\0\0\0\1" + bytes(16))) == [
        0,
        1,
    ]


def test_an_id_that_comes_late_gets_the_next_number():
    numbers = IdNumbers([digest(1), digest(2)])
    assert numbers.add(digest(1)) == numbers.find(digest(1))
    assert numbers.add(digest(3)) == numbers.add(digest(3)) == numbers.find(digest(3)) == 2
    assert numbers.add(digest(4)) == 3
    assert len(numbers) == 4


def test_an_id_takes_18_bytes():
    tracemalloc.start()
    try:
        numbers = IdNumbers(digest(number) for number in range(200_000))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size / len(numbers) < 20
