"""Repository URLs in restic's own spelling, and the store that each one names.

    /path  ./path  path  local:path               a directory
    s3:https://host:9000/bucket/prefix            S3, any server; s3:http://… without TLS
    s3:host/bucket/prefix                         the same with https, as s3:s3.amazonaws.com/bucket/prefix
    gs:bucket:/prefix  gs://bucket/prefix         Google Cloud Storage
    azure:container:/prefix                       Azure Blob Storage

A URL holds no secret: credentials come from the environment. This is the one module that knows every kind of store; it
stacks no wrappers, and loads the object stores' library only when one of them is opened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from holdfast.errors import UsageError
from holdfast.store.base import Store
from holdfast.store.certificates import Certificates

_SPELLINGS = (
    "Write /path, s3:https://host/bucket/prefix, s3:s3.amazonaws.com/bucket/prefix, gs:bucket:/prefix or "
    "azure:container:/prefix."
)
_NOT_SUPPORTED = frozenset({"sftp", "rest", "rclone", "b2", "swift"})

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]+")
# What object stores and restic write alike, with no escaping in between.
_PREFIX_PART = re.compile(r"[A-Za-z0-9._=+-]+")


@dataclass(frozen=True, slots=True)
class LocalUrl:
    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class S3Url:
    host: str  # with a port if one was given: "minio.example:9000"
    bucket: str
    prefix: str  # "" or "a/b"
    tls: bool = True

    @property
    def endpoint(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def __str__(self) -> str:
        return "/".join(part for part in (f"s3:{self.endpoint}", self.bucket, self.prefix) if part)


@dataclass(frozen=True, slots=True)
class GcsUrl:
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"gs:{self.bucket}:/{self.prefix}"


@dataclass(frozen=True, slots=True)
class AzureUrl:
    container: str
    prefix: str

    def __str__(self) -> str:
        return f"azure:{self.container}:/{self.prefix}"


RepositoryUrl: TypeAlias = LocalUrl | S3Url | GcsUrl | AzureUrl


def parse_url(text: str) -> RepositoryUrl:
    """Raises UsageError, which repeats no password, for everything that is not one of the spellings above."""
    if not text.strip() or any(character in text for character in "\0\n\r"):
        raise UsageError("the repository URL is empty or has line breaks in it", next=_SPELLINGS)
    scheme, colon, rest = text.partition(":")
    if not colon or text.startswith(("/", "./", "../")):
        return LocalUrl(Path(text))
    match scheme:
        case "local" if rest:
            return LocalUrl(Path(rest))
        case "s3":
            return _parse_s3(text, rest)
        case "gs":
            return GcsUrl(*_bucket_and_prefix(text, rest))
        case "azure":
            return AzureUrl(*_bucket_and_prefix(text, rest))
    if scheme in _NOT_SUPPORTED:
        raise UsageError(f"repositories at {scheme}: are not supported", next=_SPELLINGS)
    raise _not_a_url(text, "a directory whose name has a colon is written local:PATH")


def open_store(url: str | RepositoryUrl, *, cacert: Certificates | None = None, environ: Mapping[str, str]) -> Store:
    """The store that `url` names. Nothing is asked of a server yet, so a wrong address shows with the first call.

    `cacert` is a file of PEM certificates, or its content, that are trusted besides the system's own; `environ` is where
    credentials are looked for. Raises UsageError for a bad URL or certificate file, StoreRefused for missing or unusable
    credentials.
    """
    parsed = parse_url(url) if isinstance(url, str) else url
    if isinstance(parsed, LocalUrl):
        from holdfast.store.local import LocalStore  # noqa: PLC0415 - only what is opened is loaded

        return LocalStore(parsed.path)
    from holdfast.store import azure, gcs, s3  # noqa: PLC0415 - obstore takes 40 ms to load

    match parsed:
        case S3Url():
            return s3.open_s3(parsed, cacert=cacert, environ=environ)
        case GcsUrl():
            return gcs.open_gcs(parsed, cacert=cacert, environ=environ)
        case AzureUrl():
            return azure.open_azure(parsed, cacert=cacert, environ=environ)


def _parse_s3(text: str, rest: str) -> S3Url:
    tls = not rest.startswith("http://")
    address = rest.removeprefix("https://").removeprefix("http://").removeprefix("//")
    host, _, path = address.partition("/")
    bucket, _, prefix = path.partition("/")
    if "@" in host:
        raise UsageError(
            "the repository URL has a user name or password in it",
            why="URLs end up in logs, process lists and reports",
            next="Take it out, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    if not _HOST.fullmatch(host):
        raise _not_a_url(text, "an S3 URL names a server first")
    if rest.startswith("//") and not re.search(r"[.:]", host):
        # restic reads the bucket of `s3://bucket/prefix` as a server's name, which nobody means who writes it so.
        raise _not_a_url(text, f"it would name the server {host}", f"For Amazon: s3:s3.amazonaws.com/{host}/…")
    return S3Url(host.lower(), _checked_bucket(text, bucket), _clean_prefix(text, prefix), tls)


def _bucket_and_prefix(text: str, rest: str) -> tuple[str, str]:
    if rest.startswith("//"):
        bucket, _, prefix = rest[2:].partition("/")
    else:
        bucket, colon, prefix = rest.partition(":")
        if not colon:
            raise _not_a_url(text, "a colon ends the bucket's name, also where no prefix follows")
    return _checked_bucket(text, bucket), _clean_prefix(text, prefix)


def _checked_bucket(text: str, bucket: str) -> str:
    if not _BUCKET.fullmatch(bucket):
        raise _not_a_url(text, "the name of the bucket is missing or is not one")
    return bucket


def _clean_prefix(text: str, prefix: str) -> str:
    """Without slashes at the ends, doubled slashes and dots, as restic cleans it."""
    parts = [part for part in prefix.split("/") if part not in {"", "."}]
    if not all(_PREFIX_PART.fullmatch(part) and part != ".." for part in parts):
        raise _not_a_url(text, "a prefix has only A-Z a-z 0-9 . _ = + - between its slashes")
    return "/".join(parts)


def _not_a_url(text: str, why: str, next: str = _SPELLINGS) -> UsageError:  # noqa: A002 - the errors' own word
    """The text is repeated without what may be a password or a signature."""
    scheme, colon, rest = text.partition(":")
    _, at, after = rest.rpartition("@")
    shown = f"{scheme}{colon}…@{after}" if at else text
    return UsageError(f"{shown.partition('?')[0]:.100} is not a repository URL", why=why, next=next)
