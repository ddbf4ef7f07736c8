"""What progress shows, on a terminal and with a clock that tests hold."""

import io
import json
import os
import pty
import re
import termios
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.documented import EVENTS

from holdfast.cli.pace import Pace
from holdfast.cli.progress import StreamProgress, make_progress
from holdfast.cli.progress_text import fitted_bar, format_seconds, line
from holdfast.testing.manual_clock import ManualClock

MIB = 1 << 20


class Terminal(io.StringIO):
    """Shows what a person would see: the last line."""

    @property
    def frames(self):
        return self.getvalue().split("\r\033[K")[1:]

    @property
    def shown(self):
        return self.frames[-1]


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def terminal():
    return Terminal()


@pytest.fixture
def show(terminal, clock):
    """`show(kind, width=120)`"""

    def make(kind, width=120, quiet=False):
        return StreamProgress(
            terminal, kind, as_json=kind == "json", quiet=quiet, monotonic=clock.monotonic, width=lambda: width
        )

    return make


def work(progress, clock, seconds, count, size):
    """So much in every eighth of a second, which a float holds exactly."""
    for _ in range(round(seconds * 8)):
        clock.advance(1 / 8)
        progress.advance(count, size)


# The bar


def test_with_bytes_known_the_percent_and_the_time_left_are_of_the_bytes(show, terminal, clock):
    bar = show("bar")
    bar.phase("read packs", 36, 288 * MIB)
    work(bar, clock, 3, 0, 4 * MIB)
    bar.advance(12)
    work(bar, clock, 0.25, 0, 4 * MIB)
    assert terminal.shown.startswith(
        "[████████················] 36% read packs: 12 of 36, 104.0 of 288.0 MiB, 32.0 MiB/s, "
    )
    assert terminal.shown.endswith("/s, 6 s left")


def test_with_only_a_count_known_they_are_of_the_count(show, terminal, clock):
    bar = show("bar")
    bar.phase("check snapshots", 200)
    work(bar, clock, 2, 1, 0)
    assert terminal.shown == "[█·······················] 8% check snapshots: 16 of 200, 8.0/s, 23 s left"


