"""What an API server serves: kinds by every name that people and objects call them. Pure data; `discovery` fills it."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.errors import UsageError
from holdfast.model.kubernetes import Resource


class ApiSurface:
    """All kinds of one API server at one moment.

    `resources` has one Resource per kind, in the version that its server prefers; `unavailable` names what could not be
    asked because the API service behind it is down, as `metrics.k8s.io/v1beta1` or a whole group.
    """

    def __init__(self, served: Iterable[Resource], unavailable: Iterable[str] = ()) -> None:
        """`served` has every kind in every version: groups in the server's order, preferred versions first."""
        self._versions: dict[tuple[str, str], list[Resource]] = {}
        self._kinds: dict[tuple[str, str], Resource] = {}
        for resource in served:
            self._versions.setdefault((resource.group, resource.plural), []).append(resource)
            self._kinds.setdefault((resource.api_version, resource.kind), resource)
        self.resources = tuple(versions[0] for versions in self._versions.values())
        self.unavailable = tuple(unavailable)

    def by_kind(self, api_version: str, kind: str) -> Resource | None:
        """The kind as an object names it, in exactly that version; None if it is not served."""
        return self._kinds.get((api_version, kind))

    def preferred(self, group: str, plural: str) -> Resource | None:
        """The kind in the version that the server prefers; None if it is not served."""
        versions = self._versions.get((group, plural))
        return versions[0] if versions else None

    def of(self, group_resource: str) -> Resource | None:
        """The same by `deployments.apps`."""
        plural, _, group = group_resource.partition(".")
        return self.preferred(group, plural)

    def served(self, group: str, plural: str) -> tuple[str, ...]:
        """The versions in which a kind is served, the preferred one first; empty if it is not."""
        return tuple(resource.version for resource in self._versions.get((group, plural), ()))

    def find(self, text: str) -> Resource:
        """What kubectl would take `text` for, in any case of letters.

        Plural, singular, short name or kind, alone or with its group (`deploy.apps`), or with version and group
        (`deployments.v1.apps`). The same name in several groups means the first group in the server's order.
        Raises UsageError with near matches.
        """
        name, _, group = text.lower().partition(".")
        version, _, rest = group.partition(".")
        # Each rule over all kinds before the next: a plural of the last group goes before a short name of the first.
        for names in (_plural, _singular, _short_names, _kind):
            for resource in self.resources:
                if name not in names(resource):
                    continue
                if group in ("", resource.group):
                    return resource
                if rest == resource.group:
                    for other in self._versions[resource.group, resource.plural]:
                        if other.version == version:
                            return other
        raise UsageError(
            f"the cluster has no kind {text!r}", why="it serves none by this name", next=self._near(text.lower())
        )

    def _near(self, text: str) -> str:
        import difflib  # noqa: PLC0415 - only a typing error pays for it

        names = {
            name: resource
            for resource in self.resources
            for name in (resource.group_resource, *_plural(resource), *_singular(resource), *_kind(resource))
        }
        near = dict.fromkeys(names[match].group_resource for match in difflib.get_close_matches(text, names, n=3))
        advice = f"Did you mean {' or '.join(near)}? " if near else ""
        return f"{advice}`kubectl api-resources` lists the kinds there are."


def _plural(resource: Resource) -> tuple[str, ...]:
    return (resource.plural,)


def _singular(resource: Resource) -> tuple[str, ...]:
    return (resource.singular,) if resource.singular else ()


def _short_names(resource: Resource) -> tuple[str, ...]:
    return resource.short_names


def _kind(resource: Resource) -> tuple[str, ...]:
    return (resource.kind.lower(),)
