"""Taking, keeping and losing a Lease beside a real API server."""

import contextlib

import pytest
from tests.controller.lab import wait_for

from holdfast.assembly import Settings, connect
from holdfast.controller import lease
from holdfast.controller.election import Election
from holdfast.model.cancel import Cancel
from holdfast.model.clock import SystemClock

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.05)


@pytest.fixture
def held(cluster, namespace):
    """An election that was won."""
    cancel = Cancel()
    with contextlib.closing(connect(Settings(kubeconfig=str(cluster.kubeconfig)), cancel)) as product:
        election = Election(product, namespace, "one", SystemClock(), cancel)
        election.acquire()
        yield election
        election.release()


@pytest.fixture
def stored(cluster, namespace):
    """Reads the Lease, and replaces it with changes."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{lease.NAME}"

    def read(**spec):
        while spec:
            body = cluster.api.request("GET", path)
            with contextlib.suppress(Exception):  # it was renewed just then
                return cluster.api.request("PUT", path, {**body, "spec": {**body["spec"], **spec}})
        return cluster.api.request("GET", path)

    return read


def renewals_after(stored, number):
    """Waits for so many."""
    seen = {stored()["spec"]["renewTime"]}
    wait_for(lambda: seen.add(stored()["spec"]["renewTime"]) or len(seen) > number)


def test_it_is_renewed_and_stays_the_same(held, stored):
    taken = stored()["spec"]
    renewals_after(stored, 3)
    assert stored()["spec"]["acquireTime"] == taken["acquireTime"]
    assert not held.is_lost


def test_it_is_kept_although_somebody_else_writes_into_it(held, stored):
    stored(leaseDurationSeconds=17)
    renewals_after(stored, 2)
    assert not held.is_lost


def test_it_is_taken_again_when_somebody_deleted_it(held, stored, cluster, namespace):
    first = stored()["metadata"]["uid"]
    cluster.api.request("DELETE", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{lease.NAME}")

    def another():
        with contextlib.suppress(Exception):
            return stored()["metadata"]["uid"] != first

    wait_for(another)
    renewals_after(stored, 2)
    assert not held.is_lost


def test_it_is_lost_when_another_one_took_it(held, stored):
    stored(holderIdentity="two", renewTime="2026-11-26T02:00:00.000000Z")
    wait_for(lambda: held.is_lost)
    assert stored()["spec"]["holderIdentity"] == "two"
