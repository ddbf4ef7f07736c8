"""Runs one command and reports what it used, together with all processes that it started.

`python -I -S launcher.py RESULT COMMAND…` writes seconds, CPU-seconds and peak memory to the file RESULT. It is a program of
its own because Linux counts the parent's memory at the time of the fork into the child's peak: this parent is tiny.

Memory is that of all the command's processes at one moment, looked at every 20 ms: resident memory of a single process, the sum
of proportional shares (PSS) of several, because forked processes share most of their pages. Between two looks the kernel's own
peak of the largest single process counts.
"""

import json
import os
import select
import sys
import time

INTERVAL = 0.02
PAGE = os.sysconf("SC_PAGE_SIZE")


def read(path: str) -> bytes:
    """A file of /proc; nothing if its process has ended meanwhile."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - importing pathlib would double this program
            return file.read()
    except OSError:
        return b""


def processes(pid: int) -> list[int]:
    """The process with all its descendants. Children belong to the thread that started them."""
    found = [pid]
    for parent in found:
        try:
            threads = os.listdir(f"/proc/{parent}/task")  # noqa: PTH208 - as below
        except OSError:
            continue
        for thread in threads:
            found += map(int, read(f"/proc/{parent}/task/{thread}/children").split())
    return found


def resident(pid: int) -> int:
    statm = read(f"/proc/{pid}/statm").split()
    return int(statm[1]) * PAGE if statm else 0


def proportional(pid: int) -> int:
    _, found, rest = read(f"/proc/{pid}/smaps_rollup").partition(b"\nPss:")
    return int(rest.split()[0]) * 1024 if found else 0


def main(result: str, command: list[str]) -> None:
    peak = largest = 0
    started = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    ending = os.pidfd_open(child)
    while not select.select([ending], [], [], INTERVAL)[0]:
        pids = processes(child)
        total = sum(map(resident, pids))
        # Counting shares stops the processes for a moment, so only where there was never so much, by 3 % or more.
        if total > 1.03 * largest or (len(pids) == 1 and total > largest):
            largest = total
            peak = max(peak, sum(map(proportional, pids)) if len(pids) > 1 else total)
    _, status, usage = os.wait4(child, 0)
    measured = {
        "seconds": time.perf_counter() - started,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": max(peak, usage.ru_maxrss * 1024),
        "exit_code": os.waitstatus_to_exitcode(status),
    }
    with open(result, "w") as file:  # noqa: PTH123 - as above
        json.dump(measured, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
