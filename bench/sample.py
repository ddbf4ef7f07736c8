"""The objects that are backed up and restored: ConfigMaps and Secrets like those of real applications.

Half of each, in all about 1.5 KB an object as an API server lists it. ConfigMaps hold settings as text, which compresses;
Secrets hold random bytes, which do not. The same numbers give the same objects in every run.
"""

from __future__ import annotations

import base64
import json
import random
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

FIELD_MANAGER = "bench"
_WORDS = [
    "cache",
    "connection",
    "database",
    "debug",
    "enabled",
    "endpoint",
    "feature",
    "host",
    "interval",
    "level",
    "limit",
    "log",
    "max",
    "memory",
    "metrics",
    "min",
    "name",
    "path",
    "pool",
    "port",
    "prefix",
    "queue",
    "region",
    "replica",
    "retry",
    "secret",
    "server",
    "service",
    "size",
    "thread",
    "timeout",
    "token",
    "trace",
    "url",
    "user",
    "worker",
]


class Sample(NamedTuple):
    plural: str
    name: str
    body: dict[str, Any]  # what a user sends


def samples(count: int, namespace: str, *, seed: int = 1) -> Iterator[Sample]:
    """`count` objects of one namespace."""
    chosen = random.Random(f"{seed}/{namespace}")
    for number in range(count):
        kind, plural = (("ConfigMap", "configmaps"), ("Secret", "secrets"))[number % 2]
        name = f"{chosen.choice(_WORDS)}-{chosen.choice(_WORDS)}-{number:05d}"
        size = int(chosen.lognormvariate(6.55, 0.75))  # bytes of data: 150 to 3000, seldom more
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {"app.kubernetes.io/name": chosen.choice(_WORDS), "app.kubernetes.io/part-of": "bench"},
            },
            "data": _settings(chosen, size) if kind == "ConfigMap" else _credentials(chosen, size),
        }
        if kind == "Secret":
            body["type"] = "Opaque"
        yield Sample(plural, name, body)


def stored(sample: Sample) -> bytes:
    """The object as an API server keeps it after a create, in JSON, for writing it past the server into its etcd."""
    metadata = sample.body["metadata"]
    fields = {
        "f:data": {".": {}} | {f"f:{key}": {} for key in sample.body["data"]},
        "f:metadata": {"f:labels": {".": {}} | {f"f:{key}": {} for key in metadata["labels"]}},
    }
    if "type" in sample.body:
        fields["f:type"] = {}
    kept = metadata | {
        "uid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{metadata['namespace']}/{sample.plural}/{sample.name}")),
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [
            {
                "manager": FIELD_MANAGER,
                "operation": "Update",
                "apiVersion": "v1",
                "time": "2026-01-01T00:00:00Z",
                "fieldsType": "FieldsV1",
                "fieldsV1": fields,
            }
        ],
    }
    return json.dumps(sample.body | {"metadata": kept}, separators=(",", ":")).encode()


def _settings(chosen: random.Random, size: int) -> dict[str, str]:
    lines = []
    while size > 0:
        line = f"{chosen.choice(_WORDS)}.{chosen.choice(_WORDS)}={chosen.choice(_WORDS)}-{chosen.randrange(10_000)}"
        lines.append(line)
        size -= len(line) + 1
    return {"application.properties": "\n".join(lines), "LOG_LEVEL": chosen.choice(("debug", "info", "warn"))}


def _credentials(chosen: random.Random, size: int) -> dict[str, str]:
    return {
        "username": _encoded(chosen.choice(_WORDS).encode()),
        "password": _encoded(chosen.randbytes(18)),
        "tls.key": _encoded(chosen.randbytes(max(16, size * 3 // 4))),
    }


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
