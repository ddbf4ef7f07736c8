"""A plain-HTTP door to a real API server, where a test may answer, delay or hang up in its place.

    proxy.intercept = lambda request: Answer(401) if "secrets" in request.path else None

None lets the request through to the cluster, as the ordinary account.
"""

import base64

import urllib3
import yaml
from tests.cluster.local_server import Answer, Server


class ApiProxy:
    def __init__(self, cluster, directory):
        self.intercept = lambda _request: None
        self._cluster_url = cluster.url
        user = yaml.safe_load(cluster.kubeconfig.read_text())["users"][0]["user"]
        files = {}
        for part in ("certificate", "key"):
            files[part] = directory / f"proxy-{part}.pem"
            files[part].write_bytes(base64.b64decode(user[f"client-{part}-data"]))
        self._pool = urllib3.PoolManager(
            maxsize=16,
            ca_certs=str(cluster.ca_file),
            cert_file=str(files["certificate"]),
            key_file=str(files["key"]),
            retries=False,
        )
        self._server = Server(self._answer)
        self.url = self._server.url
        self.kubeconfig = directory / "proxy.kubeconfig"
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "proxy", "cluster": {"server": self.url}}],
                    "users": [{"name": "proxy", "user": {"token": "proxy-token-that-nobody-may-see"}}],
                    "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
                    "current-context": "proxy",
                }
            )
        )

    @property
    def requests(self):
        return self._server.requests

    def _answer(self, request):
        answer = self.intercept(request)
        return self.passed(request) if answer is None else answer

    def passed(self, request):
        """What the cluster answers to it."""
        passed = {name: request.headers[name] for name in ("Accept", "Content-Type") if name in request.headers}
        reply = self._pool.request(
            request.method, self._cluster_url + request.path, body=request.body or None, headers=passed
        )
        return Answer(reply.status, reply.data, {"Content-Type": reply.headers["Content-Type"]})

    def close(self):
        self._server.close()
        self._pool.clear()


def status(code, reason, message="made by the test"):
    """An answer as the API server refuses: a Status object."""
    body = f'{{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"{reason}","message":"{message}","code":{code}}}'
    return Answer(code, body.encode(), {"Content-Type": "application/json"})
