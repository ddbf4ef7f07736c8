"""Whether pods can reach a repository by its URL: what is on this machine, or answers only here, they cannot."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from holdfast.errors import PlanRefused
from holdfast.store.url import AzureUrl, GcsUrl, LocalUrl, RepositoryUrl, S3Url, parse_url

_NEXT = (
    "Give the address under which pods reach the same repository with --mover-repository (HOLDFAST_MOVER_REPOSITORY),"
    " or leave the data of volumes out with --volumes none."
)


def reachable_repository(url: str, environ: Mapping[str, str]) -> str:
    """The URL in one spelling. `environ` may name the server, as emulators of stores want it.

    Raises PlanRefused if no pod can reach it, UsageError if it is no URL.
    """
    parsed = parse_url(url)
    if isinstance(parsed, LocalUrl):
        raise PlanRefused(
            f"pods cannot reach the repository {parsed}", why="it is a directory of this machine", next=_NEXT
        )
    host = _host(parsed, environ)
    if is_only_here(host):
        raise PlanRefused(
            f"pods cannot reach the repository {parsed}",
            why=f"its server's address, {host}, means a pod itself when a pod uses it",
            next=_NEXT,
        )
    return str(parsed)


def is_only_here(host: str) -> bool:
    """Whether a host's name or address means the machine that uses it, or no machine at all."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    if address is None:
        return False
    plain = getattr(address, "ipv4_mapped", None) or address
    return bool(plain.is_loopback or plain.is_unspecified)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Also in the short spellings that system calls read: `127.1` is `127.0.0.1`."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _host(url: RepositoryUrl, environ: Mapping[str, str]) -> str:
    """Without a port; "" for a server of Google's or Microsoft's own."""
    match url:
        case S3Url():
            server = url.endpoint
        case GcsUrl():
            server = environ.get("STORAGE_EMULATOR_HOST", "")
        case AzureUrl():
            server = environ.get("AZURE_STORAGE_ENDPOINT", "")
        case LocalUrl():
            server = ""
    try:
        return urlsplit(server if "://" in server else f"//{server}").hostname or ""
    except ValueError:  # of a variable: the store itself will say what is wrong with it
        return ""
