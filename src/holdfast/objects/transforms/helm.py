"""The row for Helm's releases under `--map-namespace`.

Helm keeps each revision of a release as JSON in a Secret (or a ConfigMap): gzip in base64, and in a Secret base64 once more.
The release names its namespace, and so may the objects in its manifest, which is text. Left as it is, `helm upgrade` or
`helm uninstall` of the copy would delete the originals: they are in the old manifest and not in the new one.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import zlib
from typing import Any

from holdfast.objects.fields import Object, at, items
from holdfast.objects.mapping import NameMap
from holdfast.objects.transforms.transform import Context, Transform

_PREFIX = "sh.helm.release.v1."
_LARGEST = 64 << 20  # bytes of a release; Helm's own are below some MiB, since a Secret is
_GZIP = b"\x1f\x8b"
_NAMESPACE_LINE = re.compile(r"""^(\s*(?:- )?namespace:\s*)(["']?)([a-z0-9-]+)\2(\s*(?:#.*)?)$""", re.MULTILINE)


def _map_release(obj: Object, context: Context) -> None:
    namespaces = context.mapping.namespaces
    release = _read(obj) if namespaces else None
    if release is None:
        return
    if isinstance(release.get("namespace"), str):
        release["namespace"] = namespaces[release["namespace"]]
    for part in (release, *items(release, "hooks")):
        if isinstance(part.get("manifest"), str):
            part["manifest"] = _map_manifest(part["manifest"], namespaces)
    obj["data"]["release"] = _written(release, obj)


def _carry_release(live: Object, desired: Object, _: Context) -> None:
    """The same release may be compressed otherwise."""
    release = _read(desired)
    if release is not None and _read(live) == release:
        desired["data"]["release"] = live["data"]["release"]


def _map_manifest(text: str, namespaces: NameMap) -> str:
    return _NAMESPACE_LINE.sub(lambda found: f"{found[1]}{found[2]}{namespaces[found[3]]}{found[2]}{found[4]}", text)


def _read(obj: Object) -> dict[str, Any] | None:
    """The release; None if this is none, or cannot be read: then it stays as it is."""
    text = at(obj, "data").get("release")
    if not str(at(obj, "metadata").get("name", "")).startswith(_PREFIX) or not isinstance(text, str):
        return None
    try:
        data = base64.b64decode(text, validate=True)
        if obj.get("kind") == "Secret":
            data = base64.b64decode(data, validate=True)
        if data.startswith(_GZIP):
            data = zlib.decompressobj(wbits=31).decompress(data, _LARGEST)
        release = json.loads(data)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return release if isinstance(release, dict) else None


def _written(release: dict[str, Any], obj: Object) -> str:
    text = json.dumps(release, ensure_ascii=False, separators=(",", ":")).encode()
    data = base64.b64encode(gzip.compress(text, mtime=0))
    return (base64.b64encode(data) if obj.get("kind") == "Secret" else data).decode()


HELM: tuple[Transform, ...] = (
    Transform(
        "helm-release",
        "With --map-namespace, a Helm release is of its new namespace, in the lines `namespace:` of its manifest too, or"
        " Helm would take the originals for parts of the copy and delete them.",
        frozenset({"configmaps", "secrets"}),
        change=_map_release,
        carry=_carry_release,
    ),
)
