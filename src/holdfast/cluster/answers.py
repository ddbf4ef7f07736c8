"""Decodes the parts of an API server's answers that we look at."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from holdfast.codec import typed_json
from holdfast.errors import ClusterError

T = TypeVar("T")


def decode(body: bytes, shape: type[T], what: str) -> T:
    """JSON → `shape`, a msgspec Struct. Raises ClusterError if something else answered, such as a login page."""
    try:
        return typed_json.decode(body, shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ClusterError(
            f"the answer to {what} is not what an API server sends",
            why=str(error),
            next="Check that the server address in the kubeconfig is the API server's.",
        ) from None
