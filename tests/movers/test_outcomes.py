"""What is said of a mover's end, from objects as clusters show them."""

import pytest
from tests.movers.lab import moved

from holdfast.model.run import Problem
from holdfast.operations.movers import outcomes
from holdfast.operations.movers.task import MoverTask


def pod(phase="Failed", *, state=None, conditions=(), reason="", message="", limit="1Gi", **metadata):
    containers = [{"name": "holdfast", "state": state}] if state else []
    return {
        "metadata": {"name": "mover-1", "namespace": "holdfast", **metadata},
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "holdfast", "resources": {"limits": {"memory": limit}}}],
        },
        "status": {
            "phase": phase,
            "reason": reason,
            "message": message,
            "conditions": list(conditions),
            "containerStatuses": containers,
        },
    }


def ended(code, reason=""):
    return {"terminated": {"exitCode": code, "reason": reason}}


DISRUPTED = {"type": "DisruptionTarget", "status": "True", "message": "Eviction API: evicting"}
TASK = MoverTask(namespace="shop", claim="data", mounted_claim="data", command=[])


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (pod(state=ended(137, "OOMKilled")), "its pod needed more memory than its limit of 1Gi (OOMKilled)"),
        (
            pod(reason="Evicted", message="The node was low on\nmemory."),
            "its pod was evicted: The node was low on memory.",
        ),
        (pod(reason="Evicted", state=ended(137), message="low"), "its pod was evicted: low"),
        (pod(state=ended(130), conditions=[DISRUPTED]), "its pod was stopped: Eviction API: evicting"),
        (pod(reason="NodeLost"), "the node node-1 does not answer"),
        (pod(reason="UnexpectedAdmissionError", message="no room"), "its pod failed: UnexpectedAdmissionError no room"),
        (pod(state=ended(137)), "its pod ended with exit code 137 (killed) and did not say why"),
        (pod(state=ended(1)), "its pod ended with exit code 1 and did not say why"),
        (pod("Succeeded", state=ended(0)), "its pod ended without saying what it did"),
    ],
)
def test_every_end_has_a_name(one, why):
    cause = outcomes.why_ended(one, is_lost=False)
    assert cause.why == why
    assert cause.next


def test_a_lost_node_comes_before_all_else():
    cause = outcomes.why_ended(pod("Running", state={"running": {}}, conditions=[DISRUPTED]), is_lost=True)
    assert cause.why == "the node node-1 does not answer"
    assert "kubectl describe node node-1" in cause.next


def failed(one=None, said=None, job=None, words=""):
    return outcomes.failed(TASK, said, one, job or {}, words, is_lost=False)


def test_the_movers_own_words_are_better_than_ours():
    own = Problem("the store is full", "507", "Make room.")
    assert failed(pod(state=ended(1)), moved("failed", errors=[own])) == own


def test_a_mover_that_others_stopped_did_not_fail():
    assert "not by this run" in failed(pod(state=ended(130)), moved("cancelled")).why


def test_a_deadline_is_named():
    job = {"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]}}
    assert failed(job=job).why == "its Job's deadline is over"


def test_without_a_pod_the_job_says_why():
    job = {"status": {"conditions": [{"type": "Failed", "status": "True", "message": "backoff limit reached"}]}}
    assert failed(job=job).why == "backoff limit reached"
    assert failed().why == "its pod is gone, and nothing says why"


def test_last_words_are_shortened():
    problem = failed(pod(state=ended(1)), words="x" * 10_000)
    assert "its last words: xxx" in problem.why
    assert len(problem.why) < 700


def test_what_is_done_to_a_volume_is_in_the_text():
    writing = MoverTask(namespace="shop", claim="data", mounted_claim="data", command=[], writes=True)
    assert failed().what == "shop/data was not read"
    assert outcomes.failed(writing, None, None, {}, "", is_lost=False).what == "shop/data was not written"
