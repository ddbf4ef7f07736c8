"""Where an object lies in a backup: `/objects/<group or core>/<version>/<plural>/<namespace or _cluster>/<name>.json`.

Names of Kubernetes objects may hold any character but `/` and `%`, and RBAC names do (`system:controller:x`). A `%` is
therefore free to mark what a file name cannot carry: control characters become `%0A`, and a name that is too long for a
file is cut and ends with `%%` and a hash of the whole. The full name of such an object is in its own metadata.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from holdfast.errors import DamagedData
from holdfast.model.kubernetes import ObjectKey, Resource

ROOT = "/objects"
CORE = "core"
CLUSTER = "_cluster"  # no namespace can have this name
SUFFIX = ".json"

_MAX_FILE_NAME = 255  # bytes, on every file system in use
_HASH_DIGITS = 32
_MARK = "%%"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPED = re.compile(r"%([0-9A-F]{2})")


class ObjectPath(NamedTuple):
    group: str  # "" for the core group
    version: str
    plural: str
    namespace: str  # "" for cluster-scoped objects
    name: str | None  # None: shortened, to be read from the object

    def key(self, name: str) -> ObjectKey:
        """The object's key; `name` as its metadata says, which shortened names need."""
        return ObjectKey(self.group, self.plural, self.namespace, name)


def object_path(resource: Resource, namespace: str, name: str) -> str:
    """The path of one object; every file name in it has at most 255 bytes."""
    group = resource.group or CORE
    return f"{ROOT}/{group}/{resource.version}/{resource.plural}/{namespace or CLUSTER}/{_file_name(name)}"


def parse_object_path(path: str) -> ObjectPath:
    """The inverse of `object_path`. Raises DamagedData for a path of another shape."""
    match path.split("/"):
        case ["", "objects", group, version, plural, namespace, file_name] if file_name.endswith(SUFFIX) and all(
            (group, version, plural, namespace)
        ):
            stem = file_name.removesuffix(SUFFIX)
            name = None if _MARK in stem else _ESCAPED.sub(lambda found: chr(int(found[1], 16)), stem)
            return ObjectPath(
                "" if group == CORE else group, version, plural, "" if namespace == CLUSTER else namespace, name
            )
        case _:
            raise DamagedData(
                f"{path!r:.300} is not the path of an object",
                why=f"it should read {ROOT}/<group>/<version>/<plural>/<namespace>/<name>{SUFFIX}",
            )


def _file_name(name: str) -> str:
    stem = _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name)
    room = _MAX_FILE_NAME - len(SUFFIX)
    encoded = stem.encode()
    if len(encoded) > room:
        digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]
        # `ignore` drops the character that the cut went through.
        kept = encoded[: room - len(_MARK) - _HASH_DIGITS].decode(errors="ignore")
        stem = f"{kept}{_MARK}{digest}"
    return stem + SUFFIX
