"""Why an object does not become ready: from its own conditions, what it made, its pods, its claims and their events.

Controllers say why in different places: a Deployment's ReplicaSet in a condition, a StatefulSet in events, a pod in its
containers' states. This looks at all of them and says each cause once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from holdfast.objects.fields import Object, at, items, name_of
from holdfast.objects.pod_trouble import Cause, newest, pod_trouble, shortened
from holdfast.objects.readiness import condition

_MOST_CAUSES = 3
_NOT_CREATED: tuple[tuple[str, str], ...] = (
    ("exceeded quota", "Raise the quota, or lower what the pods request."),
    ("violates PodSecurity", "Give the namespace a level of Pod Security that allows these pods, or change them."),
    ("usage per", "Change the LimitRange, or what the pods request."),
    ("error looking up service account", "Restore the ServiceAccount too, or create it."),
    ("no PriorityClass with name", "Restore the PriorityClass too, or create it."),
    ("failed calling webhook", "Repair the webhook, or remove its configuration."),
)
"""(what the refusal has, what to do), the first that fits."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is in one namespace, each as lists gave it."""

    replica_sets: Sequence[Object] = ()
    pods: Sequence[Object] = ()
    claims: Sequence[Object] = ()
    jobs: Sequence[Object] = ()
    events: Sequence[Object] = ()
    unread: Sequence[str] = field(default=())  # kinds that this account may not list


def why_not_ready(group_resource: str, obj: Object, around: Surroundings) -> list[Cause]:
    """At least one cause; the first is what to look at first."""
    found = dict.fromkeys(_causes(group_resource, obj, around))
    return list(found)[:_MOST_CAUSES] or [_unknown(group_resource, obj, around)]


def events_of(obj: Object, events: Sequence[Object]) -> list[Object]:
    """Those about this object, not about an earlier one of its name."""
    uid = at(obj, "metadata").get("uid")
    return [event for event in events if at(event, "involvedObject").get("uid") == uid]


def _causes(group_resource: str, obj: Object, around: Surroundings) -> Iterator[Cause]:
    owned = _owned(obj, [*around.replica_sets, *around.jobs])
    for maker in (obj, *owned):
        yield from _creation(maker, around)
    pods = [obj] if group_resource == "pods" else _owned_by([obj, *owned], around.pods)
    for pod in pods:
        if condition(pod, "Ready").get("status") != "True" and at(pod, "status").get("phase") != "Succeeded":
            yield from _claims(pod, around)
            cause = pod_trouble(pod, events_of(pod, around.events))
            if cause is not None:
                yield cause._replace(why=f"{cause.why} (pod {name_of(pod)})") if group_resource != "pods" else cause
    if group_resource == "persistentvolumeclaims":
        yield from _claim(obj, around)
    failed = condition(obj, "Failed")
    if failed.get("status") == "True":
        yield Cause(_said(failed), "Look at the log of its pods, and make it again.")
    if group_resource == "services" and (message := newest(events_of(obj, around.events), "SyncLoadBalancerFailed")):
        yield Cause(message, "Look at what gives load balancers their addresses here.")


def _creation(maker: Object, around: Surroundings) -> Iterator[Cause]:
    """Pods or claims that the server did not let it make."""
    refused = condition(maker, "ReplicaFailure")
    message = shortened(str(refused.get("message", ""))) if refused.get("status") == "True" else ""
    message = message or newest(events_of(maker, around.events), "FailedCreate")
    if message:
        to_do = next((text for part, text in _NOT_CREATED if part in message), "See what the server refuses, and why.")
        yield Cause(f"its pods cannot be created: {message}", to_do)


def _claims(pod: Object, around: Surroundings) -> Iterator[Cause]:
    """Claims of a pod that are not bound, which is why it is not scheduled."""
    if at(pod, "spec").get("nodeName"):
        return
    named = {str(at(volume, "persistentVolumeClaim").get("claimName")) for volume in items(pod, "spec", "volumes")}
    for claim in around.claims:
        if name_of(claim) in named and at(claim, "status").get("phase") != "Bound":
            for cause in _claim(claim, around):
                yield cause._replace(why=f"the claim {name_of(claim)} is not bound: {cause.why}")


def _claim(claim: Object, around: Surroundings) -> Iterator[Cause]:
    events, spec = events_of(claim, around.events), at(claim, "spec")
    class_name = spec.get("storageClassName")
    if at(claim, "status").get("phase") == "Lost":
        yield Cause(f"its volume {spec.get('volumeName')} is gone", "Make the claim anew, or bring the volume back.")
    elif message := newest(events, "ProvisioningFailed"):
        other = "Use a storage class of this cluster with --map-storage-class."
        yield Cause(message, other if "not found" in message else f"Look at the provisioner of the class {class_name}.")
    elif message := newest(events, "FailedBinding", "VolumeMismatch"):
        yield Cause(message, "Give the claim a storage class, or make a volume that fits it.")
    elif message := newest(events, "ExternalProvisioning", "Provisioning"):
        yield Cause(message, f"See whether the provisioner of the class {class_name} runs.")


def _owned(obj: Object, others: Sequence[Object]) -> list[Object]:
    return _owned_by([obj], others)


def _owned_by(makers: Sequence[Object], others: Sequence[Object]) -> list[Object]:
    uids = {at(maker, "metadata").get("uid") for maker in makers}
    return [
        one for one in others if any(owner.get("uid") in uids for owner in items(one, "metadata", "ownerReferences"))
    ]


def _unknown(group_resource: str, obj: Object, around: Surroundings) -> Cause:
    if around.unread:
        kinds = ", ".join(around.unread)
        return Cause(f"this account may not list {kinds}, so nobody can say why", f"Grant the verb list on {kinds}.")
    for one in items(obj, "status", "conditions"):
        if (
            one.get("status") != "True"
            and one.get("message")
            and one.get("type") in ("Ready", "Available", "Progressing")
        ):
            return Cause(_said(one), "Look at the controller of this kind, and its log.")
    if group_resource == "services":
        return Cause("nothing has given it an address", "See whether something in this cluster serves load balancers.")
    if not at(obj, "status"):
        return Cause("nothing has written its status", "See whether the controller of this kind runs.")
    return Cause("its controller says nothing about it yet", "It may need more time: --wait-timeout.")


def _said(found: Object) -> str:
    return shortened(": ".join(filter(None, (str(found.get("reason", "")), str(found.get("message", ""))))))
