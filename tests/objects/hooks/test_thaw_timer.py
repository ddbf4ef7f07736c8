"""The thaw timer in shells of this machine."""

import ctypes
import os
import shutil
import signal
import subprocess
import time

import psutil
import pytest

from holdfast.objects.hooks.thaw_timer import TOO_LATE, begin_command, call_off_command

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_LONG = 3600.0
SHELLS = [shell for name in ("dash", "bash") if (shell := shutil.which(name))]


@pytest.fixture(params=SHELLS)
def run(request):
    """Runs a command with this shell in the place of /bin/sh."""

    def run(command, **options):
        words = [str(word).replace("/bin/sh", request.param) for word in command]
        return subprocess.run(words, capture_output=True, text=True, check=False, **options)

    return run


@pytest.fixture(autouse=True)
def orphans():
    """Orphans become children of this process, as they do of a container's first; gives how the next one ends.

    Children that this process had before, servers of other tests, are not waited for.
    """
    prctl = ctypes.CDLL(None).prctl
    before = _children()
    prctl(_SUBREAPER, 1)
    yield lambda: _next_end(before)
    prctl(_SUBREAPER, 0)


def _children():
    return {child.pid for child in psutil.Process().children()}


def _next_end(before):
    """Raises ChildProcessError if there is none."""
    while orphans := _children() - before:
        for orphan in orphans:
            ended, status = os.waitpid(orphan, os.WNOHANG)
            if ended:
                return status
        time.sleep(0.02)
    raise ChildProcessError


def begun(run, name, seconds, *thaw):
    done = run(begin_command(name, seconds, thaw))
    assert done.returncode == 0, done
    return int(done.stdout)


def test_it_thaws_and_ends_well_whatever_thawing_says(run, tmp_path, orphans):
    begun(run, "thaw-1", 1.0, "sh", "-c", f"echo thawed >>{tmp_path}/state; exit 3")
    assert orphans() == 0
    assert (tmp_path / "state").read_text() == "thawed\n"


def test_one_that_is_called_off_thaws_nothing_and_nothing_of_it_is_killed(run, tmp_path, orphans):
    """A database as the first process restarts when an orphan dies by a signal."""
    process = begun(run, "thaw-2", _LONG, "touch", tmp_path / "state")
    assert run(call_off_command("thaw-2", process)).returncode == 0
    assert orphans() == 0
    with pytest.raises(ChildProcessError):
        orphans()
    assert not (tmp_path / "state").exists()


def test_one_that_is_gone_is_too_late_to_call_off(run, orphans):
    process = begun(run, "thaw-3", 1.0, "true")
    orphans()
    assert run(call_off_command("thaw-3", process)).returncode == TOO_LATE


def test_another_process_of_the_same_number_is_left_alone(run, orphans):
    process = begun(run, "thaw-4", _LONG, "true")
    assert run(call_off_command("thaw-5", process)).returncode == TOO_LATE
    os.kill(process, 0)
    assert run(call_off_command("thaw-4", process)).returncode == 0
    orphans()


def test_it_stays_when_all_that_began_it_are_hung_up_on(run, tmp_path, orphans):
    process = begun(run, "thaw-6", _LONG, "touch", tmp_path / "state")
    for sign in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        os.kill(process, sign)
    time.sleep(0.2)  # a signal that is taken comes at once
    assert os.waitpid(process, os.WNOHANG) == (0, 0)
    run(call_off_command("thaw-6", process))
    orphans()


def test_arguments_arrive_as_they_are(run, tmp_path, orphans):
    words = ["a b", "$HOME", "'q'", '"d"', "", "\\", "*", "new\nline"]
    begun(run, "thaw-7", 1.0, "sh", "-c", 'for a in "$@"; do printf "<%s>" "$a"; done >"$0"', tmp_path / "said", *words)
    orphans()
    assert (tmp_path / "said").read_text() == "".join(f"<{word}>" for word in words)


def test_no_timer_without_sleep(run, tmp_path):
    done = run(begin_command("thaw-8", _LONG, ["true"]), env={"PATH": str(tmp_path)})
    assert done.returncode == 127
    assert "no sleep" in done.stderr
