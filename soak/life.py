"""One repository's life: rounds of commands side by side, some of which are killed, stopped or get faults."""

from __future__ import annotations

import datetime as dt
import json
import random
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.faults import rubbish
from tests.operations.file_trees import contents
from tests.sample_repository import reopen

from soak.counts import Counts
from soak.errand import Errand, Fate
from soak.judge import Files, Lost, ask_restic, judge
from soak.places import Place

ROUNDS = 8
_DAY = 24 * 3600.0
_TREES = 4
_POOL = [b"%d " % number * 700 for number in range(40)]
_LATEST_MOMENT = 90
_FATES = {Fate.LIVES: 5, Fate.KILLED: 3, Fate.STOPPED: 2, Fate.FAULTS: 2}
_GRACES = ("0", "1h", "24h", "24h")
_REPAIRS = (("index",), ("index", "--read-all-packs"), ("packs",), ("snapshots",))


class Life:
    """`chance` decides all but how fast things go."""

    def __init__(
        self, place: Place, chance: random.Random, counts: Counts, restics: Sequence[Path], *, can_repair: bool
    ) -> None:
        self._place = place
        self._chance = chance
        self._counts = counts
        self._restics = restics
        self._can_repair = can_repair
        self._shift = 0.0
        self._errands = 0
        self._truth: dict[str, Files] = {}
        self._needed: set[str] = set()  # backups that must be there
        self._forgotten_trees: list[set[str]] = []  # of each, some backup must be there
        self.round = 0
        counts.repositories += 1

    def rounds(self) -> Iterator[int]:
        """Each round when it is over; at the end two prunes must leave nothing but what is needed.

        Raises SomethingIsWrong; AssertionError if there is something left.
        """
        for self.round in range(1, ROUNDS + 1):
            self._do_round()
            yield self.round
        for _ in range(2):
            self._shift += 2 * _DAY
            self._do([self._errand("repository", "prune", "--max-unused", "0%", fate=Fate.LIVES)])
        self._look()
        rubbish.assert_tidy(reopen(self._place.store, clock=rubbish.Shifted(dt.timedelta(seconds=self._shift))))

    def _do_round(self) -> None:
        self._shift += self._chance.choice((0.0, 60.0, 7200.0, 2 * _DAY))
        trees = self._chance.sample(range(_TREES), self._chance.randint(1, _TREES))
        errands = [self._backup(tree) for tree in trees]
        errands += [self._other() for _ in range(self._chance.randint(0, 3))]
        self._chance.shuffle(errands)
        self._do(errands)
        self._expect_less(errands)
        self._look()
        self._counts.rounds += 1

    def _expect_less(self, errands: Sequence[Errand]) -> None:
        """After a forget it is enough that something is left of each tree; with a deletion beside it not even that."""
        verbs = {errand.arguments[1] for errand in errands}
        if "forget" not in verbs:
            return
        if "delete" not in verbs:
            trees = [{name for name in self._needed if name.startswith(f"tree-{tree}-")} for tree in range(_TREES)]
            self._forgotten_trees = [names for names in trees if names]
        self._needed = set()

    def _backup(self, tree: int) -> Errand:
        directory = self._place.scratch / f"tree-{tree}"
        for _ in range(self._chance.randint(1, 10)):
            file = directory / str(self._chance.randrange(3)) / str(self._chance.randrange(6))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._chance.choice(_POOL))
        name = f"tree-{tree}-{len(self._truth)}"
        self._truth[name] = {f"{directory}/{path}".lstrip("/"): text for path, text in contents(directory).items()}
        return self._errand("backup", "files", str(directory), "--name", name, name=name)

    def _other(self) -> Errand:
        makers = [self._prune, self._prune, self._forget, self._delete]
        return self._chance.choice([*makers, self._repair] if self._can_repair else makers)()

    def _prune(self, fate: Fate | None = None) -> Errand:
        limits = self._chance.choice(((), (), ("--max-repack", "20K")))
        grace, unused = self._chance.choice(_GRACES), self._chance.choice(("0%", "5%", "50%"))
        return self._errand("repository", "prune", "--grace", grace, "--max-unused", unused, *limits, fate=fate)

    def _forget(self) -> Errand:
        return self._errand("backup", "forget", "--keep-last", str(self._chance.randint(1, 3)), "--yes", may_fail=True)

    def _delete(self) -> Errand:
        if not self._needed:
            return self._prune()
        name = self._chance.choice(sorted(self._needed))
        self._needed.discard(name)
        return self._errand("backup", "delete", name, "--yes", may_fail=True)

    def _repair(self) -> Errand:
        return self._errand("repository", "repair", *self._chance.choice(_REPAIRS))

    def _errand(self, *arguments: str, name: str = "", fate: Fate | None = None, may_fail: bool = False) -> Errand:
        drawn = self._chance.choices(list(_FATES), list(_FATES.values()))[0]
        moment = self._chance.randint(1, _LATEST_MOMENT)
        return Errand(
            arguments=arguments, fate=fate or drawn, moment=moment, shift=self._shift, name=name, may_fail=may_fail
        )

    def _do(self, errands: list[Errand]) -> None:
        """All side by side. Then days pass for those that are stopped, others prune, and they go on."""
        with _given_up(errands):
            stopped = self._begin(errands)
            if stopped:
                for _ in range(2):
                    self._shift += 2 * _DAY
                    meanwhile = [self._prune(Fate.LIVES)]
                    errands += meanwhile
                    self._begin(meanwhile)
                for one in stopped:
                    one.go_on(self._chance.choice((one.shift, self._shift)))
        for one in errands:
            self._note(one, was_stopped=one in stopped)

    def _begin(self, errands: Sequence[Errand]) -> list[Errand]:
        """Those that are stopped; the others have ended."""
        for one in errands:
            self._errands += 1
            one.begin(self._place, self._errands)
        with ThreadPoolExecutor(len(errands)) as pool:
            return [one for one, is_stopped in zip(errands, pool.map(Errand.wait, errands), strict=True) if is_stopped]

    def _note(self, errand: Errand, *, was_stopped: bool) -> None:
        with (self._place.scratch / "errands.log").open("a") as log:
            log.write(f"round {self.round}: {errand}\n")
        self._counts.kills += errand.code == -signal.SIGKILL
        self._counts.stops += was_stopped
        self._counts.faults += errand.faults
        self._counts.refused += errand.code not in (0, -signal.SIGKILL)
        verb = errand.arguments[1]
        self._counts.forgets += verb == "forget"
        self._counts.deletions += verb == "delete"
        self._counts.repairs += verb == "repair"
        self._counts.prunes += verb == "prune"
        errand.judge(was_stopped=was_stopped)
        if errand.code != 0:
            return
        if verb == "prune":
            self._counts.packs_removed += json.loads(errand.output)["counts"]["removed"]
        if errand.name:
            self._counts.backups += 1
            self._needed.add(errand.name)

    def _look(self) -> None:
        """Raises Lost. From now on all that is there must stay."""
        names = judge(self._place, self._truth, self._needed, self._counts)
        ask_restic(self._place, self._restics[self.round % len(self._restics)])
        for trees in self._forgotten_trees:
            if not names & trees:
                raise Lost(f"forget left nothing of {', '.join(sorted(trees))}")
        self._forgotten_trees = []
        self._needed = names


@contextmanager
def _given_up(errands: Sequence[Errand]) -> Iterator[None]:
    """Leaves no process behind."""
    try:
        yield
    finally:
        for one in errands:
            one.give_up()
