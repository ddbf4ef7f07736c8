"""Starting `doomed_holdfast.py`, and what its tests have in common."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faults import doomed_holdfast
from tests.restic_oracle import PASSWORD

ROOT = Path(__file__).parents[2]


def start(number, place, moment, directory, kubeconfig, *arguments, environ=None):
    """A child that gets the signal `number` at that moment of the store or the api."""
    return subprocess.Popen(
        [sys.executable, doomed_holdfast.__file__, number, place, str(moment), *arguments],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HOLDFAST_REPOSITORY": str(directory),
            "HOLDFAST_PASSWORD": PASSWORD,
            "KUBECONFIG": str(kubeconfig),
            **(environ or {}),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(child):
    """(exit code, standard output, standard error); a child that was killed has the code -9."""
    output, errors = child.communicate(timeout=120)
    return child.returncode, output, errors


def is_stopped(child):
    """Waits until a child that stops itself has done so, or has ended before."""
    return os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT).si_code == os.CLD_STOPPED


def moments(errors):
    """How many moments a child that lived has passed."""
    return int(re.search(r"(\d+) moments", errors)[1])


KILLED = -signal.SIGKILL


def killed_sometime(starts, chance, times):
    """Kills `times` children after a random part of the time that one needs; returns how many did not end before."""
    began = time.monotonic()
    code, _, errors = ended(starts())
    needed = time.monotonic() - began
    assert code == 0, errors
    killed = 0
    for _ in range(times):
        child, began = starts(), time.monotonic()
        end = began + chance.uniform(0.3, 0.95) * needed
        while child.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        if child.poll() is not None:
            needed = time.monotonic() - began  # the one that was timed was slower: the next is killed earlier
        child.kill()
        code, _, errors = ended(child)
        assert code in (0, KILLED), errors
        killed += code == KILLED
    return killed