def test_with_nothing_known_the_time_that_passed_is_shown(show, terminal, clock):
    bar = show("bar")
    bar.phase("read files")
    work(bar, clock, 75, 100, MIB // 8)
    assert terminal.shown == "read files: 60,000, 75.0 MiB, 1.0 MiB/s, 800/s, 1 min 15 s"


def test_totals_may_come_later_and_be_corrected(show, terminal, clock):
    bar = show("bar")
    bar.phase("read files")
    work(bar, clock, 2, 1, MIB)
    bar.expect(400, 32 * MIB)
    work(bar, clock, 1 / 8, 0, 0)
    assert " 50% read files: 16 of 400, 16.0 of 32.0 MiB, " in terminal.shown
    bar.expect(400, 64 * MIB)
    work(bar, clock, 1 / 8, 0, 0)
    assert " 25% read files: 16 of 400, 16.0 of 64.0 MiB, " in terminal.shown


def test_past_a_total_that_was_too_low_there_is_no_time_left_and_no_more_than_all(show, terminal, clock):
    bar = show("bar")
    bar.phase("read files", 10)
    work(bar, clock, 2, 1, 0)
    assert terminal.shown == "[████████████████████████] 100% read files: 16 of 10, 8.0/s, 2 s"


def test_in_the_first_second_there_is_no_rate_and_no_time_left(show, terminal, clock):
    bar = show("bar")
    bar.phase("read packs", 100, 100 * MIB)
    work(bar, clock, 7 / 8, 1, MIB)
    assert terminal.shown.endswith("read packs: 7 of 100, 7.0 of 100.0 MiB, 1 s")
    work(bar, clock, 2 / 8, 1, MIB)
    assert terminal.shown.endswith("read packs: 9 of 100, 9.0 of 100.0 MiB, 8.0 MiB/s, 8.0/s, 11 s left")


def test_a_phase_begins_with_nothing_done(show, terminal, clock):
    bar = show("bar")
    bar.phase("one", 10)
    work(bar, clock, 2, 1, MIB)
    bar.phase("two")
    assert terminal.shown == "two: 0, 0 s"


def test_it_is_drawn_ten_times_a_second_at_most(show, terminal, clock):
    bar = show("bar")
    bar.phase("read files")
    before = len(terminal.frames)
    for _ in range(10_000):
        clock.advance(0.0001)
        bar.advance(1, 1)
    assert len(terminal.frames) - before in {9, 10}


def test_pausing_clears_it_until_something_happens(show, terminal, clock):
    bar = show("bar")
    bar.phase("read files")
    bar.pause()
    assert terminal.shown == ""
    bar.pause()
    assert len(terminal.frames) == 2  # nothing is there to be cleared again
    work(bar, clock, 1 / 8, 1, 0)
    assert terminal.shown == "read files: 1, 0 s"


def test_a_warning_stands_on_a_line_of_its_own(show, terminal):
    bar = show("bar")
    bar.phase("read files")
    bar.warn("a file vanished")
    assert terminal.shown == "Warning: a file vanished\n"


@given(
    width=st.integers(0, 200),
    name=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    total=st.none() | st.integers(0, 1 << 40),
    size=st.none() | st.integers(0, 1 << 60),
    steps=st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 1 << 40), st.integers(0, 1 << 60)), max_size=4),
)
def test_whatever_happens_it_fits(width, name, total, size, steps):
    pace, now, count, done = Pace(0, total, size), 0.0, 0, 0
    for seconds, more, more_size in steps:
        now, count, done = now + seconds, count + more, done + more_size
        pace.look(now, count, done)
    assert len(fitted_bar(name, pace, width)) <= width
    assert line(name, pace).startswith(f"{name}: {pace.count_done:,}")


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (120, "[████████················] 33% read packs: 12 of 36, 96.0 of 288.0 MiB, 48.0 MiB/s, 6.0/s, 4 s left"),
        (85, "[███·······] 33% read packs: 12 of 36, 96.0 of 288.0 MiB, 48.0 MiB/s, 6.0/s, 4 s left"),
        (84, "[█████···········] 33% read packs: 12 of 36, 96.0 of 288.0 MiB, 48.0 MiB/s, 4 s left"),
        (78, "[███·······] 33% read packs: 12 of 36, 96.0 of 288.0 MiB, 48.0 MiB/s, 4 s left"),
        (77, "[████████················] 33% read packs: 12 of 36, 48.0 MiB/s, 4 s left"),
        (59, "[███·······] 33% read packs: 12 of 36, 48.0 MiB/s, 4 s left"),
        (58, "33% read packs: 12 of 36, 48.0 MiB/s, 4 s left"),
        (46, "33% read packs: 12 of 36, 48.0 MiB/s, 4 s left"),
        (45, "33% read packs: 12 of 36, 4 s left"),
        (33, "33% read packs: 12 of 36"),
        (23, "read packs: 12 of 36"),
        (12, "read packs: "),
        (0, ""),
    ],
)
def test_what_matters_least_goes_first_where_room_is_short(width, shown):
    pace = Pace(0, 36, 288 * MIB)
    pace.look(2, 12, 96 * MIB)
    assert fitted_bar("read packs", pace, width) == shown


def test_the_last_column_stays_free(show, terminal):
    bar = show("bar", width=10)
    bar.phase("a phase with a long name")
    assert terminal.shown == "a phase w"


@pytest.mark.parametrize("columns", [30, 70])
def test_the_width_is_that_of_the_terminal_it_draws_on(monkeypatch, columns):
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    with os.fdopen(theirs, "w") as stream, os.fdopen(ours, "rb") as seen:
        monkeypatch.setattr("sys.stderr", stream)
        termios.tcsetwinsize(theirs, (24, columns))
        make_progress("", "text", quiet=False).phase("x" * 100)
        assert seen.read().decode() == "\r\033[K" + "x" * (columns - 1)


# Rates


def test_a_steady_rate_is_exact_from_the_first_second_on(clock):
    pace = Pace(clock.monotonic())
    for step in range(1, 300):
        clock.advance(0.1)
        pace.look(clock.monotonic(), 3 * step, 50 * step)
        if clock.monotonic() >= 1:
            assert pace.count_rate == pytest.approx(30)
            assert pace.size_rate == pytest.approx(500)


