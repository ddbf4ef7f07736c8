"""A way to an API server that breaks: `with Severed(cluster, after=1000) as kubeconfig:`.

TLS goes through it untouched. When the server has sent so many bytes, both sides are hung up on.
"""

import contextlib
import socket
import threading
from urllib.parse import urlsplit

import yaml


class Severed:
    def __init__(self, cluster, after):
        self._cluster = cluster
        self._left = after
        self._address = urlsplit(cluster.url)
        self._door = socket.create_server(("127.0.0.1", 0))
        self._open = [self._door]

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        settings = yaml.safe_load(self._cluster.kubeconfig.read_text())
        for entry in settings["clusters"]:
            entry["cluster"]["server"] = f"https://127.0.0.1:{self._door.getsockname()[1]}"
        path = self._cluster.directory / f"severed-{self._door.getsockname()[1]}.kubeconfig"
        path.write_text(yaml.safe_dump(settings))
        return path

    def __exit__(self, *_failure):
        self._hang_up()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.create_connection((self._address.hostname, self._address.port))
                self._open += [near, far]
                threading.Thread(target=self._pass_on, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(far, near, True), daemon=True).start()

    def _pass_on(self, source, target, counts):
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if counts:
                    self._left -= len(data)
                    if self._left < 0:
                        break
                target.sendall(data)
        self._hang_up() if counts and self._left < 0 else target.close()

    def _hang_up(self):
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
