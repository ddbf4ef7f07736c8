"""Rows for workloads: Pods, Jobs, ReplicaSets, and what makes them."""

from __future__ import annotations

from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.fields import Object, at, items, namespace_of, put, remove
from holdfast.objects.pausing import PAUSES, is_paused, pause_of, resumed
from holdfast.objects.transforms.access import is_generated_token
from holdfast.objects.transforms.transform import Context, Transform

_PODS = frozenset({"pods"})
_JOBS = frozenset({"jobs.batch"})
_REPLICA_SETS = frozenset({"replicasets.apps"})
_API_ACCESS = "kube-api-access-"
_COUNTERS = ("deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")
_SCALES = ("deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas")
_CONTROLLER_UID = ("controller-uid", "batch.kubernetes.io/controller-uid")
_LABEL_PLACES = (
    ("spec", "selector", "matchLabels"),
    ("spec", "template", "metadata", "labels"),
    ("metadata", "labels"),
)


def _refuse_finished_pod(obj: Object, _: Context) -> str | None:
    phase = at(obj, "status").get("phase")
    return (
        f"it has finished ({phase}), and created again it would run again" if phase in {"Succeeded", "Failed"} else None
    )


def _clear_node(obj: Object, _: Context) -> None:
    remove(obj, "spec", "nodeName")


def _clear_priority(obj: Object, _: Context) -> None:
    remove(obj, "spec", "priority")
    remove(obj, "spec", "preemptionPolicy")


def _clear_ephemeral_containers(obj: Object, _: Context) -> None:
    remove(obj, "spec", "ephemeralContainers")


def _carry_node(live: Object, desired: Object, _: Context) -> None:
    _carry_spec(live, desired, "nodeName")


def _carry_priority(live: Object, desired: Object, _: Context) -> None:
    _carry_spec(live, desired, "priority", "preemptionPolicy")


def _carry_ephemeral_containers(live: Object, desired: Object, _: Context) -> None:
    _carry_spec(live, desired, "ephemeralContainers")


def _carry_spec(live: Object, desired: Object, *fields: str) -> None:
    for field in fields:
        if field in at(live, "spec"):
            put(desired, "spec", field, value=live["spec"][field])


def _drop_token_volumes(obj: Object, _: Context) -> None:
    spec = at(obj, "spec")
    account = str(spec.get("serviceAccountName") or "default")
    volumes = items(spec, "volumes")
    tokens = {
        str(volume.get("name"))
        for volume in volumes
        if is_generated_token(account, str(at(volume, "secret").get("secretName", "")))
    }
    if tokens:
        _keep(spec, "volumes", tokens)
        for container in (*items(spec, "initContainers"), *items(spec, "containers")):
            _keep(container, "volumeMounts", tokens)


def _keep(part: Object, field: str, without: set[str]) -> None:
    kept = [each for each in items(part, field) if each.get("name") not in without]
    if kept:
        part[field] = kept
    else:
        part.pop(field, None)


def _carry_token_volumes(live: Object, desired: Object, _: Context) -> None:
    """What admission put into the place of a volume that was dropped."""
    old, new = at(live, "spec"), at(desired, "spec")
    if any(str(volume.get("name")).startswith(_API_ACCESS) for volume in items(new, "volumes")):
        return
    _append(old, new, "volumes")
    for kind in ("initContainers", "containers"):
        by_name = {each.get("name"): each for each in items(old, kind)}
        for container in items(new, kind):
            _append(by_name.get(container.get("name"), {}), container, "volumeMounts")


def _append(old: Object, new: Object, field: str) -> None:
    injected = [each for each in items(old, field) if str(each.get("name")).startswith(_API_ACCESS)]
    if injected:
        new[field] = [*items(new, field), *injected]


def _let_go(obj: Object, _: Context) -> None:
    pause = pause_of(obj)
    if is_paused(obj) and pause is not None:
        former = resumed(obj, pause)
        obj.clear()
        obj.update(former)


def _refuse_finished_job(obj: Object, _: Context) -> str | None:
    for condition in items(obj, "status", "conditions"):
        if condition.get("type") in {"Complete", "Failed"} and condition.get("status") == "True":
            return f"it has finished ({condition['type']}), and created again it would run again"
    return None


def _refuse_cron_job_run(obj: Object, _: Context) -> str | None:
    owner = _controller(obj)
    if owner.get("kind") == "CronJob":
        return f"the CronJob {owner.get('name')} started it, and starts the next one by itself"
    return None


def _clear_job_selector(obj: Object, _: Context) -> None:
    if not at(obj, "spec").get("manualSelector"):
        for place in _LABEL_PLACES:
            for label in _CONTROLLER_UID:
                remove(obj, *place, label)


