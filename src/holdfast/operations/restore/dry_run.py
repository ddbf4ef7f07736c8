"""Asking the API server beforehand: what a plan would create is sent as a dry run where the server can judge it.

It can where the namespace and the kind exist. A refusal that only says that something else is missing is no judgement: that
something may be part of the same restore.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import msgspec

from holdfast.errors import ApiRefused
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.restore import Action
from holdfast.objects.fields import Object
from holdfast.objects.transforms import apply
from holdfast.operations.restore.plan import PlannedObject, RestorePlan

_THREADS = 8
_CHUNK = 256


def judge(plan: RestorePlan, cancel: Cancel, progress: Progress) -> None:
    """Turns `create` into `blocked` where the server refuses, into `unchecked` where it cannot know."""
    creations = {item.path: item for item in plan.objects if item.action is Action.CREATE}
    progress.phase("ask the server", len(creations))
    judged: dict[str, PlannedObject] = {}
    paths = list(creations)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="holdfast-dry-run") as pool:
        for start in range(0, len(paths), _CHUNK):
            cancel.check()
            objects = plan.source.read_objects(paths[start : start + _CHUNK])
            tasks = [pool.submit(_judge_one, plan, creations[path], original) for path, original in objects]
            for task in tasks:
                item = task.result()
                judged[item.path] = item
                progress.advance()
    plan.objects = [judged.get(item.path, item) for item in plan.objects]


def _judge_one(plan: RestorePlan, item: PlannedObject, original: Object) -> PlannedObject:
    error = refusal(plan, item, original)
    if error is None:
        return item
    if misses_something(error):
        return replace(
            item, action=Action.UNCHECKED, why=f"the server misses something first: {error.why or error.what}"
        )
    return replace(item, action=Action.BLOCKED, why=error.why or error.what, next=error.next)


def refusal(plan: RestorePlan, item: PlannedObject, original: Object) -> ApiRefused | None:
    """Why the server would not create the object; None if it would, or there is nothing to create."""
    served = plan.target.served(item.resource)
    desired = apply(plan.options.transforms, item.resource.group_resource, original, plan.context).object
    if served is None or desired is None:
        return None
    # Owners are linked when they exist; a dry run with the backup's UIDs would only show that they do not.
    desired["metadata"].pop("ownerReferences", None)
    try:
        plan.target.cluster.create(served, item.key.namespace, msgspec.json.encode(desired), dry_run=True)
    except ApiRefused as error:
        return error
    return None


def misses_something(error: ApiRefused) -> bool:
    """Whether a refusal only says that something else is not there, which is no judgement."""
    return error.status == 404 or "not found" in (error.why or error.what)
