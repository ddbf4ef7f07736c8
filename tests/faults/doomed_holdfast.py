"""The command `holdfast` in a process of its own that signals itself at one moment, and prints how many there were.

    python doomed_holdfast.py SIGNAL store N …arguments      moments: before each call of the store, after each change
    python doomed_holdfast.py SIGNAL api N …arguments        moments: before and after each change sent to the API server

With N 0 it lives. The last line on standard error is `<number> moments`.
"""

import itertools
import os
import signal
import sys

from holdfast.cli import main
from holdfast.cluster.connection import Connection
from holdfast.store import url
from holdfast.testing.faulty_store import FaultyStore

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


def watch_store(moments):
    class Watched(FaultyStore):
        def _begin(self, call):
            moments.another()
            return super()._begin(call)

        def _end(self, call, fault):
            super()._end(call, fault)
            if call.operation in CHANGES:  # after anything else is before the next call
                moments.another()

    original = url.open_store
    url.open_store = lambda *arguments, **keywords: Watched(original(*arguments, **keywords))


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


if __name__ == "__main__":
    moments = Moments(signal.Signals[sys.argv[1]], int(sys.argv[3]))
    {"store": watch_store, "api": watch_api}[sys.argv[2]](moments)
    sys.argv = ["holdfast", *sys.argv[4:]]
    try:
        main.run()
    finally:
        sys.stderr.write(f"\n{moments.passed} moments\n")
