"""What a container writes, line by line, while it writes it, from its first line to its last.

The connection to a node's kubelet breaks as any other does, and an API server then ends its own answer as if all were told. So
the log is asked for again, from the second of the last line that was given, and what was given is passed over: kubelets stamp
each line with its time. It is complete when a request that was begun after the container's end gives the last line again and
nothing after it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator

from holdfast.cluster import paths, retry
from holdfast.cluster.connection import Connection
from holdfast.errors import ApiRefused, ClusterError
from holdfast.model.kubernetes import Resource

_PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
_SILENCE = 120.0  # seconds; who says nothing for so long may be gone without a word, and is asked again
_FINAL = frozenset((401, 403, 404, 405))
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def follow_log(
    connection: Connection,
    namespace: str,
    pod: str,
    container: str,
    *,
    go_on: Callable[[], None],
    has_ended: Callable[[], bool],
) -> Iterator[bytes]:
    """Each line once, without its newline; half a line at the end is not given. Waits while the container has not begun yet.

    `go_on` is called several times a second and raises what is to end this. `has_ended` says whether the container has come to
    its end, as far as is known. A server in trouble, or a node that does not answer, is asked again and again. Raises what
    `go_on` raises, and ApiRefused if the pod is gone or this account may not read its log.
    """
    what = f"cannot read the log of {namespace}/{pod}"
    path = paths.single(_PODS, namespace, pod, "log")
    place = _Place()
    fruitless = 0
    while True:
        go_on()
        was_over = has_ended()
        query = {"container": container, "follow": "true", "timestamps": "true", **place.query()}
        passed = place.passed
        try:
            with connection.stream(path, query, silence=_SILENCE, go_on=go_on, what=what) as lines:
                yield from place.new(lines)
        except ClusterError as error:
            if isinstance(error, ApiRefused) and error.status in _FINAL:
                raise  # all else may pass; what `go_on` raised comes again
        else:
            if was_over and place.passed == passed and place.was_reached:
                return
        fruitless = 0 if place.passed > passed else fruitless + 1
        _pause(connection, retry.backoff(max(1, fruitless)), go_on)


class _Place:
    """Up to where a log was given: the latest time of a line, and how many lines have that time."""

    def __init__(self) -> None:
        self.passed = 0  # lines that were given
        self.was_reached = True  # by the last answer
        self._last = b""
        self._count = 0

    def query(self) -> dict[str, str]:
        """Asks for no less than what was not given yet: servers take whole seconds."""
        if not self._last:
            return {}
        second, _, zone = _parts(self._last)
        return {"sinceTime": second + zone}

    def new(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Those that were not given yet."""
        before, known = self._last, self._count
        self.was_reached = not before
        for line in lines:
            time, _, text = line.partition(b" ")
            if not _TIME.fullmatch(time):  # the kubelet's own words about the log
                yield line
                continue
            if before:
                if time == before and known:
                    known -= 1
                    self.was_reached = not known
                    continue
                if _moment(time) < _moment(before):
                    continue
                before = b""
            if time == self._last:
                self._count += 1
            elif not self._last or _moment(time) > _moment(self._last):  # a node's clock may be set back
                self._last, self._count = time, 1
            self.passed += 1
            yield text


def _parts(time: bytes) -> tuple[str, str, str]:
    """Until the second, the digits after it, the zone."""
    found = _TIME.fullmatch(time)
    assert found is not None
    return found[1].decode(), (found[2] or b"").decode(), found[3].decode()


def _moment(time: bytes) -> tuple[dt.datetime, str]:
    second, fraction, zone = _parts(time)
    return dt.datetime.fromisoformat(second + zone), fraction.ljust(9, "0")


def _pause(connection: Connection, seconds: float, go_on: Callable[[], None]) -> None:
    end = connection.clock.monotonic() + seconds
    while (left := end - connection.clock.monotonic()) > 0:
        go_on()
        connection.sleep(min(left, 0.25))
