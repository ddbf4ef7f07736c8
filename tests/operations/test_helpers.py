"""Helper processes: who does the work, and what happens when one dies."""

import collections
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from holdfast.codec.crypto import SealingKey
from holdfast.errors import Cancelled, HoldfastError
from holdfast.model.cancel import Cancel
from holdfast.operations import file_process
from holdfast.operations.file_process import FileProcess
from holdfast.operations.helpers import Helpers

KEY = SealingKey.random()


class Job:
    """Says who did it; may do something on its way."""

    def __init__(self, number, *, before=None):
        self.number = number
        self.by_whom = None
        self._before = before

    def here(self):
        self.by_whom = "here"

    def by(self, helper):
        if self._before:
            self._before(helper)
        self.by_whom = helper


@pytest.fixture
def run():
    """`run(helpers' count, jobs)`: what came back, in no order."""
    opened = []

    def submit(count, jobs):
        came = queue.SimpleQueue()
        helpers = Helpers(KEY, Cancel(), done=came.put, count=count)
        opened.append(helpers)
        for number, job in enumerate(jobs, 1):
            helpers.submit(job)
            if number == 4 and count:
                assert helpers._are_ready.wait(60)
        back = []
        while len(back) < number and not (back and isinstance(back[-1], BaseException)):
            back.append(came.get(timeout=60))
        return back

    yield submit
    for helpers in opened:
        helpers.close()


def test_without_helpers_all_is_done_here(run):
    assert [job.by_whom for job in run(0, map(Job, range(5)))] == ["here"] * 5


def test_few_jobs_start_no_process(run, monkeypatch):
    monkeypatch.setattr(file_process.subprocess, "Popen", None)
    assert [job.by_whom for job in run(2, map(Job, range(2)))] == ["here"] * 2


def test_many_jobs_are_shared(run):
    jobs = run(2, map(Job, range(20)))
    assert sorted(job.number for job in jobs) == list(range(20))
    assert {type(job.by_whom) for job in jobs} == {str, FileProcess}


def test_with_one_helper_this_process_works_too(run):
    slow = threading.Event()

    def wait(_helper):
        slow.wait(60)

    def free_it():
        slow.set()

    last = Job(12)
    last.here = free_it  # nobody else can: the only helper waits for it
    back = run(1, [*map(Job, range(4)), *(Job(number, before=wait) for number in range(4, 12)), last])
    assert "here" in {job.by_whom for job in back if job.number > 4}


def test_a_helper_that_is_killed_fails_the_run_with_its_signal(run):
    def kill(helper):
        os.kill(helper._process.pid, signal.SIGKILL)
        helper.receive()

    back = run(2, [*map(Job, range(6)), Job(6, before=kill), *map(Job, range(7, 40))])
    (error,) = [one for one in back if isinstance(one, BaseException)]
    assert type(error) is HoldfastError
    assert (error.what, error.why) == ("a process that worked on files for this run ended", "it ended with signal 9")


def test_a_helper_that_is_stopped_does_not_hinder_a_cancel(monkeypatch):
    monkeypatch.setattr(file_process, "_PATIENCE", 0.5)
    cancel, came = Cancel(), queue.SimpleQueue()
    helpers = Helpers(KEY, cancel, done=came.put, count=2)
    try:
        for number in range(3):
            helpers.submit(Job(number))
        assert helpers._are_ready.wait(60)
        for pid in helpers.pids:
            os.kill(pid, signal.SIGSTOP)
        threading.Timer(1, cancel.request).start()
        stuck = [Job(number, before=lambda helper: helper.receive()) for number in range(10)]
        with pytest.raises(Cancelled):
            collections.deque(map(helpers.submit, stuck))
    finally:
        helpers.close()
    assert not [pid for pid in helpers.pids if psutil.pid_exists(pid)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_told_to_all_processes_of_a_run_is_for_the_first(number):
    helper = FileProcess(KEY)
    try:
        helper.wait_ready()
        os.kill(helper.pid, number)
        helper.dismiss()
        assert helper._process.wait(60) == 0
    finally:
        helper.close()


def test_an_error_in_a_job_comes_back_and_nothing_waits_for_ever(run):
    def fail(_helper):
        raise ValueError("a fault")

    back = run(2, [*map(Job, range(6)), Job(6, before=fail), *map(Job, range(7, 40))])
    assert [str(one) for one in back if isinstance(one, BaseException)] == ["a fault"]


def test_a_helper_that_does_not_start_is_an_error(run, monkeypatch):
    monkeypatch.setattr(file_process.sys, "executable", "/bin/false")
    back = run(1, map(Job, range(20)))
    (error,) = [one for one in back if isinstance(one, BaseException)]
    assert error.why == "it ended with exit code 1"


def test_a_run_is_cancelled_although_its_helpers_do_not_answer():
    cancel = Cancel()
    helpers = Helpers(KEY, cancel, done=lambda _: None, count=2)

    def stop(helper):
        os.kill(helper._process.pid, signal.SIGSTOP)
        cancel.request()
        helper.receive()

    def submit(count, before):
        for number in range(count):
            helpers.submit(Job(number, before=before))

    submit(4, None)
    assert helpers._are_ready.wait(60)
    with pytest.raises(Cancelled):
        submit(10, stop)
    helpers.close()


def test_a_helper_ends_with_the_process_that_started_it():
    program = """
import os, sys
from holdfast.codec.crypto import SealingKey
from holdfast.operations.file_process import FileProcess
helper = FileProcess(SealingKey.random())
helper.wait_ready()
print(helper._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    died = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    helper = int(died.stdout)
    for _ in range(600):
        try:
            state = Path(f"/proc/{helper}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":  # its new parent has not looked yet
            return
        time.sleep(0.1)
    pytest.fail("the helper goes on without its parent")


def test_secrets_of_the_environment_do_not_reach_a_helper(monkeypatch):
    monkeypatch.setenv("HOLDFAST_PASSWORD", "open sesame")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "open sesame")
    helper = FileProcess(KEY)
    try:
        helper.wait_ready()
        shown = Path(f"/proc/{helper._process.pid}")
        assert b"open sesame" not in (shown / "environ").read_bytes()
        assert KEY.encrypt.hex().encode() not in (shown / "cmdline").read_bytes()
    finally:
        helper.close()
