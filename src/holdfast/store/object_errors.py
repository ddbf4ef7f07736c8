"""obstore's errors → ours: the one edge where an object store's answer becomes a sentence and a next step.

obstore tells kinds of errors apart only in part; the rest (HTTP status, the server's error code, what the TLS or network
layer said) is read from its text. Nothing else of that text goes on, because it repeats the server's whole answer.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError

from holdfast.errors import FileExists, FileMissing, StoreError, StoreRefused, StoreUnavailable

FOREIGN = (BaseError, OSError, ValueError, NotImplementedError)
"""All that obstore raises on purpose."""

_LONGEST_QUOTE = 200
_NEXT_REGION = "Set AWS_REGION to the bucket's region, or name the region's own server."
_NEXT_KEEPER = (
    "Use credentials that may delete. In an append-only repository those of backups may not; the keeper's may: "
    "see docs/append-only.md."
)
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>\s*([A-Za-z0-9]+)\s*</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_TRANSPORT = re.compile(r"kind: (Connect|Timeout|Request|Decode|Interrupted|Unknown)\b")
_CERTIFICATE = re.compile(r"InvalidCertificate\(\s*(\w+)")
_NETWORK_REASON = re.compile(r'(?:message|error): "([^"]*)"')
_CREDENTIAL_SOURCES = ("169.254.", "metadata.google.internal", "token request", "/latest/api/token")

_NO_SUCH_FILE = frozenset({"", "NoSuchKey", "BlobNotFound", "ResourceNotFound"})
_NO_SUCH_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound"})
_OTHER_REGION = frozenset({"AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect"})
_CREDENTIAL_CODES = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AuthenticationFailed"})
_PASSING_CODES = frozenset({"ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "SlowDown"})


class BucketWords(NamedTuple):
    """How one kind of object store calls things in an error's text."""

    bucket: str  # "the bucket backups"
    credentials: str  # what to check when they are refused


class _Answer(NamedTuple):
    """What could be read out of an obstore error."""

    status: int  # 0 if no server answered
    code: str
    message: str
    text: str

    @property
    def quote(self) -> str:
        return ": ".join(part for part in (self.code or f"status {self.status}", self.message) if part)


def translated(error: Exception, *, action: str, name: str, url: str, words: BucketWords) -> StoreError:
    """The StoreError for `error`, met while doing `action` ("read", "write", "list", "delete", "open") on `name`."""
    answer = _read(error)
    what = f"cannot {action} {name} in {url}"
    if answer.code in _PASSING_CODES:
        return StoreUnavailable(what, why=answer.quote)
    if isinstance(error, AlreadyExistsError):
        return FileExists(f"{name} exists already in {url}")
    if any(source in answer.text for source in _CREDENTIAL_SOURCES):
        return StoreRefused(what, why="no usable credentials were found", next=words.credentials)
    if isinstance(error, FileNotFoundError) and answer.code in _NO_SUCH_FILE and action in {"read", "delete"}:
        return FileMissing(f"{name} is missing in {url}")
    if answer.status:
        return _answered(error, answer, what, action, words)
    return _not_answered(answer, what, words)


def _answered(error: Exception, answer: _Answer, what: str, action: str, words: BucketWords) -> StoreError:
    """A server spoke, and said no."""
    if answer.code in _OTHER_REGION or answer.status in {301, 307, 308}:
        return StoreRefused(what, why=answer.quote, next=_NEXT_REGION)
    if answer.code == "RequestTimeTooSkewed":
        return StoreRefused(what, why=answer.quote, next="Set this machine's clock.")
    if answer.code == "AccessDenied":  # the key is a good one, as far as it goes
        return StoreRefused(
            what,
            why=f"the credentials in use may not {action} this ({answer.quote})",
            next=_NEXT_KEEPER if action == "delete" else words.credentials,
        )
    refused = isinstance(error, PermissionDeniedError | UnauthenticatedError) or answer.status in {401, 403}
    if refused or answer.code in _CREDENTIAL_CODES:
        return StoreRefused(what, why=f"the credentials were refused ({answer.quote})", next=words.credentials)
    if answer.code in _NO_SUCH_BUCKET:
        return StoreRefused(
            what, why=f"{words.bucket} does not exist", next="Create it, or correct the repository URL."
        )
    if "HTTP request to an HTTPS server" in answer.text:
        return StoreRefused(what, why="the server wants TLS", next="Write https:// in the repository URL.")
    if answer.status == 404:
        return StoreRefused(what, why=answer.quote, next=f"Check that {words.bucket} exists. {words.credentials}")
    if answer.status == 507 or "StorageFull" in answer.code:
        return StoreRefused(what, why=answer.quote, next="The store is full: free some space in it.")
    if answer.status in {408, 429} or (answer.status >= 500 and answer.status != 501):
        return StoreUnavailable(what, why=answer.quote)
    return StoreRefused(what, why=answer.quote)


def _not_answered(answer: _Answer, what: str, words: BucketWords) -> StoreError:
    """No answer came, or obstore itself refused."""
    certificate = _CERTIFICATE.search(answer.text)
    if certificate:
        return StoreRefused(
            what,
            why=f"the server's certificate is not trusted ({certificate[1]})",
            next="Name the server as its certificate does; give a private certificate authority with --store-cacert.",
        )
    if "InvalidContentType" in answer.text:
        return StoreRefused(
            what, why="the server does not speak TLS", next="Write http:// in the URL if that is intended."
        )
    if "redirect without LOCATION" in answer.text:
        return StoreRefused(what, why="the bucket is in another region", next=_NEXT_REGION)
    transport = _TRANSPORT.search(answer.text)
    if transport is None:
        return StoreRefused(what, why=answer.message, next=words.credentials)
    if transport[1] == "Timeout":
        return StoreUnavailable(what, why="no answer in time")
    reason = _NETWORK_REASON.search(answer.text)
    return StoreUnavailable(
        what,
        why="the server cannot be reached" + (f": {reason[1]}" if reason else ""),
        next="Check the host and port in the repository URL, and that the server runs.",
    )


def _read(error: Exception) -> _Answer:
    text = str(error)
    status = _STATUS.search(text)
    code = _CODE.search(text)
    message = _MESSAGE.search(text)
    quoted = html.unescape(message[1]) if message else ""
    if not message and not status:
        # No server had a part in it, so the first line is obstore's own: "Generic GCS error: Unable to open …".
        quoted = text.partition("\n")[0].partition(" error: ")[2]
    lines = quoted.strip().splitlines()
    return _Answer(
        status=int(status[1]) if status else 0,
        code=code[1] if code else "",
        message=lines[0][:_LONGEST_QUOTE].rstrip(".") if lines else "",
        text=text,
    )
