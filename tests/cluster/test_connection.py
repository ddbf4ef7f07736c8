"""What a connection sends, and what it makes of answers."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cluster.local_server import Answer

from holdfast.cluster import failures
from holdfast.cluster.credentials import Fixed, Presented, TokenFile, bearer
from holdfast.cluster.settings import Impersonation
from holdfast.errors import ApiRefused, KubeconfigInvalid

SECRET = "s3cr3t-t0ken"


def ok(_):
    return Answer()


def status(code, reason, message, **details):
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "reason": reason,
        "message": message,
        "code": code,
        "details": details,
    }
    return Answer(code, json.dumps(body).encode())


def test_sends_body_types_query_and_who_we_are(serve, connect):
    server = serve(ok)
    connection = connect(server.url, credential=Fixed(Presented(bearer(SECRET))))
    connection.request("PATCH", "/x%3Ay", {"fieldManager": "a b"}, b"{ }", content_type="application/merge-patch+json")
    request = server.requests[0]
    assert (request.method, request.path, request.body) == ("PATCH", "/x%3Ay?fieldManager=a+b", b"{ }")
    sent = {name: request.headers[name] for name in ("Content-Type", "Accept", "Authorization")}
    assert sent == {
        "Content-Type": "application/merge-patch+json", "Accept": "application/json", "Authorization": f"Bearer {SECRET}",
    }  # fmt: skip
    assert request.headers["User-Agent"].startswith("holdfast/")


def test_a_server_behind_a_gateway_is_asked_below_its_path(serve, connect):
    server = serve(ok)
    connect(f"{server.url}/k8s/clusters/c-1/").request("GET", "/version")
    assert server.requests[0].path == "/k8s/clusters/c-1/version"


def test_impersonates_with_every_value_in_a_header_of_its_own(serve, connect):
    server = serve(ok)
    who = Impersonation("alice", uid="42", groups=("dev", "ops"), extra={"Scopes/x": ("a", "b")})
    connect(server.url, impersonation=who).request("GET", "/x")
    headers = server.requests[0].headers
    assert headers["Impersonate-User"] == "alice"
    assert headers["Impersonate-Uid"] == "42"
    assert headers.get_all("Impersonate-Group") == ["dev", "ops"]
    assert headers.get_all("Impersonate-Extra-scopes%2Fx") == ["a", "b"]


def test_a_refusal_has_the_parts_of_the_servers_status(serve, connect):
    causes = [{"reason": "FieldValueInvalid", "message": "too long", "field": "metadata.name"}]
    server = serve(lambda _: status(422, "Invalid", "ConfigMap is invalid", causes=causes))
    with pytest.raises(ApiRefused) as error:
        connect(server.url).request("POST", "/x", (), b"{}", what="cannot create configmaps in shop")
    refused = error.value
    assert str(refused) == "cannot create configmaps in shop: ConfigMap is invalid"
    assert (refused.status, refused.reason, refused.causes) == (422, "Invalid", (("metadata.name", "too long"),))


def test_an_answer_that_is_no_status_is_cut(serve, connect):
    with pytest.raises(ApiRefused) as error:
        connect(serve(lambda _: Answer(403, b"<html>" + b"x" * 9000)).url).request("GET", "/x")
    assert error.value.why.startswith("HTTP 403: <html>xxx")
    assert len(error.value.why) <= 256 + len("HTTP 403: ")


def test_a_credential_that_a_gateway_repeats_is_not_shown(serve, connect):
    server = serve(lambda request: Answer(400, str(request.headers).encode()))
    with pytest.raises(ApiRefused) as error:
        connect(server.url, credential=Fixed(Presented(bearer(SECRET)))).request("GET", "/x")
    assert "Bearer ***" in error.value.why
    assert SECRET not in repr(vars(error.value))


def test_expected_statuses_are_answers(serve, connect):
    assert connect(serve(lambda _: Answer(404, b"no")).url).request("GET", "/x", expect=(404,)).body == b"no"


def test_redirects_are_refused_and_not_followed(serve, connect):
    server = serve(lambda _: Answer(302, b"", {"Location": "/login"}))
    with pytest.raises(ApiRefused) as error:
        connect(server.url).request("GET", "/x")
    assert (error.value.status, len(server.requests)) == (302, 1)


def test_an_expired_token_is_renewed_once_and_the_request_sent_again(serve, connect, tmp_path, clock):
    token = tmp_path / "token"
    token.write_text("old\n")

    def answer(request):
        if request.headers["Authorization"] == "Bearer new":
            return Answer(201)
        token.write_text("new\n")
        return status(401, "Unauthorized", "Unauthorized")

    server = serve(answer)
    connection = connect(server.url, credential=TokenFile(token, clock=clock))
    assert connection.request("POST", "/x", (), b"{}").status == 201
    assert len(server.requests) == 2


@pytest.mark.parametrize("renewable", [False, True])
def test_a_credential_that_stays_refused_is_named_without_being_shown(serve, connect, tmp_path, renewable):
    token = tmp_path / "token"
    token.write_text(SECRET)
    count = iter(range(100))

    def answer(_):
        token.write_text(f"{SECRET}{next(count)}")
        return status(401, "Unauthorized", "Unauthorized")

    server = serve(answer)
    credential = TokenFile(token) if renewable else Fixed(Presented(bearer(SECRET)))
    with pytest.raises(ApiRefused) as error:
        connect(server.url, credential=credential).request("GET", "/x")
    assert (error.value.status, error.value.reason) == (401, "Unauthorized")
    assert "does not accept the credential of the context test" in error.value.why
    assert len(server.requests) == (2 if renewable else 1)
    assert SECRET not in repr(vars(error.value))


def test_a_peer_that_is_gone_is_looked_for(serve, connect):
    with connect(serve(ok).url).dial("/x").socket as dialled:
        assert dialled.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert dialled.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_no_more_connections_than_the_pool_allows(serve, connect):
    state, lock, both = {"now": 0, "most": 0}, threading.Lock(), threading.Barrier(2, timeout=30)

    def answer(_):
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        both.wait()  # two are always here together, so a third would be seen
        with lock:
            state["now"] -= 1
        return Answer()

    connection = connect(serve(answer).url, pool_size=2)
    threads = [threading.Thread(target=connection.request, args=("GET", "/x")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state["most"] == 2


@pytest.mark.parametrize("url", ["ftp://x", "https://", "nonsense", "https://[::1"])
def test_an_unusable_server_address_is_a_kubeconfig_error(connect, url):
    with pytest.raises(KubeconfigInvalid, match="no http or https URL"):
        connect(url).request("GET", "/x")


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_any_body_makes_a_refusal(body):
    error = failures.refusal("what", 500, body)
    assert error.status == 500
    assert len(error.why) < 3000
