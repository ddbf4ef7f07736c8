"""HTTPS_PROXY and NO_PROXY, as kubectl reads them. A kubeconfig's `proxy-url` goes before them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit


def proxy_from_environment(server: str, environ: Mapping[str, str]) -> str:
    """The proxy's URL for `server`, or "" for none."""
    parts = urlsplit(server)
    name = f"{parts.scheme}_proxy"
    url = environ.get(name.upper()) or environ.get(name) or ""
    if not url or _bypassed(parts.hostname or "", environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return ""
    return url if "://" in url else f"http://{url}"


def _bypassed(host: str, no_proxy: str) -> bool:
    """Go's rules: never for this machine itself; entries are addresses, networks, names with all below, or `*`."""
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for entry in (part.strip().lower() for part in no_proxy.split(",")):
        if entry == "*":
            return True
        if not entry:
            continue
        if address is not None:
            try:
                if address in ipaddress.ip_network(entry, strict=False):
                    return True
            except ValueError:
                continue  # a name; an address has none
        elif host == entry or host.endswith("." + entry.lstrip("*").lstrip(".")):
            return True
    return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
