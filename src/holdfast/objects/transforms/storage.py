"""Rows for PersistentVolumes, PersistentVolumeClaims and storage classes."""

from __future__ import annotations

from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.fields import Object, at, maps_within, name_of, namespace_of, put, remove
from holdfast.objects.transforms.transform import Context, Transform

_CLAIMS = frozenset({"persistentvolumeclaims"})
_VOLUMES = frozenset({"persistentvolumes"})
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
_BINDING_NOTES = (
    "pv.kubernetes.io/bind-completed",
    _BOUND_BY_CONTROLLER,
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-resizer",
    "volume.beta.kubernetes.io/storage-provisioner",
)
_SOURCES = ("dataSource", "dataSourceRef")


def _map_storage_class(obj: Object, context: Context) -> None:
    classes = context.mapping.storage_classes
    if not classes:
        return
    for part in maps_within(obj):
        if "storageClassName" in part:
            part["storageClassName"] = classes[part["storageClassName"]]
        annotations = at(part, "annotations")
        if _BETA_CLASS in annotations:
            annotations[_BETA_CLASS] = classes[annotations[_BETA_CLASS]]


def _set_claim_size(obj: Object, context: Context) -> None:
    size = context.mapping.claim_sizes.get(f"{namespace_of(obj)}/{name_of(obj)}")
    if size:
        put(obj, "spec", "resources", "requests", "storage", value=size)


def _refuse_provisioned_volume(obj: Object, _: Context) -> str | None:
    provisioner = at(obj, "metadata", "annotations").get(_PROVISIONED_BY)
    return (
        f"{provisioner} made this volume for its claim, and makes a new one for the restored claim"
        if provisioner
        else None
    )


def _release_claim_reference(obj: Object, context: Context) -> None:
    reference = at(obj, "spec", "claimRef")
    remove(reference, "uid")
    remove(reference, "resourceVersion")
    if "namespace" in reference:
        reference["namespace"] = context.mapping.namespaces[reference["namespace"]]


def _carry_claim_reference(live: Object, desired: Object, _: Context) -> None:
    """Keeps a binding that is alive. A volume that its claim has left is Released, and bound again without the UID."""
    old, new = at(live, "spec", "claimRef"), at(desired, "spec", "claimRef")
    if at(live, "status").get("phase") == "Bound" and (not new or _claim(old) == _claim(new)):
        put(desired, "spec", "claimRef", value=old)
        if _BOUND_BY_CONTROLLER in at(live, "metadata", "annotations"):
            put(desired, "metadata", "annotations", _BOUND_BY_CONTROLLER, value="yes")


def _merge_released_volume(live: Object, desired: Object, context: Context) -> Object | None:
    reference = at(live, "spec", "claimRef")
    if not _is_released(live) or _claim(reference) != _claim(at(desired, "spec", "claimRef")):
        return None
    if not context.in_plan(_claim(reference)):
        return None
    remove(reference, "uid")
    remove(reference, "resourceVersion")
    return live


def _claim(reference: Object) -> ObjectKey:
    return ObjectKey("", "persistentvolumeclaims", reference.get("namespace", ""), reference.get("name", ""))


def _is_released(volume: Object) -> bool:
    return at(volume, "status").get("phase") == "Released" and "deletionTimestamp" not in at(volume, "metadata")


def _clear_volume_name(obj: Object, context: Context) -> None:
    volume = at(obj, "spec").get("volumeName")
    if not volume:
        return
    namespace = context.mapping.namespaces[namespace_of(obj)]
    claim = ObjectKey("", "persistentvolumeclaims", namespace, name_of(obj))
    if not _will_bind(ObjectKey("", "persistentvolumes", "", volume), claim, context):
        remove(obj, "spec", "volumeName")


def _will_bind(volume: ObjectKey, claim: ObjectKey, context: Context) -> bool:
    """Whether the named volume will be there and free for this claim; a claim waits for any other one for ever."""
    live = context.live(volume)
    if live is None:
        return context.in_plan(volume)
    reference = at(live, "spec", "claimRef")
    if "deletionTimestamp" in at(live, "metadata") or (reference and _claim(reference) != claim):
        return False
    return not reference.get("uid") or (_is_released(live) and context.in_plan(volume))


def _carry_volume_name(live: Object, desired: Object, _: Context) -> None:
    volume = at(live, "spec").get("volumeName")
    if volume and not at(desired, "spec").get("volumeName"):
        put(desired, "spec", "volumeName", value=volume)


def _clear_binding_notes(obj: Object, _: Context) -> None:
    for annotation in _BINDING_NOTES:
        remove(obj, "metadata", "annotations", annotation)


def _carry_binding_notes(live: Object, desired: Object, _: Context) -> None:
    for annotation in _BINDING_NOTES:
        if annotation in at(live, "metadata", "annotations"):
            put(desired, "metadata", "annotations", annotation, value=live["metadata"]["annotations"][annotation])


def _clear_data_source(obj: Object, _: Context) -> None:
    if at(obj, "spec").get("volumeName"):
        for source in _SOURCES:
            remove(obj, "spec", source)


def _carry_data_source(live: Object, desired: Object, _: Context) -> None:
    for source in _SOURCES:
        if source in at(live, "spec") and source not in at(desired, "spec"):
            put(desired, "spec", source, value=live["spec"][source])


STORAGE: tuple[Transform, ...] = (
    Transform(
        "storage-class",
        "With --map-storage-class, claims, volumes and claim templates use the new class.",
        _CLAIMS
        | _VOLUMES
        | {
            "pods",
            "podtemplates",
            "replicationcontrollers",
            "deployments.apps",
            "statefulsets.apps",
            "daemonsets.apps",
            "replicasets.apps",
            "jobs.batch",
            "cronjobs.batch",
        },
        change=_map_storage_class,
    ),
    Transform(
        "claim-size",
        "With --volume-size, a claim asks for another size.",
        _CLAIMS,
        change=_set_claim_size,
    ),
    Transform(
        "provisioned-volume",
        "A dynamically provisioned PersistentVolume stands for storage that its provisioner made and may have deleted;"
        " the restored claim gets a new one.",
        _VOLUMES,
        refuse=_refuse_provisioned_volume,
    ),
    Transform(
        "volume-claim-reference",
        "A PersistentVolume is bound to the UID of a claim that is gone; without it the restored claim can bind again,"
        " also to a volume that was left Released.",
        _VOLUMES,
        change=_release_claim_reference,
        carry=_carry_claim_reference,
        merge=_merge_released_volume,
    ),
    # Before the next row, which removes what this one looks at.
    Transform(
        "claim-data-source",
        "A claim that was bound has been filled from its snapshot or clone already; restored with that source it would"
        " wait for something that may be gone.",
        _CLAIMS,
        change=_clear_data_source,
        carry=_carry_data_source,
    ),
    Transform(
        "claim-volume-name",
        "A claim that names a volume waits for just that one, so the name is kept only if the volume is restored too,"
        " or is there and free.",
        _CLAIMS,
        change=_clear_volume_name,
        carry=_carry_volume_name,
    ),
    Transform(
        "claim-binding-notes",
        "Annotations that say a claim is bound, on which node and by which provisioner, make controllers take a new"
        " claim for one that has lost its volume.",
        _CLAIMS,
        change=_clear_binding_notes,
        carry=_carry_binding_notes,
    ),
)
