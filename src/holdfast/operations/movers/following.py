"""One mover, from the creation of its Job to its end.

Kubernetes makes another pod where one fails or is lost, and this follows the newest. What a pod says on its way comes from its
log; where that cannot be read, the result comes from the container's termination message alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, HoldfastError
from holdfast.manifests.jobs import JOBS
from holdfast.manifests.mover import MoverPod, mover_job
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, Problem
from holdfast.objects.fields import Object, name_of, text
from holdfast.operations.movers import outcomes
from holdfast.operations.movers.attempt import Attempt
from holdfast.operations.movers.contract import Moved, Told, Warned, decode_line
from holdfast.operations.movers.making import make
from holdfast.operations.movers.sight import Sight
from holdfast.operations.movers.tally import Tally
from holdfast.operations.movers.task import MoverEnd, MoverTask

_LOOK = 1.0  # seconds between two looks at a pod that nothing is heard of
_LOOK_FOR_CAUSES = 5.0
_MOST_ATTEMPTS = 8  # a pod that is evicted is nobody's failure, and Kubernetes would try for ever
_LAST_WORDS = 3  # lines
_USEFUL = (Outcome.DONE, Outcome.PARTIAL)


@dataclass(frozen=True, slots=True)
class Around:
    """What movers of one run share."""

    cluster: Cluster
    sight: Sight
    tally: Tally
    progress: Progress
    patience: float
    check: Callable[[], None]  # raises when all is to end
    prove: Callable[[], None]  # raises if the run itself was taken for dead
    seen_on: Callable[[MoverTask, str], None]  # told on which node a mover is
    others_at_work: Callable[[MoverTask], bool]  # whether more room may come by itself
    hide: Callable[[str], str]  # takes secrets out of a text


class Following:
    def __init__(self, task: MoverTask, pod: MoverPod, around: Around) -> None:
        self._task = task
        self._pod = pod
        self._around = around
        self._clock = around.cluster.connection.clock
        self._followed: list[str] = []  # UIDs of pods
        self._last_pod: Object | None = None
        self._is_lost = False  # that pod is on a node that does not answer
        self._moved: Moved | None = None  # what the last pod said
        self._words: list[bytes] = []  # lines of the last pod that are no messages
        self._job_seen = False
        self._made_at = self._waiting_since = self._clock.monotonic()
        self._began_at: float | None = None
        self._looked_at = self._made_at
        self._node = ""

    def follow(self) -> MoverEnd:
        """Makes the Job, and deletes it in the end. Raises what `check` raises, and ClusterUnreachable."""
        around = self._around
        try:
            make(around.cluster, JOBS, self._pod.namespace, mover_job(self._pod))
        except ApiRefused as error:
            return self._end(outcomes.not_made(self._task, error.why or error.what, error.next))
        try:
            return self._until_end()
        finally:
            with contextlib.suppress(HoldfastError):  # the end of the run looks again
                around.cluster.delete(JOBS, self._pod.namespace, self._pod.name)

    def _until_end(self) -> MoverEnd:
        around = self._around
        while True:
            around.check()
            pod = self._next_pod()
            job = around.sight.job(self._pod.name)
            self._job_seen = self._job_seen or job is not None
            if pod is not None and outcomes.has_begun(pod):
                self._attempt(pod)
                if self._moved is not None and self._moved.outcome in _USEFUL:
                    return self._end(None)
                if problem := self._hopeless():
                    return self._end(problem)
                continue
            if job is None:
                if self._job_seen:
                    around.prove()
                    return self._end(outcomes.deleted(self._task))
            elif pod is None and (outcomes.job_has_failed(job) or outcomes.job_is_complete(job)):
                return self._end(self._failed(job))
            elif problem := self._not_begun(job, pod):
                return self._end(problem)
            around.sight.wait(_LOOK)

    def _next_pod(self) -> Object | None:
        """The newest that was not followed yet."""
        pods = self._around.sight.pods_of(self._pod.name)
        fresh = [pod for pod in pods if text(pod, "metadata", "uid") not in self._followed]
        if fresh:
            self._see(fresh[-1])
        return fresh[-1] if fresh else None

    def _see(self, pod: Object) -> None:
        node = text(pod, "spec", "nodeName")
        if node and node != self._node:
            self._node = node
            self._around.seen_on(self._task, node)

    def _attempt(self, pod: Object) -> None:
        """One pod, from its beginning to its end."""
        self._followed.append(text(pod, "metadata", "uid"))
        self._moved, self._words = None, []
        if self._began_at is None:
            self._began_at = self._clock.monotonic()
        self._around.progress.note(f"{self._task.name}: the mover is {outcomes.describe(pod)}")
        attempt = Attempt(pod, self._around.cluster, self._around.sight, self._around.check)
        try:
            for line in attempt.lines():
                self._hear(line)
        except ApiRefused as error:
            if error.reason != "NotFound":
                self._around.progress.note(f"{self._task.name}: its log cannot be read: {error.why or error.what}")
        attempt.wait_end()
        self._last_pod, self._is_lost = attempt.pod, attempt.is_lost
        if self._is_lost and not self._task.writes:  # two may read one volume, but not write it
            attempt.bury()
        if self._moved is None:
            self._hear(text(outcomes.terminated(attempt.pod), "message").encode())
        self._waiting_since = self._looked_at = self._clock.monotonic()
        if self._moved is None or self._moved.outcome not in _USEFUL:
            why = outcomes.why_ended(attempt.pod, is_lost=self._is_lost).why if self._moved is None else "it failed"
            self._around.progress.note(f"{self._task.name}: the mover {name_of(pod)} came to its end: {why}")

    def _hear(self, line: bytes) -> None:
        match decode_line(line):
            case Told() as told:
                self._around.tally.told(self._task, told)
            case Warned(text=said):
                self._around.progress.warn(f"{self._task.name}: {said}")
            case Moved() as moved:
                self._moved = moved
            case None:
                if line.strip():
                    self._words = [*self._words, line][-_LAST_WORDS:]

    def _hopeless(self) -> Problem | None:
        """Where Kubernetes would try on, and we do not."""
        if len(self._followed) >= _MOST_ATTEMPTS or (self._is_lost and self._task.writes):
            return self._failed({})
        return None

    def _not_begun(self, job: Object, pod: Object | None) -> Problem | None:
        """A problem once the time for it to begin is over, which depends on what holds it up."""
        now = self._clock.monotonic()
        waited = now - self._waiting_since
        if now - self._looked_at < _LOOK_FOR_CAUSES and waited < self._around.patience:
            return None
        self._looked_at = now
        cause = outcomes.not_begun(job, pod, *self._around.sight.around())
        if outcomes.is_want_of_room(cause) and self._around.others_at_work(self._task):
            self._waiting_since = now
            return None
        if waited < outcomes.patience_with(cause, self._around.patience):
            return None
        return outcomes.did_not_begin(self._task, cause, waited)

    def _failed(self, job: Object) -> Problem:
        words = self._around.hide(b" / ".join(self._words).decode("utf-8", "replace"))
        return outcomes.failed(self._task, self._moved, self._last_pod, job, words, is_lost=self._is_lost)

    def _end(self, problem: Problem | None) -> MoverEnd:
        now = self._clock.monotonic()
        began = now if self._began_at is None else self._began_at
        self._around.tally.ended(self._task, self._moved)
        return MoverEnd(
            task=self._task,
            moved=self._moved,
            problem=problem,
            node=self._node,
            attempts=max(1, len(self._followed)),
            waited=began - self._made_at,
            seconds=now - began,
        )
