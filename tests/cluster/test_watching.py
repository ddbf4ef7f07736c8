"""Watches, against servers that end, break and refuse them in every way."""

from __future__ import annotations

import itertools
import json
import threading
import time

import pytest
from tests.cluster.test_proxied_connection import Proxy
from tests.cluster.watch_server import CUT, HANG, WatchServer, event, failure, listed, refused

from holdfast.cluster import streaming
from holdfast.cluster.credentials import Fixed, Presented, TokenFile, bearer
from holdfast.cluster.watch_events import Changed, Deleted, Interrupted, Listed, Synced
from holdfast.cluster.watching import watch
from holdfast.errors import ApiRefused, Cancelled, ClusterError, ClusterUnreachable
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource

CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
GONE = failure(410, "Expired")


@pytest.fixture
def server():
    server = WatchServer()
    yield server
    server.close()


@pytest.fixture
def cancel():
    return Cancel()


@pytest.fixture
def watching(server, connect, cancel):
    """`watching(**options)`: the events of a watch on `server`."""

    def start(**options):
        return watch(connect(server.url, cancel=cancel), CONFIGMAPS, cancel=cancel, **options)

    return start


def told(event):
    """An event in short: `+a`, `-a`, `[a b]`, `ok`, `!`."""
    match event:
        case Listed(items):
            return f"[{' '.join(json.loads(item)['metadata']['name'] for item in items)}]"
        case Changed(thing):
            return f"+{json.loads(thing)['metadata']['name']}"
        case Deleted(thing):
            return f"-{json.loads(thing)['metadata']['name']}"
        case Synced():
            return "ok"
        case Interrupted():
            return "!"


def first(events, count):
    return [told(one) for one in itertools.islice(events, count)]


def until(events, last):
    found = []
    while not found or found[-1] != last:
        found.append(told(next(events)))
    return found


def test_what_is_there_comes_first_and_then_what_changes(server, watching):
    server.lists = [listed("a", "b", version="7")]
    server.watches = [[event("ADDED", "c", "8"), event("MODIFIED", "a", "9"), event("DELETED", "b", "10"), HANG]]
    assert first(watching(), 5) == ["[a b]", "ok", "+c", "+a", "-b"]
    assert server.asked("watch")[0]["resourceVersion"] == "7"
    assert 240 <= int(server.asked("watch")[0]["timeoutSeconds"]) <= 300


def test_namespace_and_labels_are_asked_for_in_lists_and_watches(server, watching):
    first(watching(namespace="shop", label_selector="app in (a,b)"), 2)
    assert {query["labelSelector"] for query in server.queries} == {"app in (a,b)"}


def test_objects_come_as_the_bytes_that_were_sent(server, watching):
    thing = b'{"metadata":{"resourceVersion":"8"},  "unknown":1.00, "z":"\\u003c"}'
    server.watches = [[b'{"type":"ADDED","object":' + thing + b"}\n", HANG]]
    assert list(itertools.islice(watching(), 3))[2] == Changed(thing)


def test_an_event_may_come_in_pieces_and_several_in_one(server, watching):
    one, two = event("ADDED", "c", "8"), event("ADDED", "d", "9")
    server.watches = [[one[:5], one[5:] + two[:7], two[7:], HANG]]
    assert first(watching(), 4)[2:] == ["+c", "+d"]


def test_a_watch_that_the_server_ends_goes_on_where_it_was(server, watching):
    server.watches = [[event("ADDED", "c", "8")], [event("ADDED", "d", "9")], [HANG]]
    assert first(watching(), 6) == ["[]", "ok", "+c", "ok", "+d", "ok"]
    assert [query["resourceVersion"] for query in server.asked("watch")] == ["1", "8", "9"]
    assert len(server.asked("list")) == 1


def test_bookmarks_move_the_place_to_go_on_from(server, watching):
    server.watches = [[event("BOOKMARK", "", "50")], [HANG]]
    assert first(watching(), 4) == ["[]", "ok", "ok", "ok"]
    assert server.asked("watch")[0]["allowWatchBookmarks"] == "true"
    assert server.asked("watch")[1]["resourceVersion"] == "50"


