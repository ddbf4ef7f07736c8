"""What a mover says, and how often; how much memory it says it took."""

import io
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st
from tests.cli.holdfast import wait_until

from holdfast.api.run_status import LIMIT
from holdfast.cli.mover_end import encode_message
from holdfast.cli.mover_progress import MoverProgress
from holdfast.model.run import Outcome, Problem
from holdfast.operations.movers.contract import Moved, Told, Warned, decode_line, encode_line
from holdfast.operations.movers.peak_memory import PeakMemory
from holdfast.testing.manual_clock import ManualClock

TEXT = st.text(max_size=3000) | st.text(st.characters(codec="ascii"), min_size=2000, max_size=5000)


def heard(stream):
    return [decode_line(line) for line in stream.getvalue().splitlines()]


def test_progress_is_told_twice_a_second_whatever_is_done():
    clock, stream = ManualClock(), io.BytesIO()
    progress = MoverProgress(stream, clock.monotonic)
    progress.phase("read files")
    for _ in range(400):  # 4 seconds
        clock.advance(1 / 100)
        progress.advance(3, 1000)
    told = heard(stream)
    assert len(told) in (7, 8)  # of parts of a second that are not exact
    assert told[0] in (Told(files=150, bytes=50_000), Told(files=153, bytes=51_000))
    assert told[-1].files > 1000


def test_totals_and_warnings_are_told_at_once():
    stream = io.BytesIO()
    progress = MoverProgress(stream, ManualClock().monotonic)
    progress.phase("read files")
    progress.expect(None, 700)
    progress.expect(7, 700)
    progress.note("nothing for the coordinator")
    progress.warn("beware")
    assert heard(stream) == [
        Told(files=0, bytes=0, total_bytes=700),
        Told(files=0, bytes=0, total_files=7, total_bytes=700),
        Warned(text="beware"),
    ]
    assert progress.wants_totals


def test_that_nobody_listens_is_no_reason_to_end():
    class Broken(io.BytesIO):
        def write(self, _):
            raise BrokenPipeError

    progress = MoverProgress(Broken())
    progress.warn("unheard")
    progress.expect(1, 1)


def test_lines_of_others_are_nothing():
    for line in (b"", b"\xff", b"Warning: what libraries say", b'{"message":"other"}', b'{"files":1}', b"[]"):
        assert decode_line(line) is None
    assert decode_line(encode_line(Warned(text="ours"))) == Warned(text="ours")


@given(st.lists(st.builds(Problem, TEXT, TEXT, TEXT), max_size=30), st.sampled_from(Outcome))
def test_the_termination_message_is_short_whatever_went_wrong(problems, outcome):
    moved = Moved(outcome=outcome, part="f" * 64, files=1 << 60, bytes=1 << 62, errors=problems, error_count=10**9)
    text = encode_message(moved)
    assert len(text) <= LIMIT
    left = decode_line(text)
    assert (left.outcome, left.part, left.files, left.error_count) == (outcome, "f" * 64, 1 << 60, 10**9)
    short = [one for one in problems if sum(map(len, (one.what, one.why, one.next))) < 10]
    if short and len(problems) == len(short) <= 10:
        assert len(left.errors) == len(problems)


def test_names_that_are_no_text_are_told():
    moved = Moved(outcome=Outcome.PARTIAL, errors=[Problem("file \udcff", "why", "next")], error_count=1)
    assert decode_line(encode_message(moved)).errors == [Problem("file \\udcff", "why", "next")]


def test_memory_of_all_processes_is_counted_together():
    size = 60 << 20
    hungry = f"import sys; held = bytearray(b'x') * {size}; sys.stdout.write('x'); sys.stdout.flush(); sys.stdin.read()"
    with PeakMemory() as memory:
        alone = memory.peak
        children = [
            subprocess.Popen([sys.executable, "-c", hungry], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(2)
        ]
        for child in children:
            assert child.stdout.read(1) == b"x"
        wait_until(lambda: memory.peak > 2 * size)
        for child in children:
            child.communicate(b"")
    assert alone > 10 << 20
    assert memory.peak > 2 * size
