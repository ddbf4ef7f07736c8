"""The controller beside a real API server: how fast it follows a change, what it asks for while nothing happens, and what many
plans cost. Requests are counted by the server's audit log, memory and processor time by the kernel.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from testbed.cache import Say

from bench.audit import Request, summary
from bench.controlled import Controlled, Controller, Kubelet, location, plan
from bench.row import Row, number

_SCRAPES = 5
_FASTEST = 2.0  # seconds from a change to the CronJob
_REQUESTS = 20.0  # a minute
_IDLE_MEMORY, _MEMORY = 100.0, 200.0  # MB


@dataclass(frozen=True, slots=True)
class Scale:
    namespaces: int = 50
    plans: int = 1000
    changes: int = 25
    quiet: float = 120.0  # seconds in which requests are counted
    settling: float = 10.0  # seconds without a decision, before that


def rows(directory: Path, say: Say, scale: Scale) -> Iterator[Row]:
    with ExitStack() as ending:
        controlled = Controlled(directory)
        ending.callback(controlled.stop)
        kubelet = Kubelet(controlled)
        ending.callback(kubelet.stop)
        yield from _ControllerBench(controlled, ending, say, scale).rows()


class _ControllerBench:
    def __init__(self, controlled: Controlled, ending: ExitStack, say: Say, scale: Scale) -> None:
        self._controlled = controlled
        self._ending = ending
        self._say = say
        self._scale = scale
        self._namespaces = [f"team-{place}" for place in range(scale.namespaces)]

    def rows(self) -> Iterator[Row]:
        self._controller = self._started("first")
        self._controller.wait_leader()
        yield from self._idle("controller-idle", "without a plan", _IDLE_MEMORY)
        self._make_namespaces()
        self._make_plans(1)
        yield from self._changes("controller-change", "a plan")
        yield from self._many()
        yield from self._changes("controller-change-many", f"a plan, one of {self._scale.plans:,}")
        self._settle()
        yield from self._idle("controller-idle-many", f"with {self._scale.plans:,} plans", _MEMORY)
        yield self._scrapes()
        yield from self._restart()
        yield self._two()

    def _many(self) -> Iterator[Row]:
        controlled, before = self._controlled, self._controller.cpu()
        self._say(f"{self._scale.plans:,} plans")
        begun, wall = time.perf_counter(), time.time()
        new = self._make_plans(self._scale.plans)
        created = time.perf_counter() - begun
        controlled.wait(lambda: controlled.count("/apis/batch/v1/cronjobs") >= self._scale.plans)
        took = time.perf_counter() - begun
        self._settle()
        requests = controlled.audit.between(wall, time.time())
        now, most = self._controller.memory()
        yield Row(
            id="controller-create",
            what=f"{self._scale.plans:,} new plans in {len(self._namespaces)} namespaces, until all have CronJobs",
            values=[took],
            unit="s",
            more_is_better=False,
            peer=f"creating the plans alone {number(created)} s; {number(self._controller.cpu() - before)} s of processor time",
        )
        yield Row(
            id="controller-create-requests",
            what="… requests for each plan",
            values=[len(_without_lease(requests)) / new],
            unit="",
            more_is_better=False,
            peer=summary(requests, 5),
        )
        yield Row(
            id="controller-create-memory",
            what="… memory at most",
            values=[most],
            unit="MB",
            floor=_MEMORY,
            more_is_better=False,
            peer=f"{number(now)} MB afterwards",
        )

    def _idle(self, row: str, when: str, memory: float) -> Iterator[Row]:
        self._say(f"two quiet minutes {when}")
        versions, cpu = self._controlled.versions(), self._controller.cpu()
        requests = self._quiet_minutes()
        changed = self._changed_since(versions)
        used = self._controller.cpu() - cpu
        yield self._requests_row(row, f"requests {when}, nothing happens, one replica", requests)
        yield Row(
            id=f"{row}-memory",
            what=f"… memory {when}",
            values=[self._controller.memory()[0]],
            unit="MB",
            floor=memory,
            more_is_better=False,
            peer=f"{number(used / self._scale.quiet * 60)} s of processor time a minute",
        )
        yield Row(
            id=f"{row}-writes",
            what="… objects that changed meanwhile",
            values=[len(changed)],
            unit="",
            floor=0,
            more_is_better=False,
            peer=", ".join(changed[:3]),
        )

    def _changes(self, row: str, what: str) -> Iterator[Row]:
        self._settle()
        values = []
        for minute in range(self._scale.changes):
            values.append(self._controlled.change(self._namespaces[0], "plan-0", f"{minute} 4 1 1 *"))
            time.sleep(0.3)
        name = f"a change of {what}, until its CronJob has it"
        yield Row(id=row, what=name, values=values, unit="s", floor=_FASTEST, more_is_better=False)
        yield Row(
            id=f"{row}-worst",
            what=f"… the slowest of {self._scale.changes}",
            values=[max(values)],
            unit="s",
            floor=_FASTEST,
            more_is_better=False,
        )

    def _scrapes(self) -> Row:
        values, size = [], 0
        for _ in range(_SCRAPES):
            begun = time.perf_counter()
            size = len(self._controller.scrape())
            values.append(time.perf_counter() - begun)
        return Row(
            id="controller-scrape",
            what=f"a scrape of the metrics of {self._scale.plans:,} plans",
            values=values,
            unit="s",
            more_is_better=False,
            peer=f"{number(size / 1e6)} MB",
        )

    def _restart(self) -> Iterator[Row]:
        self._say("a restart")
        versions = self._controlled.versions()
        self._controller.stop()
        begun, wall = time.perf_counter(), time.time()
        self._controller = self._started("second")
        self._controller.wait_decided(self._scale.plans + len(self._namespaces))
        took = time.perf_counter() - begun
        self._settle()
        requests = _without_lease(self._controlled.audit.between(wall, time.time()))
        changed = self._changed_since(versions)
        now, most = self._controller.memory()
        yield Row(
            id="controller-restart",
            what=f"a restart with {self._scale.plans:,} plans, until all were looked at",
            values=[took],
            unit="s",
            more_is_better=False,
            peer=f"{number(self._controller.cpu())} s of processor time; {len(requests)} requests: {summary(requests)}",
        )
        yield Row(
            id="controller-restart-writes",
            what="… requests that write, and objects that changed",
            values=[len(changed) + sum(one.writes for one in requests)],
            unit="",
            floor=0,
            more_is_better=False,
        )
        yield Row(
            id="controller-restart-memory",
            what="… memory at most",
            values=[most],
            unit="MB",
            floor=_MEMORY,
            more_is_better=False,
            peer=f"{number(now)} MB afterwards",
        )

    def _two(self) -> Row:
        self._say("two replicas")
        self._started("third").wait_waiting()
        return self._requests_row(
            "controller-idle-two",
            f"requests with {self._scale.plans:,} plans, two replicas together",
            self._quiet_minutes(),
        )

    def _changed_since(self, versions: dict[str, str]) -> list[str]:
        """Paths of objects that are new or other ones than they were."""
        return [name for name, version in self._controlled.versions().items() if version != versions.get(name)]

    def _requests_row(self, row: str, what: str, requests: list[Request]) -> Row:
        return Row(
            id=row,
            what=what,
            values=[len(requests) / self._scale.quiet * 60],
            unit="a minute",
            floor=_REQUESTS,
            more_is_better=False,
            peer=f"in {number(self._scale.quiet)} s: {summary(requests)}",
        )

    def _quiet_minutes(self) -> list[Request]:
        self._settle()
        self._controlled.bare.close()  # the server would close what is idle for so long
        begun = time.time()
        time.sleep(self._scale.quiet)
        return self._controlled.audit.between(begun, begun + self._scale.quiet)

    def _settle(self) -> None:
        """Returns when there was nothing to decide for some seconds."""
        decided = -1
        while (now := self._controller.decisions()) != decided:
            decided = now
            time.sleep(self._scale.settling)

    def _started(self, identity: str) -> Controller:
        controller = Controller(self._controlled, identity)
        self._ending.callback(controller.stop)
        return controller

    def _make_namespaces(self) -> None:
        for name in self._namespaces:
            self._controlled.bare.create_namespace(name)
            self._controlled.cluster.wait_namespace(name)
            account = '{"metadata": {"name": "holdfast-runner"}}'
            self._controlled.bare.request("POST", f"/api/v1/namespaces/{name}/serviceaccounts", account.encode())
        self._controlled.create([location(name) for name in self._namespaces])

    def _make_plans(self, count: int) -> int:
        """So many in all; gives how many of them are new."""
        present = self._controlled.count("/apis/holdfast.dev/v1alpha1/backupplans")
        places = range(present, count)
        self._controlled.create(
            [plan(self._namespaces[place % len(self._namespaces)], f"plan-{place}") for place in places]
        )
        return len(places)


def _without_lease(requests: list[Request]) -> list[Request]:
    return [one for one in requests if one.resource != "leases"]
