from __future__ import annotations

import datetime as dt

import pytest

from holdfast.testing.manual_clock import ManualClock


def test_it_stands_still():
    clock = ManualClock()
    assert (clock.now(), clock.monotonic()) == (clock.now(), clock.monotonic())


def test_both_times_move_together():
    clock = ManualClock(dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC))
    clock.advance(60)
    clock.sleep(1.5)
    assert clock.now() == dt.datetime(2026, 3, 1, 12, 1, 1, 500_000, tzinfo=dt.UTC)
    assert clock.monotonic() == 61.5


def test_it_does_not_go_back():
    with pytest.raises(ValueError, match="back"):
        ManualClock().advance(-1)
