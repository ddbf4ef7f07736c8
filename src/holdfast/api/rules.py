"""What the API server checks in our objects beyond types: rules in CEL, beside the fields that they are about.

A model names its rules in `RULES`, and the fields that may change after creation in `MAY_CHANGE` (without it, all may).
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Meta

EACH_ONCE = Meta(extra_json_schema={"x-kubernetes-list-type": "set"})
"""Lists whose items several managers may add each for itself."""
AS_A_WHOLE = Meta(extra_json_schema={"x-kubernetes-list-type": "atomic"})
"""Lists that one manager writes."""
BY_TYPE = Meta(extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]})


class Rule(NamedTuple):
    cel: str
    message: str  # sentences: what is wrong, and what to do


def given(field: str) -> str:
    """In CEL: the text, list or map is there and not empty."""
    return f"(has(self.{field}) && size(self.{field}) > 0)"


def switched_on(field: str) -> str:
    """In CEL: the switch is there and true."""
    return f"(has(self.{field}) && self.{field})"
