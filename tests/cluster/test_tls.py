"""Certificates, right and wrong, on both sides."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from testbed.certificates import Authority, Certificate
from tests.cluster.local_server import Answer

from holdfast.cluster.credentials import ClientCertificate, Fixed, Presented
from holdfast.errors import ClusterUnreachable, KubeconfigInvalid


def ok(_):
    return Answer()


def expired_certificate():
    """Self-signed; ended yesterday."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(now - dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(certificate.public_bytes(serialization.Encoding.PEM), encoded)


@pytest.fixture
def server(serve, server_tls, authority):
    return serve(ok, server_tls(authority.server(["kubernetes"], ["127.0.0.1"])))


def failure(connection):
    with pytest.raises(ClusterUnreachable) as error:
        connection.request("GET", "/x")
    return error.value


def test_the_kubeconfigs_authority_is_trusted(server, connect, authority):
    connection = connect(server.url, certificate_authority=authority.certificate)
    assert connection.request("GET", "/x").status == 200


def test_text_around_certificates_may_be_anything(server, connect, authority):
    bundle = "# Zürich\n".encode() + authority.certificate + Authority("other").certificate
    assert connect(server.url, certificate_authority=bundle).request("GET", "/x").status == 200


def test_another_authority_is_named_as_the_reason(server, connect, pauses):
    error = failure(connect(server.url, certificate_authority=Authority("other").certificate))
    assert "not signed by the kubeconfig's certificate authorities" in error.why
    assert "certificate-authority" in error.next
    assert pauses == []


def test_the_systems_authorities_count_where_the_kubeconfig_names_none(server, connect):
    assert "any of this machine's certificate authorities" in failure(connect(server.url)).why


def test_a_certificate_for_another_name_is_named_as_the_reason(serve, server_tls, connect, authority):
    server = serve(ok, server_tls(authority.server(["kubernetes"], ["10.0.0.1"])))
    error = failure(connect(server.url, certificate_authority=authority.certificate))
    assert "for another name" in error.why
    assert "tls-server-name" in error.next


def test_tls_server_name_is_the_name_that_is_expected(serve, server_tls, connect, authority):
    server = serve(ok, server_tls(authority.server(["kubernetes"], ["10.0.0.1"])))
    settings = {"certificate_authority": authority.certificate}
    assert connect(server.url, tls_server_name="kubernetes", **settings).request("GET", "/x").status == 200
    assert "for another name" in failure(connect(server.url, tls_server_name="other", **settings)).why


def test_an_expired_certificate_is_named_as_the_reason(serve, server_tls, connect):
    certificate = expired_certificate()
    server = serve(ok, server_tls(certificate))
    assert "not valid now" in failure(connect(server.url, certificate_authority=certificate.certificate)).why


def test_verification_can_be_switched_off(server, connect):
    assert connect(server.url, insecure_skip_tls_verify=True).request("GET", "/x").status == 200


def test_a_server_without_tls_is_named_as_the_reason(serve, connect):
    server = serve(ok)
    assert "does not speak TLS" in failure(connect(server.url.replace("http:", "https:"))).why


def test_the_client_certificate_is_shown(serve, server_tls, connect, authority):
    server = serve(ok, server_tls(authority.server(["kubernetes"], ["127.0.0.1"]), demand_client=True))
    login = authority.client("alice", [])
    credential = Fixed(Presented(certificate=ClientCertificate(login.certificate, login.key)))
    connect(server.url, certificate_authority=authority.certificate, credential=credential).request("GET", "/x")
    assert server.requests[0].client == "alice"


def test_a_server_that_demands_a_certificate_is_understood(serve, server_tls, connect, authority):
    tls = server_tls(authority.server(["kubernetes"], ["127.0.0.1"]), demand_client=True)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # in 1.3 its word may be lost: the request is already on its way
    server = serve(ok, tls)
    error = failure(connect(server.url, certificate_authority=authority.certificate))
    assert "ended the TLS handshake" in error.why
    assert "client certificate" in error.next


def test_another_certificate_makes_other_connections(serve, server_tls, connect, authority):
    """As when a plugin's certificate has expired and it gives a new one."""
    logins = [authority.client(name, []) for name in ("first", "second")]
    presented = [Presented(certificate=ClientCertificate(one.certificate, one.key)) for one in logins]

    class Changing:
        def current(self):
            return presented[len(server.requests) // 2]

    server = serve(ok, server_tls(authority.server(["kubernetes"], ["127.0.0.1"])))
    connection = connect(server.url, certificate_authority=authority.certificate, credential=Changing())
    for _ in range(4):
        connection.request("GET", "/x")
    assert [request.client for request in server.requests] == ["first", "first", "second", "second"]


def test_a_key_that_does_not_belong_to_the_certificate_is_refused(connect, authority):
    certificate = ClientCertificate(authority.client("a", []).certificate, authority.client("b", []).key)
    connection = connect("https://127.0.0.1:1", credential=Fixed(Presented(certificate=certificate)))
    with pytest.raises(KubeconfigInvalid, match="client certificate and key cannot be used"):
        connection.request("GET", "/x")


def test_an_encrypted_key_is_refused_without_asking_anybody(connect, authority):
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    certificate = ClientCertificate(authority.client("a", []).certificate, key)
    connection = connect("https://127.0.0.1:1", credential=Fixed(Presented(certificate=certificate)))
    with pytest.raises(KubeconfigInvalid, match="client certificate and key cannot be used"):
        connection.request("GET", "/x")


def test_an_authority_that_is_no_certificate_is_refused(connect):
    with pytest.raises(KubeconfigInvalid, match="certificate authority"):
        connect("https://127.0.0.1:1", certificate_authority=b"rubbish").request("GET", "/x")
