"""What one account asked an API server for, by the server's own audit log."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml


class Request(NamedTuple):
    at: float  # seconds since 1970, when it was answered
    verb: str  # "get", "list", "create", "patch", …
    resource: str  # "cronjobs", "backupplans/status"; "" for what is no object

    @property
    def writes(self) -> bool:
        return self.verb not in ("get", "list")


class Audit:
    """`flags` make an API server note what `user` asks for; watches, which stay open, are not noted."""

    def __init__(self, directory: Path, user: str) -> None:
        self._log = directory / "audit.log"
        policy = directory / "policy.yaml"
        policy.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "audit.k8s.io/v1",
                    "kind": "Policy",
                    "omitStages": ["RequestReceived", "ResponseStarted"],
                    "rules": [
                        {"level": "None", "verbs": ["watch"]},
                        {"level": "Metadata", "users": [user]},
                        {"level": "None"},
                    ],
                }
            )
        )
        self.flags: Sequence[str] = (f"--audit-policy-file={policy}", f"--audit-log-path={self._log}")

    def between(self, begin: float, end: float) -> list[Request]:
        """What was answered in this time, in seconds since 1970."""
        noted = (
            [_request(json.loads(line)) for line in self._log.read_text().splitlines()] if self._log.exists() else []
        )
        return [one for one in noted if begin <= one.at < end]


def summary(requests: Sequence[Request], limit: int = 4) -> str:
    """The most frequent ones: `12 update leases, 1 create jobs`."""
    counted = Counter(f"{one.verb} {one.resource}" for one in requests)
    return ", ".join(f"{count:,} {what}" for what, count in counted.most_common(limit))


def _request(event: dict[str, object]) -> Request:
    reference = event.get("objectRef") or {}
    assert isinstance(reference, dict)
    resource = "/".join(part for part in (reference.get("resource"), reference.get("subresource")) if part)
    at = dt.datetime.fromisoformat(str(event["stageTimestamp"])).timestamp()
    return Request(at, str(event["verb"]), resource)
