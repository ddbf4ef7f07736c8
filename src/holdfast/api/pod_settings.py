"""What a person may set on the pods that work for an object."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from holdfast.api.rules import AS_A_WHOLE

Name = Annotated[str, Meta(max_length=253, pattern=r"^$|^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
"""Of an object in the same namespace. The empty text, in models with such a default, is none."""
Label = Annotated[str, Meta(max_length=63)]


class PodSettings(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Of the pods that work for this object. Fields of Kubernetes' pods, in their spelling, checked when a pod is made."""

    resources: Annotated[dict[str, Any], Meta(description="Requests and limits of the container.")] = {}
    node_selector: Annotated[
        dict[str, Label], Meta(max_length=64, description="Labels of the nodes that may run it.")
    ] = {}
    tolerations: Annotated[
        list[dict[str, Any]],
        AS_A_WHOLE,
        Meta(max_length=64, description="Taints of nodes that the pod bears."),
    ] = []
    priority_class_name: Annotated[Name, Meta(description="The pod's PriorityClass.")] = ""
    labels: Annotated[dict[str, Label], Meta(max_length=64, description="More labels of the pod.")] = {}
    annotations: Annotated[
        dict[str, Annotated[str, Meta(max_length=4096)]],
        Meta(max_length=64, description="More annotations of the pod."),
    ] = {}
