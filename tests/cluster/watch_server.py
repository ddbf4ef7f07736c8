"""A small real server that lists, watches and gives logs as a test says.

server = WatchServer()
server.lists = [listed("a", version="7")]                       one for each list; the last one stays
server.watches = [[event("ADDED", "b", "8"), CUT], [HANG]]      one for each watch; the last one stays

server.logs = [[b"2026-11-23T05:19:42Z one\\n", CUT], []]         the same for each request of a log

A function in a watch or log is called when its turn comes.
"""

from __future__ import annotations

import http.server
import itertools
import json
import threading
from urllib.parse import parse_qs, urlsplit

CUT = object()  # the connection breaks
HANG = object()  # the server says nothing more until it is closed


class WatchServer:
    def __init__(self, tls=None):
        self.lists = [listed()]
        self.watches = [[HANG]]  # a list of bytes and signs, or (status, body) for a refusal
        self.logs = [[HANG]]
        self.queries = []  # of all requests, in order
        self.tokens = []  # the Authorization of all requests
        self.gone = threading.Semaphore(0)  # released when a watch was ended by the client
        self.closed = threading.Event()
        self._lock = threading.Lock()
        self._counts = {what: itertools.count() for what in ("list", "watch", "log")}
        self._http = _Http(self, tls)
        self.port = self._http.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def asked(self, what):
        """The queries of all lists, watches or logs."""
        return [query for query in self.queries if _what(query) == what]

    def close(self):
        if self.closed.is_set():
            return
        self.closed.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def take(self, query, token):
        what = _what(query)
        with self._lock:
            self.queries.append(query)
            self.tokens.append(token)
            scripts = {"list": self.lists, "watch": self.watches, "log": self.logs}[what]
            return what, scripts[min(next(self._counts[what]), len(scripts) - 1)]


def _what(query):
    return "log" if "follow" in query else "watch" if "watch" in query else "list"


class _Http(http.server.ThreadingHTTPServer):
    def __init__(self, owner, tls):
        self.owner = owner
        self._tls = tls
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self):
        connection, address = super().get_request()
        return (self._tls.wrap_socket(connection, server_side=True) if self._tls else connection), address


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        what, script = self.server.owner.take(query, self.headers["Authorization"])
        if isinstance(script, tuple):
            self._answer(*script)
        elif what == "list":
            self._answer(200, script)
        else:
            self._stream(script)

    def _answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, script):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in script:
            if part is CUT or part is HANG:
                self.close_connection = True
                if part is HANG:
                    self._hang()
                return
            if callable(part):
                part()
                continue
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def _hang(self):
        self.connection.settimeout(0.05)
        while not self.server.owner.closed.is_set():
            try:
                if not self.connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.server.owner.gone.release()

    def log_message(self, *_):
        pass


def listed(*names, version="1"):
    items = [thing(name, version) for name in names]
    return json.dumps({"metadata": {"resourceVersion": version}, "items": items}).encode()


def thing(name, version):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "resourceVersion": version}}


def event(kind, name, version):
    return json.dumps({"type": kind, "object": thing(name, version)}).encode() + b"\n"


def failure(code, reason):
    """An ERROR event."""
    return json.dumps({"type": "ERROR", "object": json.loads(refused(code, reason)[1])}).encode() + b"\n"


def refused(code, reason):
    """A refusal, instead of a list or a watch."""
    status = {"kind": "Status", "status": "Failure", "reason": reason, "message": f"made up: {reason}", "code": code}
    return code, json.dumps(status).encode()
