"""The command `holdfast` in a process of its own that signals itself at one moment, and prints how many there were.

    python doomed_holdfast.py SIGNAL store N …arguments      moments: before each call of the store, after each change
    python doomed_holdfast.py SIGNAL api N …arguments        moments: before and after each change sent to the API server
    python doomed_holdfast.py SIGNAL writes N …arguments     moments: before each change of either

With N 0 it lives. The last line on standard error is `<number> moments`. Variables of the environment, all optional:

    HOLDFAST_TEST_CLOCK=FILE        its clock is wrong by the seconds in the file, which is read whenever the time is asked
    HOLDFAST_TEST_PACK=BYTES        so large are packs; a small repository has many then
    HOLDFAST_TEST_SETTLE=SECONDS    so long it waits for competitors that take a lock at the same moment
    HOLDFAST_TEST_INDEX_FILES=N     so many index files are merged by a prune
    HOLDFAST_TEST_CHECKPOINT=BYTES  so often a mover lists what it has stored
    HOLDFAST_TEST_FAULTS=SEED       one call of the store in 20 fails, before or after it is done; says how many did
"""

import datetime as dt
import itertools
import os
import random
import signal
import sys
from pathlib import Path

from holdfast.cli import main
from holdfast.cluster.connection import Connection
from holdfast.model.clock import SystemClock
from holdfast.store import url
from holdfast.testing.faulty_store import Fault, FaultyStore

CHANGES = {"put", "create", "delete"}


class Moments:
    def __init__(self, number, fatal):
        self._fatal = fatal
        self._number = number
        self._count = itertools.count(1)
        self.passed = 0

    def another(self):
        self.passed = next(self._count)
        if self.passed == self._fatal:
            os.kill(os.getpid(), self._number)


def change_settings(environ):
    """Comes after `watch_store`, whose change reaches only those modules that are not imported yet."""
    if "HOLDFAST_TEST_CLOCK" in environ:
        file, now = Path(environ["HOLDFAST_TEST_CLOCK"]), SystemClock.now
        SystemClock.now = lambda self: now(self) + dt.timedelta(seconds=float(file.read_text()))
    from holdfast.repository import lock, sweep, writer  # noqa: PLC0415 - see above

    if "HOLDFAST_TEST_PACK" in environ:
        writer.PACK_SIZE.update(dict.fromkeys(writer.PACK_SIZE, int(environ["HOLDFAST_TEST_PACK"])))
    if "HOLDFAST_TEST_SETTLE" in environ:
        lock.SETTLE = float(environ["HOLDFAST_TEST_SETTLE"])
    if "HOLDFAST_TEST_INDEX_FILES" in environ:
        sweep._MANY_FILES = int(environ["HOLDFAST_TEST_INDEX_FILES"])
    if "HOLDFAST_TEST_CHECKPOINT" in environ:
        from holdfast.operations.movers import read_volume  # noqa: PLC0415 - see above

        read_volume.CHECKPOINTS = writer.Checkpoints(size=int(environ["HOLDFAST_TEST_CHECKPOINT"]))


class Weather:
    """Lost requests and lost answers, which a store that tries again gets over."""

    def __init__(self, seed):
        self._random = random.Random(int(seed)) if seed else None
        self.bad = 0

    def __call__(self, _):
        if self._random is None or self._random.random() >= 0.05:
            return None
        self.bad += 1
        return Fault(self._random.choice(("before", "after")))


def watch_store(moments):
    class Watched(FaultyStore):
        def _begin(self, call):
            moments.another()
            return super()._begin(call)

        def _end(self, call, fault):
            super()._end(call, fault)
            if call.operation in CHANGES:  # after anything else is before the next call
                moments.another()

    faults = Weather(os.environ.get("HOLDFAST_TEST_FAULTS"))
    original = url.open_store
    url.open_store = lambda *arguments, **keywords: Watched(original(*arguments, **keywords), faults)
    return faults


def watch_api(moments):
    original = Connection.request

    def request(self, method, *arguments, **keywords):
        if method == "GET":
            return original(self, method, *arguments, **keywords)
        moments.another()
        answer = original(self, method, *arguments, **keywords)
        moments.another()
        return answer

    Connection.request = request
    return Weather(None)


def watch_writes(moments):
    class Watched(FaultyStore):
        def _begin(self, call):
            if call.operation in CHANGES:
                moments.another()
            return super()._begin(call)

    calm, original, request = Weather(None), url.open_store, Connection.request
    url.open_store = lambda *arguments, **keywords: Watched(original(*arguments, **keywords), calm)

    def watched(self, method, path, query=(), *arguments, **keywords):
        if method != "GET" and "dryRun" not in dict(query):
            moments.another()
        return request(self, method, path, query, *arguments, **keywords)

    Connection.request = watched
    return calm


if __name__ == "__main__":
    moments = Moments(signal.Signals[sys.argv[1]], int(sys.argv[3]))
    weather = {"store": watch_store, "api": watch_api, "writes": watch_writes}[sys.argv[2]](moments)
    change_settings(os.environ)
    sys.argv = ["holdfast", *sys.argv[4:]]
    try:
        main.run()
    finally:
        sys.stderr.write(f"\n{weather.bad} faults\n{moments.passed} moments\n")
