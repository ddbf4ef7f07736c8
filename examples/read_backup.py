"""Prints the image of every container in the newest backup: `read_backup.py`, with HOLDFAST_REPOSITORY and HOLDFAST_PASSWORD.

It runs `holdfast` with -o json, whose documents are described in docs/json-output.md.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any


def holdfast(*arguments: str) -> Any:
    return json.loads(subprocess.check_output(["holdfast", *arguments, "-o", "json"]))


def main() -> None:
    for kind in ("deployments", "statefulsets"):
        for entry in holdfast("backup", "browse", "latest", f"/objects/apps/v1/{kind}", "--recursive"):
            if entry["type"] == "file":
                workload = holdfast("backup", "cat", "latest", entry["path"])
                name = f"{workload['metadata']['namespace']}/{workload['metadata']['name']}"
                for container in workload["spec"]["template"]["spec"]["containers"]:
                    print(f"{kind:12} {name:24} {container['image']}")


if __name__ == "__main__":
    main()
