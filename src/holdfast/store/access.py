"""What credentials may do at a place, and how the place keeps what it has: asked in ways that change nothing there.

A right to delete is tried on a name that does not exist, a right to write (in S3) by an upload whose checksums are wrong: a
server looks at rights first, and then refuses the content. (In a bucket with versions, the first leaves a delete marker.)
None stands for what cannot be found out.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from holdfast.errors import StoreError, StoreRefused
from holdfast.store.aws_credentials import aws_settings
from holdfast.store.base import Store
from holdfast.store.certificates import Certificates, checked_pem
from holdfast.store.signed_requests import SignedRequests, Signer
from holdfast.store.url import AzureUrl, GcsUrl, LocalUrl, S3Url, parse_url

_TIMEOUT = 10.0  # seconds
_NO_VERSION = "null"  # the id of versions that were stored while a bucket kept none
_OTHER = b"other content"


class Keeping(msgspec.Struct, frozen=True):
    """Whether a bucket keeps versions, or locks them."""

    state: Literal["on", "off", "suspended", "unknown"]
    detail: str = ""  # the lock's mode and time; why it is unknown


class Access(Protocol):
    def may_write(self, name: str) -> bool | None: ...

    def may_delete(self, name: str) -> bool | None:
        """`name` must be one that does not exist."""
        ...

    def versioning(self, name: str) -> Keeping:
        """`name` is a file that exists, "" if there is none."""
        ...

    def object_lock(self) -> Keeping: ...


def access_to(
    url: str, store: Store, *, certificates: Certificates | None = None, environ: Mapping[str, str]
) -> Access:
    """For the place that `store` was opened at. Raises UsageError for a bad URL or certificate file."""
    match parsed := parse_url(url):
        case LocalUrl():
            return _Directory(parsed.path)
        case S3Url():
            from holdfast.store.s3 import endpoint_and_region  # noqa: PLC0415 - only who has a bucket loads obstore

            settings = aws_settings(environ, instance_metadata=True)
            if "access_key_id" not in settings:
                return _Bucket(store, "the credentials come from the machine that this runs on, not from a key")
            endpoint, region = endpoint_and_region(parsed, settings)
            scheme, _, host = endpoint.partition("://")
            signer = Signer(
                settings["access_key_id"], settings["secret_access_key"], settings.get("session_token", ""), region
            )
            pem = checked_pem(certificates) if certificates is not None else None
            requests = SignedRequests(
                host, parsed.bucket, signer, tls=scheme == "https", certificates=pem, timeout=_TIMEOUT
            )
            return _S3Bucket(store, requests, parsed.prefix)
        case GcsUrl():
            return _Bucket(store, "Google Cloud Storage tells it by an interface that Holdfast does not speak")
        case AzureUrl():
            return _Bucket(store, "Azure tells it by an interface that Holdfast does not speak")


class _Directory:
    """Who may write in a directory may delete there."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def may_write(self, name: str) -> bool:
        place = (self._root / name).absolute().parent
        while not place.exists() and place != place.parent:
            place = place.parent
        return os.access(place, os.W_OK | os.X_OK)

    def may_delete(self, name: str) -> bool:
        return self.may_write(name)

    def versioning(self, name: str) -> Keeping:  # noqa: ARG002 - the protocol's signature
        return Keeping("off", "it is a directory")

    def object_lock(self) -> Keeping:
        return Keeping("off", "it is a directory")


class _Bucket:
    """Any object store. `silence` says why it does not tell how it keeps files."""

    def __init__(self, store: Store, silence: str) -> None:
        self._store = store
        self._silence = silence

    def may_write(self, name: str) -> bool | None:  # noqa: ARG002 - the protocol's signature
        return None

    def may_delete(self, name: str) -> bool:
        try:
            self._store.delete(name)
        except StoreRefused:
            return False
        return True

    def versioning(self, name: str) -> Keeping:  # noqa: ARG002 - the protocol's signature
        return Keeping("unknown", self._silence)

    def object_lock(self) -> Keeping:
        return Keeping("unknown", self._silence)


class _S3Bucket(_Bucket):
    def __init__(self, store: Store, requests: SignedRequests, prefix: str) -> None:
        super().__init__(store, "")
        self._requests = requests
        self._prefix = prefix

    def may_write(self, name: str) -> bool | None:
        headers = {"content-md5": base64.b64encode(hashlib.md5(_OTHER, usedforsecurity=False).digest()).decode()}
        answer = self._requests.send(
            "PUT", self._key(name), headers=headers, body=b"content", digest=hashlib.sha256(_OTHER).hexdigest()
        )
        if answer.status == 403 and _code(answer.body) == "AccessDenied":
            return False
        if answer.status == 400:
            return True
        if answer.status == 200:  # a server that looks at no checksum has stored it
            with suppress(StoreError):
                self._store.delete(name)
            return True
        return None

    def versioning(self, name: str) -> Keeping:
        answer = self._requests.send("GET", query="versioning=")
        if answer.status == 200:
            status = _element(answer.body, "Status")
            return Keeping("on" if status == "Enabled" else "suspended" if status == "Suspended" else "off")
        version = self._version(name) if name else None
        if version is not None:
            return Keeping("off" if version in ("", _NO_VERSION) else "on")
        return Keeping("unknown", f"the bucket does not say ({_refusal(answer.status, answer.body)})")

    def object_lock(self) -> Keeping:
        answer = self._requests.send("GET", query="object-lock=")
        if answer.status == 200:
            mode = _element(answer.body, "Mode")
            days, years = _element(answer.body, "Days"), _element(answer.body, "Years")
            time = _counted(days, "day") or _counted(years, "year")
            return Keeping("on", f"{mode.lower()}, {time}" if mode else "without a default retention")
        if _code(answer.body) in ("ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"):
            return Keeping("off")
        if _code(answer.body) == "AccessDenied":
            return Keeping("unknown", "the credentials lack s3:GetBucketObjectLockConfiguration")
        return Keeping("unknown", f"the bucket does not say ({_refusal(answer.status, answer.body)})")

    def _version(self, name: str) -> str | None:
        """The id of a file's version, "" if it has none; None if the file is not there."""
        answer = self._requests.send("HEAD", self._key(name))
        return answer.headers.get("x-amz-version-id", "") if answer.status == 200 else None

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}>\s*([A-Za-z0-9]+)\s*</{name}>", text)
    return found[1] if found else ""


def _counted(number: str, word: str) -> str:
    return f"{number} {word}" if number == "1" else f"{number} {word}s" if number else ""


def _code(text: str) -> str:
    return _element(text, "Code")


def _refusal(status: int, text: str) -> str:
    return _code(text) or f"status {status}"