def test_a_burst_moves_the_rate_by_a_little_and_a_change_by_most_of_it_in_ten_seconds(clock):
    pace = Pace(clock.monotonic())
    count = 0

    def at(rate, seconds):
        nonlocal count
        for _ in range(round(10 * seconds)):
            clock.advance(0.1)
            count += rate // 10
            pace.look(clock.monotonic(), count, 0)

    at(100, 30)
    at(1000, 0.1)
    assert 100 < pace.count_rate < 120
    at(100, 10)
    at(1000, 10)
    assert 850 < pace.count_rate < 900
    at(0, 60)
    assert pace.count_rate < 0.1


def test_the_rate_is_the_same_however_often_it_is_looked_at():
    often, seldom = Pace(0), Pace(0)
    for tenth in range(1, 201):
        often.look(tenth / 10, tenth, 0)
    seldom.look(10, 100, 0)
    seldom.look(20, 200, 0)
    assert often.count_rate == pytest.approx(seldom.count_rate)


def test_no_time_left_is_promised_while_nothing_moves():
    pace = Pace(0, 10)
    pace.look(5, 0, 0)
    assert pace.seconds_left is None
    assert line("wait", pace) == "wait: 0 of 10 (0%), 5 s"


def test_what_is_done_takes_no_more_time():
    pace = Pace(0, 10)
    pace.look(5, 10, 0)
    assert line("all", pace) == "all: 10 of 10 (100%), 2.0/s, 0 s left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3600, "1 h 00 min"),
        (360_300, "100 h 05 min"),
    ],
)
def test_lengths_of_time(seconds, text):
    assert format_seconds(seconds) == text


# Lines and JSON


def test_lines_come_every_ten_seconds_with_all_figures(show, terminal, clock):
    lines = show("lines")
    lines.phase("read packs", 100, 400 * MIB)
    work(lines, clock, 25, 0, MIB // 2)
    assert terminal.getvalue().splitlines() == [
        "read packs: 0 of 100 (10%), 40.0 of 400.0 MiB, 4.0 MiB/s, 1 min 30 s left",
        "read packs: 0 of 100 (20%), 80.0 of 400.0 MiB, 4.0 MiB/s, 1 min 20 s left",
    ]


def test_json_has_the_same_figures_as_documented(show, terminal, clock):
    events = show("json")
    events.phase("read files")
    events.expect(100, 400 * MIB)
    work(events, clock, 10.125, 1, MIB)
    begun, going = [json.loads(text) for text in terminal.getvalue().splitlines()]
    assert begun == {"event": "phase", "phase": "read files", "total": None, "totalBytes": None}
    assert going.pop("event") == "progress"
    assert going.keys() == EVENTS["progress"]
    assert begun.keys() - {"event"} == EVENTS["phase"]
    assert going == {
        "phase": "read files",
        "done": 80,
        "total": 100,
        "bytes": 80 * MIB,
        "totalBytes": 400 * MIB,
        "rate": 8 * MIB,
        "unitRate": 8.0,
        "seconds": 10,
        "secondsLeft": 40,
    }


def test_json_says_null_for_what_is_not_known(show, terminal, clock):
    events = show("json")
    clock.advance(9.5)
    events.phase("read files")
    work(events, clock, 0.625, 1, 1)
    going = json.loads(terminal.getvalue().splitlines()[-1])
    assert [going[name] for name in ("total", "totalBytes", "rate", "unitRate", "secondsLeft")] == [None] * 5


@pytest.mark.parametrize(("kind", "quiet"), [("none", False), ("none", True)])
def test_nothing_shows_nothing(show, terminal, clock, kind, quiet):
    silent = show(kind, quiet=quiet)
    silent.phase("read files", 10, 10)
    silent.expect(20, 20)
    work(silent, clock, 30, 1, 1)
    silent.note("so it goes")
    silent.close()
    assert terminal.getvalue() == ""


# Threads


def test_no_step_is_lost_between_threads(show, terminal, clock):
    lines = show("lines")
    lines.phase("count")

    def steps():
        for _ in range(20_000):
            lines.advance(1, 3)

    threads = [threading.Thread(target=steps) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.advance(10)
    lines.advance(0, 0)
    assert re.match(r"count: 80,000, 234\.4 KiB, ", terminal.getvalue())


def test_most_steps_write_nothing_and_look_at_nothing_but_the_clock(show, terminal, monkeypatch):
    bar = show("bar")
    bar.phase("read files", 10)
    monkeypatch.setattr(Pace, "look", lambda *_: pytest.fail("measured without need"))
    before = terminal.getvalue()
    for _ in range(1000):
        bar.advance(1, 1)
    assert terminal.getvalue() == before
