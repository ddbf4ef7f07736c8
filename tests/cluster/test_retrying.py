"""When a connection tries again. Pauses are recorded, not slept."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import socket

import pytest
from tests.cluster.local_server import Answer

from holdfast.cluster import retry
from holdfast.errors import ApiRefused, Cancelled, ClusterUnreachable
from holdfast.model.cancel import Cancel


def in_turn(*answers):
    """The given answers one after the other, the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def busy(seconds):
    return Answer(429, b"{}", {"Retry-After": seconds})


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_waits_as_long_as_an_overloaded_server_asks(serve, connect, pauses, method):
    server = serve(in_turn(busy("3"), busy("5"), Answer()))
    assert connect(server.url).request(method, "/x").status == 200
    assert [3 <= pauses[0] < 4, 5 <= pauses[1] < 7, len(pauses)] == [True, True, 2]


def test_takes_the_wait_from_a_date(serve, connect, pauses, clock):
    until = email.utils.format_datetime(clock.now() + dt.timedelta(seconds=40), usegmt=True)
    connect(serve(in_turn(busy(until), Answer())).url).request("GET", "/x")
    assert 40 <= pauses[0] <= 50


def test_takes_the_wait_from_a_status_object(serve, connect, pauses):
    status = {"kind": "Status", "reason": "TooManyRequests", "details": {"retryAfterSeconds": 7}}
    connect(serve(in_turn(Answer(429, json.dumps(status).encode()), Answer())).url).request("POST", "/x", (), b"{}")
    assert 7 <= pauses[0] < 9


def test_a_wait_of_minutes_is_taken_as_a_refusal(serve, connect, pauses):
    with pytest.raises(ApiRefused) as refused:
        connect(serve(in_turn(busy("3600"))).url).request("GET", "/x")
    assert (refused.value.status, refused.value.retry_after, pauses) == (429, 3600, [])


def test_an_overloaded_server_is_given_up_in_the_end(serve, connect, pauses):
    server = serve(in_turn(busy("1")))
    with pytest.raises(ApiRefused) as refused:
        connect(server.url).request("POST", "/x", (), b"{}")
    assert refused.value.status == 429
    assert len(server.requests) == retry.ATTEMPTS == len(pauses) + 1


@pytest.mark.parametrize(
    ("headers", "tries"), [({}, retry.UNPROMISING_ATTEMPTS), ({"Retry-After": "1"}, retry.ATTEMPTS)]
)
def test_server_errors_are_tried_longer_when_the_server_promises_to_mend(serve, connect, headers, tries):
    server = serve(in_turn(Answer(503, b"{}", headers)))
    with pytest.raises(ApiRefused):
        connect(server.url).request("GET", "/x")
    assert len(server.requests) == tries


@pytest.mark.parametrize("answer", [Answer(500), Answer(504, b"{}", {"Retry-After": "1"}), Answer(0, hang_up=True)])
def test_a_change_that_may_have_been_carried_out_is_not_sent_again(serve, connect, answer):
    server = serve(in_turn(answer, Answer()))
    with pytest.raises((ApiRefused, ClusterUnreachable)):
        connect(server.url).request("POST", "/x", (), b"{}")
    assert len(server.requests) == 1


def test_a_change_that_can_be_repeated_is(serve, connect):
    server = serve(in_turn(Answer(0, hang_up=True), Answer(200)))
    connect(server.url).request("PATCH", "/x", (), b"{}", repeatable=True)
    assert len(server.requests) == 2


def test_a_read_survives_a_broken_connection(serve, connect):
    server = serve(in_turn(Answer(0, hang_up=True), Answer(200, b'{"a":1}')))
    assert connect(server.url).request("GET", "/x").body == b'{"a":1}'


def test_a_connection_that_the_server_ended_while_idle_is_replaced(serve, connect, pauses):
    server = serve(in_turn(Answer(hang_up=True)))
    connection = connect(server.url)
    for _ in range(3):
        assert connection.request("POST", "/x", (), b"{}").status == 200
        assert server.ended.acquire(timeout=30)
    assert pauses == []


def test_a_connection_is_kept_but_not_until_the_server_may_end_it(serve, connect, clock):
    server = serve(in_turn(Answer()))
    connection = connect(server.url)
    for idle in (0, 30, 60):
        clock.advance(idle)
        connection.request("POST", "/x", (), b"{}")
    first, second, third = (request.port for request in server.requests)
    assert first == second != third


