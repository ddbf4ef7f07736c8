"""Reading YAML that people wrote into plain JSON values, with an error for everything that JSON cannot say."""

from __future__ import annotations

import math
from typing import Any

import yaml

from holdfast.errors import UsageError

PATCHING_GUIDE = "docs/mapping-and-patching.md"
MAX_BYTES = 4 << 20
_MAX_VALUES = 200_000  # aliases of YAML can make a short file very long
_MAX_DEPTH = 100


class _Loader(yaml.SafeLoader):
    """Without dates: in Kubernetes' YAML they are texts."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(data: bytes | str, name: str, guide: str = PATCHING_GUIDE) -> list[Any]:
    """The documents of a file, empty ones left out. `name` and `guide`, a page of the documentation, are for messages.

    Raises UsageError.
    """
    reader = _Plain(name, guide)
    if len(data) > MAX_BYTES:
        raise reader.invalid(f"it is longer than {MAX_BYTES >> 20} MiB")
    try:
        documents = list(yaml.load_all(data, _Loader))
    except yaml.YAMLError as error:
        raise reader.invalid(" ".join(str(error).split())) from None
    except (RecursionError, ValueError, TypeError, AttributeError, LookupError, UnicodeError) as error:
        raise reader.invalid(f"it is not YAML: {type(error).__name__}") from None
    return [reader.plain(document, 0) for document in documents if document is not None]


class _Plain:
    def __init__(self, name: str, guide: str) -> None:
        self._name = name
        self._guide = guide
        self._left = _MAX_VALUES

    def invalid(self, why: str) -> UsageError:
        return UsageError(f"{self._name} cannot be read", why=why, next=_next(self._guide))

    def plain(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _MAX_DEPTH:
            raise self.invalid("it holds too many values, or too deep ones")
        match value:
            case dict():
                for key in value:
                    if not isinstance(key, str):
                        raise self.invalid(f"the key {key!r:.50} is not a text; put it in quotes")
                return {key: self.plain(item, depth + 1) for key, item in value.items()}
            case list():
                return [self.plain(item, depth + 1) for item in value]
            case float() if not math.isfinite(value):
                raise self.invalid(f"{value} is not a number in JSON")
            case None | bool() | int() | float() | str():
                return value
            case _:
                raise self.invalid(f"a {type(value).__name__} cannot be part of an object")


class Fields:
    """One map of such a file, taken field by field. Raises UsageError for what is missing, unknown or of another type."""

    def __init__(self, value: Any, place: str, guide: str = PATCHING_GUIDE) -> None:
        self._guide = guide
        self.place = place
        if not isinstance(value, dict):
            raise self.invalid("it is not a map")
        self._left: dict[str, Any] = dict(value)

    def invalid(self, why: str) -> UsageError:
        """The error for something that is wrong in this map."""
        return invalid(self.place, why, self._guide)

    def below(self, name: str) -> Fields | None:
        """The map in a field; None if it is not there."""
        value = self.value(name)
        return None if value is None else Fields(value, f"{self.place}, {name}", self._guide)

    def __contains__(self, name: str) -> bool:
        return self._left.get(name) is not None

    def value(self, name: str) -> Any:
        """None if it is not there."""
        return self._left.pop(name, None)

    def text(self, name: str) -> str:
        """Empty if it is not there."""
        value = self.value(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.invalid(f"{name} is not a text")
        return value

    def items(self, name: str) -> list[Any]:
        """Empty if it is not there."""
        value = self.value(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.invalid(f"{name} is not a list")
        return value

    def done(self) -> None:
        """To be called last: what is left is a typing error."""
        if self._left:
            raise self.invalid(f"there is no field {min(self._left)!r}")


def invalid(place: str, why: str, guide: str = PATCHING_GUIDE) -> UsageError:
    return UsageError(f"{place} is not valid", why=why, next=_next(guide))


def _next(guide: str) -> str:
    return f"Correct the file; {guide} has examples."
