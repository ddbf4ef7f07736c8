"""A bucket of an object store (S3, Google Cloud Storage, Azure) as a store, over obstore.

One request per call and no retries here: `holdfast.store.retrying` does those where a run can be cancelled. Uploads are
single requests, because only those are atomic with `create` and leave no parts behind; larger files than
`_SINGLE_PUT` go up in parts, and a crash in between may leave parts that the bucket's life-cycle rule should remove.
Opening a bucket, and finding credentials for it, is in `s3`, `gcs` and `azure`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import obstore

from holdfast.errors import FileMissing
from holdfast.store.base import Part, StoredFile
from holdfast.store.certificates import Certificates, checked_pem
from holdfast.store.names import checked, is_name
from holdfast.store.object_errors import FOREIGN, BucketWords, translated
from holdfast.store.ranges import start_of_range, too_short

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig
    from obstore.store import ObjectStore as Bucket

_SINGLE_PUT = 64 * 1024 * 1024
_UPLOAD_PART = 16 * 1024 * 1024
_LIST_CHUNK = 1_000

_FAMILIES = ("AWS_", "AZURE_", "GOOGLE_")

NO_RETRIES: RetryConfig = {"max_retries": 0}


def client_options(*, tls: bool, cacert: Certificates | None) -> ClientConfig:
    """The HTTP client's settings for every kind of object store. Raises UsageError for an unusable `cacert`."""
    # obstore's own limit of 30 s covers a whole request with its body, too short for a pack on a slow line.
    options: ClientConfig = {"timeout": "300s", "connect_timeout": "10s", "allow_http": not tls}
    if cacert is not None:
        options["root_certificate"] = checked_pem(cacert)
    return options


@contextmanager
def opening(url: str, words: BucketWords, environ: Mapping[str, str]) -> Iterator[None]:
    """Around the making of an obstore store, which reads credential files and may refuse them.

    obstore also looks into the environment of the process by itself. What `environ` leaves out is hidden from it meanwhile:
    a session's token there belongs to no key from elsewhere.
    """
    foreign = [name for name in os.environ if name.startswith(_FAMILIES) and name not in environ]
    hidden = {name: os.environ.pop(name) for name in foreign}
    try:
        yield
    except FOREIGN as error:
        raise translated(error, action="open", name=words.bucket, url=url, words=words) from error
    finally:
        os.environ.update(hidden)


class ObjectStore:
    """`bucket` is already limited to the repository's prefix; `suffix_ranges` says whether it can read from the end."""

    def __init__(self, bucket: Bucket, words: BucketWords, *, url: str, suffix_ranges: bool = True) -> None:
        self._bucket = bucket
        self._words = words
        self._url = url
        self._suffix_ranges = suffix_ranges

    @property
    def url(self) -> str:
        return self._url

    def put(self, name: str, parts: Sequence[Part]) -> None:
        self._upload(name, parts, "overwrite")

    def create(self, name: str, parts: Sequence[Part]) -> None:
        """As the contract says. If the answer is lost the caller sees StoreUnavailable and the file may be there."""
        self._upload(name, parts, "create")

    def get(self, name: str) -> bytes:
        try:
            return obstore.get(self._bucket, checked(name)).bytes().to_bytes()
        except FOREIGN as error:
            raise self._error("read", name, error) from error

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        if length == 0 or (offset < 0 and not self._suffix_ranges):
            offset = start_of_range(name, self.size(name), offset, length)
            if length == 0:
                return b""
        try:
            if offset < 0:
                wanted = -offset
                answer = obstore.get(self._bucket, checked(name), options={"range": {"suffix": wanted}})
                content = answer.bytes().to_bytes()
            else:
                wanted = length
                content = obstore.get_range(self._bucket, checked(name), start=offset, length=length).to_bytes()
        except FOREIGN as error:
            raise self._error("read", name, error) from error
        # A range that is partly beyond the end is answered with what there is.
        if len(content) != wanted or length > wanted:
            raise too_short(name, offset, length)
        return content[:length]

    def size(self, name: str) -> int:
        try:
            return obstore.head(self._bucket, checked(name))["size"]
        except FileNotFoundError:
            return self._size_by_get(name)
        except FOREIGN as error:
            raise self._error("read", name, error) from error

    def list(self, directory: str) -> Iterator[StoredFile]:
        prefix = checked(directory) if directory else None
        try:
            for chunk in obstore.list(self._bucket, prefix, chunk_size=_LIST_CHUNK):
                for entry in chunk:
                    if is_name(entry["path"]):
                        yield StoredFile(entry["path"], entry["size"])
        except FOREIGN as error:
            raise self._error("list", directory or "the files", error) from error

    def delete(self, name: str) -> None:
        try:
            obstore.delete(self._bucket, checked(name))
        except FileNotFoundError:
            # Some stores call a missing file an error. A missing bucket is one for all.
            try:
                self._size_by_get(name)
            except FileMissing:
                return
        except FOREIGN as error:
            raise self._error("delete", name, error) from error

    def close(self) -> None:
        """Nothing to give back: obstore closes idle connections by itself."""

    def _upload(self, name: str, parts: Sequence[Part], mode: Literal["create", "overwrite"]) -> None:
        large = mode == "overwrite" and sum(memoryview(part).nbytes for part in parts) > _SINGLE_PUT
        try:
            obstore.put(self._bucket, checked(name), parts, mode=mode, use_multipart=large, chunk_size=_UPLOAD_PART)
        except FOREIGN as error:
            raise self._error("write", name, error) from error

    def _size_by_get(self, name: str) -> int:
        """The size, or the right error: only a GET's answer says whether the file or the whole bucket is missing."""
        try:
            return obstore.get(self._bucket, checked(name)).meta["size"]
        except FOREIGN as error:
            raise self._error("read", name, error) from error

    def _error(self, action: str, name: str, error: Exception) -> Exception:
        return translated(error, action=action, name=name, url=self._url, words=self._words)
