"""Helper processes of `backup files` and `restore files`, caught in the middle of their work."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from holdfast.operations.processors import processors

PROGRAM = "holdfast.operations.helper"
PATIENCE = 60.0  # seconds; only a failing test waits so long


def make_tree(root, files=4000, size=2000):
    """Small files, each of its own content, enough for helpers to be started and busy; and a few long ones."""
    for number in range(files):
        path = root / f"{number // 100:03}" / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d " % number * (size // len(f"{number} ")))
    for number in range(3):
        (root / f"long {number}").write_bytes(os.urandom(2 << 20))
    return root


def needs_helpers():
    if processors() < 2:
        pytest.skip("testbed: one processor has no helpers (two are needed)")


def caught(parent, touching):
    """Waits for a helper of the process `parent` that has a file open whose path holds `touching`, and stops it there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for helper in _children(parent):
            if _touches(helper, touching):
                os.kill(helper.pid, signal.SIGSTOP)
                while helper.status() != psutil.STATUS_STOPPED:
                    time.sleep(0.001)
                if _touches(helper, touching):
                    return helper
                os.kill(helper.pid, signal.SIGCONT)
    pytest.fail(f"no helper of {parent} was seen with {touching}")


def _children(parent):
    try:
        return psutil.Process(parent).children()
    except psutil.NoSuchProcess:
        pytest.fail("the run was over before a helper was caught")


def _touches(helper, touching):
    try:
        if PROGRAM not in helper.cmdline():
            return False  # it is a copy of its parent, with all that has open, until it begins its own program
        return any(touching in str(link.readlink()) for link in Path(f"/proc/{helper.pid}/fd").iterdir())
    except (OSError, psutil.NoSuchProcess):
        return False


def is_gone(process):
    """Whether it ended; who inherited it may not have looked yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(*processes):
    deadline = time.monotonic() + PATIENCE
    while not all(map(is_gone, processes)):
        assert time.monotonic() < deadline, "helpers go on without the process that started them"
        time.sleep(0.02)
