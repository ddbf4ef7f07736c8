"""Prometheus and its promtool, from Debian: they judge the metrics, the alerts and the queries of the dashboard."""

from __future__ import annotations

import http.client
import json
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testbed import cache, debian
from testbed.cache import Say, to_terminal
from testbed.loopback import ADDRESS, free_ports, wait_until
from testbed.workspace import Workspace

_INTERVAL = "200ms"


def programs(say: Say = to_terminal) -> Path:
    """The directory with `prometheus` and `promtool`. Raises ToolMissing, SetupFailed."""

    def fetch(directory: Path) -> None:
        say("fetching prometheus, about 10 s")
        debian.unpack(["prometheus"], debian.BOOKWORM, directory)

    return cache.provide(f"prometheus-{debian.BOOKWORM}", fetch, say) / "usr/bin"


class PrometheusServer:
    """A running Prometheus, which ends with the process that started it. It scrapes and evaluates five times a second."""

    def __init__(self, targets: Sequence[str], rules: Sequence[Path] = (), *, say: Say = to_terminal) -> None:
        """`targets` as `127.0.0.1:8080`. Returns when it answers. Raises ToolMissing, SetupFailed."""
        binary = programs(say) / "prometheus"
        [port] = free_ports(1)
        self.url = f"http://{ADDRESS}:{port}"
        self.workspace = Workspace.open("prometheus")
        configuration = self.workspace.directory / "prometheus.json"  # JSON is YAML
        configuration.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": _INTERVAL, "evaluation_interval": _INTERVAL},
                    "rule_files": [str(path) for path in rules],
                    "scrape_configs": [
                        {"job_name": "holdfast", "honor_labels": True, "static_configs": [{"targets": list(targets)}]}
                    ],
                }
            )
        )
        argv: list[str | Path] = [
            binary,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={self.workspace.directory / 'data'}",
            f"--web.listen-address={ADDRESS}:{port}",
        ]
        with self.workspace.stopped_on_error():
            self.workspace.start("prometheus", argv)
            wait_until(self._is_ready, "prometheus", self.workspace)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now. HTTPError if it is none."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def targets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get("targets")["activeTargets"]
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Those that are pending or firing."""
        found: list[dict[str, Any]] = self._get("alerts")["alerts"]
        return found

    def _is_ready(self) -> bool:
        """It answers 503 while it reads what it has."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):
                return True
        except (OSError, http.client.HTTPException):
            return False

    def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}") as answer:
            data: dict[str, Any] = json.load(answer)["data"]
        return data

    def stop(self) -> None:
        self.workspace.stop()
