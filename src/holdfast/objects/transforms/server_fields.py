"""Rows for fields that every object has and that the server or its controllers write."""

from __future__ import annotations

from holdfast.objects.fields import Object, at, put, remove
from holdfast.objects.transforms.transform import Context, Transform

_SERVER_METADATA = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
)
_TRANSIENT_FINALIZERS = frozenset(
    {
        # Steps of a deletion that was going on.
        "orphan",
        "foregroundDeletion",
        "customresourcecleanup.apiextensions.k8s.io",
        # Put back by their controllers, if these run in the target; if not, nobody would ever remove them.
        "batch.kubernetes.io/job-tracking",
        "external-provisioner.volume.kubernetes.io/finalizer",
        "kubernetes.io/pv-controller",
        "kubernetes.io/pv-protection",
        "kubernetes.io/pvc-protection",
        "service.kubernetes.io/load-balancer-cleanup",
    }
)
_TRANSIENT_PREFIXES = ("external-attacher/", "snapshot.storage.kubernetes.io/")


def _is_transient(finalizer: str) -> bool:
    return finalizer in _TRANSIENT_FINALIZERS or finalizer.startswith(_TRANSIENT_PREFIXES)


def _drop_finalizers(obj: Object, _: Context) -> None:
    metadata = at(obj, "metadata")
    _set_finalizers(metadata, [name for name in metadata.get("finalizers") or [] if not _is_transient(name)])


def _carry_finalizers(live: Object, desired: Object, _: Context) -> None:
    metadata = at(desired, "metadata")
    wanted = metadata.get("finalizers") or []
    kept = [name for name in at(live, "metadata").get("finalizers") or [] if name in wanted or _is_transient(name)]
    _set_finalizers(metadata, [*kept, *(name for name in wanted if name not in kept)])


def _set_finalizers(metadata: Object, finalizers: list[str]) -> None:
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)


def _drop_generate_name(obj: Object, _: Context) -> None:
    remove(obj, "metadata", "generateName")


def _carry_generate_name(live: Object, desired: Object, _: Context) -> None:
    if "generateName" in at(live, "metadata"):
        put(desired, "metadata", "generateName", value=live["metadata"]["generateName"])


def _has_status(obj: Object, context: Context) -> bool:
    """Whether the server keeps status apart. In custom resources without the subresource it is the user's own data."""
    return "status" in context.subresources(str(obj.get("apiVersion", "")), str(obj.get("kind", "")))


def _drop_status(obj: Object, context: Context) -> None:
    if _has_status(obj, context):
        obj.pop("status", None)


def _carry_status(live: Object, desired: Object, context: Context) -> None:
    if "status" in live and _has_status(live, context):
        desired["status"] = live["status"]


def _drop_server_metadata(obj: Object, _: Context) -> None:
    for field in _SERVER_METADATA:
        at(obj, "metadata").pop(field, None)


def _carry_server_metadata(live: Object, desired: Object, _: Context) -> None:
    for field in _SERVER_METADATA:
        if field in at(live, "metadata"):
            put(desired, "metadata", field, value=live["metadata"][field])


SERVER_FIELDS: tuple[Transform, ...] = (
    Transform(
        "finalizers",
        "Finalizers that protect or detach what this object had in the old cluster are put back by their controllers"
        " where they are needed; all others, the user's too, are kept.",
        change=_drop_finalizers,
        carry=_carry_finalizers,
    ),
    Transform(
        "generate-name",
        "The object has its name already; with generateName the server would answer a taken name by asking to try again.",
        change=_drop_generate_name,
        carry=_carry_generate_name,
    ),
    Transform(
        "status",
        "Status is what a controller observed in the old cluster, and it is observed anew; where a custom resource has"
        " no status subresource it is data, and kept.",
        change=_drop_status,
        carry=_carry_status,
    ),
    Transform(
        "server-metadata",
        "UID, versions, times and the record of field managers are the server's to set; it refuses or ignores others."
        " (Ownership of fields comes back by another way.)",
        change=_drop_server_metadata,
        carry=_carry_server_metadata,
    ),
)
