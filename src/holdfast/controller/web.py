"""What is served at which path."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.controller.health import Health
from holdfast.controller.http_server import Answer, Request, verdict
from holdfast.controller.metrics.exposition import Exposition


def routes(exposition: Exposition, health: Health) -> dict[str, Callable[[Request], Answer]]:
    """For HttpServer."""

    def metrics(request: Request) -> Answer:
        body, content_type = exposition.render(request.accept)
        return Answer(body, content_type=content_type)

    return {
        "/metrics": metrics,
        "/healthz": lambda _: verdict(health.why_not_alive()),
        "/readyz": lambda _: verdict(health.why_not_ready()),
    }
