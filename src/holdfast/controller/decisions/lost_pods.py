"""Pods of runs that nobody will tell the end of, because their node does not answer any more.

Kubernetes asks such a pod to end, and its Job waits until the node says that it did: for ever, if it does not come back. That the
pod may still be at work is no harm: a run is safe beside another one.
"""

from __future__ import annotations

import datetime as dt

from holdfast.controller.actions import Bury
from holdfast.controller.subject import moment
from holdfast.controller.views import Pod
from holdfast.controller.world import World

_PATIENCE = dt.timedelta(seconds=20)
"""Beyond the time at which a node kills a pod for certain."""


def lost_pods(world: World, now: dt.datetime) -> list[Bury]:
    """Those whose time to end is over."""
    found = []
    for pod in world.all(Pod):
        ends = moment(pod.metadata.deletion_timestamp)  # has the grace period in it
        if ends is not None and not pod.has_ended and now >= ends + _PATIENCE:
            found.append(Bury(pod.metadata.namespace, pod.metadata.name, pod.metadata.uid))
    return found
