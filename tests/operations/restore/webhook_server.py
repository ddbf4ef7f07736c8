"""A program behind a webhook: converts objects, admits all, and can be started and stopped while its Service is there."""

from __future__ import annotations

import base64
import datetime as dt
import http.server
import json
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        if review["kind"] == "ConversionReview":
            objects = [{**each, "apiVersion": request["desiredAPIVersion"]} for each in request["objects"]]
            response = {"uid": request["uid"], "convertedObjects": objects, "result": {"status": "Success"}}
        else:
            response = {"uid": request["uid"], "allowed": True}
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Tests need no log."""


class WebhookServer:
    """On a port of its own, with a certificate for the Service `name` in `namespace`."""

    def __init__(self, directory, name, namespace):
        self.address = _own_address()
        self._certificate = directory / "certificate.pem"
        self._certificate.write_bytes(_certificate(f"{name}.{namespace}.svc"))
        self._server = None
        self.start()
        self.port = self._server.server_port
        self.name, self.namespace = name, namespace

    def start(self):
        self._server = http.server.ThreadingHTTPServer((self.address, getattr(self, "port", 0)), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def service(self):
        spec = {"ports": [{"port": self.port}]}
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": self.name}, "spec": spec}

    @property
    def endpoints(self):
        """Where the Service leads: API servers call the programs behind a webhook at their endpoints."""
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": self.name, "labels": {"kubernetes.io/service-name": self.name}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [self.address]}],
            "ports": [{"port": self.port, "name": ""}],
        }

    @property
    def client_config(self):
        bundle = self._certificate.read_text().partition("-----BEGIN CERTIFICATE-----")
        service = {"name": self.name, "namespace": self.namespace, "port": self.port, "path": "/"}
        return {"service": service, "caBundle": base64.b64encode("".join(bundle[1:]).encode()).decode()}


def _own_address():
    """Of this machine, because endpoints may not be 127.0.0.1. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


def _certificate(host):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webhook")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)