@pytest.mark.parametrize("forgotten", [[GONE], refused(410, "Expired")], ids=["event", "answer"])
def test_a_server_that_has_forgotten_the_moment_is_asked_for_everything(server, watching, forgotten):
    server.lists = [listed("a"), listed("b", version="20")]
    server.watches = [[event("ADDED", "c", "8")], forgotten, [HANG]]
    events = first(watching(), 6 if isinstance(forgotten, list) else 5)
    assert [one for one in events if one != "ok"][:3] == ["[a]", "+c", "[b]"]
    assert "!" not in events
    assert server.asked("watch")[2]["resourceVersion"] == "20"


@pytest.mark.parametrize(
    "end", [[], [CUT], [event("ADDED", "half", "9")[:-9]], [event("ADDED", "half", "9")[:-9], CUT]]
)
def test_half_a_line_at_the_end_is_no_event(server, watching, end):
    server.watches = [[event("ADDED", "c", "8"), *end], [event("ADDED", "half", "9"), HANG]]
    events = [one for one in until(watching(), "+half") if one != "!"]
    assert events == ["[]", "ok", "+c", "ok", "+half"]
    assert server.asked("watch")[1]["resourceVersion"] == "8"


def test_a_broken_connection_is_told_and_mended(server, watching):
    server.watches = [[CUT], [HANG]]
    events = list(itertools.islice(watching(), 4))
    assert [told(one) for one in events] == ["[]", "ok", "!", "ok"]
    assert isinstance(events[2].error, ClusterUnreachable)
    assert "in the middle of its answer" in events[2].error.why


def test_pauses_grow_while_watches_bring_nothing_and_begin_small_after_an_event(server, watching, pauses):
    server.watches = [*[[CUT]] * 9, [event("ADDED", "c", "8")], [HANG]]
    events = watching()
    until(events, "+c")
    assert len(pauses) == 9
    assert pauses[0] < 0.5
    assert 7 < pauses[8] < 13
    next(events)
    assert pauses[9] < 0.5


def test_a_quiet_kind_is_heard_again_at_once_when_its_watches_end(server, watching, pauses, clock):
    server.watches = [*[[lambda: clock.advance(250)]] * 9, [event("ADDED", "c", "8"), HANG]]
    assert until(watching(), "+c").count("ok") == 10
    assert len(pauses) == 9
    assert max(pauses) < 0.5


def test_a_server_that_asks_for_patience_gets_it(server, watching, pauses):
    server.watches = [
        (429, b'{"kind":"Status","details":{"retryAfterSeconds":40}}'),
        [HANG],
    ]
    assert first(watching(), 3) == ["[]", "!", "ok"]
    assert pauses == [pytest.approx(40)]


@pytest.mark.parametrize("code", [429, 500, 503, 504])
@pytest.mark.parametrize("how", [refused, lambda *why: [failure(*why)]], ids=["answer", "event"])
def test_a_server_in_trouble_is_asked_again_from_the_same_place(server, watching, how, code):
    server.watches = [[event("ADDED", "c", "8")], how(code, "Trouble"), [HANG]]
    events = first(watching(), 5 if how is refused else 6)
    assert events.count("!") == 1
    assert (server.asked("watch")[2]["resourceVersion"], len(server.asked("list"))) == ("8", 1)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"<html>Please log in</html>\n",
        b'{"type":"ADDED"}\n',
        b'{"type":"NEWS","object":{}}\n',
        b'{"type":"ADDED","object":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}\n",
        failure(400, "BadRequest"),
    ],
    ids=["html", "half", "unknown", "deep", "error"],
)
def test_after_what_cannot_be_understood_everything_is_listed(server, watching, nonsense):
    server.lists = [listed("a"), listed("b")]
    server.watches = [[nonsense, event("ADDED", "never", "9")], [HANG]]
    assert first(watching(), 5) == ["[a]", "ok", "!", "[b]", "ok"]


def test_a_line_without_end_does_not_fill_the_memory(server, watching, monkeypatch):
    monkeypatch.setattr(streaming, "LONGEST_LINE", 100_000)
    server.watches = [[*[b"x" * 1000] * 101, HANG], [HANG]]
    events = list(itertools.islice(watching(), 4))
    assert [told(one) for one in events] == ["[]", "ok", "!", "[]"]
    assert "a line is longer" in events[2].error.why


def test_a_refusal_is_believed_when_a_list_confirms_it(server, watching):
    """As when the account loses its rights, or the kind its definition."""
    server.lists = [listed("a"), refused(403, "Forbidden")]
    server.watches = [[event("ADDED", "c", "8")], refused(403, "Forbidden")]
    events = watching()
    assert first(events, 4) == ["[a]", "ok", "+c", "!"]
    with pytest.raises(ApiRefused) as refusal:
        next(events)
    assert (refusal.value.status, refusal.value.what) == (403, "cannot list configmaps")


