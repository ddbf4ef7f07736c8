"""An API server that fails, forgets and hangs up while movers are followed: nothing is lost, doubled or given up for it."""

import itertools

import pytest
from tests.api_proxy import ApiProxy, status
from tests.cluster.local_server import Answer
from tests.movers.lab import RUN, Lab, moved, says, told, wait_for

from holdfast.errors import ApiRefused
from holdfast.operations.movers import lease

HANG_UP = Answer(0, hang_up=True)
DONE = moved(files=400, bytes=4000, part="abc")
SCRIPT = f"""
    i=0; while [ $i -lt 400 ]; do i=$((i+1))
        echo '{{"message":"warning","text":"line '$i'"}}'
        [ $((i % 100)) = 0 ] && sleep 1
    done
    {says(told(400, 4000), DONE)}"""
LINES = [f"shop/data: line {number}" for number in range(1, 401)]


class Door(ApiProxy):
    """`fail(request)` answers in the place of the cluster, or not. Streams tell what there is so far, and end."""

    def __init__(self, cluster, directory):
        super().__init__(cluster, directory)
        self.fail = lambda _request: None
        self.intercept = lambda request: self.fail(request) or self._shortened(request)

    def _shortened(self, request):
        if "follow=true" in request.path:
            return self.passed(request._replace(path=request.path.replace("follow=true", "follow=false")))
        if "watch=true" in request.path:
            return self.passed(request._replace(path=request.path.replace("timeoutSeconds=", "timeoutSeconds=1&was=")))
        return None


@pytest.fixture
def door(live, tmp_path):
    made = Door(live.cluster, tmp_path)
    yield made
    made.close()


@pytest.fixture
def behind(live, door):
    """A run that reaches the cluster by that door only."""
    made = Lab(live.cluster, live.namespace, door.kubeconfig)
    yield made
    made.close()


def every(number, part, *answers):
    """Every so many requests with this in their path get these answers by turns."""
    counted, given = itertools.count(1), itertools.cycle(answers)

    def fail(request):
        is_meant = part in request.path and request.method == "GET"
        return next(given) if is_meant and next(counted) % number == 0 else None

    return fail


def the_end(lab, script=SCRIPT):
    with lab.movers() as movers:
        [end] = movers.run([lab.task(script)])
    return end


TROUBLE = (status(500, "InternalError"), HANG_UP, status(410, "Expired"), status(503, "ServiceUnavailable"))


@pytest.mark.parametrize("part", ["/log?", "watch=true", "/pods?"])
def test_what_fails_now_and_then_is_asked_again(behind, door, part):
    door.fail = every(2, part, *TROUBLE)
    end = the_end(behind)
    assert (end.moved, end.problem, end.attempts) == (DONE, None, 1)
    assert behind.progress.warnings == LINES
    assert (behind.progress.files, behind.progress.bytes) == (400, 4000)


def test_a_log_that_is_cut_off_anywhere_comes_whole(behind, door):
    lengths = itertools.cycle([0, 10, 777, 5000, 1 << 30, 9999, 1 << 30])

    def cut(request):
        if "follow=true" not in request.path:
            return None
        whole = door.passed(request._replace(path=request.path.replace("follow=true", "follow=false")))
        return whole._replace(body=whole.body[: next(lengths)])

    door.fail = cut
    assert the_end(behind).moved == DONE
    assert behind.progress.warnings == LINES


def test_an_api_server_that_is_away_for_a_while_ends_nothing(behind, door, monkeypatch):
    monkeypatch.setattr(lease, "_RENEW_EVERY", 0.5)
    with behind.running(behind.task(SCRIPT)) as ends:
        behind.running_pod()
        door.fail = lambda _request: HANG_UP
        with pytest.raises(TimeoutError):
            ends.result(8)
        door.fail = lambda _request: None
        [end] = ends.result(120)
    assert end.moved == DONE
    assert behind.progress.warnings == LINES
    assert wait_for(lambda: not behind.left())


@pytest.mark.parametrize("kind", ["leases", "secrets", "jobs"])
@pytest.mark.parametrize("how", [HANG_UP, status(500, "InternalError")], ids=["no answer", "500"])
@pytest.mark.parametrize("is_done", [False, True], ids=["not done", "done"])
def test_what_is_made_is_made_once(behind, door, kind, how, is_done):
    """The first creation gets no answer, and was carried out or not."""
    first = iter([True])

    def fail(request):
        if request.method == "POST" and request.path.endswith(kind) and next(first, False):
            if is_done:
                door.passed(request)
            return how
        return None

    door.fail = fail
    assert the_end(behind, says(DONE)).moved == DONE
    assert wait_for(lambda: not behind.left())


def test_a_lease_that_is_renewed_without_an_answer_is_not_lost(behind, door, monkeypatch):
    monkeypatch.setattr(lease, "_RENEW_EVERY", 0.2)
    tries = itertools.count()

    def fail(request):
        if request.method == "PUT" and "/leases/" in request.path and next(tries) % 2 == 0:
            door.passed(request)
            return HANG_UP
        return None

    door.fail = fail
    assert the_end(behind).moved == DONE
    assert next(tries) > 5


def test_who_may_not_watch_any_more_is_told_so(behind, door):
    with behind.running(behind.task("exec sleep 5")) as ends:
        behind.running_pod()
        door.fail = lambda request: status(403, "Forbidden") if "/pods?" in request.path else None
        with pytest.raises(ApiRefused, match="pods"):
            ends.result(120)
        door.fail = lambda _request: None
    assert wait_for(lambda: not behind.left())


@pytest.mark.parametrize("part", ["jobs", "pods", "persistentvolumes", "persistentvolumeclaims", "secrets"])
def test_what_cannot_be_removed_goes_with_the_lease(behind, door, part):
    with behind.movers():
        door.fail = lambda request: status(500, "InternalError") if f"/{part}" in request.path else None
    door.fail = lambda _request: None
    assert wait_for(lambda: not behind.left())


def test_a_lease_that_cannot_be_removed_is_left_to_be_swept(behind, door):
    with behind.movers():
        door.fail = lambda request: status(500, "InternalError") if "/leases/" in request.path else None
    assert behind.left() == [f"leases/holdfast-run-{RUN}"]
    assert "a later run does it" in behind.progress.all_texts()
