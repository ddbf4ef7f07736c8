"""Which objects a backup takes, as a user or a plan has written it.

A Selection is text: globs, selectors and kinds as typed. What it means in one cluster is worked out by
`holdfast.objects.selection`, which also brings the spelling into one form (`normalise`).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from holdfast.errors import UsageError


class ClusterObjects(enum.StrEnum):
    """Which cluster-scoped objects come along. Namespace objects follow their namespace whatever this says."""

    AUTO = "auto"  # those that the selected objects need; all, when everything in all namespaces is taken
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Empty texts and tuples do not restrict. Raises UsageError if two fields contradict each other."""

    namespaces: tuple[str, ...] = ()  # names or globs (`*`, `?`, `[a-z]`)
    all_namespaces: bool = False
    exclude_namespaces: tuple[str, ...] = ()  # names or globs
    namespace_selector: str = ""  # labels of Namespace objects
    selector: str = ""  # labels of objects
    exclude_selector: str = ""
    include_kinds: tuple[str, ...] = ()  # `deploy`, `deployments.apps`, `Deployment`
    exclude_kinds: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()  # `kind/namespace/name`, or `kind/name` for cluster-scoped kinds
    workloads: tuple[str, ...] = ()  # `kind/namespace/name`: each with all that it lives on
    cluster_objects: ClusterObjects = ClusterObjects.AUTO

    def __post_init__(self) -> None:
        if self.all_namespaces and self.namespaces:
            raise UsageError(
                "namespaces are named and all are asked for",
                why="-n and -A contradict each other",
                next="Use one of them; --exclude-namespace takes namespaces out of -A.",
            )

    @property
    def has_namespaces(self) -> bool:
        """Whether whole namespaces are asked for, not only single objects, workloads or cluster-scoped ones."""
        return self.all_namespaces or bool(self.namespaces or self.namespace_selector)

    @property
    def takes_everything(self) -> bool:
        """Whether nothing but names of namespaces and kinds narrows a backup of all namespaces."""
        return (self.all_namespaces or "*" in self.namespaces) and not (self.namespace_selector or self.selector)

    def paths(self) -> tuple[str, ...]:
        """The `paths` of the backup's snapshot: sorted, absolute, equal for equal normalised selections.

        `restic forget` groups snapshots by them, so that backups of one selection form one group.
        """
        return tuple(sorted(f"/{part}/{value}" for part, value in self._restrictions()))

    def describe(self) -> str:
        """One line for lists: `namespaces shop, web-*; selector app=web`."""
        parts: dict[str, list[str]] = {}
        for part, value in self._restrictions():
            parts.setdefault(part, []).append(value)
        if parts.get("namespaces") == ["*"]:
            parts = {"all namespaces": [], **{part: values for part, values in parts.items() if part != "namespaces"}}
        return "; ".join(
            f"{part.replace('-', ' ')} {', '.join(sorted(values))}".rstrip() for part, values in parts.items()
        )

    def _restrictions(self) -> Iterator[tuple[str, str]]:
        namespaces = self.namespaces or (("*",) if self.has_namespaces else ())
        if "*" in namespaces:
            namespaces = ("*",)
        yield from (("namespaces", name) for name in set(namespaces))
        yield from (("exclude-namespaces", name) for name in set(self.exclude_namespaces))
        for part, text in (
            ("namespace-selector", self.namespace_selector),
            ("selector", self.selector),
            ("exclude-selector", self.exclude_selector),
        ):
            if text:
                yield part, text
        yield from (("kinds", kind) for kind in set(self.include_kinds))
        yield from (("exclude-kinds", kind) for kind in set(self.exclude_kinds))
        yield from (("objects", name) for name in set(self.objects))
        yield from (("workloads", name) for name in set(self.workloads))
        if self.cluster_objects is not ClusterObjects.AUTO:
            yield "cluster-objects", self.cluster_objects.value

    def to_dict(self) -> dict[str, Any]:
        """Only what differs from the default, under camelCase names, for JSON and custom resources."""
        plain: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                plain[_camel(field.name)] = list(value) if isinstance(value, tuple) else value
        if "clusterObjects" in plain:
            plain["clusterObjects"] = self.cluster_objects.value
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`. Raises UsageError for a name or a value that a Selection does not have."""
        names = {_camel(field.name): field for field in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in plain.items():
            if name not in names:
                raise _wrong(name, f"a selection has no such field, only {', '.join(sorted(names))}")
            field = names[name]
            values[field.name] = _checked(name, value, field.default)
        return cls(**values)


EVERYTHING = Selection(all_namespaces=True, cluster_objects=ClusterObjects.ALL)


def _checked(name: str, value: Any, default: object) -> Any:
    """`value` as a field with this `default` holds it."""
    match default:
        case tuple():
            if not isinstance(value, list | tuple) or not all(isinstance(entry, str) for entry in value):
                raise _wrong(name, "it is a list of texts")
            return tuple(value)
        case ClusterObjects():
            if value not in tuple(ClusterObjects):
                raise _wrong(name, f"it is one of {', '.join(ClusterObjects)}")
            return ClusterObjects(value)
        case _:
            if type(value) is not type(default):
                raise _wrong(name, "it is true or false" if default is False else "it is a text")
            return value


def _wrong(name: str, why: str) -> UsageError:
    return UsageError(f"the selection's field {name!r} is not valid", why=why, next="See docs/selection.md.")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
