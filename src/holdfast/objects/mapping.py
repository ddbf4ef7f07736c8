"""Other names for namespaces and storage classes: `--map-namespace a=b`, `--map-storage-class a=b`; and all the mapping there is.

A mapping says what a name of the backup becomes in the target, or a size. It changes nothing itself; transforms ask it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from holdfast.errors import UsageError
from holdfast.objects.images import ImageMap
from holdfast.objects.node_labels import NodeLabelMap

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAMESPACE = re.compile(rf"(?=.{{1,63}}\Z){_LABEL}")  # RFC 1123 label, as the API server demands
_SIZE = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[kMGTPE]|[KMGTPE]i)?")
_STORAGE_CLASS = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")  # RFC 1123 subdomain


@dataclass(frozen=True, slots=True)
class NameMap:
    """Old name → new name; a name that is not in it stays what it is."""

    names: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.names.get(name, name)

    def __bool__(self) -> bool:
        """Whether any name changes."""
        return any(old != new for old, new in self.names.items())


@dataclass(frozen=True, slots=True)
class ObjectMapping:
    """All the renaming that one restore does."""

    namespaces: NameMap = field(default_factory=NameMap)
    storage_classes: NameMap = field(default_factory=NameMap)
    images: ImageMap = field(default_factory=ImageMap)
    node_labels: NodeLabelMap = field(default_factory=NodeLabelMap)
    claim_sizes: Mapping[str, str] = field(
        default_factory=dict
    )  # claims as the backup names them: `shop/data` → `20Gi`


def parse_namespaces(values: Iterable[str]) -> NameMap:
    """`old=new` texts → mapping.

    Raises UsageError for a text of another shape, a name that no namespace can have, an old name given twice, and for
    two namespaces with one new name: their objects could then have one name, too.
    """
    names = _parse("--map-namespace", values, _NAMESPACE, "namespace")
    merged = sorted(new for new in names.values() if list(names.values()).count(new) > 1)
    if merged:
        raise UsageError(
            f"--map-namespace puts two namespaces into {merged[0]}",
            why="objects of the same name in both would become one",
            next="Give each namespace a name of its own, or restore them in two runs.",
        )
    return NameMap(names)


def parse_storage_classes(values: Iterable[str]) -> NameMap:
    """`old=new` texts → mapping; several classes may become one. Raises UsageError as `parse_namespaces` does."""
    return NameMap(_parse("--map-storage-class", values, _STORAGE_CLASS, "storage class"))


def parse_claim_sizes(values: Iterable[str]) -> dict[str, str]:
    """`NAMESPACE/CLAIM=SIZE` texts → claim → size. Raises UsageError for texts of another shape, and claims given twice."""
    sizes: dict[str, str] = {}
    for value in values:
        name, _, size = value.partition("=")
        if name.count("/") != 1 or not all(name.split("/")) or not _SIZE.fullmatch(size):
            raise UsageError(
                f"--volume-size {value} is not possible",
                why="it should read NAMESPACE/CLAIM=SIZE, with a size such as 20Gi",
                next="Write --volume-size shop/data=20Gi.",
            )
        if sizes.setdefault(name, size) != size:
            raise UsageError(
                f"--volume-size is given twice for {name}",
                why=f"it cannot have both {sizes[name]} and {size}",
                next="Remove one of the two.",
            )
    return sizes


def _parse(option: str, values: Iterable[str], valid: re.Pattern[str], what: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for value in values:
        old, separator, new = value.partition("=")
        if not separator:
            raise UsageError(
                f"{option} {value} has no =", why="it should read OLD=NEW", next=f"Write {option} OLD=NEW."
            )
        for name in (old, new):
            if not valid.fullmatch(name):
                raise UsageError(
                    f"{option} {value} is not possible",
                    why=f"{name!r} is not a name that a {what} can have",
                    next="Use small letters, digits and dashes; a name starts and ends with a letter or digit.",
                )
        if names.setdefault(old, new) != new:
            raise UsageError(
                f"{option} is given twice for {old}",
                why=f"it cannot become both {names[old]} and {new}",
                next="Remove one of the two.",
            )
    return names
