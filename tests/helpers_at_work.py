"""Helper processes of `backup files` and `restore files`, caught in the middle of their work."""

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from holdfast.operations.processors import processors

PROGRAM = "holdfast.operations.helper"
PATIENCE = 180.0  # seconds; only a failing test waits so long


def make_tree(root, files=4000, size=20_000):
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


@contextlib.contextmanager
def caught(parent, touching):
    """Waits for a helper of the process `parent` that has a file open whose path holds `touching`; both stand still in the block.

    Then the parent goes on and the helper does not. Until helpers are at work the parent goes on for a moment at a time only,
    because they need longer to begin than it needs to do much of the work alone.
    """
    parent = psutil.Process(parent)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if is_gone(parent):
            pytest.fail("the run was over before a helper was caught")
        if not parent.children():
            continue
        _stop(parent)
        try:
            helper = _found(parent, touching)
            if helper is not None:
                yield helper
                return
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):  # the block may have killed it
                parent.send_signal(signal.SIGCONT)
    pytest.fail(f"no helper of {parent.pid} was seen with {touching}")


def _found(parent, touching):
    """A helper that was stopped with such a file open, or None."""
    helpers = parent.children()
    if not all(map(_is_at_work, helpers)):
        time.sleep(0.02)
        return None
    return next((helper for helper in helpers if _held(helper, touching)), None)


def _held(helper, touching):
    with contextlib.suppress(psutil.NoSuchProcess):
        _stop(helper)
        if _touches(helper, touching):
            return True
        helper.send_signal(signal.SIGCONT)
    return False


def _is_at_work(helper):
    """Whether it has begun its own program and loaded what it needs: the libraries of its work are in its memory."""
    try:
        return PROGRAM in helper.cmdline() and any("zstandard" in one.path for one in helper.memory_maps())
    except (psutil.NoSuchProcess, OSError):
        return False


def _stop(process):
    process.send_signal(signal.SIGSTOP)
    while process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE):
        time.sleep(0.0002)


def _touches(helper, touching):
    try:
        return any(touching in str(link.readlink()) for link in Path(f"/proc/{helper.pid}/fd").iterdir())
    except OSError:
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
