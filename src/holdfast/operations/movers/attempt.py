"""One pod of a mover, from the beginning of its container to its end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import msgspec

from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.errors import ClusterError
from holdfast.manifests.run_pod import CONTAINER
from holdfast.objects.fields import Object, at, name_of, namespace_of, text
from holdfast.objects.lost_pods import lost_status
from holdfast.operations.movers import outcomes
from holdfast.operations.movers.kinds import PODS
from holdfast.operations.movers.sight import Sight

_LOOK = 1.0  # seconds between two looks at a pod that nothing is heard of
_LATE_LOG = 15.0  # seconds that the end of a log may need after the end of its pod
_SILENT_NODE = 20.0  # seconds beyond the time at which a node kills a pod for certain
_GRACE = 30.0  # seconds, if the pod does not say


class _Over(Exception):
    """Nothing more is to be expected."""


class Attempt:
    def __init__(self, pod: Object, cluster: Cluster, sight: Sight, check: Callable[[], None]) -> None:
        """`check` raises when all is to end."""
        self.pod = pod  # as it was seen last
        self.is_lost = False  # it was told to end, and its node does not say that it did
        self._cluster = cluster
        self._sight = sight
        self._check = check
        self._clock = cluster.connection.clock
        self._is_gone = False
        self._over_since: float | None = None
        self._told_to_end: float | None = None  # when that was noticed

    def lines(self) -> Iterator[bytes]:
        """What its container writes, until no more can be expected. Raises ApiRefused, and what `check` raises."""
        if outcomes.has_ended(self.pod) and not outcomes.terminated(self.pod):
            return  # it never had one
        with contextlib.suppress(_Over):
            yield from self._cluster.follow_log(
                namespace_of(self.pod), name_of(self.pod), CONTAINER, go_on=self._go_on, has_ended=self._has_ended
            )

    def wait_end(self) -> None:
        """Until it is said how it ended, or nobody will say it. Raises what `check` raises."""
        with contextlib.suppress(_Over):
            while not (self._is_gone or outcomes.has_ended(self.pod)):
                self._go_on()
                self._sight.wait(_LOOK)

    def bury(self) -> None:
        """Says in the place of a node that does not answer that its pod has failed, so that its Job makes another one."""
        body = {"metadata": {"uid": text(self.pod, "metadata", "uid")}, "status": lost_status()}
        with contextlib.suppress(ClusterError):  # the node may be back, or the pod gone
            self._cluster.patch(
                PODS,
                namespace_of(self.pod),
                name_of(self.pod),
                msgspec.json.encode(body),
                patch_type=PatchType.MERGE,
                subresource="status",
            )

    def _go_on(self) -> None:
        self._check()
        now = self._clock.monotonic()
        self._look()
        if self._has_ended():
            self._over_since = now if self._over_since is None else self._over_since
            if now - self._over_since > _LATE_LOG:
                raise _Over
        elif "deletionTimestamp" in at(self.pod, "metadata"):
            self._told_to_end = now if self._told_to_end is None else self._told_to_end
            grace = at(self.pod, "metadata").get("deletionGracePeriodSeconds", _GRACE)
            if now - self._told_to_end > grace + _SILENT_NODE:
                self.is_lost = True
                raise _Over

    def _look(self) -> None:
        seen = self._sight.pod(name_of(self.pod))
        self._is_gone = seen is None or text(seen, "metadata", "uid") != text(self.pod, "metadata", "uid")
        if seen is not None and not self._is_gone:
            self.pod = seen

    def _has_ended(self) -> bool:
        return self._is_gone or outcomes.has_ended(self.pod) or bool(outcomes.terminated(self.pod))
