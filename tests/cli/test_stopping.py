"""Ctrl-C and SIGTERM in the middle of a run, and a process that is killed outright."""

import re
import signal
import threading

import pytest

STOPPERS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture
def held(proxy):
    """A proxy that holds the list of Secrets back until `release`; `reached` tells that it was asked for."""

    class Held:
        reached = threading.Event()
        release = threading.Event()
        kubeconfig = proxy.kubeconfig

    def hold(request):
        if "/secrets" in request.path:
            Held.reached.set()
            Held.release.wait(30)

    proxy.intercept = hold
    yield Held
    Held.release.set()


@pytest.fixture
def stoppable(stocked, held):
    return stocked.but(KUBECONFIG=held.kubeconfig)


def stop_in_the_middle(stoppable, held, shop, number, *more):
    running = stoppable.start("backup", "create", "-n", shop, *more)
    assert held.reached.wait(30)
    running.interrupt(number)
    heard = running.wait_for("Stopping at the next safe point")  # else the run could be over before it hears
    held.release.set()
    return running.end(heard)


@pytest.mark.parametrize("number", STOPPERS)
def test_a_run_that_is_stopped_ends_with_130_and_leaves_no_lock(stoppable, held, shop, repository, number):
    done = stop_in_the_middle(stoppable, held, shop, number)
    assert done.code == 130
    assert "Stopping at the next safe point" in done.err
    assert "Stopped: cancelled" in done.err
    assert list((repository / "locks").iterdir()) == []


def test_a_stopped_run_is_listed_with_its_log(stoppable, held, shop):
    stop_in_the_middle(stoppable, held, shop, signal.SIGINT)
    (entry,) = stoppable("backup", "list", "-o", "json").document
    assert entry["outcome"] == "cancelled"
    assert "read objects" in stoppable("backup", "show", entry["run"], "--log").out


def test_a_stopped_run_prints_the_error_document(stoppable, held, shop):
    done = stop_in_the_middle(stoppable, held, shop, signal.SIGINT, "-o", "json")
    assert (done.code, done.document["outcome"]) == (130, "cancelled")
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", done.document["run"])


def test_the_next_run_after_a_stopped_one_works(stoppable, held, shop):
    stop_in_the_middle(stoppable, held, shop, signal.SIGINT)
    stoppable("backup", "create", "-n", shop)
    entries = stoppable("backup", "list", "-o", "json").document
    assert [entry["outcome"] for entry in entries] == ["cancelled", "done"]


def test_a_second_ctrl_c_does_not_wait(stoppable, held, shop, repository):
    running = stoppable.start("backup", "create", "-n", shop)
    assert held.reached.wait(30)
    running.interrupt()
    running.wait_for("Stopping at the next safe point")
    running.interrupt()
    assert running.end().code == 130
    assert len(list((repository / "locks").iterdir())) == 1
    stoppable("repository", "unlock")
    assert list((repository / "locks").iterdir()) == []


def test_a_killed_run_leaves_a_lock_that_the_next_run_ignores(stoppable, held, shop, repository):
    running = stoppable.start("backup", "create", "-n", shop)
    assert held.reached.wait(30)
    running.interrupt(signal.SIGKILL)
    assert running.end().code == -signal.SIGKILL
    held.release.set()
    assert len(list((repository / "locks").iterdir())) == 1
    stoppable("backup", "create", "-n", shop)
    assert "no errors were found" in stoppable("repository", "check", "--read-data").out
    stoppable("repository", "unlock")
