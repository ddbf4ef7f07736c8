"""Whether two repository URLs mean places that overlap, however they are spelled. Pure: nothing is asked of a server.

A place is a server and a path on it; a bucket is the first part of a path. Spellings of one place become equal here: case,
default ports, schemes, numbers for addresses, slashes and dots in a prefix, a bucket in the name of the
server, Amazon's many names for itself, and Google's buckets by way of S3.

What only a name server knows – that two names are one machine – cannot be seen here. What keeps tenants out of a repository
is therefore its password and the credentials of its store, which are in Holdfast's namespace; this is the fence before that wall.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from dataclasses import dataclass

from holdfast.store.url import AzureUrl, GcsUrl, LocalUrl, RepositoryUrl, S3Url

_GOOGLE = "storage.googleapis.com"
_AMAZON = "s3.amazonaws.com"
_AZURE = "blob.core.windows.net"
"""For all accounts: which one a location means is in its Secret, so equal containers are taken for the same."""
_FILES = "/"
_DEFAULT_PORTS = (":443", ":80")
_IN_CLUSTER = (".svc.cluster.local", ".svc")
# bucket.s3.eu-west-1.amazonaws.com, s3-fips.dualstack.us-east-1.amazonaws.com, s3.cn-north-1.amazonaws.com.cn, …
_AMAZON_HOST = re.compile(r"(?:(?P<bucket>.+)\.)?s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com(?P<china>\.cn)?")


@dataclass(frozen=True, slots=True)
class Place:
    server: str
    path: tuple[str, ...]

    def overlaps(self, other: Place) -> bool:
        """Whether one is the other, inside of it, or around it."""
        return _same_or_inside(self, other) or _bucket_in_host(self, other) or _bucket_in_host(other, self)


def place_of(url: RepositoryUrl) -> Place:
    match url:
        case S3Url():
            return _s3(url)
        case GcsUrl():
            return Place(_GOOGLE, _path(url.bucket, url.prefix))
        case AzureUrl():
            return Place(_AZURE, _path(url.container, url.prefix))
        case LocalUrl():
            # Relative paths begin where pods begin, at the root.
            return Place(_FILES, tuple(part for part in os.path.normpath(f"/{url.path}").split("/") if part))


def _s3(url: S3Url) -> Place:
    server = _server(url.host)
    path = _path(url.bucket, url.prefix)
    if found := _AMAZON_HOST.fullmatch(server):
        if found["bucket"]:
            path = (found["bucket"], url.bucket, *path[1:])
        server = _AMAZON + (found["china"] or "")
    return Place(server, path)


def _path(bucket: str, prefix: str) -> tuple[str, ...]:
    """Names of buckets have no upper case where they are in names of servers; keys differ by case."""
    return (bucket.lower(), *(part for part in prefix.split("/") if part))


def _server(host: str) -> str:
    """`minio.store.svc:443` → `minio.store`; http and https are two doors of one server. `host` has no upper case."""
    for port in _DEFAULT_PORTS:
        host = host.removesuffix(port)
    name, colon, port = ("", "", "") if host.endswith("]") else host.rpartition(":")
    name, port = (name, f":{int(port)}") if colon else (host, "")
    for suffix in _IN_CLUSTER:
        name = name.removesuffix(suffix)
    return f"{_address(name) or name}{port}"


def _address(name: str) -> str:
    """An IP address as it is written everywhere, or ""; `127.1` and `0x7f000001` are addresses for most programs."""
    try:
        if name.startswith("["):
            six = ipaddress.IPv6Address(name.strip("[]"))
            return str(six.ipv4_mapped or six)
        if re.fullmatch(r"[0-9a-fx.]+", name):
            return socket.inet_ntoa(socket.inet_aton(name))
    except (OSError, ValueError):
        pass
    return ""


def _same_or_inside(one: Place, other: Place) -> bool:
    shared = min(len(one.path), len(other.path))
    return one.server == other.server and one.path[:shared] == other.path[:shared]


def _bucket_in_host(one: Place, other: Place) -> bool:
    """`https://backups.minio.example/inner/…` for the bucket `backups` of `minio.example`."""
    bucket, dot, server = one.server.partition(".")
    return bool(dot) and other.path[:1] == (bucket,) and _same_or_inside(Place(server, (bucket, *one.path)), other)
