"""The thaw timer: a process in the container that undoes what a hook froze, if nobody else has done it in time.

It is begun before the hook, by an `exec` that ends at once, and belongs to nobody: Holdfast, its connection and its machine
may go. It needs `sh` and `sleep`, and writes no file, since the file system may be frozen. It always ends well, and what it
began ends before it does, also when it is called off: a database that is the container's first process takes an orphan that was
killed for one of its own that crashed.
"""

from __future__ import annotations

from collections.abc import Sequence

TOO_LATE = 9  # exit code of a call-off that found no timer

_TIMER = (
    """trap "" HUP INT QUIT; trap 'kill $s; wait $s; exit 0' TERM; echo $$; exec >/dev/null;"""
    """ sleep "$1" & s=$!; wait $s; trap "" TERM; shift; "$@"; exit 0"""
)
"""On one line: it is looked up by the first line of its own command. Who began it goes on when it can be called off."""
_BEGIN = """\
command -v sleep >/dev/null || { echo 'there is no sleep in this container' >&2; exit 127; }
timer=$1
shift
if command -v setsid >/dev/null; then apart=setsid; else apart=; fi
echo "$($apart /bin/sh -c "$timer" "$@" </dev/null 2>/dev/null &)"
"""
_CALL_OFF = f"""\
line=
IFS= read -r line </proc/"$1"/cmdline
case $line in *"$2"*) kill -TERM "$1" && exit 0 ;; esac
exit {TOO_LATE}
"""


def begin_command(name: str, seconds: float, thaw: Sequence[str]) -> tuple[str, ...]:
    """Begins a timer; prints its process id. `name` must be like no other."""
    return ("/bin/sh", "-c", _BEGIN, "holdfast", _TIMER, name, str(max(1, round(seconds))), *thaw)


def call_off_command(name: str, process: int) -> tuple[str, ...]:
    """Ends it. Exit code TOO_LATE: it has done its work, or is gone with its container."""
    return ("/bin/sh", "-c", _CALL_OFF, "holdfast", str(process), name)
