"""One command of a hook, and the record of what became of it."""

from __future__ import annotations

from typing import Any

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, ClusterError
from holdfast.model.hooks import Hook, HookOutcome, HookRecord, When
from holdfast.model.run import timestamp
from holdfast.objects.hooks.select import PodHooks

_UNAUTHORIZED = 401
_MOST_SAID = 200  # characters of what a command wrote to standard error that a record holds


class Attempt:
    """Begun by the constructor. Each of its methods gives the record that ends it."""

    def __init__(self, cluster: Cluster, pod: PodHooks, hook: Hook, when: When | None = None) -> None:
        self._clock = cluster.connection.clock
        self._pod = pod
        self._hook = hook
        self._when = when or hook.when
        self._started = self._clock.now()
        self._since = self._clock.monotonic()

    def done(self, **more: Any) -> HookRecord:
        return self._record(HookOutcome.DONE, more)

    def failed(self, why: str, next: str, **more: Any) -> HookRecord:  # noqa: A002 - what errors call it
        return self._record(HookOutcome.FAILED, {"why": why, "next": next, **more})

    def left_out(self, why: str, next: str = "") -> HookRecord:  # noqa: A002 - as above
        return self._record(HookOutcome.LEFT_OUT, {"why": why, "next": next, "started_at": "", "seconds": 0.0})

    def ended(self, exit_code: int, errors: bytes, **more: Any) -> HookRecord:
        """By the exit code alone."""
        if exit_code == 0:
            return self.done(exit_code=0, **more)
        said = " ".join(errors.decode(errors="replace").split())[-_MOST_SAID:]
        why = f"it ended with exit code {exit_code}" + (f": {said}" if said else "")
        return self.failed(why, "Run the command by hand with `kubectl exec`.", exit_code=exit_code)

    def broke(self, error: ClusterError) -> HookRecord:
        """What concerns this hook only; raises the error again if it concerns the whole run."""
        is_refused = isinstance(error, ApiRefused) and error.status == _UNAUTHORIZED
        if is_refused or type(error) not in (ApiRefused, ClusterError):
            raise error
        return self.failed(error.why or error.what, error.next)

    def not_possible(self) -> HookRecord | None:
        """The record of a hook that cannot be run at all; None if it can."""
        if self._hook.unusable:
            return self.failed(self._hook.unusable, "Correct the hook; docs/hooks.md tells how hooks are written.")
        return None

    def _record(self, outcome: HookOutcome, more: dict[str, Any]) -> HookRecord:
        known: dict[str, Any] = {
            "started_at": timestamp(self._started),
            "seconds": round(self._clock.monotonic() - self._since, 3),
            "program": self._hook.program,
        }
        return HookRecord(
            namespace=self._pod.namespace,
            pod=self._pod.pod,
            container=self._hook.container,
            name=self._hook.name,
            when=self._when,
            outcome=outcome,
            origin=self._hook.origin,
            on_error=self._hook.on_error,
            recipe=self._hook.recipe,
            workload=self._pod.workload,
            **(known | more),
        )


def carry_out(cluster: Cluster, pod: PodHooks, hook: Hook, when: When | None = None) -> HookRecord:
    """Runs the hook's command. Raises Cancelled, ClusterUnreachable, and ApiRefused if the credential is none."""
    attempt = Attempt(cluster, pod, hook, when)
    if impossible := attempt.not_possible():
        return impossible
    try:
        ended = cluster.execute(pod.namespace, pod.pod, hook.command, container=hook.container, timeout=hook.timeout)
    except ClusterError as error:
        return attempt.broke(error)
    return attempt.ended(ended.exit_code, ended.errors)


def told(record: HookRecord) -> str:
    """One line for people."""
    name = f"hook {record.name} ({record.when}) in {record.namespace}/{record.pod}, container {record.container}"
    why = f": {record.why}" if record.why else f" in {record.seconds:.1f} s"
    return f"{name}: {record.outcome}{why}"
