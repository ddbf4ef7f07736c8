"""Pods of nodes that do not answer: nobody but the node can say how such a pod ended, so somebody else says that it failed."""

from __future__ import annotations

from holdfast.objects.fields import Object, text

_NODE_LOST = "NodeLost"  # Kubernetes' own word for it (pkg/util/node)


def lost_status() -> Object:
    """The status that is written in the place of the node, so that a Job makes another pod."""
    return {"phase": "Failed", "reason": _NODE_LOST, "message": "The node did not say that the pod ended."}


def is_lost(pod: Object) -> bool:
    """Whether somebody has said so."""
    return text(pod, "status", "reason") == _NODE_LOST
