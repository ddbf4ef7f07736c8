"""What our code looks at in an object's metadata. Objects are never written back whole, so that nothing unknown is lost."""

from __future__ import annotations

import msgspec


class OwnerReference(msgspec.Struct, kw_only=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class Metadata(msgspec.Struct, kw_only=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: list[str] = []
    owner_references: list[OwnerReference] = []

    @property
    def full_name(self) -> str:
        """`shop/nightly`"""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name
