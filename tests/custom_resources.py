"""Our custom resources in a test's cluster, with a schema that takes every field."""

from __future__ import annotations

import time

from testbed.errors import ApiFailed

from holdfast.api.names import RESOURCES

_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def define_custom_resources(cluster):
    """Makes those that are missing, and waits until they are served."""
    for resource in RESOURCES:
        try:
            cluster.api.create(_PATH, _definition(resource))
        except ApiFailed as error:
            if error.status != 409:
                raise
    for resource in RESOURCES:
        _wait(
            lambda path=f"/apis/{resource.group}/{resource.version}/{resource.plural}": cluster.api.request("GET", path)
        )


def _definition(resource):
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced",
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": resource.kind.lower(),
            },
            "versions": [
                {
                    "name": resource.version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def _wait(ask):
    deadline = time.monotonic() + 60
    while True:
        try:
            return ask()
        except ApiFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
