"""Opens a Google Cloud Storage bucket: which server and credentials.

Besides the variables read here, obstore finds `gcloud`'s application default credentials and, in a cluster or a virtual
machine of Google's, the metadata service's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from obstore.store import GCSStore

from holdfast.store.certificates import Certificates
from holdfast.store.object_errors import BucketWords
from holdfast.store.objects import NO_RETRIES, ObjectStore, client_options, opening
from holdfast.store.url import GcsUrl

if TYPE_CHECKING:
    from obstore.store import GCSConfig


def open_gcs(url: GcsUrl, *, cacert: Certificates | None, environ: Mapping[str, str]) -> ObjectStore:
    """Raises UsageError for a bad certificate file, StoreRefused for unusable credentials."""
    config: GCSConfig = {}
    emulator = environ.get("STORAGE_EMULATOR_HOST")
    if emulator:
        # The variable that Google's own libraries read. An emulator takes any token; with none obstore would look for
        # a real one.
        config = {"base_url": emulator if "://" in emulator else f"http://{emulator}", "bearer_token": "emulator"}
    elif environ.get("GOOGLE_ACCESS_TOKEN"):
        config = {"bearer_token": environ["GOOGLE_ACCESS_TOKEN"]}
    elif environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").lstrip().startswith("{"):
        # What the file would hold, as it stands in a Secret.
        config = {"service_account_key": environ["GOOGLE_APPLICATION_CREDENTIALS"]}
    elif environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        config = {"application_credentials": environ["GOOGLE_APPLICATION_CREDENTIALS"]}
    words = BucketWords(
        f"the bucket {url.bucket}",
        "Check GOOGLE_APPLICATION_CREDENTIALS, and what its account may do in the bucket.",
    )
    options = client_options(tls=not config.get("base_url", "").startswith("http://"), cacert=cacert)
    with opening(str(url), words, environ):
        bucket = GCSStore(
            url.bucket, prefix=url.prefix or None, config=config, client_options=options, retry_config=NO_RETRIES
        )
    return ObjectStore(bucket, words, url=str(url))
