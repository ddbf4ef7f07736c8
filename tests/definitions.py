"""Puts our CustomResourceDefinitions into a cluster, and objects of our kinds with the fields that they must have."""

from __future__ import annotations

import json

from holdfast.api.names import API_VERSION
from holdfast.cluster.cluster import PatchType
from holdfast.manifests.crds.definitions import definitions
from holdfast.model.kubernetes import Resource

DEFINITIONS = Resource(
    group="apiextensions.k8s.io",
    version="v1",
    plural="customresourcedefinitions",
    kind="CustomResourceDefinition",
    namespaced=False,
)


def install_definitions(cluster):
    """Into a `holdfast.cluster.cluster.Cluster`; returns when objects can be made. May be done again."""
    for definition in definitions():
        body = json.dumps(definition).encode()
        name = definition["metadata"]["name"]
        cluster.patch(DEFINITIONS, "", name, body, patch_type=PatchType.APPLY, field_manager="tests", force=True)
    for definition in definitions():
        cluster.wait_established(definition["metadata"]["name"])
    cluster.refresh_surface()


def _object(kind, name, spec):
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def storage_location(name="main", **spec):
    return _object("StorageLocation", name, {"url": "s3:http://store:9000/backups", "secret": "store"} | spec)


def backup_plan(name="nightly", **spec):
    basic = {"schedule": "0 3 * * *", "location": "main", "backup": {"namespaces": ["shop"]}}
    return _object("BackupPlan", name, basic | spec)


def backup(name="before-upgrade", **spec):
    return _object("Backup", name, {"location": "main", "namespaces": ["shop"]} | spec)


def restore(name="back", **spec):
    return _object("Restore", name, {"location": "main", "backup": "latest"} | spec)
