import datetime as dt
import hashlib

import pytest

from holdfast.ids import PackId
from holdfast.repository.id_interval import RING, IdInterval, position

IDS = [PackId(hashlib.sha256(b"%d" % number).digest()) for number in range(500)]
FIRST, LAST = PackId(bytes(32)), PackId(b"\xff" * 32)


@pytest.mark.parametrize("fraction", [0.05, 0.1, 1 / 3, 0.33, 0.999, 1e-6])
@pytest.mark.parametrize("start", [0, 1, 654_321, RING - 1])
def test_intervals_in_a_row_have_every_id(fraction, start):
    steps = min(-(-RING // IdInterval.of(0, fraction).length), 50)
    interval, seen = IdInterval.of(start, fraction), []
    for _ in range(steps):
        seen += [one for one in [*IDS, FIRST, LAST] if interval.has(one)]
        interval = IdInterval.of(interval.end, fraction)
    if fraction > 1e-3:
        assert set(seen) == {*IDS, FIRST, LAST}


def test_twenty_of_a_twentieth_have_every_id_once():
    interval, seen = IdInterval.of(350_000, 0.05), []
    for _ in range(20):
        seen += [one for one in IDS if interval.has(one)]
        interval = IdInterval.of(interval.end, 0.05)
    assert sorted(seen) == sorted(IDS)
    assert interval.start == 350_000


def test_positions_go_from_one_end_to_the_other():
    assert position(FIRST) == 0
    assert position(LAST) == RING - 1
    assert position(PackId(b"\x80" + bytes(31))) == RING // 2


def test_all_is_all():
    assert all(IdInterval.of(123, 1.0).has(one) for one in [*IDS, FIRST, LAST])
    assert IdInterval.of(123, 1.0).is_all
    assert IdInterval.of(123, 1.0).end == 123


def test_days_in_a_row_have_every_id():
    first, seen = dt.date(2026, 2, 20), []
    for day in range(20):
        seen += [one for one in IDS if IdInterval.of_day(first + dt.timedelta(day), 0.05).has(one)]
    assert sorted(seen) == sorted(IDS)


def test_an_interval_without_ids_goes_on_to_the_next_one():
    one = PackId(b"\x80" + bytes(31))
    assert IdInterval.of(0, 0.1).with_one_of([one, LAST]) == IdInterval(0, RING // 2 + 1)
    assert IdInterval.of(600_000, 0.1).with_one_of([one]) == IdInterval(600_000, 900_001)
    assert IdInterval.of(450_000, 0.1).with_one_of([one]) == IdInterval.of(450_000, 0.1)
    assert IdInterval.of(0, 0.1).with_one_of([]) == IdInterval.of(0, 0.1)


def test_an_interval_anywhere_is_not_always_the_same():
    assert len({IdInterval.anywhere(0.1).start for _ in range(20)}) > 1
