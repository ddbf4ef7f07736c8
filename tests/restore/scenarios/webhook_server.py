"""A webhook that the API server of a test cluster really calls: HTTPS on loopback, with an authority of its own.

hooks = WebhookServer({"/label": admitted_with({"seen": "yes"}), "/convert": converted_to(...)})
clientConfig: hooks.client_config("/label")
"""

import base64
import json
import ssl
import tempfile

from testbed.certificates import Authority
from tests.cluster.local_server import Answer, Server


class WebhookServer:
    """`handlers` are {path: f(request of the review) -> response without uid}. `down` makes all calls fail."""

    def __init__(self, handlers):
        self.down = False
        self.calls = []  # paths
        self._handlers = handlers
        authority = Authority("webhooks")
        certificate = authority.server(["localhost"], ["127.0.0.1"])
        self.ca_bundle = base64.b64encode(authority.certificate).decode()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate.certificate + certificate.key)
            file.flush()
            tls.load_cert_chain(file.name)
        self._server = Server(self._answer, tls)

    def client_config(self, path):
        return {"url": self._server.url + path, "caBundle": self.ca_bundle}

    def close(self):
        self._server.close()

    def _answer(self, request):
        path = request.path.partition("?")[0]
        self.calls.append(path)
        if self.down:
            return Answer(503, b"the webhook is down")
        review = json.loads(request.body)
        response = {"uid": review["request"]["uid"], **self._handlers[path](review["request"])}
        body = {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}
        return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def admitted_with(annotations):
    """A mutating webhook that gives every object these annotations."""

    def handle(request):
        metadata = request["object"]["metadata"]
        merged = {**metadata.get("annotations", {}), **annotations}
        patch = [{"op": "add", "path": "/metadata/annotations", "value": merged}]
        return {
            "allowed": True,
            "patchType": "JSONPatch",
            "patch": base64.b64encode(json.dumps(patch).encode()).decode(),
        }

    return handle


def renamed_field(names):
    """A conversion webhook for a kind whose only field is called `names[version]` in `spec`."""

    def convert(thing, version):
        (value,) = thing["spec"].values()
        return {**thing, "apiVersion": f"example.com/{version}", "spec": {names[version]: value}}

    def handle(request):
        version = request["desiredAPIVersion"].partition("/")[2]
        converted = [convert(thing, version) for thing in request["objects"]]
        return {"result": {"status": "Success"}, "convertedObjects": converted}

    return handle
