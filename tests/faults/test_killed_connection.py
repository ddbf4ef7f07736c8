"""The API server, or the way to it, gives way in the middle of a restore."""

import itertools
import json

import pytest
from tests.api_proxy import ApiProxy, status
from tests.cluster.local_server import Answer
from tests.restore_lab import Lab, Vault, config_map, obj, owners, unique

from holdfast.errors import ApiRefused, Cancelled, ClusterUnreachable
from holdfast.operations.restore.report import read_report

NAMES = [f"map-{number}" for number in range(20)]
HANG_UP = Answer(0, hang_up=True)


class UnsteadyProxy(ApiProxy):
    """With `unsteady`, it hangs up after each change that it has not seen before, when that was carried out."""

    def __init__(self, *arguments):
        self.unsteady = False
        self._seen = set()
        super().__init__(*arguments)

    def _answer(self, request):
        reply = super()._answer(request)
        change = request.method, request.path, json.loads(request.body or b"{}").get("metadata", {}).get("name")
        if not self.unsteady or request.method == "GET" or change in self._seen:
            return reply
        self._seen.add(change)
        return HANG_UP


@pytest.fixture
def proxy(cluster, tmp_path):
    proxy = UnsteadyProxy(cluster, tmp_path)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def lab(cluster):
    lab = Lab(cluster)
    inside = lab.new_namespace("unsteady")
    for name in NAMES:
        inside.server_side_apply(config_map(name))
        inside.patch(config_map(name), {"data": {"size": "small"}})  # two managers: restored by two calls
    inside.make(obj("v1", "Secret", "login", stringData={"password": "secret"}))
    yield inside
    lab.close()


@pytest.fixture
def vault(lab):
    vault = Vault()
    vault.back_up(lab)
    return vault


@pytest.fixture
def copy(lab):
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)
    return copy


@pytest.fixture
def through(cluster, proxy):
    """The lab by way of the proxy; pauses between tries take no time."""
    lab = Lab(cluster, account=proxy.kubeconfig)
    lab.cluster.connection.sleep = lambda _seconds: None
    yield lab
    lab.close()


def after(changes, answer):
    """Lets that many changes through, and gives `answer` to all that comes then."""
    count = itertools.count(1)
    over = False

    def intercept(request):
        nonlocal over
        over = over or (request.method != "GET" and next(count) > changes)
        return answer if over else None

    return intercept


def finished(lab, vault, copy):
    """Running it again, undisturbed, restores the rest."""
    report = vault.restore(lab, namespaces={lab.namespace: copy.namespace})
    assert (report.outcome, report.errors) == ("done", [])
    for name in NAMES:
        before, now = lab.read(config_map(name)), copy.read(config_map(name))
        assert (now["data"], owners(now)) == (before["data"], owners(before))
    return True


def test_server_that_goes_away_ends_the_run_with_a_report_of_what_was_done(lab, vault, copy, proxy, through):
    proxy.intercept = after(17, HANG_UP)

    with pytest.raises(ClusterUnreachable) as failure:
        vault.restore(through, namespaces={lab.namespace: copy.namespace})

    assert "cannot reach the API server" in failure.value.what
    assert failure.value.next
    report, log = read_report(vault.repository, failure.value.run)
    created = {item.name for item in report.objects if item.result == "created"}
    assert report.outcome == "failed"
    assert "cannot reach the API server" in report.errors[0].what
    assert "cannot reach the API server" in log
    assert created & {*NAMES, "login"} == {name for _, name in copy.objects()} & {*NAMES, "login"}
    assert 0 < len(created) < len(NAMES)
    assert finished(lab, vault, copy)


def test_credential_that_expires_ends_the_run(lab, vault, copy, proxy, through):
    proxy.intercept = after(17, status(401, "Unauthorized"))

    with pytest.raises(ApiRefused) as failure:
        vault.restore(through, namespaces={lab.namespace: copy.namespace})

    assert failure.value.status == 401
    assert "Log in" in failure.value.next
    report, _ = read_report(vault.repository, failure.value.run)
    assert report.outcome == "failed"
    assert [item for item in report.objects if item.result == "created"]
    assert not [item for item in report.objects if item.result == "failed"]
    assert finished(lab, vault, copy)


def test_changes_whose_answers_are_lost_are_looked_at_and_finished(lab, vault, copy, proxy, through):
    proxy.unsteady = True

    report = vault.restore(through, namespaces={lab.namespace: copy.namespace})

    assert (report.outcome, report.errors) == ("done", [])
    assert finished(lab, vault, copy)
    assert vault.restore(lab, namespaces={lab.namespace: copy.namespace}).counts["updated"] == 0


def test_stop_between_the_two_calls_for_an_object_is_reported_and_finished(lab, vault, copy, proxy, through):
    def stop_with_the_first_map(request):
        if request.method == "POST" and "/configmaps" in request.path:
            through.cancel.request()

    proxy.intercept = stop_with_the_first_map

    with pytest.raises(Cancelled) as stop:
        vault.restore(through, namespaces={lab.namespace: copy.namespace})

    report, _ = read_report(vault.repository, stop.value.run)
    halves = {item.name for item in report.objects if "not brought back yet" in item.why}
    assert report.outcome == "cancelled"
    assert halves & set(NAMES) == {name for _, name in copy.objects()} & set(NAMES) != set()
    assert all(item.result == "created" for item in report.objects if item.name in halves)
    assert finished(lab, vault, copy)
