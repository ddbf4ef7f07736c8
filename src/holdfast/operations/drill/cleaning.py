"""Removing what drills made: their own namespaces at their end, and those of drills that were killed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, HoldfastError
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.objects.fields import Object, at, name_of
from holdfast.operations.drill.namespaces import Leftover, find_namespaces, is_over, remove, wait_gone

_PATIENCE = 120.0  # seconds; a namespace takes five to ten


def clean_up(cluster: Cluster, run: str, made: Sequence[Leftover], *, wait: bool) -> tuple[list[Problem], list[str]]:
    """(problems, notes). Raises nothing: a drill that failed is to say why it failed. Works after a stop was asked for."""
    apart = cluster.apart()
    try:
        made = _all_of(apart, run, made)
        notes = _lasting_volumes(apart, {one.name for one in made})
        names = remove(apart, made)
        left = wait_gone(apart, names, _PATIENCE) if wait else []
    except HoldfastError as error:
        names = [one.name for one in made]
        why = f"{error}"
        return [Problem(f"{', '.join(names)} could not be removed", why, "Run `holdfast drill clean`.")], []
    finally:
        apart.close()
    if left:
        why = f"what is in them did not go in {_PATIENCE:.0f} s; finalizers may hold it"
        return [Problem(f"{', '.join(left)} are still being deleted", why, "Look at what is left in them.")], notes
    return [], notes


def remove_leftovers(cluster: Cluster, now: dt.datetime, progress: Progress) -> list[str]:
    """What drills that were killed left behind; gives notes. An account that may not look leaves it to others."""
    try:
        over = [one for one in find_namespaces(cluster) if is_over(one, now)]
        if not over:
            return []
        names = remove(cluster, over)
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise
        progress.warn(f"nobody knows whether earlier drills left something: {error.why or error.what}")
        return []
    return [f"Namespaces that earlier drills had left were removed: {', '.join(names)}."]


def remove_drills(cluster: Cluster, now: dt.datetime, *, running: bool) -> list[Leftover]:
    """Namespaces that were kept, or that a killed drill left; with `running` those of drills that may still go on, too.

    Raises ApiRefused.
    """
    found = [one for one in find_namespaces(cluster) if running or not one.until or is_over(one, now)]
    names = set(remove(cluster, found))
    return [one for one in found if one.name in names]


def _all_of(cluster: Cluster, run: str, made: Sequence[Leftover]) -> Sequence[Leftover]:
    """Also one that was made although its answer was lost."""
    try:
        return list({one.uid: one for one in (*made, *find_namespaces(cluster, run))}.values())
    except ApiRefused:
        return made


def _lasting_volumes(cluster: Cluster, namespaces: set[str]) -> list[str]:
    """Names volumes that stay when their claims go, because their class says so."""
    resource = cluster.api_surface().preferred("", "persistentvolumes")
    if resource is None:
        return []
    staying: list[str] = []
    try:
        for page in cluster.list(resource):
            volumes: list[Object] = [msgspec.json.decode(data) for data in page.items]
            staying = [
                *([] if page.restarted else staying),
                *(name_of(one) for one in volumes if _stays(one, namespaces)),
            ]
    except ApiRefused:
        return []
    if not staying:
        return []
    return [f"These volumes stay, because their class retains them; delete them by hand: {', '.join(staying)}."]


def _stays(volume: Object, namespaces: set[str]) -> bool:
    spec = at(volume, "spec")
    return spec.get("persistentVolumeReclaimPolicy") == "Retain" and at(spec, "claimRef").get("namespace") in namespaces
