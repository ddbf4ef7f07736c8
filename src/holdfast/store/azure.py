"""Opens an Azure Blob Storage container: which account, server and credentials.

Without a key or signature in the environment, obstore asks Azure's workload or managed identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from obstore.store import AzureStore

from holdfast.errors import StoreRefused
from holdfast.store.certificates import Certificates
from holdfast.store.object_errors import BucketWords
from holdfast.store.objects import NO_RETRIES, ObjectStore, client_options, opening
from holdfast.store.url import AzureUrl

if TYPE_CHECKING:
    from obstore.store import AzureConfig

# Each setting of obstore's with the variables that may hold it: restic's spelling, then Azure's or obstore's.
_SETTINGS = {
    "account_name": ("AZURE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_NAME"),
    "account_key": ("AZURE_ACCOUNT_KEY", "AZURE_STORAGE_ACCOUNT_KEY"),
    "sas_key": ("AZURE_ACCOUNT_SAS", "AZURE_STORAGE_SAS_TOKEN"),
    "client_id": ("AZURE_CLIENT_ID",),
    "client_secret": ("AZURE_CLIENT_SECRET",),
    "tenant_id": ("AZURE_TENANT_ID",),
    "federated_token_file": ("AZURE_FEDERATED_TOKEN_FILE",),
    "endpoint": ("AZURE_STORAGE_ENDPOINT",),
}


def open_azure(url: AzureUrl, *, cacert: Certificates | None, environ: Mapping[str, str]) -> ObjectStore:
    """Raises UsageError for a bad certificate file, StoreRefused for missing or unusable credentials."""
    config: dict[str, Any] = {}
    for setting, variables in _SETTINGS.items():
        value = next((environ[variable] for variable in variables if environ.get(variable)), None)
        if value:
            config[setting] = value
    if "account_name" not in config:
        raise StoreRefused(
            "there is no storage account for Azure", why="AZURE_ACCOUNT_NAME is not set", next="Set AZURE_ACCOUNT_NAME."
        )
    suffix = environ.get("AZURE_ENDPOINT_SUFFIX")
    if suffix:
        config.setdefault("endpoint", f"https://{config['account_name']}.blob.{suffix}")
    words = BucketWords(
        f"the container {url.container}",
        "Check AZURE_ACCOUNT_NAME, and AZURE_ACCOUNT_KEY or AZURE_ACCOUNT_SAS.",
    )
    options = client_options(tls=not config.get("endpoint", "").startswith("http://"), cacert=cacert)
    with opening(str(url), words, environ):
        bucket = AzureStore(
            url.container,
            prefix=url.prefix or None,
            config=cast("AzureConfig", config),
            client_options=options,
            retry_config=NO_RETRIES,
        )
    return ObjectStore(bucket, words, url=str(url), suffix_ranges=False)
