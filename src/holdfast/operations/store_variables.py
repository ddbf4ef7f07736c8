"""Variables of the environment that open a store, gathered to be put into a Secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from holdfast.errors import UsageError
from holdfast.store.url import AzureUrl, GcsUrl, LocalUrl, RepositoryUrl, S3Url

STORE_VARIABLES: Mapping[type[RepositoryUrl], tuple[str, ...]] = {
    S3Url: (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_REQUEST_CHECKSUM_CALCULATION",
    ),
    GcsUrl: ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"),
    AzureUrl: (
        "AZURE_ACCOUNT_NAME",
        "AZURE_ACCOUNT_KEY",
        "AZURE_ACCOUNT_SAS",
        "AZURE_STORAGE_ACCOUNT_NAME",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_ENDPOINT",
        "AZURE_ENDPOINT_SUFFIX",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_TENANT_ID",
    ),
    LocalUrl: (),
}
"""Those that last. What is left out ends after some hours, or names a file that is on this machine only."""
_GOOGLE_FILE = "GOOGLE_APPLICATION_CREDENTIALS"


def store_variables(url: RepositoryUrl, environ: Mapping[str, str]) -> dict[str, bytes]:
    """Those that are set; of a file that one names, its content. Raises UsageError if that cannot be read."""
    found = {name: environ[name].encode() for name in STORE_VARIABLES[type(url)] if environ.get(name)}
    google = found.get(_GOOGLE_FILE, b"")
    if google and not google.lstrip().startswith(b"{"):
        found[_GOOGLE_FILE] = read_credential(Path(os.fsdecode(google)))
    return found


def read_credential(path: Path) -> bytes:
    """Raises UsageError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read", why=error.strerror or "", next="Correct its name or mode."
        ) from error
