"""How many movers may be at work at once, in all and on one node."""

from __future__ import annotations

import threading
from collections import Counter

from holdfast.operations.movers.task import MoverTask


class Slots:
    """Thread-safe. A task whose node nobody knows yet counts for none, until it is `seen` on one."""

    def __init__(self, parallel: int, per_node: int) -> None:
        self._parallel = parallel
        self._per_node = per_node
        self._lock = threading.Lock()
        self._nodes: dict[str, str] = {}  # tasks that were taken, by name, and their nodes
        self._seen: set[str] = set()

    def take(self, waiting: list[MoverTask]) -> MoverTask | None:
        """Takes the first task that may begin out of the list; None if all have to wait."""
        with self._lock:
            if len(self._nodes) >= self._parallel:
                return None
            busy = Counter(self._nodes.values())
            for task in waiting:
                node = known_node(task)
                if not node or busy[node] < self._per_node:
                    waiting.remove(task)
                    self._nodes[task.name] = node
                    return task
        return None

    def seen(self, task: MoverTask, node: str) -> None:
        with self._lock:
            self._nodes[task.name] = node
            self._seen.add(task.name)

    def others_at_work(self, task: MoverTask) -> bool:
        """Whether another one was seen on a node."""
        with self._lock:
            return bool(self._seen - {task.name})

    def free(self, task: MoverTask) -> None:
        with self._lock:
            del self._nodes[task.name]
            self._seen.discard(task.name)


def known_node(task: MoverTask) -> str:
    """Where a task will run, if it can run in one place only."""
    return task.node or (task.placement.nodes[0] if len(task.placement.nodes) == 1 else "")
