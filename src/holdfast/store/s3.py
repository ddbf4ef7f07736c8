"""Opens an S3 bucket: which server, region and credentials.

Buckets are addressed by path (`https://host/bucket/key`), which Amazon and all S3 servers known to us still take.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from obstore.store import S3Store

from holdfast.store.aws_credentials import aws_settings
from holdfast.store.certificates import Certificates
from holdfast.store.object_errors import BucketWords
from holdfast.store.objects import NO_RETRIES, ObjectStore, client_options, opening
from holdfast.store.url import S3Url

if TYPE_CHECKING:
    from obstore.store import S3Config

_DEFAULT_REGION = "us-east-1"
_NO_CHECKSUMS = "when_required"
_AMAZON = re.compile(r"(?:.*\.)?amazonaws\.com(?:\.cn)?(?::\d+)?")
_REGIONAL = re.compile(r"s3[.-](?:dualstack\.|fips\.)?([a-z]{2,}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?(?::\d+)?")


def open_s3(url: S3Url, *, cacert: Certificates | None, environ: Mapping[str, str]) -> ObjectStore:
    """Raises UsageError for a bad certificate file, StoreRefused for missing or unusable credentials."""
    amazon = _AMAZON.fullmatch(url.host) is not None
    found = aws_settings(environ, instance_metadata=amazon)
    endpoint, region = endpoint_and_region(url, found)
    config: dict[str, Any] = {
        **found,
        "region": region,
        # Both, because obstore also reads AWS_ENDPOINT_URL_S3, and would prefer it to the URL.
        "endpoint": endpoint,
        "aws_endpoint_url_s3": endpoint,
        "virtual_hosted_style_request": False,
        # One DELETE per file: not every S3 server has the bulk call, and the contract has no use for it.
        "disable_bulk_delete": True,
    }
    # The variable and its value are those of Amazon's own tools, for servers that stumble over the header.
    if environ.get("AWS_REQUEST_CHECKSUM_CALCULATION", "").lower() != _NO_CHECKSUMS:
        # Amazon takes nothing without a checksum into a bucket with object lock. SHA-256 costs no second pass over the
        # content: the request's signature needs it as well.
        config["checksum_algorithm"] = "sha256"
    words = BucketWords(
        f"the bucket {url.bucket}",
        "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_PROFILE, and what the key may do in the bucket.",
    )
    options = client_options(tls=url.tls, cacert=cacert)
    with opening(str(url), words, environ):
        bucket = S3Store(
            url.bucket,
            prefix=url.prefix or None,
            config=cast("S3Config", config),
            client_options=options,
            retry_config=NO_RETRIES,
        )
    return ObjectStore(bucket, words, url=str(url))


def endpoint_and_region(url: S3Url, settings: Mapping[str, str]) -> tuple[str, str]:
    """Where requests go and what they are signed for. `settings` are those of `aws_settings`."""
    regional = _REGIONAL.fullmatch(url.host)
    # A server's own region first: inside a cluster AWS_REGION is often where the cluster is, not the bucket.
    region = regional[1] if regional else settings.get("region", _DEFAULT_REGION)
    return f"https://s3.{region}.amazonaws.com" if url.host == "s3.amazonaws.com" else url.endpoint, region
