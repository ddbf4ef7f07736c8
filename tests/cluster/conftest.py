"""Connections to small real servers, whose pauses take no time."""

from __future__ import annotations

import os
import ssl
import tempfile

import pytest
from testbed.certificates import Authority
from tests.cluster.local_server import Server

from holdfast.cluster.connection import Connection
from holdfast.cluster.settings import ConnectionSettings
from holdfast.model.cancel import Cancel
from holdfast.testing.manual_clock import ManualClock


@pytest.fixture
def serve():
    """`serve(answer, tls=None) -> Server`"""
    servers = []

    def start(answer, tls=None):
        servers.append(Server(answer, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def pauses():
    """How long each pause between two tries was, in seconds."""
    return []


@pytest.fixture
def connect(clock, pauses):
    """`connect(url, cancel=None, pool_size=16, **settings) -> Connection` whose pauses take no time."""
    made = []

    def sleep(seconds):
        pauses.append(seconds)
        clock.sleep(seconds)

    def make(url, *, cancel=None, pool_size=16, **settings):
        connection = Connection(
            ConnectionSettings(server=url, context="test", **settings),
            cancel=cancel or Cancel(),
            pool_size=pool_size,
            clock=clock,
            sleep=sleep,
        )
        made.append(connection)
        return connection

    yield make
    for connection in made:
        connection.close()


@pytest.fixture(scope="session")
def authority():
    return Authority("test")


@pytest.fixture
def server_tls(authority):
    """`server_tls(certificate, demand_client=False)`: TLS for a Server."""

    def make(certificate, *, demand_client=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate.certificate + certificate.key)
            file.flush()
            context.load_cert_chain(file.name)
        context.load_verify_locations(cadata=authority.certificate.decode())
        context.verify_mode = ssl.CERT_REQUIRED if demand_client else ssl.CERT_OPTIONAL
        return context

    return make


@pytest.fixture
def script(tmp_path):
    """`script(text, name="plugin") -> path` of an executable shell script."""

    def write(text, name="plugin"):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return os.fspath(path)

    return write
