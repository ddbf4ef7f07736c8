"""Pods whose node does not say that they ended. That Kubernetes then makes another one is shown in tests/in_cluster."""

import datetime as dt

import pytest
from tests.controller.stage import NOW, location, request, time

from holdfast.controller.decisions.lost_pods import lost_pods

KEY = ("Backup", "holdfast", "before")


@pytest.fixture
def lost(stage):
    """`lost(**status)`: names of pods that are lost a while after the time to end was over, and shortly before."""
    stage.put(location())
    stage.put(request())
    stage.act(*KEY)
    [job] = stage.made("Job").values()

    def look(deleted=True, **status):
        pod = stage.pod(job, **status)
        if deleted:
            stage.put({**pod, "metadata": {**pod["metadata"], "deletionTimestamp": time(NOW)}})
        moments = [NOW + dt.timedelta(seconds=seconds) for seconds in (10, 30)]
        return [
            [one.name.removeprefix(job["metadata"]["name"]) for one in lost_pods(stage.world, at)] for at in moments
        ]

    return look


def test_one_that_was_told_to_end_and_does_not(lost):
    assert lost(phase="Running") == [[], ["-a"]]


def test_one_that_ended_is_not_lost(lost):
    assert lost(exit_code=0) == [[], []]


def test_one_that_nobody_told_to_end_may_take_its_time(lost):
    assert lost(deleted=False) == [[], []]
