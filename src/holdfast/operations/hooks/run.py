"""Hooks before and after a backup, with the timer that thaws what nobody thawed.

The order is the promise that nothing stays paused: the timer in the container, the hook that freezes, the volumes, the hooks that
thaw, and only when that is known to have happened, the end of the timer. Whatever ends in between leaves the timer.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ClusterError, ClusterUnreachable
from holdfast.model.cancel import Cancel
from holdfast.model.hooks import Hook, HookOutcome, HookRecord, When
from holdfast.model.progress import Progress
from holdfast.objects.hooks.select import PodHooks
from holdfast.operations.hooks.attempt import Attempt, carry_out, told
from holdfast.operations.hooks.timer import Timer

_Result = TypeVar("_Result")
_TRIES = 5  # to reach the API server, when an application waits to be thawed
_PAUSE = 2.0  # seconds, longer each time


@dataclass(slots=True)
class _Frozen:
    hook: Hook
    timer: Timer
    record: HookRecord | None = None  # None: nobody knows what became of the hook


class HookRunner:
    """For one run. Thread-safe as long as each pod is in one thread's hands."""

    def __init__(self, cluster: Cluster, run_id: str, cancel: Cancel, progress: Progress) -> None:
        self._cluster = cluster
        self._run_id = run_id
        self._cancel = cancel
        self._progress = progress
        self._lock = threading.Lock()
        self._begun: dict[str, list[_Frozen]] = {}  # of pods whose hooks were begun, by name

    def before(self, group: Sequence[PodHooks]) -> list[HookRecord]:
        """Runs the hooks of pods that share volumes, pod by pod. A record that `stops` means: do not read the volumes.

        Raises Cancelled, ClusterUnreachable; `after` must be called all the same, and thaws what was frozen by then.
        """
        records: list[HookRecord] = []
        for pod in group:
            stops = any(record.stops for record in records)
            if not stops and (pod.before or pod.after):
                with self._lock:
                    self._begun[pod.name] = []
            for hook in pod.before:
                if any(record.stops for record in records):
                    attempt = Attempt(self._cluster, pod, hook)
                    records.append(self._tell(attempt.left_out("a hook before it failed")))
                else:
                    self._cancel.check()
                    records.append(self._tell(self._before(pod, hook)))
        return records

    def after(self, group: Sequence[PodHooks]) -> list[HookRecord]:
        """Undoes what `before` began, the last pod first; also when a stop was asked for. Raises nothing for a hook."""
        records: list[HookRecord] = []
        calm = self._cluster.apart()
        try:
            for pod in reversed(group):
                with self._lock:
                    begun = self._begun.pop(pod.name, None)
                if begun is not None:
                    records += map(self._tell, self._after(calm, pod, begun))
        finally:
            calm.close()
        return records

    def _before(self, pod: PodHooks, hook: Hook) -> HookRecord:
        attempt = Attempt(self._cluster, pod, hook)
        if impossible := attempt.not_possible():
            return impossible
        if hook.container not in pod.running:
            return attempt.left_out("its container does not run, so there is nothing to hold still")
        if not hook.thaw:
            return carry_out(self._cluster, pod, hook)
        name = f"holdfast-thaw-{self._run_id}-{secrets.token_hex(4)}"
        try:
            timer = Timer.begin(self._cluster, pod, hook, name)
        except ClusterError as error:
            return attempt.broke(error)
        frozen = _Frozen(hook, timer)
        self._begun[pod.name].append(frozen)
        frozen.record = carry_out(self._cluster, pod, hook)
        return frozen.record

    def _after(self, calm: Cluster, pod: PodHooks, begun: list[_Frozen]) -> list[HookRecord]:
        records = [self._after_hook(calm, pod, hook) for hook in pod.after]
        are_done = bool(records) and all(record.outcome is HookOutcome.DONE for record in records)
        for frozen in reversed(begun):
            records += self._thaw(calm, pod, frozen, is_thawed=frozen.hook.thaw_is_spare and are_done)
        return records

    def _after_hook(self, calm: Cluster, pod: PodHooks, hook: Hook) -> HookRecord:
        attempt = Attempt(calm, pod, hook)
        if not hook.unusable and hook.container not in pod.running:
            return attempt.left_out("its container does not run")
        try:
            return _patiently(calm, lambda: carry_out(calm, pod, hook))
        except ClusterError as error:
            return attempt.failed(error.why or error.what, error.next)

    def _thaw(self, calm: Cluster, pod: PodHooks, frozen: _Frozen, *, is_thawed: bool) -> list[HookRecord]:
        """None but what went wrong is told if hooks have thawed already."""
        hook = replace(frozen.hook, command=frozen.hook.thaw)
        records: list[HookRecord] = []
        attempt = Attempt(calm, pod, hook, When.AFTER_BACKUP)
        try:
            if not is_thawed:
                record = _patiently(calm, lambda: carry_out(calm, pod, hook, When.AFTER_BACKUP))
                if record.outcome is not HookOutcome.DONE:
                    return [self._not_thawed(attempt, frozen, record)]
                records.append(record)
            if frozen.record is None or frozen.record.exit_code is None:
                return records  # it may be at its work yet, and freeze later: the timer stays
            if not _patiently(calm, lambda: frozen.timer.call_off(calm)):
                records.append(_too_late(attempt, hook))
        except ClusterError as error:
            records.append(attempt.failed(error.why or error.what, _timer_will(hook)))
        return records

    def _not_thawed(self, attempt: Attempt, frozen: _Frozen, record: HookRecord) -> HookRecord:
        if frozen.record is not None and frozen.record.outcome is HookOutcome.FAILED:
            return attempt.left_out(f"the hook that freezes had failed, and there is nothing to thaw: {record.why}")
        return attempt.failed(record.why, _timer_will(frozen.hook), exit_code=record.exit_code)

    def _tell(self, record: HookRecord) -> HookRecord:
        say = self._progress.warn if record.outcome is HookOutcome.FAILED else self._progress.note
        say(told(record))
        return record


def _timer_will(hook: Hook) -> str:
    return (
        f"Its timer in the container thaws it {hook.thaw_after:g} s after the freeze. Look whether the pod is at work."
    )


def _too_late(attempt: Attempt, hook: Hook) -> HookRecord:
    return attempt.failed(
        f"the timer in the container had thawed it before, {hook.thaw_after:g} s after the freeze: the volumes were read"
        " while the application wrote",
        "Give the hook a longer thawAfter, or let the volumes be read faster.",
    )


def _patiently(calm: Cluster, action: Callable[[], _Result]) -> _Result:
    """Tries again if the API server cannot be reached: then nothing was begun. Raises ClusterUnreachable at last."""
    for attempt in range(1, _TRIES):
        try:
            return action()
        except ClusterUnreachable:
            calm.connection.sleep(_PAUSE * attempt)
    return action()
