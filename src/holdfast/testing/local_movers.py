"""Movers without a cluster: each volume is a directory of this machine, read in this process by the code that pods run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from holdfast.cli.mover import read
from holdfast.errors import HoldfastError, NotFound
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress, Silent
from holdfast.model.run import Outcome, Problem
from holdfast.objects.fields import Object, name_of, namespace_of
from holdfast.operations.movers.contract import Moved
from holdfast.operations.movers.read_volume import ReadVolumeOptions, read_volume
from holdfast.operations.movers.task import MoverEnd, MoverTask
from holdfast.operations.movers.volume_name import VolumeName
from holdfast.repository.repository import Repository


class LocalMovers:
    """A `holdfast.operations.volumes_of_backup.moving.VolumeMovers`.

    `tasks` has what was asked for, in order. `before` may be set, and is called with each task before it is done; a
    HoldfastError that it raises is how the mover ends.
    """

    def __init__(self, open_repository: Callable[[], Repository], volumes: Mapping[str, Path]) -> None:
        """`volumes`: by name, `shop/data`. Each mover has a repository of its own, as one in a pod has."""
        self._open_repository = open_repository
        self._volumes = volumes
        self._cluster_name = ""
        self.tasks: list[MoverTask] = []
        self.before: Callable[[MoverTask], None] = lambda _: None
        self.is_begun = False

    def prepare(self, cluster_name: str) -> LocalMovers:
        self._cluster_name = cluster_name
        return self

    @contextlib.contextmanager
    def begin(self, run_id: str, cancel: Cancel, progress: Progress) -> Iterator[_Begun]:  # noqa: ARG002 - the contract
        self.is_begun = True
        try:
            yield _Begun(self, cancel)
        finally:
            self.is_begun = False

    def move(self, task: MoverTask, cancel: Cancel) -> MoverEnd:
        self.tasks.append(task)
        try:
            self.before(task)
            if task.name not in self._volumes:
                raise NotFound(f"there is no directory for the volume {task.name}")
            with self._open_repository() as repository:
                moved = read_volume(repository, self._options(task), cancel, Silent())
        except HoldfastError as error:
            moved = Moved(outcome=Outcome.of_failure(error), errors=[Problem.of(error)], error_count=1)
            return MoverEnd(task=task, moved=moved, problem=Problem.of(error), node="here")
        return MoverEnd(task=task, moved=moved, node="here")

    def _options(self, task: MoverTask) -> ReadVolumeOptions:
        given = read.make_context("read", task.command[2:]).params
        return ReadVolumeOptions(
            run=given["run"],
            volume=VolumeName.parse(given["volume"]),
            root=os.fsencode(self._volumes[task.name]),
            cluster_name=self._cluster_name,
            parent=given["parent"],
            full=given["full"],
            excludes=given["excludes"],
        )


class _Begun:
    def __init__(self, movers: LocalMovers, cancel: Cancel) -> None:
        self._movers = movers
        self._cancel = cancel

    def expose(self, claim: Object) -> str:
        return f"{namespace_of(claim)}-{name_of(claim)}"

    def run(self, tasks: Sequence[MoverTask]) -> list[MoverEnd]:
        ends = []
        for task in tasks:
            self._cancel.check()
            ends.append(self._movers.move(task, self._cancel))
        return ends
