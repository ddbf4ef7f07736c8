"""The controller's HTTP server, spoken to over real sockets, by clients that behave and by others."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
import threading
import time

import pytest

from holdfast.controller.health import Health
from holdfast.controller.http_server import Answer, HttpServer
from holdfast.controller.metrics.exposition import Exposition
from holdfast.controller.metrics.instruments import Instruments
from holdfast.controller.metrics.snapshot import Snapshot
from holdfast.controller.web import routes
from holdfast.testing.manual_clock import ManualClock

LARGE = b"x" * 30_000_000  # more than the kernel's buffers take


def broken(_):
    raise RuntimeError("secret detail")


@pytest.fixture
def serve():
    running = []

    def start(pages, **options):
        server = HttpServer(pages, host="127.0.0.1", port=0, **options)
        server.start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def server(serve):
    return serve(
        {"/small": lambda _: Answer(b"small\n"), "/large": lambda _: Answer(LARGE), "/broken": broken}, seconds=30
    )


def get(server, path, method="GET", headers=None):
    """(status, body, headers)"""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


@pytest.fixture
def connect():
    opened = []

    def to(server):
        opened.append(socket.create_connection(("127.0.0.1", server.port), timeout=20))
        return opened[-1]

    yield to
    for one in opened:
        one.close()


def ended(client):
    """Whether the server closed the connection; waits for it."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def send_slowly(client):
    for _ in range(1000):
        client.sendall(b"x")
        time.sleep(0.02)


def test_pages_are_served_without_what_follows_a_question_mark(server):
    status, body, headers = get(server, "/small?a=b")
    assert (status, body) == (200, b"small\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_large_page_comes_whole_and_compressed_if_that_is_wanted(server):
    assert get(server, "/large")[1] == LARGE
    _, body, headers = get(server, "/large", headers={"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in get(server, "/small", headers={"Accept-Encoding": "gzip"})[2]
    assert gzip.decompress(body) == LARGE


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/other", 404), ("POST", "/small", 405), ("HEAD", "/small", 200)]
)
def test_other_requests_get_the_answer_that_http_has_for_them(server, method, path, status):
    assert get(server, path, method)[0] == status


def test_the_answer_to_head_has_no_body(server, connect):
    client = connect(server)
    client.sendall(b"HEAD /small HTTP/1.1\r\n\r\n")
    with client.makefile("rb") as answer:
        assert answer.read().endswith(b"Content-Length: 6\r\nConnection: close\r\n\r\n")


def test_a_page_that_fails_says_no_more_than_that_and_the_others_go_on(server):
    status, body, _ = get(server, "/broken")
    assert status == 500
    assert b"secret detail" not in body
    assert get(server, "/small")[0] == 200


def test_clients_that_say_nothing_and_clients_that_read_nothing_hold_nobody_up(server, connect):
    for _ in range(20):
        connect(server)
    deaf = [connect(server) for _ in range(20)]
    for one in deaf:
        one.sendall(b"GET /large HTTP/1.1\r\n\r\n")
    before = threading.active_count()
    assert get(server, "/small")[1] == b"small\n"
    assert threading.active_count() == before


def test_a_client_that_sends_byte_by_byte_is_cut_off_when_its_time_is_over(serve, connect):
    server = serve({"/": lambda _: Answer(b"")}, seconds=0.3)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        send_slowly(connect(server))
    assert get(server, "/")[0] == 200


def test_if_there_are_too_many_clients_the_oldest_give_way(server, connect):
    clients = [connect(server) for _ in range(70)]
    for oldest in clients[:6]:
        assert ended(oldest)
    clients[-1].sendall(b"GET /small HTTP/1.1\r\n\r\n")
    assert clients[-1].recv(100).startswith(b"HTTP/1.1 200 OK")
    assert get(server, "/small")[0] == 200


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"\r\n\r\n", b"x" * 100_000, b"GET /small\r\n\r\n"]
)
def test_what_is_no_http_ends_only_its_own_connection(server, connect, garbage):
    odd = connect(server)
    odd.sendall(garbage)
    with contextlib.suppress(ConnectionResetError):
        while odd.recv(65536):
            pass
    assert get(server, "/small")[0] == 200


def test_it_ends_at_once_though_clients_are_connected(serve, connect):
    server = serve({"/large": lambda _: Answer(LARGE)}, seconds=600)
    connect(server)
    deaf = connect(server)
    deaf.sendall(b"GET /large HTTP/1.1\r\n\r\n")
    assert deaf.recv(1)
    ended = threading.Thread(target=server.stop)
    ended.start()
    ended.join(20)
    assert not ended.is_alive()
    with pytest.raises(ConnectionRefusedError):
        connect(server)


def test_a_port_that_is_taken_is_an_error_at_the_start(server):
    with pytest.raises(OSError, match=r"in use"):
        HttpServer({}, host="127.0.0.1", port=server.port).start()


def test_without_a_host_it_listens_on_all_addresses():
    server = HttpServer({"/": lambda _: Answer(b"here")}, port=0)
    server.start()
    try:
        assert get(server, "/")[1] == b"here"
    finally:
        server.stop()


def test_the_controllers_pages(serve):
    clock = ManualClock()
    health = Health(clock)
    server = serve(routes(Exposition(Snapshot, Instruments(), lambda _cron, _zone: None), health))
    assert get(server, "/readyz")[:2] == (503, b"the controller is starting\n")
    health.ready()
    assert get(server, "/readyz")[:2] == (200, b"ok\n")
    assert get(server, "/healthz")[:2] == (200, b"ok\n")
    clock.advance(1000)
    assert get(server, "/healthz")[0] == 503
    status, body, headers = get(server, "/metrics")
    assert status == 200
    assert b"holdfast_controller_leader 0.0" in body
    assert headers["Content-Type"].startswith("text/plain; version=")
