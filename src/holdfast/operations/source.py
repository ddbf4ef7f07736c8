"""Where objects are read from: a cluster or a backup, by the same calls, so that one selection works on both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from holdfast.cluster.listing import Page
from holdfast.cluster.surface import ApiSurface
from holdfast.model.kubernetes import Resource


class Source(Protocol):
    """`holdfast.cluster.cluster.Cluster` is one, `holdfast.operations.backup_source.BackupSource` the other."""

    def api_surface(self) -> ApiSurface: ...

    def list(self, resource: Resource, *, namespace: str | None = None, label_selector: str = "") -> Iterator[Page]: ...

    def get(self, resource: Resource, namespace: str, name: str) -> bytes | None: ...
