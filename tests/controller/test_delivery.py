"""Notifications on their way through Apprise to real HTTP servers."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qs

import msgspec
import psutil
import pytest
from tests.cluster.local_server import Answer, Server

from holdfast.controller.notifications.apprise_process import Delivery
from holdfast.controller.notifications.apprise_process import __name__ as program
from holdfast.controller.notifications.delivery import AppriseDeliverer
from holdfast.controller.notifications.message import Message, MessageKind, combined
from holdfast.controller.notifications.urls import read_urls, service_of
from holdfast.controller.world import Key


def a_message(number=1, kind=MessageKind.FAILED):
    return Message(
        kind=kind,
        about=Key("BackupPlan", "shop", f"plan-{number}"),
        title=f"Backup plan shop/plan-{number}: a backup failed",
        body="It failed.\nWhy: wrong password & <more>.\nNext: correct it.",
        time=dt.datetime(2026, 11, 26, tzinfo=dt.UTC),
        notified=f"failed:x=2026-11-26T00:00:{number:02}Z",
    )


@pytest.fixture
def receive():
    """`receive(status)` → a server that answers so, and keeps what it got in `.requests`."""
    running = []

    def start(status=200):
        running.append(Server(lambda _: Answer(status)))
        return running[-1]

    yield start
    for server in running:
        server.close()


@pytest.fixture
def hanging():
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def helpers():
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and program in process.cmdline()
    ]


def test_a_json_service_gets_title_text_and_kind(receive):
    server = receive()
    assert AppriseDeliverer().deliver([a_message()], [f"json://127.0.0.1:{server.port}/hook"]) == []
    (request,) = server.requests
    assert request.path == "/hook"
    sent = json.loads(request.body)
    assert sent["title"] == "Backup plan shop/plan-1: a backup failed"
    assert sent["message"] == "It failed.\nWhy: wrong password & <more>.\nNext: correct it."
    assert sent["type"] == "failure"


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        (MessageKind.RECOVERED, "success"),
        (MessageKind.MISSED, "warning"),
        (MessageKind.RETENTION_HELD, "warning"),
        (MessageKind.LOCATION_FAILED, "failure"),
    ],
)
def test_each_kind_has_its_colour(receive, kind, type_):
    server = receive()
    assert AppriseDeliverer().deliver([a_message(kind=kind)], [f"json://127.0.0.1:{server.port}"]) == []
    assert json.loads(server.requests[0].body)["type"] == type_


def test_a_form_and_a_topic_of_ntfy_get_it_too(receive):
    form, ntfy = receive(), receive()
    urls = [f"form://127.0.0.1:{form.port}/form", f"ntfy://127.0.0.1:{ntfy.port}/backups"]
    assert AppriseDeliverer().deliver([a_message()], urls) == []
    assert parse_qs(form.requests[0].body.decode())["title"] == ["Backup plan shop/plan-1: a backup failed"]
    sent = json.loads(ntfy.requests[0].body)
    assert sent["topic"] == "backups"
    assert "wrong password" in sent["message"]


def test_a_service_that_fails_is_named_and_the_others_get_it(receive):
    broken, working = receive(500), receive()
    urls = [f"json://127.0.0.1:{broken.port}", f"json://127.0.0.1:{working.port}", "nonsense", "gone://x"]
    assert AppriseDeliverer().deliver([a_message()], urls) == [urls[0], "nonsense", "gone://x"]
    assert len(working.requests) == 1


def test_a_service_that_hangs_is_given_up_and_leaves_no_process(receive, hanging):
    working = receive()
    urls = [f"json://127.0.0.1:{hanging}?rto=600&cto=600", f"json://127.0.0.1:{working.port}"]
    assert AppriseDeliverer(seconds=3).deliver([a_message()], urls) == urls[:1]
    assert len(working.requests) == 1
    assert helpers() == []


def test_a_delivery_that_goes_on_ends_with_stop(hanging):
    deliverer = AppriseDeliverer(seconds=600)
    url = f"json://127.0.0.1:{hanging}?rto=600&cto=600"
    failed = []
    thread = threading.Thread(target=lambda: failed.extend(deliverer.deliver([a_message()], [url])))
    thread.start()
    while not helpers():
        time.sleep(0.01)
    deliverer.stop()
    thread.join(20)
    assert failed == [url]
    assert helpers() == []
    assert deliverer.deliver([a_message()], [url]) == [url]


def test_a_process_whose_controller_is_gone_ends_by_itself(hanging):
    delivery = Delivery(urls=[f"json://127.0.0.1:{hanging}?rto=600"], title="t", body="b", type="info", seconds=1)
    done = subprocess.run(
        [sys.executable, "-m", program],
        input=msgspec.json.encode(delivery),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGALRM


def test_the_controller_itself_never_loads_apprise_nor_the_command_line_prometheus():
    code = (
        "import sys, holdfast.cli.main\n"
        "assert 'prometheus_client' not in sys.modules\n"
        "import holdfast.controller.web, holdfast.controller.notifications.sender\n"
        "import holdfast.controller.notifications.delivery\n"
        "assert not {'apprise', 'requests'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_urls_are_in_no_command_line(hanging):
    deliverer = AppriseDeliverer(seconds=600)
    url = f"json://user:geheim@127.0.0.1:{hanging}?rto=600"
    thread = threading.Thread(target=lambda: deliverer.deliver([a_message()], [url]))
    thread.start()
    while not helpers():
        time.sleep(0.01)
    assert not any("geheim" in word for helper in helpers() for word in helper.cmdline())
    deliverer.stop()
    thread.join(20)


def test_many_messages_are_one_notification_that_names_the_worst():
    messages = [a_message(number) for number in range(25)] + [a_message(99, MessageKind.RECOVERED)]
    title, body = combined(messages)
    assert title == "26 messages: 25 failed, 1 recovered"
    assert "Backup plan shop/plan-0: a backup failed\nIt failed." in body
    assert body.endswith("… and 6 more.")


def test_what_is_too_long_for_a_service_comes_in_parts(receive):
    server = receive()
    long = dataclasses.replace(a_message(), body="\n".join(f"line {number}" for number in range(5000)))
    assert AppriseDeliverer().deliver([long], [f"json://127.0.0.1:{server.port}"]) == []
    assert len(server.requests) > 1
    assert "line 4999" in json.loads(server.requests[-1].body)["message"]


def test_many_messages_are_sent_at_once(receive):
    server = receive()
    messages = [a_message(1, MessageKind.RECOVERED), a_message(2), a_message(3, MessageKind.MISSED)]
    assert AppriseDeliverer().deliver(messages, [f"json://127.0.0.1:{server.port}"]) == []
    (request,) = server.requests
    assert json.loads(request.body)["type"] == "failure"


# The URLs


def test_urls_are_read_without_comments_empty_lines_and_repetitions(tmp_path):
    (tmp_path / "urls").write_text(
        "# on call\n\n  ntfys://ntfy.sh/topic  \r\nslack://a/b/c/#channel\nntfys://ntfy.sh/topic\n"
    )
    assert read_urls(tmp_path) == ["ntfys://ntfy.sh/topic", "slack://a/b/c/#channel"]


def test_a_change_of_the_secret_counts_at_once_as_kubelet_writes_it(tmp_path):
    def write(version, text):
        directory = tmp_path / version
        directory.mkdir()
        (directory / "urls").write_text(text)
        link = tmp_path / "..data.new"
        link.symlink_to(version)
        link.replace(tmp_path / "..data")

    write("..1", "json://first\n")
    (tmp_path / "urls").symlink_to("..data/urls")
    assert read_urls(tmp_path) == ["json://first"]
    write("..2", "json://second\n")
    assert read_urls(tmp_path) == ["json://second"]


def test_without_the_secret_there_are_no_urls(tmp_path):
    assert read_urls(tmp_path) == []
    (tmp_path / "urls").write_bytes(b"\xff\xfe")
    assert read_urls(tmp_path) == []


@pytest.mark.parametrize(
    ("url", "service"),
    [("NTFYS://token@ntfy.sh/x", "ntfys"), ("token without a scheme", "unknown"), ("a b://x", "unknown")],
)
def test_of_a_url_only_the_service_is_ever_named(url, service):
    assert service_of(url) == service
