"""A door to a server that a test can hold shut, so that a run stands still in its middle for as long as the test needs it.

What passes is not read or changed, but for looking where to stop.
"""

import contextlib
import socket
import threading


class Gate:
    """`hold("/data/")`: from the first request with this text on nothing passes until `let_go`. `held` tells that it came."""

    def __init__(self, url):
        host, _, port = url.rpartition("//")[2].partition(":")
        self._target = (host, int(port))
        self._waiting_for = None
        self._passing = threading.Event()
        self._passing.set()
        self.held = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, text):
        self.held.clear()
        self._waiting_for = text.encode()

    def let_go(self):
        self._waiting_for = None
        self._passing.set()

    def close(self):
        self.let_go()
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError), socket.create_connection(self._target) as server:
            back = threading.Thread(target=self._pump, args=(server, client, False), daemon=True)
            back.start()
            self._pump(client, server, True)
            back.join()

    def _pump(self, source, target, is_request):
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                if is_request and self._waiting_for is not None and self._waiting_for in chunk:
                    self._passing.clear()
                    self.held.set()
                if is_request:
                    self._passing.wait()
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)
