"""Was a live object changed between two looks at it, by anything but its own controllers' reports and our pauses?"""

from __future__ import annotations

import hashlib

import msgspec

from holdfast.model.kubernetes import Resource
from holdfast.objects.fields import Object, at
from holdfast.objects.pausing import let_go

_SERVER_METADATA = frozenset({"resourceVersion", "generation", "managedFields"})
_encode = msgspec.json.Encoder(order="deterministic").encode


def fingerprint(live: Object, resource: Resource) -> bytes:
    """16 bytes that stay the same as long as nobody changes what users and tools set. `resource` is its kind as served."""
    acting = let_go(live, resource.group_resource)
    has_status = "status" in resource.subresources  # else status is the user's own data
    seen = {key: value for key, value in acting.items() if not (has_status and key == "status")}
    seen["metadata"] = {key: value for key, value in at(acting, "metadata").items() if key not in _SERVER_METADATA}
    return hashlib.blake2b(_encode(seen), digest_size=16).digest()
