"""The controller's loop: watches fill the world, a queue says what to look at, decisions are carried out one by one.

It holds nothing that is not in the cluster: a new one that begins with empty hands comes to the same decisions.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections import Counter
from collections.abc import Callable

from holdfast.api.backup import Backup
from holdfast.api.backup_plan import BackupPlan
from holdfast.api.restore import Restore
from holdfast.api.storage_location import StorageLocation
from holdfast.cluster.cluster import Cluster
from holdfast.cluster.watch_events import Changed, Deleted, Interrupted, Listed
from holdfast.controller.actions import Apply, Create, Known
from holdfast.controller.chores import Chore
from holdfast.controller.decisions.decide import TYPES, Ours, decide
from holdfast.controller.decisions.leftovers import leftovers
from holdfast.controller.decisions.lost_pods import lost_pods
from holdfast.controller.executor import Executor
from holdfast.controller.health import Health
from holdfast.controller.metrics.instruments import Instruments
from holdfast.controller.metrics.snapshot import Snapshot
from holdfast.controller.notifications.locations import what_to_tell as location_news
from holdfast.controller.notifications.message import Message
from holdfast.controller.notifications.plans import what_to_tell as plan_news
from holdfast.controller.queue import Queue
from holdfast.controller.subject import Scene
from holdfast.controller.views import CronJob, Job, Pod
from holdfast.controller.world import KINDS, Key, Kind, World
from holdfast.errors import Cancelled, ClusterError, HoldfastError
from holdfast.manifests.run_pod import Installation
from holdfast.model.cancel import Cancel
from holdfast.model.clock import Clock
from holdfast.operations.movers.sweep import sweep

_BEAT = 5.0  # seconds in which the loop comes round at least once
_LONGEST_PAUSE = 60.0  # seconds between tries of a decision that fails
_REFUSED_PAUSE = 30.0  # seconds between tries of what the API server refused
_SWEEP_EVERY = 600.0  # seconds
_BURY_EVERY = 10.0  # seconds
_CLEAN_UP_EVERY = 60.0  # seconds

Say = Callable[[str], None]


class Runner:
    """`run` works until `cancel` is requested, or raises what makes further work senseless (a right is missing)."""

    def __init__(
        self,
        cluster: Cluster,
        installation: Installation,
        *,
        clock: Clock,
        cancel: Cancel,
        health: Health,
        instruments: Instruments,
        say: Say,
    ) -> None:
        self.offer: Callable[[Message], None] = lambda _: None
        """Is called with each thing that people are to be told."""
        self._health = health
        self._instruments = instruments
        self._queue = Queue(clock.monotonic)
        self.world = World(self._queue.add)
        self._known = Known()
        self._cluster = cluster
        self._installation = installation
        self._clock = clock
        self._cancel = cancel
        self._say = say
        self._executor = Executor(cluster, self._known, clock, self.world.wrote)
        self._unlisted = {kind.resource.kind for kind in KINDS}
        self._listed = threading.Event()
        self._broken: HoldfastError | None = None
        self._tries: Counter[Key] = Counter()
        self._chores = (
            Chore(_BURY_EVERY, self._bury),
            Chore(_SWEEP_EVERY, self._sweep),
            Chore(_CLEAN_UP_EVERY, self._clean_up),
        )
        self._why_not_clean = ""

    def run(self) -> None:
        threads = [
            threading.Thread(target=self._watch, args=(kind,), name=f"watch {kind.resource.plural}") for kind in KINDS
        ]
        for thread in threads:
            thread.start()
        try:
            self._work()
        except Cancelled:
            pass
        finally:
            self._cancel.request()
            for thread in threads:
                thread.join()
        if self._broken is not None:
            raise self._broken

    def told(self, message: Message) -> None:
        """People were told: the object's status is to say so. May be called by any thread."""
        self._known.told[message.about] = message.notified
        self._queue.add(message.about)

    def snapshot(self) -> Snapshot:
        """For metrics."""
        all_of = self.world.all
        return Snapshot(all_of(BackupPlan), all_of(StorageLocation), all_of(Backup), all_of(Restore))

    def _work(self) -> None:
        while not self._listed.wait(0.2):
            self._cancel.check()
            self._health.beat()
        self._health.ready()
        while not self._cancel.requested:
            self._health.beat()
            for chore in self._chores:
                chore.do_if_due(self._clock.monotonic())
            key = self._queue.take(_BEAT)
            if key is not None:
                self._decide(key)

    def _decide(self, key: Key) -> None:
        unreadable = self.world.unreadable(key)
        if unreadable is not None:
            self._say(f"{key.kind} {key.namespace}/{key.name} cannot be read and is left alone: {unreadable}")
            return
        subject = self.world.get(TYPES[key.kind], key.namespace, key.name)
        if subject is None:
            self._known.forget(key)
            self._tries.pop(key, None)
            return
        self._offer(subject)
        now, begun = self._clock.now(), self._clock.monotonic()
        try:
            decision = decide(subject, Scene(self.world, self._known, self._installation, now))
            actions = decision.actions
            refused = self._known.refusals.get(key)
            if refused is not None and (rest := _REFUSED_PAUSE - (now - refused.at).total_seconds()) > 0:
                actions = [action for action in actions if not isinstance(action, Apply | Create)]
                self._queue.add(key, rest)
            again = self._executor.carry_out(key, subject.metadata.uid, actions)
        except Exception as error:
            if isinstance(error, Cancelled):
                raise
            self._instruments.reconciled(key.kind, self._clock.monotonic() - begun, failed=True)
            self._fail(key, error)
            return
        self._instruments.reconciled(key.kind, self._clock.monotonic() - begun)
        self._tries.pop(key, None)
        if again:
            self._queue.add(key)
        elif decision.again_at is not None:
            self._queue.add(key, max(1.0, (decision.again_at - self._clock.now()).total_seconds()))

    def _offer(self, subject: Ours) -> None:
        message = None
        if isinstance(subject, BackupPlan):
            message = plan_news(subject)
        elif isinstance(subject, StorageLocation):
            message = location_news(subject)
        if message is not None:
            self.offer(message)

    def _fail(self, key: Key, error: Exception) -> None:
        self._tries[key] += 1
        pause = min(2.0 ** self._tries[key], _LONGEST_PAUSE)
        self._say(f"{key.kind} {key.namespace}/{key.name}: {_told(error)}; tried again in {pause:.0f} s")
        self._queue.add(key, pause)

    def _sweep(self) -> None:
        kinds: dict[str, type[Job | Pod | CronJob]] = {"Job": Job, "Pod": Pod, "CronJob": CronJob}
        for look in list(self._known.events):
            if self.world.get(kinds[look.kind], look.namespace, look.name) is None:
                del self._known.events[look]
        for found in leftovers(self.world):
            self._say(f"{found.resource.kind} {found.namespace}/{found.name} is left over and is deleted")
            with contextlib.suppress(ClusterError):  # the next sweep tries again
                self._executor.carry_out(Key("", found.namespace, found.name), "", [found])

    def _bury(self) -> None:
        for lost in lost_pods(self.world, self._clock.now()):
            self._say(f"Pod {lost.namespace}/{lost.name} is on a node that does not answer, and is taken for dead")
            with contextlib.suppress(ClusterError):  # it is tried again soon
                self._executor.carry_out(Key("", lost.namespace, lost.name), "", [lost])

    def _clean_up(self) -> None:
        """After runs that were killed with their movers at work. The next run does the same, but it may come tomorrow."""
        try:
            for run in sweep(self._cluster, self._installation.namespace):
                self._say(f"the run {run} is dead; what it made for its movers is deleted, and no data")
            self._why_not_clean = ""
        except ClusterError as error:
            if str(error) != self._why_not_clean:
                self._say(f"what dead runs left cannot be looked for: {error}")
            self._why_not_clean = str(error)

    def _watch(self, kind: Kind) -> None:
        name = kind.resource.kind
        try:
            for event in self._cluster.watch(kind.resource, label_selector=kind.label_selector):
                match event:
                    case Listed(items):
                        self._instruments.watch_restarted(name)
                        self.world.listed(name, items)
                        self._unlisted.discard(name)
                        if not self._unlisted:
                            self._listed.set()
                    case Changed(item):
                        self.world.put(name, item)
                    case Deleted(item):
                        self.world.delete(name, item)
                    case Interrupted(error):
                        self._say(f"watching {kind.resource.plural} was interrupted: {error}")
        except Cancelled:
            pass
        except HoldfastError as error:
            self._broken = self._broken or error
        finally:
            self._cancel.request()
            self._queue.close()


def _told(error: Exception) -> str:
    """With the place in the code, if nobody foresaw it."""
    if isinstance(error, HoldfastError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})"
