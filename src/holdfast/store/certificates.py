"""Certificate authorities that are trusted besides the system's own."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from holdfast.errors import UsageError

Certificates: TypeAlias = Path | bytes
"""A file in PEM format, or what would be in it."""


def checked_pem(certificates: Certificates) -> bytes:
    """The certificates in PEM format. Raises UsageError if they are none."""
    import ssl  # noqa: PLC0415 - a repository in a directory must not wait for it

    try:
        content = certificates if isinstance(certificates, bytes) else certificates.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content.decode("ascii", "replace"))
    except (OSError, ValueError) as error:
        named = "given as ca.crt" if isinstance(certificates, bytes) else f"in the certificate file {certificates}"
        raise UsageError(
            f"the certificates {named} cannot be used",
            why=getattr(error, "strerror", None) or str(error),
            next="Give a file of certificates in PEM format: --store-cacert, or the key ca.crt of a location's Secret.",
        ) from error
    return content
