"""Which StorageLocation an object may use: one of its own namespace, and none whose repository is Holdfast's own. Pure.

A repository's password opens everything in it. So what tenants write in their namespace never leads to a repository, a Secret
or a run that is not in that namespace.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from holdfast.api.storage_location import StorageLocation
from holdfast.controller.store_places import Place, place_of
from holdfast.errors import UsageError
from holdfast.model.run import Problem
from holdfast.store.url import parse_url

REASON = "LocationNotAllowed"
"""Reason of the condition on an object that is refused."""


def refused_reference(namespace: str, location: str, locations: Iterable[StorageLocation], home: str) -> Problem | None:
    """Why an object in `namespace` may not name `location`; None if it may, or if there is no location of this name at all.

    `home` is Holdfast's namespace. The location that is found is to be asked about as well, by `refused_location`.
    """
    if "/" in location:
        owner, _, name = location.partition("/")
        return Problem(
            f"the location {location} may not be named here",
            f"it is in the namespace {owner!r}, and an object uses locations of its own namespace only"
            if owner != namespace
            else "an object uses locations of its own namespace, and names them without it",
            f"Write `location: {name}`, and make a StorageLocation of that name in the namespace {namespace}.",
        )
    owners = {one.metadata.namespace for one in locations if one.metadata.name == location}
    if namespace not in owners and home in owners:
        return Problem(
            f"the location {location} may not be used from the namespace {namespace}",
            f"it is in Holdfast's own namespace {home}, and who can read its repository can read every namespace's Secrets",
            f"Make a StorageLocation in {namespace} with a repository of its own, or ask for a plan in {home}.",
        )
    return None


def refused_location(location: StorageLocation, locations: Iterable[StorageLocation], home: str) -> Problem | None:
    """Why a StorageLocation outside of `home` may not be used: its repository is, is in or is around one of `home`'s.

    A URL that cannot be read is refused too: nobody can tell whose it is. Nobody's run could use it either.
    """
    namespace = location.metadata.namespace
    if namespace == home:
        return None
    place = _place(location.spec.url)
    if place is None:
        return Problem(
            f"the location {location.metadata.full_name} may not be used",
            "its URL is not one of a repository, so nobody can tell whose repository it would be",
            "Correct spec.url: s3:https://host/bucket/prefix, gs:bucket:/prefix or azure:container:/prefix.",
        )
    for other in locations:
        if other.metadata.namespace != home:
            continue
        others = _place(other.spec.url)
        if others is not None and place.overlaps(others):
            # Neither the name nor the URL of the other one: they are not a tenant's to know.
            return Problem(
                f"the location {location.metadata.full_name} may not be used",
                f"its repository is the same as, inside of or around one that belongs to Holdfast's namespace {home}",
                "Use a bucket, or a prefix beside it, that is this namespace's alone, with credentials that reach nothing else.",
            )
    return None


@lru_cache(4096)
def _place(url: str) -> Place | None:
    """None for what is no URL of a repository. Remembered, because each decision asks for all of them again."""
    try:
        return place_of(parse_url(url))
    except UsageError:
        return None
