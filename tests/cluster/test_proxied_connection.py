"""API servers behind proxies, through real tunnels."""

from __future__ import annotations

import base64
import socket
import socketserver
import threading

import pytest
from tests.cluster.local_server import Answer

from holdfast.errors import ClusterUnreachable


class Proxy:
    """A CONNECT proxy; `heads` holds the requests' heads. Forwards nothing but tunnels."""

    def __init__(self, refusal=b"", tls=None):
        proxy = self
        self.heads = []

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                client = tls.wrap_socket(self.request, server_side=True) if tls else self.request
                head = b""
                while b"\r\n\r\n" not in head:
                    head += client.recv(4096)
                proxy.heads.append(head.decode())
                if refusal:
                    client.sendall(refusal)
                    return
                host, _, port = head.split()[1].decode().rpartition(":")
                with socket.create_connection((host, int(port))) as server:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    back = threading.Thread(target=pump, args=(server, client))
                    back.start()
                    pump(client, server)
                    back.join()
                if tls:
                    client.close()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one side has ended, which ends the other


@pytest.fixture
def start_proxy():
    proxies = []

    def start(**options):
        proxies.append(Proxy(**options))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.close()


@pytest.fixture
def server(serve, server_tls, authority):
    return serve(lambda _: Answer(), server_tls(authority.server(["kubernetes"], ["127.0.0.1"])))


def test_a_server_with_tls_is_reached_through_a_tunnel(server, connect, authority, start_proxy):
    proxy = start_proxy()
    connection = connect(
        server.url, certificate_authority=authority.certificate, proxy_url=f"http://127.0.0.1:{proxy.port}"
    )
    assert connection.request("GET", "/x").status == 200
    assert [head.splitlines()[0].split()[:2] for head in proxy.heads] == [["CONNECT", f"127.0.0.1:{server.port}"]]


def test_a_tunnel_is_kept_for_further_requests(server, connect, authority, start_proxy):
    proxy = start_proxy()
    connection = connect(
        server.url, certificate_authority=authority.certificate, proxy_url=f"http://127.0.0.1:{proxy.port}"
    )
    for _ in range(3):
        connection.request("GET", "/x")
    assert len(proxy.heads) == 1


def test_the_servers_name_is_checked_inside_the_tunnel(serve, server_tls, connect, authority, start_proxy):
    server = serve(lambda _: Answer(), server_tls(authority.server(["kubernetes"], ["10.0.0.1"])))
    settings = {
        "certificate_authority": authority.certificate,
        "proxy_url": f"http://127.0.0.1:{start_proxy().port}",
    }
    assert connect(server.url, tls_server_name="kubernetes", **settings).request("GET", "/x").status == 200
    with pytest.raises(ClusterUnreachable, match="for another name"):
        connect(server.url, **settings).request("GET", "/x")


def test_a_proxy_with_tls_is_spoken_to_with_tls(
    server, connect, authority, server_tls, start_proxy, tmp_path, monkeypatch
):
    trusted = tmp_path / "ca.crt"
    trusted.write_bytes(authority.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))  # a proxy's certificate is checked against the system's
    proxy = start_proxy(tls=server_tls(authority.server(["proxy"], ["127.0.0.1"])))
    connection = connect(
        server.url, certificate_authority=authority.certificate, proxy_url=f"https://127.0.0.1:{proxy.port}"
    )
    assert connection.request("GET", "/x").status == 200
    assert len(proxy.heads) == 1


def test_the_proxys_password_goes_to_the_proxy_and_into_no_text(connect, start_proxy):
    proxy = start_proxy(refusal=b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    connection = connect("https://10.9.8.7:6443", proxy_url=f"http://me:pass-word@127.0.0.1:{proxy.port}")
    with pytest.raises(ClusterUnreachable) as error:
        connection.request("GET", "/x")
    assert f"Basic {base64.b64encode(b'me:pass-word').decode()}" in proxy.heads[0]
    assert "407 Proxy Authentication Required" in error.value.why
    assert "proxy-url" in error.value.next
    assert "pass-word" not in repr(vars(error.value)) + repr(connection.settings)


def test_a_server_without_tls_is_asked_for_by_its_whole_address(serve, connect):
    proxy = serve(lambda _: Answer())
    connect("http://kubernetes.test:8080/base", proxy_url=proxy.url).request("GET", "/x")
    request = proxy.requests[0]
    assert (request.path, request.headers["Host"]) == (
        "http://kubernetes.test:8080/base/x", "kubernetes.test:8080",
    )  # fmt: skip


def test_a_proxy_that_is_away_is_told_apart(connect):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(ClusterUnreachable, match=r"refused \(through the proxy\)"):
        connect("https://10.9.8.7:6443", proxy_url=f"http://127.0.0.1:{port}").request("GET", "/x")
