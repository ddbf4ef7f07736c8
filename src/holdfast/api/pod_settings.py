"""What a person may set on the pods that work for an object."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(max_length=253, pattern=r"^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$")]
"""Of an object in the same namespace. Kubernetes takes any text where a pod names a Secret, so no slash comes so far."""


class PodSettings(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Fields of Kubernetes' pods, in their spelling; they are checked by the API server when a pod is made."""

    resources: Annotated[dict[str, Any], Meta(description="Requests and limits of the container.")] = {}
    node_selector: dict[str, str] = {}
    tolerations: list[dict[str, Any]] = []
    priority_class_name: Name = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
