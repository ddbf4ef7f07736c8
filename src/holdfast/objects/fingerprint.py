"""Was a live object changed between two looks at it, by anything but its own controllers' reports?"""

from __future__ import annotations

import hashlib

import msgspec

from holdfast.objects.fields import Object, at

_SERVER_METADATA = frozenset({"resourceVersion", "generation", "managedFields"})
_encode = msgspec.json.Encoder(order="deterministic").encode


def fingerprint(live: Object, *, has_status: bool) -> bytes:
    """16 bytes that stay the same as long as nobody changes what users and tools set.

    `has_status`: the kind has a status subresource, so that its status is not the user's.
    """
    seen = {key: value for key, value in live.items() if not (has_status and key == "status")}
    seen["metadata"] = {key: value for key, value in at(live, "metadata").items() if key not in _SERVER_METADATA}
    return hashlib.blake2b(_encode(seen), digest_size=16).digest()
