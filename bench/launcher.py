"""Runs one command and reports what it used.

`python -I -S launcher.py RESULT COMMAND…` writes seconds, CPU-seconds and peak memory to the file RESULT. It is a program of
its own because Linux counts the parent's memory at the time of the fork into the child's peak: this parent is tiny.
"""

import json
import os
import sys
import time

result, *command = sys.argv[1:]
started = time.perf_counter()
child = os.posix_spawn(command[0], command, os.environ)
_, status, used = os.wait4(child, 0)
measured = {
    "seconds": time.perf_counter() - started,
    "cpu": used.ru_utime + used.ru_stime,
    "peak": used.ru_maxrss * 1024,
    "exit_code": os.waitstatus_to_exitcode(status),
}
with open(result, "w") as file:  # noqa: PTH123 - importing pathlib would double this program
    json.dump(measured, file)
