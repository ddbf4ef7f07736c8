"""Would the server create the objects of a plan? Each is sent as a dry run, whether it is there already or not.

A server that is asked to create what exists finds out last: by then the object has passed its schema, its checks and all
policies and quotas. So "already exists" is a yes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import msgspec

from holdfast.errors import ApiRefused
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource
from holdfast.model.progress import Progress
from holdfast.model.restore import Action
from holdfast.model.verification import Proof, VerifiedObject
from holdfast.objects.fields import Object
from holdfast.objects.paths import parse_object_path
from holdfast.objects.transforms import carried
from holdfast.operations.restore.dry_run import misses_something, refusal
from holdfast.operations.restore.plan import PlannedObject, RestorePlan

_THREADS = 16
_CHUNK = 512


def try_all(plan: RestorePlan, cancel: Cancel, progress: Progress) -> list[VerifiedObject]:
    """One for each object of the plan that can be read; the plan's source names the others. Changes nothing.

    Raises ClusterUnreachable, Cancelled.
    """
    found: list[VerifiedObject] = []
    to_try: dict[str, PlannedObject] = {}
    for item in plan.objects:
        known = _known_beforehand(plan, item)
        if known is None:
            to_try[item.path] = item
        else:
            found.append(known)
    progress.phase("ask the server", len(to_try))
    paths = list(to_try)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="holdfast-verify") as pool:
        for start in range(0, len(paths), _CHUNK):
            cancel.check()
            objects = plan.source.read_objects(paths[start : start + _CHUNK])
            tasks = [pool.submit(_try_one, plan, to_try[path], original, cancel) for path, original in objects]
            for task in tasks:
                found.append(task.result())
                progress.advance()
    return found


def verified(path: str, proof: Proof, why: str = "", next: str = "") -> VerifiedObject:  # noqa: A002 - the design's word
    """About the object at this path of the backup."""
    place = parse_object_path(path)
    key = place.key(place.name or path.rpartition("/")[2])
    return VerifiedObject(
        kind=key.group_resource, namespace=key.namespace, name=key.name, proof=proof, why=why, next=next
    )


def _try_one(plan: RestorePlan, item: PlannedObject, original: Object, cancel: Cancel) -> VerifiedObject:
    cancel.check()
    served, prepared = plan.target.served(item.resource), plan.preparation.prepare(item.resource, original)
    assert served is not None, "what is not served is known beforehand"
    desired = prepared.object
    if desired is None:
        return verified(item.path, Proof.LEFT_OUT, item.why)
    error = refusal(plan, item, served, desired)
    if error is None or error.reason == "AlreadyExists":
        return verified(item.path, Proof.RESTORABLE)
    if error.reason == "Invalid" and _update_is_taken(plan, item, served, desired):
        return verified(item.path, Proof.RESTORABLE)
    why = error.why or error.what
    if misses_something(error):
        return verified(item.path, Proof.UNCHECKED, f"the server misses something first: {why}")
    if "does not support dry run" in why:
        return verified(item.path, Proof.UNCHECKED, why)
    return verified(item.path, Proof.REFUSED, why, error.next)


def _known_beforehand(plan: RestorePlan, item: PlannedObject) -> VerifiedObject | None:
    """What needs no question; None if the server is to be asked."""
    if item.action is Action.LEFT_OUT:
        return verified(item.path, Proof.LEFT_OUT, item.why)
    namespace = item.key.namespace
    if namespace and plan.target.namespace_state(namespace) != "Active":
        return verified(item.path, Proof.UNCHECKED, f"the namespace {namespace} is not there to try it in")
    if plan.target.served(item.resource) is None:
        unserved = Proof.UNCHECKED if item.action is Action.UNCHECKED else Proof.REFUSED
        return verified(item.path, unserved, item.why, item.next)
    return None


def _update_is_taken(plan: RestorePlan, item: PlannedObject, served: Resource, desired: Object) -> bool:
    """An object that exists can stand in its own way, as a Service that holds its node port: then an update is tried."""
    live = plan.target.read(served, item.key)
    if live is None:
        return False
    body = carried(plan.options.transforms, item.resource.group_resource, live, desired, plan.context)
    try:
        plan.target.cluster.replace(served, item.key.namespace, item.key.name, msgspec.json.encode(body), dry_run=True)
    except ApiRefused:
        return False
    return True
