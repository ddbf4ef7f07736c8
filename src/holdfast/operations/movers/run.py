"""The movers of one run: pods that read or write volumes, from the first to the last, and nothing of them left at the end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Self

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, Cancelled, HoldfastError
from holdfast.manifests.mover import MoverPod, run_labels
from holdfast.manifests.naming import mover_job, run_lease
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.objects.limits.pod_security import Level
from holdfast.operations.movers import home
from holdfast.operations.movers.cleaning import clean_up
from holdfast.operations.movers.following import Around, Following
from holdfast.operations.movers.kinds import SECRETS
from holdfast.operations.movers.lease import RunLease
from holdfast.operations.movers.secret import make_secret
from holdfast.operations.movers.sight import Sight
from holdfast.operations.movers.slots import Slots
from holdfast.operations.movers.sweep import sweep
from holdfast.operations.movers.tally import Tally
from holdfast.operations.movers.task import MoverEnd, MoverSettings, MoverTask

_LOOK = 0.25  # seconds between two looks at whether to go on
_SHORTEST_SECRET = 4  # characters; shorter ones are in every text


class Movers:
    """Use it in `with`. What is to go with the run carries its `labels`, and inside the namespace its `owner` too."""

    def __init__(
        self, cluster: Cluster, settings: MoverSettings, run_id: str, cancel: Cancel, progress: Progress
    ) -> None:
        """Asks the cluster for nothing yet."""
        self.settings = settings
        self.run_id = run_id
        self._cluster = cluster
        self._cancel = cancel
        self._progress = progress
        self._apart = cluster.apart()  # goes on after a stop was asked for
        self._lease = RunLease(self._apart, settings.namespace, run_id)
        self._sight = Sight(cluster, settings.namespace, run_id)
        self._level = Level.RESTRICTED
        self._secret = settings.secret
        self._made = 0  # Jobs

    @property
    def labels(self) -> dict[str, str]:
        return run_labels(self.run_id)

    @property
    def owner(self) -> dict[str, Any]:
        """An entry of ownerReferences: the run's Lease, which is in the movers' namespace."""
        return self._lease.owner

    def __enter__(self) -> Self:
        """Removes what dead runs left in the namespace, and makes the namespace if there is none, the run's Lease and Secret.

        Raises ApiRefused, ClusterUnreachable, ClusterError if the namespace stays on its way out, Cancelled.
        """
        settings = self.settings
        try:
            self._level = home.enter(self._cluster, settings.namespace, self._progress)
            self._lease.take()
            self._sweep()
            if not settings.secret:
                self._secret = make_secret(
                    self._cluster, settings.namespace, self.run_id, self.owner, settings.credentials
                )
            self._sight.start()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes all that carries the run's labels; also after a failure or a stop. Raises nothing."""
        self._leave()

    def run(self, tasks: Sequence[MoverTask], done: Callable[[MoverEnd], None] = lambda _: None) -> list[MoverEnd]:
        """One mover for each task, as many side by side as the settings allow; ends in the order in which they ended.

        Files and bytes that were moved are told to the phase of the progress that the caller began.
        `done` is called in this thread as soon as one has ended. What happens to a single mover is its end, never an error.
        Raises Cancelled, ClusterUnreachable if the API server stays away, ClusterError if the run's Lease was taken from it,
        ApiRefused if this account may not watch pods.
        """
        stop = threading.Event()  # of these tasks, once one of their threads has failed

        def check() -> None:
            self._check()
            if stop.is_set():
                raise Cancelled

        slots = Slots(self.settings.parallel, self.settings.parallel_per_node)
        around = Around(
            cluster=self._cluster,
            sight=self._sight,
            tally=Tally(self._progress, tasks),
            progress=self._progress,
            patience=self.settings.patience,
            check=check,
            prove=self._lease.prove,
            seen_on=slots.seen,
            others_at_work=slots.others_at_work,
            hide=self._hide,
        )
        waiting, ends = list(tasks), list[MoverEnd]()
        running: set[Future[MoverEnd]] = set()
        with ThreadPoolExecutor(self.settings.parallel, thread_name_prefix="mover") as pool:
            try:
                while waiting or running:
                    self._check()
                    while (task := slots.take(waiting)) is not None:
                        running.add(pool.submit(Following(task, self._pod(task), around).follow))
                    finished, running = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
                    for end in _results(finished):
                        slots.free(end.task)
                        ends.append(end)
                        done(end)
            finally:
                stop.set()
        return ends

    def _check(self) -> None:
        self._cancel.check()
        self._lease.check()
        self._sight.check()

    def _pod(self, task: MoverTask) -> MoverPod:
        settings = self.settings
        self._made += 1
        return MoverPod(
            name=mover_job(task.name, f"{self.run_id}/{self._made}"),
            namespace=settings.namespace,
            run=self.run_id,
            owner=self.owner,
            volume=task.name,
            claim=task.mounted_claim,
            writes=task.writes,
            restricted=self._level is Level.RESTRICTED,
            placement=task.placement,
            command=task.command,
            image=settings.image,
            url=settings.repository,
            cluster=settings.cluster_name,
            secret=self._secret,
            resources=settings.resources or settings.pod.resources,
            settings=settings.pod,
        )

    def _sweep(self) -> None:
        try:
            swept = sweep(self._cluster, self.settings.namespace)
        except ApiRefused as error:
            self._progress.warn(f"nobody knows whether earlier runs left something: {error.why or error.what}")
        else:
            for run in swept:
                self._progress.note(f"What the run {run} had left in {self.settings.namespace} is being removed.")

    def _leave(self) -> None:
        """The Lease goes after all the rest, see `cleaning`."""
        namespace = self.settings.namespace
        try:
            self._sight.close()
            if self._lease.is_taken:
                for one in clean_up(self._apart, namespace, self.run_id):
                    self._progress.warn(f"{one} is still being deleted")
                if not self.settings.secret:
                    with contextlib.suppress(ApiRefused):  # the Lease takes it along
                        self._apart.delete(SECRETS, namespace, run_lease(self.run_id))
        except HoldfastError as error:
            self._progress.warn(f"what this run made in {namespace} could not be removed; a later run does it: {error}")
        try:
            self._lease.release()
        except HoldfastError as error:
            self._progress.warn(f"what this run made in {namespace} could not be removed; a later run does it: {error}")
        finally:
            self._apart.close()

    def _hide(self, said: str) -> str:
        """Without what the credentials hold."""
        for value in self.settings.credentials.values():
            secret = value.decode("utf-8", "replace").strip()
            if len(secret) >= _SHORTEST_SECRET:
                said = said.replace(secret, "***")
        return said


def _results(finished: Iterable[Future[MoverEnd]]) -> Iterable[MoverEnd]:
    """Raises what a mover's thread raised."""
    for one in finished:
        yield one.result()
