"""Objects that hold still while a restore runs: owners in GitOps are paused, workloads have no pods.

Order, so that nothing is stopped for good: each pause notes in the object itself how it was; the restore; then all are let
go, also if it failed or was asked to stop. What a killed run left paused is found by its label and let go by the next run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.cluster.connection import Connection
from holdfast.errors import ApiRefused, ClusterError, HoldfastError
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.objects.fields import Object, at, name_of, namespace_of
from holdfast.objects.ownership import FIELD_MANAGER, owners
from holdfast.objects.pausing import (
    GITOPS,
    NOTE,
    PAUSES,
    SCALED,
    is_paused,
    is_still,
    pausing_patch,
    resuming_command,
    resuming_patch,
)
from holdfast.operations.restore.field_owners import give_back

SCALE_DOWN_SECONDS = 120.0
_TRIES = 5
_POLL = 0.5


_Paused = tuple[Resource, ObjectKey]


@contextmanager
def holding_still(
    cluster: Cluster,
    keys: Sequence[ObjectKey],
    progress: Progress,
    staying: Callable[[], Mapping[ObjectKey, str]] = dict,
) -> Iterator[list[Problem]]:
    """Pauses the objects `keys` for the time of the block, and lets them go, with what an earlier run left paused.

    `staying`, asked after the block, names those that must not be let go, and why.

    Yields a list that afterwards has what could not be let go. Raises what the API server refuses, before the block is
    entered, and ClusterError if pods do not end in time; what was paused until then is let go.
    """
    problems: list[Problem] = []
    paused = leftovers(cluster)
    try:
        for key in keys:
            if (served := _pause(cluster, key)) is not None:
                paused.append((served, key))
                progress.note(f"paused {key}")
        for served, key in paused:
            if key in keys and key.group_resource in SCALED:
                _await_no_pods(cluster, served, key)
        yield problems
    finally:
        if paused:
            problems += _let_go(cluster, paused, progress, staying())


def leftovers(cluster: Cluster) -> list[_Paused]:
    """What is paused in the cluster by a restore. Kinds that the account may not list are passed over."""
    found: list[_Paused] = []
    for kind in (*GITOPS, *SCALED):
        served = cluster.api_surface().of(kind)
        if served is None:
            continue
        try:
            pages = list(cluster.list(served, label_selector=f"{NOTE}=true"))
        except ApiRefused as error:
            if error.reason != "Forbidden":
                raise
            continue
        listed = (msgspec.json.decode(data) for page in pages for data in page.items)
        found += [
            (served, ObjectKey(served.group, served.plural, namespace_of(live), name_of(live)))
            for live in listed
            if is_paused(live)
        ]
    return found


def _pause(cluster: Cluster, key: ObjectKey) -> Resource | None:
    """The kind as it is served; None if there is nothing to pause: the object is gone, or holds still already."""
    served = cluster.api_surface().preferred(key.group, key.plural)
    pause = PAUSES[key.group_resource]
    for attempt in range(_TRIES):
        live = _get(cluster, served, key) if served else None
        if served is None or live is None or is_paused(live) or is_still(live, pause):
            return None
        try:
            _change(cluster, served, key, live, pausing_patch(live, pause))
        except ApiRefused as error:
            if error.reason != "Conflict" or attempt == _TRIES - 1:
                raise
        else:
            return served
    return None


def _await_no_pods(cluster: Cluster, served: Resource, key: ObjectKey) -> None:
    end = time.monotonic() + SCALE_DOWN_SECONDS
    while live := _get(cluster, served, key):
        left = at(live, "status").get("replicas") or 0
        seen = at(live, "status").get("observedGeneration", 0) >= at(live, "metadata").get("generation", 0)
        if seen and not left:
            return
        if time.monotonic() > end:
            raise ClusterError(
                f"{key} was scaled down and still has {left} pods after {SCALE_DOWN_SECONDS:.0f} s",
                why="its pods do not end",
                next="Look at the pods with `kubectl describe`; the workload has been scaled up again.",
            )
        cluster.connection.sleep(_POLL)


def _let_go(
    cluster: Cluster, paused: Sequence[_Paused], progress: Progress, staying: Mapping[ObjectKey, str]
) -> list[Problem]:
    """A run that was asked to stop lets go all the same, so this has a connection that nobody cancels."""
    problems = []
    own = Cluster(Connection(cluster.connection.settings, cancel=Cancel()))
    try:
        for served, key in reversed(paused):
            if key in staying:
                problems.append(_problem(own, served, key, HoldfastError(f"{key} stays as it is", why=staying[key])))
                continue
            try:
                _resume(own, served, key)
                progress.note(f"let go {key}")
            except HoldfastError as error:
                progress.warn(f"{key} is still paused: {error}")
                problems.append(_problem(own, served, key, error))
    finally:
        own.close()
    return problems


def _resume(cluster: Cluster, served: Resource, key: ObjectKey) -> None:
    for attempt in range(_TRIES):
        live = _get(cluster, served, key)
        if live is None or not is_paused(live):
            return
        try:
            _change(cluster, served, key, live, resuming_patch(live, PAUSES[key.group_resource]))
        except ApiRefused as error:
            if error.reason != "Conflict" or attempt == _TRIES - 1:
                raise
        else:
            return


def _change(cluster: Cluster, served: Resource, key: ObjectKey, live: Object, patch: Object) -> None:
    """Sends the patch and gives the fields back to those who owned them, so that a pause leaves no trace of us."""
    body = msgspec.json.encode(patch)
    made = cluster.patch(served, key.namespace, key.name, body, patch_type=PatchType.MERGE, field_manager=FIELD_MANAGER)
    if entries := owners(live, live):
        give_back(cluster, served, key, entries, made)  # what it says is not worth a failure here


def _problem(cluster: Cluster, served: Resource, key: ObjectKey, error: HoldfastError) -> Problem:
    try:
        live = _get(cluster, served, key)
    except HoldfastError:
        live = None
    what = f"{key} is still paused"
    if live is None:
        return Problem(what, str(error), "Run the restore again: it lets go what is paused.")
    command = resuming_command(key, live, PAUSES[key.group_resource])
    return Problem(what, error.why or error.what, f"Let it go with `{command}`, or run the restore again.")


def _get(cluster: Cluster, served: Resource, key: ObjectKey) -> Object | None:
    found = cluster.get(served, key.namespace, key.name)
    return None if found is None else msgspec.json.decode(found)
