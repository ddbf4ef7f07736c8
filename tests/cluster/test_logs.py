"""Logs that are followed, from servers that break off in every way: each line comes once."""

import itertools
import threading

import pytest
from tests.cluster.watch_server import CUT, HANG, WatchServer, refused

from holdfast.cluster import streaming
from holdfast.cluster.logs import follow_log
from holdfast.errors import ApiRefused, Cancelled
from holdfast.model.cancel import Cancel

ENDED = []  # a log that the server ends


@pytest.fixture
def server():
    server = WatchServer()
    yield server
    server.close()


@pytest.fixture
def cancel():
    return Cancel()


@pytest.fixture
def following(server, connect, cancel):
    """`following(ended=True)`: the lines of a log; the container is known to have ended, or not."""

    def start(*, ended=True):
        return follow_log(
            connect(server.url, cancel=cancel), "shop", "mover", "main", go_on=cancel.check, has_ended=lambda: ended
        )

    return start


def line(second, text, zone="Z"):
    return f"2026-11-23T05:19:{second}{zone} {text}\n".encode()


def first(lines, count):
    return [one.decode() for one in itertools.islice(lines, count)]


def test_lines_come_without_their_time(server, following):
    server.logs = [[line("42.000000001", "one"), line("42.000000002", "two words"), line("43.5", "")]]
    assert list(following()) == [b"one", b"two words", b""]
    query = server.asked("log")[0]
    assert query == {"container": "main", "follow": "true", "timestamps": "true"}


def test_a_line_may_come_in_pieces(server, following):
    whole = line("42.1", "one") + line("42.2", "two")
    server.logs = [[whole[:7], whole[7:35], whole[35:]]]
    assert list(following()) == [b"one", b"two"]


@pytest.mark.parametrize("end", [[CUT], [line("43.3", "half")[:-3], CUT], [line("43.3", "half")[:-3]]])
def test_what_was_given_does_not_come_again_after_a_break(server, following, end):
    known = [line("42.9", "one"), line("43.1", "two"), line("43.2", "three")]
    server.logs = [[*known, *end], [*known[1:], line("43.3", "half")], ENDED]
    lines = following(ended=False)
    assert first(lines, 4) == ["one", "two", "three", "half"]
    assert server.asked("log")[1]["sinceTime"] == "2026-11-23T05:19:43Z"


def test_lines_of_the_same_moment_are_told_apart_by_their_number(server, following):
    same = [line("42.5", "a"), line("42.5", "b")]
    server.logs = [[*same, CUT], [*same, line("42.5", "c"), line("42.5", "d"), CUT], [*same, line("42.5", "c")]]
    assert first(following(ended=False), 4) == ["a", "b", "c", "d"]


def test_fractions_of_seconds_may_have_lost_their_zeros(server, following):
    server.logs = [[line("42.5", "a"), CUT], [line("42.45", "before"), line("42.5", "a"), line("42.500000001", "b")]]
    assert first(following(ended=False), 2) == ["a", "b"]


def test_nodes_may_have_another_time_zone(server, following):
    server.logs = [[line("42.5", "a", "+02:00"), CUT], [line("42.5", "a", "+02:00"), line("42.6", "b", "+02:00")]]
    assert first(following(ended=False), 2) == ["a", "b"]
    assert server.asked("log")[1]["sinceTime"] == "2026-11-23T05:19:42+02:00"


def test_a_clock_that_goes_back_in_the_middle_takes_no_line_away(server, following):
    server.logs = [[line("42.5", "a"), line("41.5", "b"), line("41.6", "c")]]
    assert list(following()) == [b"a", b"b", b"c"]


def test_an_end_that_may_be_a_break_is_not_believed_while_the_container_runs(server, following):
    server.logs = [[line("42.1", "one")], [line("42.1", "one"), line("42.2", "two"), HANG]]
    assert first(following(ended=False), 2) == ["one", "two"]


def test_what_came_after_the_end_of_a_request_and_before_that_of_the_container_is_asked_for(server, connect):
    ended = threading.Event()
    server.logs = [[line("42.1", "one"), ended.set], [line("42.1", "one"), line("42.2", "last")]]
    lines = follow_log(connect(server.url), "shop", "mover", "main", go_on=lambda: None, has_ended=ended.is_set)
    assert list(lines) == [b"one", b"last"]


@pytest.mark.parametrize("code", [400, 410, 429, 500, 502, 503])
def test_a_server_in_trouble_is_asked_again(server, following, code):
    server.logs = [[line("42.1", "one"), CUT], refused(code, "Trouble"), [line("42.1", "one"), line("42.2", "two")]]
    assert first(following(), 2) == ["one", "two"]


def test_an_answer_that_was_cut_off_before_its_end_is_not_the_end(server, following):
    whole = [line("42.1", "one"), line("42.2", "two"), line("42.3", "three")]
    server.logs = [whole[:2], whole[:1], [], whole]
    assert list(following()) == [b"one", b"two", b"three"]
    assert len(server.asked("log")) == 5


def test_an_empty_log_ends(server, following):
    server.logs = [[]]
    assert list(following()) == []


def test_pauses_grow_while_nothing_comes_and_begin_small_after_a_line(server, following, clock):
    server.logs = [*[refused(503, "Trouble")] * 7, [line("42.1", "one"), CUT], [line("42.2", "two")]]
    lines = following()
    before = clock.monotonic()
    next(lines)
    assert clock.monotonic() - before > 7
    before = clock.monotonic()
    next(lines)
    assert clock.monotonic() - before < 0.5


@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (404, "NotFound")])
def test_a_refusal_is_raised(server, following, code, reason):
    server.logs = [refused(code, reason)]
    with pytest.raises(ApiRefused, match="cannot read the log of shop/mover") as refusal:
        next(following())
    assert refusal.value.reason == reason


def test_what_the_kubelet_says_itself_comes_too(server, following):
    server.logs = [[line("42.1", "one"), b"unable to retrieve container logs for containerd://1\n"]]
    assert list(following())[:2] == [b"one", b"unable to retrieve container logs for containerd://1"]


def test_a_stop_ends_it_while_the_server_is_silent(server, following, cancel):
    server.logs = [[line("42.1", "one"), HANG]]
    lines = following(ended=False)
    assert next(lines) == b"one"
    threading.Timer(0.2, cancel.request).start()
    with pytest.raises(Cancelled):
        next(lines)
    assert server.gone.acquire(timeout=10)


def test_a_line_without_end_does_not_fill_the_memory_nor_end_the_rest(server, following, monkeypatch):
    monkeypatch.setattr(streaming, "LONGEST_LINE", 100_000)
    server.logs = [[line("42.1", "one"), *[b"x" * 1000] * 101, HANG], [line("42.1", "one"), line("42.3", "two")]]
    assert first(following(), 2) == ["one", "two"]


def test_a_server_that_stops_speaking_is_asked_again(server, following, clock):
    server.logs = [[line("42.1", "one"), HANG], [line("42.1", "one"), line("42.2", "two"), HANG]]
    lines = following(ended=False)
    assert next(lines) == b"one"
    later = threading.Timer(0.4, lambda: clock.advance(121))
    later.start()
    assert next(lines) == b"two"
    later.join()
