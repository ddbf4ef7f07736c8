from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.store.local import LocalStore
from holdfast.store.url import AzureUrl, GcsUrl, LocalUrl, S3Url, open_store, parse_url

SPELLINGS = {
    "/srv/backup": LocalUrl(Path("/srv/backup")),
    "/srv/with:colon": LocalUrl(Path("/srv/with:colon")),
    "./here:too": LocalUrl(Path("here:too")),
    "../up": LocalUrl(Path("../up")),
    "relative/dir": LocalUrl(Path("relative/dir")),
    "local:/srv/backup": LocalUrl(Path("/srv/backup")),
    "local:relative:with-colon": LocalUrl(Path("relative:with-colon")),
    "s3:https://minio.example:9000/bucket/some/prefix": S3Url("minio.example:9000", "bucket", "some/prefix"),
    "s3:https://host/bucket": S3Url("host", "bucket", ""),
    "s3:https://host/bucket/": S3Url("host", "bucket", ""),
    "s3:http://127.0.0.1:9000/bucket/p": S3Url("127.0.0.1:9000", "bucket", "p", tls=False),
    "s3:http://[::1]:9000/bucket/p": S3Url("[::1]:9000", "bucket", "p", tls=False),
    "s3:s3.amazonaws.com/bucket/prefix": S3Url("s3.amazonaws.com", "bucket", "prefix"),
    "s3:S3.EU-west-1.amazonaws.com/bucket": S3Url("s3.eu-west-1.amazonaws.com", "bucket", ""),
    "s3://s3.amazonaws.com/bucket/prefix": S3Url("s3.amazonaws.com", "bucket", "prefix"),
    "s3://localhost:9000/bucket": S3Url("localhost:9000", "bucket", ""),
    "s3:minio/bucket/a//b/./c/": S3Url("minio", "bucket", "a/b/c"),
    "gs:bucket:/": GcsUrl("bucket", ""),
    "gs:bucket:/prefix/deep": GcsUrl("bucket", "prefix/deep"),
    "gs:bucket:prefix": GcsUrl("bucket", "prefix"),
    "gs://bucket/prefix/deep": GcsUrl("bucket", "prefix/deep"),
    "gs://bucket": GcsUrl("bucket", ""),
    "azure:container:/": AzureUrl("container", ""),
    "azure:container:/a=b/c+d": AzureUrl("container", "a=b/c+d"),
    "azure://container/prefix": AzureUrl("container", "prefix"),
}


@pytest.mark.parametrize(("text", "expected"), SPELLINGS.items(), ids=SPELLINGS)
def test_a_spelling_is_read(text, expected):
    assert parse_url(text) == expected


@pytest.mark.parametrize("url", SPELLINGS.values(), ids=SPELLINGS)
def test_the_canonical_spelling_is_read_back(url):
    if isinstance(url, LocalUrl):
        url = LocalUrl(url.path.absolute())
    assert parse_url(str(url)) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a\nb",
        "local:",
        "s3:",
        "s3:host",
        "s3:host/",
        "s3:https://host",
        "s3:https:///bucket",
        "s3:https://host//bucket",
        "s3:https://ho st/bucket",
        "s3:https://host:port/bucket",
        "s3:ftp://host/bucket",
        "s3:https://host/bucket/../other",
        "s3:https://host/bucket/a%20b",
        "s3:https://host/bucket/a?x=y",
        "s3:https://host/bucket/a#b",
        "s3:https://host/-bucket/a",
        "gs:bucket",
        "gs::/prefix",
        "gs://",
        "gs:bucket:/a/../b",
        "azure:container",
        "azure:con tainer:/",
        "azure:container:/ä",
        "https://host/bucket",
        "memory:",
        "mailto:somebody",
    ],
)
def test_anything_else_is_a_usage_error(text):
    with pytest.raises(UsageError) as caught:
        parse_url(text)
    assert caught.value.next


@pytest.mark.parametrize("scheme", ["sftp", "rest", "rclone", "b2", "swift"])
def test_restics_other_stores_are_named_as_not_supported(scheme):
    with pytest.raises(UsageError, match=f"{scheme}: are not supported"):
        parse_url(f"{scheme}:user@host:/path")


def test_a_bucket_in_the_place_of_the_server_is_explained():
    with pytest.raises(UsageError) as caught:
        parse_url("s3://my-bucket/prefix")
    assert "s3:s3.amazonaws.com/my-bucket" in caught.value.next


@pytest.mark.parametrize(
    "text",
    [
        "s3:https://AKIAKEY:hunter2@host/bucket",
        "s3:https://hunter2@host/bucket",
        "s3:AKIAKEY:hunter2@host/bucket",
        "s3://AKIAKEY:hunter2@host/bucket",
        "s3:https://AKIAKEY:hunter2/x@host/bucket",
        "gs:hunter2@bucket:/",
        "gs://user:hunter2@bucket/prefix",
        "azure:account:hunter2@container:/",
        "azure:container:/p?sig=hunter2",
        "s3:https://key:hunter2?more@host/bucket",
        "https://user:hunter2@host/",
    ],
)
def test_a_password_is_refused_and_not_repeated(text):
    with pytest.raises(UsageError) as caught:
        parse_url(text)
    assert "hunter2" not in f"{caught.value} {caught.value.next}"


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        url = parse_url(text)
    except UsageError:
        return
    if not isinstance(url, LocalUrl):
        assert parse_url(str(url)) == url


_WORD = st.from_regex(r"[a-z0-9][a-z0-9.-]{1,20}", fullmatch=True)
_PREFIX = st.lists(st.from_regex(r"[A-Za-z0-9_=+-]{1,8}", fullmatch=True), max_size=4).map("/".join)


@given(
    host=st.from_regex(r"[a-z0-9]{1,9}(\.[a-z]{1,5}){0,2}(:[1-9][0-9]{0,4})?", fullmatch=True),
    bucket=_WORD,
    prefix=_PREFIX,
    tls=st.booleans(),
)
def test_s3_urls_come_back_from_their_text(host, bucket, prefix, tls):
    url = S3Url(host, bucket, prefix, tls)
    assert parse_url(str(url)) == url


@given(bucket=_WORD, prefix=_PREFIX)
def test_gcs_and_azure_urls_come_back_from_their_text(bucket, prefix):
    for url in (GcsUrl(bucket, prefix), AzureUrl(bucket, prefix)):
        assert parse_url(str(url)) == url


def test_a_path_opens_a_local_store_and_makes_nothing_yet(tmp_path):
    store = open_store(f"local:{tmp_path}/repository", environ={})
    assert isinstance(store, LocalStore)
    assert store.url == f"{tmp_path}/repository"
    assert list(tmp_path.iterdir()) == []


def test_loading_this_module_and_opening_a_directory_leave_obstore_alone():
    program = (
        "import sys; from holdfast.store.url import open_store; open_store('/nowhere', environ={}); "
        "sys.exit(any(name.startswith(('obstore', 'ssl')) for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