def test_a_server_that_was_never_reached_is_given_up_soon(connect, pauses):
    with pytest.raises(ClusterUnreachable) as error:
        connect(f"http://127.0.0.1:{unused_port()}").request("GET", "/x")
    assert "connection refused" in error.value.why
    assert len(pauses) == retry.FIRST_ATTEMPTS - 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_that_went_away_is_waited_for(serve, connect, pauses, method):
    server = serve(in_turn(Answer(hang_up=True)))
    connection = connect(server.url)
    connection.request("GET", "/x")
    server.close()
    # The thread that answered hangs up after its answer: a POST into that moment may have been carried out.
    assert server.ended.acquire(timeout=60)
    with pytest.raises(ClusterUnreachable):
        connection.request(method, "/x")
    assert len(pauses) == retry.ATTEMPTS - 1
    assert 15 < sum(pauses) < 60


# A server that has just started refuses everybody until it has read their rights


FORBIDDEN = Answer(403, b'{"kind":"Status","reason":"Forbidden","message":"no"}')


def starting(*readiness, refusals):
    """Hangs up once, then refuses that often; `/readyz` answers in turn."""
    answers = {"/x": in_turn(Answer(), Answer(0, hang_up=True), *[FORBIDDEN] * refusals, Answer())}
    answers["/readyz"] = in_turn(*(Answer(status) for status in readiness))
    return lambda request: answers[request.path](request)


def test_a_refusal_of_a_server_that_is_not_ready_yet_is_not_believed(serve, connect, pauses):
    server = serve(starting(403, 500, 200, refusals=3))
    connection = connect(server.url)
    connection.request("GET", "/x")
    assert connection.request("GET", "/x").status == 200
    assert len(pauses) == 3  # for the lost connection, and two for the server
    assert [request.path for request in server.requests].count("/readyz") == 3


def test_a_change_is_refused_by_it_without_being_carried_out_so_that_it_can_be_repeated(serve, connect):
    connection = connect(serve(starting(500, 200, refusals=2)).url)
    connection.request("GET", "/x")
    with pytest.raises(ClusterUnreachable):
        connection.request("POST", "/x", (), b"{}")
    assert connection.request("POST", "/x", (), b"{}").status == 200


@pytest.mark.parametrize("readiness", [200, 404])
def test_a_refusal_of_a_server_that_is_ready_or_cannot_say_counts_the_second_time(serve, connect, pauses, readiness):
    server = serve(starting(readiness, refusals=5))
    connection = connect(server.url)
    connection.request("GET", "/x")
    with pytest.raises(ApiRefused) as refused:
        connection.request("GET", "/x")
    assert refused.value.status == 403
    assert len(pauses) == 1
    with pytest.raises(ApiRefused):
        connection.request("GET", "/x")
    assert [request.path for request in server.requests].count("/readyz") == 1


def test_a_server_that_never_gets_ready_is_believed_in_the_end(serve, connect, pauses):
    connection = connect(serve(starting(500, refusals=50)).url)
    connection.request("GET", "/x")
    with pytest.raises(ApiRefused):
        connection.request("GET", "/x")
    assert len(pauses) == retry.ATTEMPTS - 1
    with pytest.raises(ApiRefused):
        connection.request("GET", "/x")
    assert len(pauses) == retry.ATTEMPTS - 1  # and the next time at once


def test_a_server_that_was_not_away_is_believed_at_once(serve, connect, pauses, clock):
    server = serve(starting(500, refusals=5))
    connection = connect(server.url)
    connection.request("GET", "/x")
    with pytest.raises(ClusterUnreachable):
        connection.request("POST", "/x", (), b"{}")
    clock.advance(retry.DOUBTFUL_SECONDS)
    with pytest.raises(ApiRefused):
        connection.request("GET", "/x")
    assert pauses == []
    assert all(request.path == "/x" for request in server.requests)


def test_a_pause_ends_when_the_run_is_cancelled(serve, connect):
    cancel = Cancel()

    def answer(_):
        cancel.request()
        return busy("60")

    connection = connect(serve(answer).url, cancel=cancel)
    connection.sleep = cancel.wait
    with pytest.raises(Cancelled):
        connection.request("GET", "/x")


def test_a_cancelled_run_sends_nothing(serve, connect):
    server, cancel = serve(in_turn(Answer())), Cancel()
    connection = connect(server.url, cancel=cancel)
    cancel.request()
    with pytest.raises(Cancelled):
        connection.request("GET", "/x")
    assert server.requests == []
