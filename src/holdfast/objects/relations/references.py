"""References by the name of their field: `secretName: tls`, `configMapRef: {name: settings}`.

Kubernetes' own pod specs keep to these names, and so do most custom kinds. A name is only ever looked up: where a field means
something else, no object answers to it, and nothing comes along.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from holdfast.objects.fields import text

CONFIG_MAPS = "configmaps"
SECRETS = "secrets"
PULL_SECRETS = "image pull secrets"
CLAIMS = "persistentvolumeclaims"
ACCOUNTS = "serviceaccounts"

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class Reference(NamedTuple):
    sort: str
    name: str


class _Field(NamedTuple):
    ends: tuple[str, ...]  # of the field's name, in small letters
    sort: str
    plain: bool  # whether the value may be the bare name; where it could be a password, only {name: …} counts


_FIELDS = (
    _Field(("imagepullsecrets", "imagepullsecret"), PULL_SECRETS, plain=True),
    _Field(("secretname", "existingsecret"), SECRETS, plain=True),
    _Field(("secret", "secrets", "secretref", "secretrefs", "secretkeyref", "secrettargetref"), SECRETS, plain=False),
    _Field(("configmapname",), CONFIG_MAPS, plain=True),
    _Field(("configmap", "configmaps", "configmapref", "configmaprefs", "configmapkeyref"), CONFIG_MAPS, plain=False),
    _Field(("claimname", "existingclaim"), CLAIMS, plain=True),
    _Field(("serviceaccountname",), ACCOUNTS, plain=True),
)


def references_within(value: Any, namespace: str) -> Iterator[Reference]:
    """All that a JSON value names in `namespace`; what it names in another one is left out."""
    if isinstance(value, list):
        for item in value:
            yield from references_within(item, namespace)
    elif isinstance(value, dict):
        for name, item in value.items():
            if (field := _field(name)) is not None:
                for named in _names(item, namespace, plain=field.plain):
                    yield Reference(field.sort, named)
            if isinstance(item, dict | list):
                yield from references_within(item, namespace)


def _names(value: Any, namespace: str, *, plain: bool) -> Iterator[str]:
    """`name`, `{name: name}`, or a list of them."""
    for item in value if isinstance(value, list) else (value,):
        name = item if plain and isinstance(item, str) else ""
        if isinstance(item, dict) and item.get("namespace", namespace) == namespace:
            name = text(item, "name")
        if _NAME.fullmatch(name):
            yield name


@functools.lru_cache(maxsize=4096)
def _field(name: str) -> _Field | None:
    low = name.lower()
    return next((field for field in _FIELDS if low.endswith(field.ends)), None)
