"""Takes a Lease, renews it in a thread, and tells when it is lost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.controller import lease
from holdfast.controller.lease import LEASES, NAME, Lease, Seen
from holdfast.errors import ApiRefused, Cancelled, ClusterError, ClusterUnreachable
from holdfast.model.cancel import Cancel
from holdfast.model.clock import Clock

_LOST_RACE = frozenset(("Conflict", "AlreadyExists"))
_OUTDATED = _LOST_RACE | {"NotFound"}


class Election:
    """`acquire` returns when this one is the holder; `cancel` is requested as soon as it may not work any more."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        identity: str,
        clock: Clock,
        cancel: Cancel,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """`beat` is called while waiting."""
        self._cluster = cluster
        self._namespace = namespace
        self._identity = identity
        self._clock = clock
        self._cancel = cancel
        self._beat = beat
        self.is_lost = False
        self._seen: Seen | None = None
        self._held: Lease | None = (
            None  # as it was written last: a holder need not read it, because others would conflict
        )
        self._renewer = threading.Thread(target=self._renew, name="lease", daemon=True)

    def acquire(self) -> None:
        """Waits for an API server that is away, too. Raises Cancelled, and ApiRefused if the rights are missing."""
        while not self._try_patiently():
            self._beat()
            self._cancel.wait(lease.LOOK_EVERY)
            self._cancel.check()
        self._renewer.start()

    def release(self) -> None:
        """Lets another one begin at once. What goes wrong is of no matter: the lease runs out by itself."""
        self._cancel.request()
        if self._renewer.is_alive():
            self._renewer.join()
        apart = self._cluster.apart()
        with contextlib.closing(apart), contextlib.suppress(ClusterError):
            current = self._read(apart)
            body = lease.released(current, self._identity) if current is not None else None
            if body is not None:
                apart.replace(LEASES, self._namespace, NAME, msgspec.json.encode(body))

    def _renew(self) -> None:
        renewed = self._clock.monotonic()
        with contextlib.suppress(Cancelled):
            while True:
                self._cancel.wait(lease.RENEW_EVERY)
                try:
                    if not self._try():
                        break  # another one took it
                    renewed = self._clock.monotonic()
                except ClusterError:
                    if self._clock.monotonic() - renewed > lease.GIVE_UP_AFTER:
                        break
            self.is_lost = True
            self._cancel.request()

    def _try_patiently(self) -> bool:
        """Whoever only waits has nothing to lose, and is there as soon as the API server is."""
        try:
            return self._try()
        except ClusterUnreachable:
            return False

    def _try(self) -> bool:
        """One attempt to become or stay the holder."""
        if self._held is not None:
            try:
                return self._write(self._held)
            except ApiRefused as error:
                if error.reason not in _OUTDATED:
                    raise
                self._held = None
        try:
            return self._write(self._read(self._cluster))
        except ApiRefused as error:
            if error.reason in _LOST_RACE:
                return False
            raise

    def _write(self, current: Lease | None) -> bool:
        """Whether this one is the holder now. Raises ApiRefused with Conflict if `current` is not how the lease is."""
        monotonic = self._clock.monotonic()
        if current is not None:
            self._seen = lease.notice(current, self._seen, monotonic)
        body = lease.elect(current, self._seen, self._identity, self._clock.now(), monotonic)
        if body is None:
            return False
        encoded = msgspec.json.encode(body)
        if current is None:
            answer = self._cluster.create(LEASES, self._namespace, encoded)
        else:
            answer = self._cluster.replace(LEASES, self._namespace, NAME, encoded)
        self._held = msgspec.json.decode(answer, type=Lease)
        return True

    def _read(self, cluster: Cluster) -> Lease | None:
        found = cluster.get(LEASES, self._namespace, NAME)
        return msgspec.json.decode(found, type=Lease) if found is not None else None
