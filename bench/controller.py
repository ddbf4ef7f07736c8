"""The controller beside a real API server: how fast it follows a change, what it asks for while nothing happens, and what many
plans cost. Requests are counted by the server's audit log, memory and processor time by the kernel.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from testbed.cache import Say

from bench.audit import Request, summary
from bench.controlled import Controlled, Controller, Kubelet, location, plan
from bench.row import Row, number

_NAMESPACES = [f"team-{place}" for place in range(50)]
_PLANS = 1000
_CHANGES = 25
_QUIET = 120.0  # seconds in which requests are counted
_SETTLING = 10.0  # seconds without a decision, before that
_SCRAPES = 5
_FASTEST = 2.0  # seconds from a change to the CronJob
_REQUESTS = 20.0  # a minute
_IDLE_MEMORY, _MEMORY = 100.0, 200.0  # MB


def rows(directory: Path, say: Say) -> Iterator[Row]:
    with ExitStack() as ending:
        controlled = Controlled(directory)
        ending.callback(controlled.stop)
        kubelet = Kubelet(controlled)
        ending.callback(kubelet.stop)
        yield from _ControllerBench(controlled, ending, say).rows()


class _ControllerBench:
    def __init__(self, controlled: Controlled, ending: ExitStack, say: Say) -> None:
        self._controlled = controlled
        self._ending = ending
        self._say = say

    def rows(self) -> Iterator[Row]:
        self._controller = self._started("first")
        self._controller.wait_leader()
        yield from self._idle("controller-idle", "without a plan", _IDLE_MEMORY)
        self._make_namespaces()
        self._make_plans(1)
        yield from self._changes("controller-change", "a plan")
        yield from self._many()
        yield from self._changes("controller-change-many", f"a plan, one of {_PLANS:,}")
        self._settle()
        yield from self._idle("controller-idle-many", f"with {_PLANS:,} plans", _MEMORY)
        yield self._scrapes()
        yield from self._restart()
        yield self._two()

    def _many(self) -> Iterator[Row]:
        controlled, before = self._controlled, self._controller.cpu()
        self._say(f"{_PLANS:,} plans")
        begun, wall = time.perf_counter(), time.time()
        self._make_plans(_PLANS)
        created = time.perf_counter() - begun
        controlled.wait(lambda: controlled.count("/apis/batch/v1/cronjobs") >= _PLANS)
        took = time.perf_counter() - begun
        self._settle()
        requests = controlled.audit.between(wall, time.time())
        now, most = self._controller.memory()
        yield Row(
            id="controller-create",
            what=f"{_PLANS:,} new plans in {len(_NAMESPACES)} namespaces, until all have CronJobs",
            values=[took],
            unit="s",
            more_is_better=False,
            peer=f"creating the plans alone {number(created)} s; {number(self._controller.cpu() - before)} s of processor time",
        )
        yield Row(
            id="controller-create-requests",
            what="… requests for each plan",
            values=[len(_without_lease(requests)) / _PLANS],
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
        yield _requests_row(row, f"requests {when}, nothing happens, one replica", requests)
        yield Row(
            id=f"{row}-memory",
            what=f"… memory {when}",
            values=[self._controller.memory()[0]],
            unit="MB",
            floor=memory,
            more_is_better=False,
            peer=f"{number(used / _QUIET * 60)} s of processor time a minute",
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
        for minute in range(_CHANGES):
            values.append(self._controlled.change(_NAMESPACES[0], "plan-0", f"{minute} 4 1 1 *"))
            time.sleep(0.3)
        name = f"a change of {what}, until its CronJob has it"
        yield Row(id=row, what=name, values=values, unit="s", floor=_FASTEST, more_is_better=False)
        yield Row(
            id=f"{row}-worst",
            what=f"… the slowest of {_CHANGES}",
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
            what=f"a scrape of the metrics of {_PLANS:,} plans",
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
        self._controller.wait_decided(_PLANS + len(_NAMESPACES))
        took = time.perf_counter() - begun
        self._settle()
        requests = _without_lease(self._controlled.audit.between(wall, time.time()))
        changed = self._changed_since(versions)
        now, most = self._controller.memory()
        yield Row(
            id="controller-restart",
            what=f"a restart with {_PLANS:,} plans, until all were looked at",
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
        return _requests_row(
            "controller-idle-two", f"requests with {_PLANS:,} plans, two replicas together", self._quiet_minutes()
        )

    def _changed_since(self, versions: dict[str, str]) -> list[str]:
        """Paths of objects that are new or other ones than they were."""
        return [name for name, version in self._controlled.versions().items() if version != versions.get(name)]

    def _quiet_minutes(self) -> list[Request]:
        self._settle()
        self._controlled.bare.close()  # the server would close what is idle for so long
        begun = time.time()
        time.sleep(_QUIET)
        return self._controlled.audit.between(begun, begun + _QUIET)

    def _settle(self) -> None:
        """Returns when there was nothing to decide for some seconds."""
        decided = -1
        while (now := self._controller.decisions()) != decided:
            decided = now
            time.sleep(_SETTLING)

    def _started(self, identity: str) -> Controller:
        controller = Controller(self._controlled, identity)
        self._ending.callback(controller.stop)
        return controller

    def _make_namespaces(self) -> None:
        for name in _NAMESPACES:
            self._controlled.bare.create_namespace(name)
            self._controlled.cluster.wait_namespace(name)
            account = '{"metadata": {"name": "holdfast-runner"}}'
            self._controlled.bare.request("POST", f"/api/v1/namespaces/{name}/serviceaccounts", account.encode())
            self._controlled.create(location(name))

    def _make_plans(self, count: int) -> None:
        """So many in all; the first one may be there already."""
        present = self._controlled.count("/apis/holdfast.dev/v1alpha1/backupplans")
        places = range(present, count)
        self._controlled.create_all([plan(_NAMESPACES[place % len(_NAMESPACES)], f"plan-{place}") for place in places])


def _requests_row(row: str, what: str, requests: list[Request]) -> Row:
    return Row(
        id=row,
        what=what,
        values=[len(requests) / _QUIET * 60],
        unit="a minute",
        floor=_REQUESTS,
        more_is_better=False,
        peer=f"in two minutes: {summary(requests)}",
    )


def _without_lease(requests: list[Request]) -> list[Request]:
    return [one for one in requests if one.resource != "leases"]