def _carry_job_selector(live: Object, desired: Object, _: Context) -> None:
    if at(desired, "spec").get("manualSelector"):
        return
    for place in _LABEL_PLACES:
        for label in _CONTROLLER_UID:
            if label in at(live, *place):
                put(desired, *place, label, value=at(live, *place)[label])


def _detach_from_deployment(obj: Object, context: Context) -> None:
    owner = _controller(obj)
    if owner.get("kind") != "Deployment":
        return
    namespace = context.mapping.namespaces[namespace_of(obj)]
    deployment = ObjectKey("apps", "deployments", namespace, owner.get("name", ""))
    if context.in_plan(deployment) or context.live(deployment) is not None:
        others = [reference for reference in items(obj, "metadata", "ownerReferences") if reference != owner]
        remove(obj, "metadata", "ownerReferences")
        if others:
            put(obj, "metadata", "ownerReferences", value=others)
        put(obj, "spec", "replicas", value=0)


def _carry_deployment(live: Object, desired: Object, _: Context) -> None:
    """What the Deployment says about a ReplicaSet that it has: how many replicas, and what it notes of them."""
    if _controller(live).get("kind") == "Deployment" and not _controller(desired):
        put(desired, "metadata", "ownerReferences", value=live["metadata"]["ownerReferences"])
        _carry_spec(live, desired, "replicas")
        _carry_annotations(live, desired, _SCALES)


def _clear_counters(obj: Object, _: Context) -> None:
    for annotation in _COUNTERS:
        remove(obj, "metadata", "annotations", annotation)


def _carry_counters(live: Object, desired: Object, _: Context) -> None:
    _carry_annotations(live, desired, _COUNTERS)


def _carry_annotations(live: Object, desired: Object, names: tuple[str, ...]) -> None:
    for name in names:
        if name in at(live, "metadata", "annotations"):
            put(desired, "metadata", "annotations", name, value=live["metadata"]["annotations"][name])


def _controller(obj: Object) -> Object:
    """The owner reference of the controller; empty if there is none."""
    return next((owner for owner in items(obj, "metadata", "ownerReferences") if owner.get("controller")), {})


WORKLOADS: tuple[Transform, ...] = (
    Transform(
        "finished-pod",
        "A Pod that has finished would do its work a second time.",
        _PODS,
        refuse=_refuse_finished_pod,
    ),
    Transform(
        "pod-node",
        "The node that a Pod ran on may not be there, so the scheduler places the Pod again.",
        _PODS,
        change=_clear_node,
        carry=_carry_node,
    ),
    Transform(
        "pod-priority",
        "The numbers behind a Pod's PriorityClass are filled in by the server, which refuses a Pod with others than"
        " those of the class.",
        _PODS,
        change=_clear_priority,
        carry=_carry_priority,
    ),
    Transform(
        "pod-ephemeral-containers",
        "Ephemeral containers are debugging sessions of the past, and a Pod cannot be created with them.",
        _PODS,
        change=_clear_ephemeral_containers,
        carry=_carry_ephemeral_containers,
    ),
    Transform(
        "pod-token-volumes",
        "A Pod of a cluster before 1.24 mounts a generated token, which is not restored; without that volume the Pod gets a"
        " token of the target.",
        _PODS,
        change=_drop_token_volumes,
        carry=_carry_token_volumes,
    ),
    Transform(
        "finished-job",
        "A Job that has finished would do its work a second time.",
        _JOBS,
        refuse=_refuse_finished_job,
    ),
    Transform(
        "cron-job-run",
        "A Job that a CronJob started belongs to a moment of its schedule, and the restored CronJob starts its own.",
        _JOBS,
        refuse=_refuse_cron_job_run,
    ),
    Transform(
        "job-selector",
        "The server pins a Job's Pods to the Job's UID by a label, and refuses the UID of another Job; selectors that"
        " the user wrote (manualSelector) are kept.",
        _JOBS,
        change=_clear_job_selector,
        carry=_carry_job_selector,
    ),
    Transform(
        "deployment-history",
        "A Deployment's ReplicaSets are created before it, without an owner and with no replicas, so that it adopts them"
        " and its rollout history survives.",
        _REPLICA_SETS,
        change=_detach_from_deployment,
        carry=_carry_deployment,
    ),
    Transform(
        "rollout-counters",
        "The revision of a Deployment and the generation of a DaemonSet are counted by the server and its controllers,"
        " from what they find in the target.",
        frozenset({"deployments.apps", "daemonsets.apps"}),
        change=_clear_counters,
        carry=_carry_counters,
    ),
    Transform(
        "held-still",
        "What a restore held still while the backup was made comes back as it was before.",
        frozenset(PAUSES),
        change=_let_go,
    ),
)
