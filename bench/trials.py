"""Several programs do the same to a file tree, in turns.

Each run gives every program a new repository and takes the steps one by one: all programs make their first backup, then all the
unchanged second one, then all restore. So the two sides of a ratio ran within the same minute; who goes first changes from run to
run. Before each measurement dirty pages are written to disk. Every restored tree is compared with its source.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path

from testbed.cache import Say
from testbed.s3 import S3Server

from bench import fresh
from bench.command import CommandFailed, Used
from bench.programs import Holdfast, Program, Repository, Restic
from bench.trees import Tree, differences, first_of


class Step(StrEnum):
    FIRST = "first"
    AGAIN = "again"
    RESTORE = "restore"


class RestoredWrong(Exception):
    """What came back is not what was backed up."""


@dataclass(slots=True)
class Seen:
    """What one program did, a value for each run. After a failure, which only peers may have, no more come."""

    used: dict[Step, list[Used]] = field(default_factory=lambda: defaultdict(list))
    sizes: list[int] = field(default_factory=list)  # bytes of a local repository after the first backup
    failure: str = ""


Place = Callable[[], AbstractContextManager[Callable[[str], Repository]]]
"""Opened for each run, it makes a new repository for each name, and removes them all at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """`restore_to` is a directory below which new file systems can be mounted."""

    ours: Holdfast
    peers: Sequence[Program]
    place: Place
    runs: int
    say: Say
    restore_to: Path
    file_system: fresh.Kind = fresh.Kind.TMPFS

    def of(self, tree: Tree, steps: Sequence[Step]) -> dict[str, Seen]:
        """By the programs' names. Raises CommandFailed or RestoredWrong where Holdfast fails; a peer's failure is kept."""
        programs = [self.ours, *self.peers]
        seen = {program.name: Seen() for program in programs}
        for run in range(self.runs):
            turn = run % len(programs)
            with self.place() as repository_for:
                ones = [
                    _One(program, repository_for(program.name), seen[program.name])
                    for program in (*programs[turn:], *programs[:turn])
                ]
                for one in ones:
                    self._attempt(one, partial(one.program.init, one.repository))
                for step in steps:
                    for one in ones:
                        self.say(f"{tree.name}, run {run + 1} of {self.runs}: {one.program.name}, {step}")
                        self._attempt(one, partial(self._take, step, tree, one))
                if run == self.runs - 1:
                    self._check(ones)
        return seen

    def _attempt(self, one: _One, action: Callable[[], None]) -> None:
        if one.seen.failure:
            return
        try:
            action()
        except (CommandFailed, RestoredWrong) as error:
            if one.program is self.ours:
                raise
            one.seen.failure = str(error)
            self.say(f"{one.program.name} is left out from now on: {error}")

    def _take(self, step: Step, tree: Tree, one: _One) -> None:
        os.sync()
        if step is Step.RESTORE:
            with fresh.file_system(self.file_system, self.restore_to) as target:
                used = one.program.restore(one.repository, tree.path, target)
                if wrong := first_of(differences(tree.path, one.program.restored(tree.path, target))):
                    raise RestoredWrong(f"{one.program.name} restored {tree.name} wrong: {wrong}")
        else:
            used = one.program.back_up(one.repository, tree.path)
        one.seen.used[step].append(used)
        if step is Step.FIRST and one.repository.is_local:
            one.seen.sizes.append(one.repository.size())

    def _check(self, ones: Sequence[_One]) -> None:
        """Lets restic read every byte of Holdfast's repository."""
        [ours] = (one.repository for one in ones if one.program is self.ours)
        for one in ones:
            if isinstance(one.program, Restic):
                self.say("restic check --read-data of Holdfast's repository")
                one.program.check(ours)


@dataclass(frozen=True, slots=True)
class _One:
    """A program in one run."""

    program: Program
    repository: Repository
    seen: Seen


def local(directory: Path) -> Place:
    """Repositories below a directory."""

    @contextmanager
    def place() -> Iterator[Callable[[str], Repository]]:
        with tempfile.TemporaryDirectory(dir=directory, prefix="repositories-") as path:
            yield lambda name: Repository.local(Path(path, name))

    return place


def on_s3(start: Callable[[], S3Server], directory: Path) -> Place:
    """A bucket for each, on a server that is started anew; what is local of them, below a directory."""

    @contextmanager
    def place() -> Iterator[Callable[[str], Repository]]:
        server = start()
        try:
            with tempfile.TemporaryDirectory(dir=directory, prefix="caches-") as path:

                def in_bucket(name: str) -> Repository:
                    server.create_bucket(name)
                    return Repository.at(server.repository(name), Path(path, name), server.environment)

                yield in_bucket
        finally:
            server.stop()

    return place
