"""Rows for `--map-image` and `--map-node-label`: what runs, and where it may run."""

from __future__ import annotations

from holdfast.objects.fields import Object, at, items
from holdfast.objects.pod_specs import containers, pod_specs
from holdfast.objects.transforms.transform import Context, Transform


def _map_images(obj: Object, context: Context) -> None:
    images = context.mapping.images
    if not images:
        return
    for spec in pod_specs(obj):
        for container in containers(spec):
            if isinstance(container.get("image"), str):
                container["image"] = images[container["image"]]
        for volume in items(spec, "volumes"):
            source = at(volume, "image")
            if isinstance(source.get("reference"), str):
                source["reference"] = images[source["reference"]]


def _map_node_labels(obj: Object, context: Context) -> None:
    labels = context.mapping.node_labels
    if not labels:
        return
    for spec in pod_specs(obj):
        labels.map_pod_spec(spec)
    if obj.get("kind") == "PersistentVolume":
        labels.map_volume(at(obj, "spec"))
    if obj.get("kind") == "StorageClass":
        labels.map_topologies(obj)


PLACEMENT: tuple[Transform, ...] = (
    Transform(
        "images",
        "With --map-image, containers of every sort and image volumes come from the new registry or repository, in all"
        " kinds that have a pod template, custom ones too.",
        change=_map_images,
    ),
    Transform(
        "node-labels",
        "With --map-node-label, pods, volumes and storage classes choose nodes by the labels that nodes have in the target.",
        change=_map_node_labels,
    ),
)
