"""From a path or URL to a store that is ready for use: opened, and tried again where that helps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from holdfast.model.cancel import Cancel
from holdfast.store.base import Store
from holdfast.store.certificates import Certificates
from holdfast.store.retrying import RetryingStore, RetryPolicy
from holdfast.store.url import LocalUrl, open_store

Location: TypeAlias = str | os.PathLike[str]
"""A URL or path as docs/stores.md spells them; what is a path object already is never read as a URL."""


def store_at(
    location: Location,
    *,
    cancel: Cancel | None = None,
    cacert: Certificates | None = None,
    environ: Mapping[str, str] = os.environ,
    policy: RetryPolicy | None = None,
) -> Store:
    """The store at a path or URL; nothing is asked of it yet. `cancel` ends the waiting between two tries.

    `cacert` and `environ` as for `holdfast.store.url.open_store`. Raises UsageError, StoreRefused.
    """
    url = location if isinstance(location, str) else LocalUrl(Path(location))
    return RetryingStore(open_store(url, cacert=cacert, environ=environ), cancel=cancel or Cancel(), policy=policy)
