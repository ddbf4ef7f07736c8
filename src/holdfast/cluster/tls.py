"""TLS towards an API server: whom we trust, the certificate we show, and what a failed handshake means."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator

from holdfast.cluster.credentials import ClientCertificate
from holdfast.cluster.settings import ConnectionSettings
from holdfast.errors import KubeconfigInvalid

# OpenSSL's verification codes (X509_V_ERR_*)
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_AUTHORITY = {2, 18, 19, 20, 21}
_OTHER_NAME = {62, 64}  # host name, address


def context(settings: ConnectionSettings, certificate: ClientCertificate | None) -> ssl.SSLContext:
    """Raises KubeconfigInvalid if a certificate or key cannot be used."""
    # Not ssl.create_default_context: from Python 3.13 on it is so strict that many clusters' own certificate
    # authorities (without an authority key identifier, as kubeadm's once were) would be refused.
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if settings.insecure_skip_tls_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif settings.certificate_authority is None:
        made.load_default_certs()
    else:
        try:
            # OpenSSL wants ASCII; text between the certificates may be anything.
            made.load_verify_locations(cadata=settings.certificate_authority.decode("ascii", "ignore"))
        except ssl.SSLError as error:
            raise KubeconfigInvalid(
                "the certificate authority of the API server cannot be used", why=error.reason or "it is not PEM"
            ) from error
    if certificate is not None:
        try:
            with _readable_file(certificate.chain + b"\n" + certificate.key) as path:
                made.load_cert_chain(path, password="")  # "": an encrypted key fails, instead of asking on the terminal
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or "they are not PEM"
            raise KubeconfigInvalid("the client certificate and key cannot be used", why=reason) from error
    return made


@contextlib.contextmanager
def _readable_file(content: bytes) -> Iterator[str]:
    """A path to `content` for OpenSSL, which loads keys from files only. On Linux the key never reaches a disk."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile(prefix="holdfast-") as file:  # mode 0600
            file.write(content)
            file.flush()
            yield file.name


def explain(error: ssl.SSLError, settings: ConnectionSettings) -> tuple[str, str]:
    """Why a handshake failed and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_verification(error, settings)
    reason = error.reason or ""
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
        return "what answers there does not speak TLS", "Correct the server address in the kubeconfig."
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "it ended the TLS connection without an answer", ""
    if "ALERT" in reason:
        return f"it ended the TLS handshake ({reason})", "Check the client certificate in the kubeconfig."
    return f"TLS failed: {reason or type(error).__name__}", ""


def _explain_verification(error: ssl.SSLCertVerificationError, settings: ConnectionSettings) -> tuple[str, str]:
    message = error.verify_message.rstrip(".")
    if error.verify_code in _UNKNOWN_AUTHORITY:
        whose = "the kubeconfig's" if settings.certificate_authority is not None else "any of this machine's"
        return (
            f"its certificate is not signed by {whose} certificate authorities ({message})",
            "Correct certificate-authority or certificate-authority-data of the cluster in the kubeconfig.",
        )
    if error.verify_code in _OTHER_NAME:
        return (
            f"its certificate is for another name ({message})",
            "Correct the server address in the kubeconfig, or set tls-server-name to the certificate's name.",
        )
    if error.verify_code in {_NOT_YET_VALID, _EXPIRED}:
        return (
            f"its certificate is not valid now ({message})",
            "Renew the API server's certificate, or correct this machine's clock.",
        )
    return f"its certificate was not accepted: {message}", ""
