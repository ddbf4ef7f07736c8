"""Puts the ConfigMaps and Secrets of a namespace back with restic and kubectl alone, for the day when nothing else is left.

    RESTIC_REPOSITORY=/srv/backups RESTIC_PASSWORD_FILE=… python3 restore_without_holdfast.py NAMESPACE

It knows none of the rules in docs/transforms.md, so other kinds need care.
"""

from __future__ import annotations

import json
import subprocess
import sys

_OF_THE_OLD_CLUSTER = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "ownerReferences")


def restic(verb: str, *arguments: str) -> bytes:
    return subprocess.check_output(["restic", verb, "--tag", "kind=app", "latest", *arguments])


def main(namespace: str) -> None:
    listing = restic("ls", "--json").splitlines()
    wanted = tuple(f"/objects/core/v1/{kind}/{namespace}/" for kind in ("configmaps", "secrets"))
    for path in (entry["path"] for line in listing if "path" in (entry := json.loads(line))):
        if path.startswith(wanted):
            content = json.loads(restic("dump", path))
            for field in _OF_THE_OLD_CLUSTER:
                content["metadata"].pop(field, None)
            subprocess.run(["kubectl", "create", "-f", "-"], input=json.dumps(content).encode(), check=True)


if __name__ == "__main__":
    main(sys.argv[1])
