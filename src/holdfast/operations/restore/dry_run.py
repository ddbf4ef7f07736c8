"""Asking the API server beforehand: what a plan would create or change is sent as a dry run where the server can judge it.

It can where the namespace and the kind exist. A refusal that only says that something else is missing is no judgement: that
something may be part of the same restore.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import msgspec

from holdfast.errors import ApiRefused
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource
from holdfast.model.progress import Progress
from holdfast.model.restore import Action, OnConflict
from holdfast.objects.destruction import reason_against_replacing
from holdfast.objects.fields import Object
from holdfast.objects.transforms import carried
from holdfast.objects.webhook_failures import unanswered
from holdfast.operations.restore.plan import PlannedObject, RestorePlan, namespaces_of

_THREADS = 8
_CHUNK = 256


def judge(plan: RestorePlan, cancel: Cancel, progress: Progress) -> None:
    """Turns `create` into `blocked` where the server refuses, into `unchecked` where it cannot know; and see `judge_updates`."""
    _judge(plan, Action.CREATE, _judge_creation, cancel, progress)
    judge_updates(plan, cancel, progress)


def judge_updates(plan: RestorePlan, cancel: Cancel, progress: Progress) -> None:
    """Turns `update` into `replace` where a field cannot be changed and the plan may replace, else into `blocked`."""
    _judge(plan, Action.UPDATE, _judge_update, cancel, progress)


_Judgement = Callable[[RestorePlan, PlannedObject, Resource, Object], PlannedObject]


def _judge(plan: RestorePlan, action: Action, judge_one: _Judgement, cancel: Cancel, progress: Progress) -> None:
    concerned = {item.path: item for item in plan.objects if item.action is action}
    if not concerned:
        return
    progress.phase("ask the server", len(concerned))
    judged: dict[str, PlannedObject] = {}
    paths = list(concerned)

    def look_at(item: PlannedObject, original: Object) -> PlannedObject:
        served = plan.target.served(item.resource)
        desired = plan.preparation.prepare(item.resource, original).object
        return item if served is None or desired is None else judge_one(plan, item, served, desired)

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="holdfast-dry-run") as pool:
        for start in range(0, len(paths), _CHUNK):
            cancel.check()
            objects = plan.source.read_objects(paths[start : start + _CHUNK])
            tasks = [pool.submit(look_at, concerned[path], original) for path, original in objects]
            for task in tasks:
                item = task.result()
                judged[item.path] = item
                progress.advance()
    plan.objects = [judged.get(item.path, item) for item in plan.objects]


def _judge_creation(plan: RestorePlan, item: PlannedObject, served: Resource, desired: Object) -> PlannedObject:
    error = refusal(plan, item, served, desired)
    if error is None:
        return item
    why = error.why or error.what
    hook = unanswered(why)
    if hook is not None and hook.namespace in namespaces_of(plan.objects):
        return replace(item, action=Action.UNCHECKED, why=f"a webhook of this restore does not answer yet: {why}")
    if misses_something(error):
        return replace(item, action=Action.UNCHECKED, why=f"the server misses something first: {why}")
    return replace(item, action=Action.BLOCKED, why=why, next=error.next)


def refusal(plan: RestorePlan, item: PlannedObject, served: Resource, desired: Object) -> ApiRefused | None:
    """Why the server would not create the object; None if it would."""
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


def _judge_update(plan: RestorePlan, item: PlannedObject, served: Resource, desired: Object) -> PlannedObject:
    key, kind = item.key, item.key.group_resource
    live = plan.target.read(served, key)
    if live is None:
        return item
    body = carried(plan.options.transforms, kind, live, desired, plan.context)
    body["metadata"].pop("ownerReferences", None)
    if owners := live["metadata"].get("ownerReferences"):
        body["metadata"]["ownerReferences"] = owners
    try:
        plan.target.cluster.replace(served, key.namespace, key.name, msgspec.json.encode(body), dry_run=True)
    except ApiRefused as error:
        if error.reason != "Invalid":
            return item  # rights and conflicts are for the run to meet
        why = error.why or error.what
        if plan.options.on_conflict is not OnConflict.REPLACE:
            next_step = "With --on-conflict replace it is deleted and created again."
            return replace(item, action=Action.BLOCKED, why=why, next=next_step)
        if reason := reason_against_replacing(kind, live):
            next_step = "Keep it as it is, or delete it by hand if nothing in it is needed."
            return replace(item, action=Action.BLOCKED, why=f"{why}; it is never replaced: {reason}", next=next_step)
        return replace(item, action=Action.REPLACE, why=why)
    return item
