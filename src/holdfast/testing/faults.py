"""What goes wrong with the calls of a store, and when: single faults, scripts of them, and seeded chance.

| kind | calls | what happens |
|---|---|---|
| before | all | `error` is raised and nothing is done |
| after | all | all is done, then `error` is raised: the acknowledgement was lost |
| delay | all | the call takes `seconds` longer |
| truncate | put, create | the first half of the file is stored under its name, then `error` is raised |
| duplicate | put, create, delete | it is done, and once more `later` calls on, as by a proxy that tries again too late |
| reorder | put, create, delete | a call that began after it overtakes it: it waits for that one's end, `seconds` at most |
| reorder | list | the files come in another order |
| flip | get, get_range | one bit of the answer is wrong |
| cut | get, get_range | the second half of the answer is missing |
| swap | get, get_range | the answer has the bytes of another file of the same directory |
| miscount | size, list | a size is wrong |
| omit | list | a file is missing |
| repeat | list | a file comes twice |
| invent | list | a file comes that does not exist |
| lose | put, create, delete | it reports success and has done nothing |
| halve | put, create | it reports success and has stored the first half |

"before" to "reorder" are what networks and servers do; the contract of `holdfast.store.base.Store` allows all of them but
"truncate" and "duplicate", which show for a while what it promises nobody will see. The kinds below are lies (`LIES`).
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple, TypeAlias, get_args

from holdfast.errors import StoreUnavailable

Kind = Literal[
    "before",
    "after",
    "delay",
    "truncate",
    "duplicate",
    "reorder",
    "flip",
    "cut",
    "swap",
    "miscount",
    "omit",
    "repeat",
    "invent",
    "lose",
    "halve",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

READ_LIES: tuple[Kind, ...] = ("flip", "cut", "swap")
LIST_LIES: tuple[Kind, ...] = ("miscount", "omit", "repeat", "invent")
WRITE_LIES: tuple[Kind, ...] = ("lose", "halve")
LIES = READ_LIES + LIST_LIES + WRITE_LIES

_READS = frozenset({"get", "get_range"})
_WRITES = frozenset({"put", "create"})
_CHANGES = _WRITES | {"delete"}
_ALL = _READS | _CHANGES | {"size", "list"}

_CALLS: Mapping[Kind, frozenset[str]] = {
    "before": _ALL,
    "after": _ALL,
    "delay": _ALL,
    "truncate": _WRITES,
    "duplicate": _CHANGES,
    "reorder": _CHANGES | {"list"},
    "flip": _READS,
    "cut": _READS,
    "swap": _READS,
    "miscount": frozenset({"size", "list"}),
    "omit": frozenset({"list"}),
    "repeat": frozenset({"list"}),
    "invent": frozenset({"list"}),
    "lose": _CHANGES,
    "halve": _WRITES,
}


class Call(NamedTuple):
    operation: str  # "put", "create", "get", "get_range", "size", "list", "delete"
    name: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with matching calls: all of them after the first `skip`, `times` of them (None: without end)."""

    kind: Kind
    operation: str = "*"  # a pattern for the method's name; calls that `kind` does not fit never match
    name: str = "*"  # a pattern for the file's or directory's name
    skip: int = 0
    times: int | None = 1
    error: type[BaseException] = StoreUnavailable
    seconds: float = 0
    later: int = 5  # calls
    seed: int = 0  # chooses the bit, the other file, the wrong size

    def matches(self, call: Call) -> bool:
        return (
            call.operation in _CALLS[self.kind]
            and fnmatchcase(call.operation, self.operation)
            and fnmatchcase(call.name, self.name)
        )


Faults: TypeAlias = Callable[[Call], Fault | None]
"""Asked once for every call, one at a time, in the calls' order."""


class Script:
    """The first fault in the list that is due for a call happens; the faults after it do not count that call."""

    def __init__(self, *faults: Fault) -> None:
        self._faults = faults
        self._seen = [0] * len(faults)

    def __call__(self, call: Call) -> Fault | None:
        for index, fault in enumerate(self._faults):
            if fault.matches(call):
                turn = self._seen[index] - fault.skip
                self._seen[index] += 1
                if turn >= 0 and (fault.times is None or turn < fault.times):
                    return fault
        return None


class SeededFaults:
    """Each kind befalls its share (0 to 1) of the calls it fits, chosen by `seed` and the calls' order alone.

    The shares of the kinds that fit one call should not be more than 1 together: a call has one fault at most.
    """

    def __init__(
        self,
        seed: int,
        rates: Mapping[Kind, float],
        *,
        error: type[BaseException] = StoreUnavailable,
        seconds: float = 0,
        name: str = "*",
    ) -> None:
        """`error` and `seconds` are those of each fault; only files and directories that the pattern `name` fits have any."""
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._faults = [(Fault(kind, name=name, error=error, seconds=seconds), rate) for kind, rate in rates.items()]

    def __call__(self, call: Call) -> Fault | None:
        point, seed = self._random.random(), self._random.getrandbits(32)
        for fault, rate in self._faults:
            if fault.matches(call):
                if point < rate:
                    return dataclasses.replace(fault, seed=seed)
                point -= rate
        return None
