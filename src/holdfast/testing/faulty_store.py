"""A store that fails, delays, repeats, forgets and lies as a script says: to show what code does when things give way.

    FaultyStore(MemoryStore(), Script(Fault("after", "create", "locks/*")))     # the first lock: written, answer lost
    FaultyStore(MemoryStore(), Script(Fault("before", skip=7, times=None)))     # everything from the eighth call on
    FaultyStore(MemoryStore(), Script(Fault("flip", name="data/*", seed=4)))    # one bit of the first read of a pack
    FaultyStore(MemoryStore(), SeededFaults(3, {"before": 0.1, "lose": 0.05}))  # by chance, the same each time

Without faults it keeps the contract of `holdfast.store.base.Store`. `holdfast.testing.faults` tells the kinds of faults.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from holdfast.errors import StoreError
from holdfast.store.base import Part, Store, StoredFile
from holdfast.testing.faults import (
    KINDS,
    LIES,
    LIST_LIES,
    READ_LIES,
    WRITE_LIES,
    Call,
    Fault,
    Faults,
    Kind,
    Script,
    SeededFaults,
)
from holdfast.testing.lies import false_bytes, false_listing, false_size, first_half

__all__ = [
    "KINDS",
    "LIES",
    "LIST_LIES",
    "READ_LIES",
    "WRITE_LIES",
    "Call",
    "Fault",
    "Faults",
    "FaultyStore",
    "Kind",
    "Script",
    "SeededFaults",
]

_Result = TypeVar("_Result")


class FaultyStore:
    """`store` with `faults`. Thread-safe. `sleep` serves the delays.

    `calls` is what was asked so far, in order. `happened` counts by kind what went wrong; lies that came out true – half of
    an empty file – are not in it.
    """

    def __init__(self, store: Store, faults: Faults | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self.calls: list[Call] = []
        self.happened: Counter[Kind] = Counter()
        self._store = store
        self._faults = faults or Script()
        self._sleep = sleep
        self._lock = threading.Lock()
        self._begun = 0  # calls
        self._last_ended = 0  # of those that have ended, the number of the one that began last
        self._ending = threading.Condition()
        self._late: list[tuple[int, Callable[[], None]]] = []  # to be done again after the call of this number

    @property
    def url(self) -> str:
        return self._store.url

    def put(self, name: str, parts: Sequence[Part]) -> None:
        self._write("put", self._store.put, name, parts)

    def create(self, name: str, parts: Sequence[Part]) -> None:
        self._write("create", self._store.create, name, parts)

    def get(self, name: str) -> bytes:
        return self._read(Call("get", name), self._store.get)

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        return self._read(Call("get_range", name), lambda of: self._store.get_range(of, offset, length))

    def size(self, name: str) -> int:
        with self._called(Call("size", name)) as fault:
            size = self._store.size(name)
            if fault and fault.kind == "miscount":
                return self._told(fault, size, false_size(size, fault.seed))
            return size

    def list(self, directory: str) -> Iterator[StoredFile]:
        """A fault "after" comes when the last file was handed out."""
        with self._called(Call("list", directory)) as fault:
            if fault and (fault.kind in LIST_LIES or fault.kind == "reorder"):
                files = [*self._store.list(directory)]
                yield from self._told(fault, files, false_listing(fault.kind, files, fault.seed))
            else:
                yield from self._store.list(directory)

    def delete(self, name: str) -> None:
        with self._called(Call("delete", name)) as fault:
            self._change(fault, lambda: self._store.delete(name))

    def close(self) -> None:
        """Whatever was to be repeated later is repeated now."""
        with self._lock:
            late, self._late = self._late, []
        self._repeat(action for _, action in late)
        self._store.close()

    def _write(
        self, operation: str, method: Callable[[str, Sequence[Part]], None], name: str, parts: Sequence[Part]
    ) -> None:
        with self._called(Call(operation, name)) as fault:
            if fault and fault.kind in {"truncate", "halve", "duplicate"}:
                content = b"".join(parts)  # the caller may use its memory again
                parts = [content if fault.kind == "duplicate" else first_half(content)]
            self._change(fault, lambda: method(name, parts))

    def _change(self, fault: Fault | None, action: Callable[[], None]) -> None:
        if fault and fault.kind in WRITE_LIES:
            self._count(fault)
        if fault and fault.kind == "lose":
            return
        action()
        if fault and fault.kind == "duplicate":
            with self._lock:
                self._late.append((self._begun + fault.later, action))

    def _read(self, call: Call, method: Callable[[str], bytes]) -> bytes:
        with self._called(call) as fault:
            content = method(call.name)
            if not fault or fault.kind not in READ_LIES:
                return content
            other = self._from_another(call.name, method, fault.seed) if fault.kind == "swap" else content
            return self._told(fault, content, false_bytes(fault.kind, content, other, fault.seed))

    def _from_another(self, name: str, method: Callable[[str], bytes], seed: int) -> bytes:
        """What another file of the same directory has; the right bytes if there is none."""
        directory = name.partition("/")[0] if "/" in name else ""
        others = sorted(file.name for file in self._store.list(directory) if file.name != name)
        for turn in range(len(others)):
            with suppress(StoreError):  # it may be too short for the range
                return method(others[(seed + turn) % len(others)])
        return method(name)

    def _told(self, fault: Fault, true: _Result, false: _Result) -> _Result:
        if false != true:
            self._count(fault)
        return false

    def _count(self, fault: Fault) -> None:
        with self._lock:
            self.happened[fault.kind] += 1

    @contextmanager
    def _called(self, call: Call) -> Iterator[Fault | None]:
        """A call from its begin to its end, with the fault that befalls it."""
        with self._lock:
            self._begun += 1
            number = self._begun
            due = [action for turn, action in self._late if turn < number]
            self._late = [(turn, action) for turn, action in self._late if turn >= number]
        self._repeat(due)
        fault = self._begin(call)
        try:
            if fault and fault.kind == "reorder" and call.operation != "list":
                with self._ending:
                    self._ending.wait_for(lambda: self._last_ended > number, fault.seconds)
            yield fault
        finally:
            with self._ending:
                self._last_ended = max(self._last_ended, number)
                self._ending.notify_all()
        self._end(call, fault)

    def _begin(self, call: Call) -> Fault | None:
        with self._lock:
            self.calls.append(call)
            fault = self._faults(call)
            if fault and fault.kind not in LIES:
                self.happened[fault.kind] += 1
        if fault and fault.kind == "delay":
            self._sleep(fault.seconds)
        if fault and fault.kind == "before":
            raise fault.error(f"{call.operation} {call.name}: failed before it began, as scripted")
        return fault

    def _end(self, call: Call, fault: Fault | None) -> None:
        if fault and fault.kind in {"after", "truncate"}:
            raise fault.error(f"{call.operation} {call.name}: failed {fault.kind}, as scripted")

    def _repeat(self, actions: Iterable[Callable[[], None]]) -> None:
        for action in actions:
            with suppress(StoreError):  # nobody waits for the answer
                action()