def test_who_may_list_and_not_watch_is_told_so(server, watching):
    server.watches = [refused(403, "Forbidden")]
    events = watching(namespace="shop")
    assert first(events, 1) == ["[]"]
    with pytest.raises(ApiRefused, match="cannot watch configmaps in shop: made up: Forbidden"):
        next(events)


def test_a_server_that_never_answered_is_not_waited_for(connect, cancel):
    with pytest.raises(ClusterUnreachable):
        next(watch(connect("http://127.0.0.1:1"), CONFIGMAPS, cancel=cancel))


def test_a_server_that_goes_away_is_waited_for(server, watching):
    server.watches = [[event("ADDED", "c", "8"), CUT]]
    events = watching()
    assert first(events, 3) == ["[]", "ok", "+c"]
    server.close()
    assert first(events, 20) == ["!"] * 20


def test_a_server_that_stops_speaking_is_given_up_after_the_end_of_the_watch(server, watching, clock):
    server.watches = [[HANG], [HANG]]
    events = watching()
    assert first(events, 2) == ["[]", "ok"]
    limit = int(server.asked("watch")[0]["timeoutSeconds"]) + 30
    later = threading.Timer(0.4, lambda: clock.advance(limit + 1))
    later.start()
    error = next(events).error
    later.join()
    assert error.why == "it did not answer in time"
    assert server.gone.acquire(timeout=10)
    assert first(events, 1) == ["ok"]


def test_an_expired_token_is_renewed(server, connect, cancel, tmp_path, clock):
    token = tmp_path / "token"
    token.write_text("old")
    server.watches = [refused(401, "Unauthorized"), [event("ADDED", "c", "8"), HANG]]
    events = watch(
        connect(server.url, credential=TokenFile(token, clock=clock), cancel=cancel), CONFIGMAPS, cancel=cancel
    )
    assert first(events, 1) == ["[]"]
    token.write_text("new")
    assert first(events, 2) == ["ok", "+c"]
    assert server.tokens == ["Bearer old", "Bearer old", "Bearer new"]


def test_a_token_that_cannot_be_renewed_is_named(server, connect, cancel):
    server.watches = [refused(401, "Unauthorized")]
    events = watch(
        connect(server.url, credential=Fixed(Presented(bearer("s3cret"))), cancel=cancel), CONFIGMAPS, cancel=cancel
    )
    next(events)
    with pytest.raises(ApiRefused) as refusal:
        next(events)
    assert "does not accept the credential" in refusal.value.why
    assert "s3cret" not in repr(vars(refusal.value))


def test_a_stop_ends_it_while_the_server_is_silent(server, watching, cancel):
    events = watching()
    assert first(events, 2) == ["[]", "ok"]
    threading.Timer(0.2, cancel.request).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        next(events)
    assert time.monotonic() - started < 30  # long before the server would end the watch
    assert server.gone.acquire(timeout=10)


def test_a_caller_who_has_heard_enough_closes_the_connection(server, watching):
    events = watching()
    first(events, 2)
    events.close()
    assert server.gone.acquire(timeout=10)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_it_goes_through_proxies_and_tls(connect, cancel, authority, server_tls, tmp_path, monkeypatch, scheme):
    trusted = tmp_path / "ca.crt"
    trusted.write_bytes(authority.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    server = WatchServer(server_tls(authority.server(["kubernetes"], ["127.0.0.1"])))
    server.watches = [[event("ADDED", "c", "8"), HANG]]
    proxy = Proxy(tls=server_tls(authority.server(["proxy"], ["127.0.0.1"])) if scheme == "https" else None)
    settings = {"certificate_authority": authority.certificate, "proxy_url": f"{scheme}://127.0.0.1:{proxy.port}"}
    events = watch(connect(server.url, cancel=cancel, **settings), CONFIGMAPS, cancel=cancel)
    assert first(events, 3) == ["[]", "ok", "+c"]
    threading.Timer(0.6, cancel.request).start()  # after a look or two at a silent connection
    with pytest.raises(Cancelled):
        next(events)
    server.close()
    proxy.close()


def test_garbage_instead_of_the_first_list_is_raised(server, watching):
    server.lists = [b"<html>"]
    with pytest.raises(ClusterError, match="not what an API server sends"):
        next(watching())
