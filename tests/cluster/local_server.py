"""A small real HTTP(S) server that answers as a test says."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Request(NamedTuple):
    method: str
    path: str
    headers: object
    body: bytes
    client: str  # common name of the client's certificate
    port: int  # the client's, which tells connections apart


class Answer(NamedTuple):
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping = MappingProxyType({})
    hang_up: bool = False  # close the connection: without an answer if `status` is 0, else after it, unannounced


class Server:
    """`answer(request) -> Answer` runs in the server's threads; `requests` holds what came, in order."""

    def __init__(self, answer, tls=None):
        server = self
        self.requests = []
        self.ended = threading.Semaphore(0)  # released when a connection was closed on the server's side

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = (
                -1
            )  # an answer in one piece; in two, each would wait for the other side's delayed acknowledgement

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(
                    self.command, self.path, self.headers, body, _common_name(self.connection), self.client_address[1]
                )
                server.requests.append(request)
                reply = answer(request)
                self.close_connection = reply.hang_up
                if reply.status == 0:
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one  # noqa: N815 - http.server's names

            def log_message(self, *_):
                pass

        class Http(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # clients that refuse a certificate are what some tests are about

            def shutdown_request(self, request):
                super().shutdown_request(request)
                server.ended.release()

            def get_request(self):
                connection, address = super().get_request()
                return (tls.wrap_socket(connection, server_side=True) if tls else connection), address

        self._http = Http(("127.0.0.1", 0), Handler)
        self.port = self._http.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _common_name(connection):
    certificate = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    names = dict(part[0] for part in certificate["subject"]) if certificate else {}
    return names.get("commonName", "")
