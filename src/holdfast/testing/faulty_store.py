"""A store that fails as a script says: to show what code does when a network, a disk or a process gives way.

    FaultyStore(MemoryStore(), Script(Fault("after", "create", "locks/*")))     # the first lock: written, answer lost
    FaultyStore(MemoryStore(), Script(Fault("before", skip=7, times=None)))     # everything from the eighth call on
    FaultyStore(MemoryStore(), SeededFaults(seed=3, rate=0.2))                  # one call in five, the same each time

Without faults it keeps the contract of `holdfast.store.base.Store`, and so it does with any faults but "truncate", which
is what the contract forbids: a part of a file becomes visible.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from holdfast.errors import StoreUnavailable
from holdfast.store.base import Part, Store, StoredFile

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with matching calls: all of them after the first `skip`, `times` of them (None: without end).

    before    `error` is raised and nothing is done
    after     all is done, then `error` is raised: the answer was lost
    delay     the call takes `seconds` longer
    truncate  the first half of a file is stored under its name, then `error` is raised; `put` and `create` only
    """

    moment: Literal["before", "after", "delay", "truncate"]
    operation: str = "*"  # a pattern for the method's name
    name: str = "*"  # a pattern for the file's or directory's name
    skip: int = 0
    times: int | None = 1
    error: type[BaseException] = StoreUnavailable
    seconds: float = 0

    def matches(self, call: Call) -> bool:
        return fnmatchcase(call.operation, self.operation) and fnmatchcase(call.name, self.name)


class Call(NamedTuple):
    operation: str  # "put", "create", "get", "get_range", "size", "list", "delete"
    name: str


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
    """Fails `rate` (0 to 1) of the calls before or after they are done, chosen by `seed` and the calls' order alone."""

    def __init__(self, seed: int, rate: float, error: type[BaseException] = StoreUnavailable) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._rate = rate
        self._faults = (Fault("before", error=error), Fault("after", error=error))

    def __call__(self, call: Call) -> Fault | None:  # noqa: ARG002 - every call has the same chance
        return self._random.choice(self._faults) if self._random.random() < self._rate else None


class FaultyStore:
    """`store` with `faults`. `calls` is what was asked so far, in order; `sleep` serves the delays."""

    def __init__(self, store: Store, faults: Faults | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self.calls: list[Call] = []
        self._store = store
        self._faults = faults or Script()
        self._sleep = sleep
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return self._store.url

    def put(self, name: str, parts: Sequence[Part]) -> None:
        self._write("put", self._store.put, name, parts)

    def create(self, name: str, parts: Sequence[Part]) -> None:
        self._write("create", self._store.create, name, parts)

    def get(self, name: str) -> bytes:
        return self._run(Call("get", name), lambda: self._store.get(name))

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        return self._run(Call("get_range", name), lambda: self._store.get_range(name, offset, length))

    def size(self, name: str) -> int:
        return self._run(Call("size", name), lambda: self._store.size(name))

    def list(self, directory: str) -> Iterator[StoredFile]:
        """A fault "after" comes when the last file was handed out."""
        call = Call("list", directory)
        fault = self._begin(call)
        yield from self._store.list(directory)
        self._end(call, fault)

    def delete(self, name: str) -> None:
        self._run(Call("delete", name), lambda: self._store.delete(name))

    def close(self) -> None:
        self._store.close()

    def _write(
        self, operation: str, method: Callable[[str, Sequence[Part]], None], name: str, parts: Sequence[Part]
    ) -> None:
        call = Call(operation, name)
        fault = self._begin(call)
        if fault and fault.moment == "truncate":
            content = b"".join(parts)
            method(name, [content[: len(content) // 2]])
        else:
            method(name, parts)
        self._end(call, fault)

    def _run(self, call: Call, action: Callable[[], _Result]) -> _Result:
        fault = self._begin(call)
        result = action()
        self._end(call, fault)
        return result

    def _begin(self, call: Call) -> Fault | None:
        with self._lock:
            self.calls.append(call)
            fault = self._faults(call)
        if fault and fault.moment == "delay":
            self._sleep(fault.seconds)
        if fault and fault.moment == "before":
            raise fault.error(f"{call.operation} {call.name}: failed before it began, as scripted")
        return fault

    def _end(self, call: Call, fault: Fault | None) -> None:
        if fault and fault.moment in {"after", "truncate"}:
            raise fault.error(f"{call.operation} {call.name}: failed {fault.moment}, as scripted")
