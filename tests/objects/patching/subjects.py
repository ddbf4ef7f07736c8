"""Objects that patches are tried on."""

from holdfast.model.kubernetes import Resource
from holdfast.objects.patching.patch import Subject, apply_patches

KINDS = {
    "Deployment": Resource("apps", "v1", "deployments", "Deployment", namespaced=True),
    "Pod": Resource("", "v1", "pods", "Pod", namespaced=True),
    "PersistentVolumeClaim": Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", namespaced=True),
    "PersistentVolume": Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False),
    "Widget": Resource("example.com", "v1", "widgets", "Widget", namespaced=True),
}


def subject(kind="Deployment", name="web", namespace="shop", labels=None, now=None, **fields):
    """An object that is in `now` in the target, by default in the same namespace."""
    resource = KINDS[kind]
    metadata = {"name": name, "labels": labels or {}}
    if resource.namespaced:
        metadata["namespace"] = now or namespace
    body = {"apiVersion": resource.api_version, "kind": kind, "metadata": metadata, **fields}
    return Subject(resource, namespace if resource.namespaced else "", name, body)


def patched(patches, one):
    """The object after the patches. Fails with their reason."""
    result = apply_patches(patches, one)
    assert not result.failure, result.failure
    return result.object


def failure(patches, one):
    result = apply_patches(patches, one)
    assert result.object is None
    return result.failure


def is_for(patches, one):
    return [patch.place.rpartition(" ")[2] for patch in apply_patches(patches, one).used]
