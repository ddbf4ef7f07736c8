"""Comparing one namespace of 4,000 objects with a backup: diffs, plans, and restores that find nothing to do.

Each runs beside a bare list of the same objects: no answer about a live namespace can be had for less.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import islice

from bench.command import Command, Used
from bench.objects import NAMESPACE, ObjectsBench, details
from bench.row import Row, number
from bench.sample import FIELD_MANAGER, samples

_EDITED = 20  # one object in so many
_QUIET = ("-o", "json", "--progress", "none")


class DifferencesBench(ObjectsBench):
    """Uses what `prepare` made, and edits some of it at the end."""

    def rows(self) -> Iterator[Row]:
        command = self.new_repository()
        command.run("backup", "create", "-n", NAMESPACE, "--name", "first", *_QUIET)
        yield self._row(
            command, "plan", "plan of {count} objects against a live namespace", 4, 1.5, "restore", "plan", "first"
        )
        yield self._unchanged(command)
        self._edit()
        command.run("backup", "create", "-n", NAMESPACE, "--name", "second", *_QUIET)
        what = "diff of {count} objects, one in 20 edited, "
        yield self._row(
            command, "diff-live", what + "with the live cluster", 3, None, "backup", "diff", "first", "live"
        )
        yield self._row(command, "diff", what + "of two backups", 3, None, "backup", "diff", "first", "second")

    def _row(self, command: Command, name: str, what: str, floor: float, goal: float | None, *arguments: str) -> Row:
        runs, lists = self._beside_lists(command, arguments)
        return Row(
            id=name,
            what=what.format(count=f"{self.count:,}"),
            values=[used.seconds for used in runs],
            unit="s",
            floor=floor,
            goal=goal,
            more_is_better=False,
            peer=f"bare list {number(statistics.median(lists))} s",
            peer_values=lists,
            details=details(runs),
        )

    def _unchanged(self, command: Command) -> Row:
        runs, lists = self._beside_lists(command, ("restore", "run", "first"))
        return Row(
            id="restore-unchanged",
            what=f"restore {self.count:,} objects that are there and unchanged",
            values=[self.count / used.seconds for used in runs],
            unit="objects/s",
            floor=1500,
            goal=4000,
            more_is_better=True,
            peer=f"bare list {number(self.count / statistics.median(lists))} objects/s",
            peer_values=[self.count / seconds for seconds in lists],
            details=details(runs),
        )

    def _beside_lists(self, command: Command, arguments: Sequence[str]) -> tuple[list[Used], list[float]]:
        runs: list[Used] = []
        lists: list[float] = []
        self.in_turns(lambda: runs.append(command.run(*arguments, *_QUIET)[0]), lambda: lists.append(self.list_time()))
        return runs, lists

    def _edit(self) -> None:
        for sample in islice(samples(self.count, NAMESPACE), 0, None, _EDITED):
            body = {**sample.body, "metadata": {**sample.body["metadata"], "labels": {"edited": str(time.time_ns())}}}
            path = f"/api/v1/namespaces/{NAMESPACE}/{sample.plural}/{body['metadata']['name']}"
            self.bare.request("PUT", f"{path}?fieldManager={FIELD_MANAGER}", json.dumps(body).encode())
