"""Backup runs that end badly: what they leave in the repository, and what they tell."""

import json
import re

import pytest
from tests.api_proxy import status
from tests.cluster.local_server import Answer
from tests.operations.harness import back_up, connected, contents_of, make
from tests.sample_repository import init, reopen

from holdfast.errors import ApiRefused, Cancelled, ClusterUnreachable, RepositoryLocked, StoreRefused, UsageError
from holdfast.model.backup import VolumesMode
from holdfast.model.cancel import Cancel
from holdfast.model.run import Outcome
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.operations.backup_details import read_details
from holdfast.operations.catalog import read_catalog
from holdfast.store.memory import MemoryStore
from holdfast.store.read_only import ReadOnlyStore
from holdfast.testing.faulty_store import Fault, FaultyStore, Script


@pytest.fixture
def shop(namespace, app):
    app.create(*(make("ConfigMap", f"map-{number}", namespace) for number in range(3)))
    return namespace


@pytest.fixture
def through(proxy):
    with connected(proxy.kubeconfig, sleep=lambda _: None) as one:
        yield one


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where local reports go."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def no_locks(repository):
    return not list(repository.store.list("locks"))


def assert_no_backup_but_a_report(repository, error, outcome=Outcome.FAILED):
    catalog = read_catalog(repository)
    assert catalog.backups == []
    (entry,) = catalog.backups_and_failures()
    assert (entry.outcome, entry.tags.get("run")) == (outcome, error.run)
    details = read_details(repository, error.run)
    assert details.record is None
    assert details.run.outcome is outcome
    assert details.run.errors[0].what == error.what
    assert no_locks(repository)
    return details


def test_a_server_that_goes_away_leaves_a_report_and_no_backup(own_repository, proxy, through, shop):
    proxy.intercept = lambda request: Answer(0, hang_up=True) if "/secrets" in request.path else None
    with pytest.raises(ClusterUnreachable) as error:
        back_up(own_repository, through, shop)
    details = assert_no_backup_but_a_report(own_repository, error.value)
    assert proxy.url in details.log


def test_a_credential_that_expires_leaves_a_report_and_no_backup(own_repository, proxy, through, shop):
    proxy.intercept = lambda request: status(401, "Unauthorized") if "/secrets" in request.path else None
    with pytest.raises(ApiRefused) as error:
        back_up(own_repository, through, shop)
    details = assert_no_backup_but_a_report(own_repository, error.value)
    assert "Log in" in details.run.errors[0].next
    assert "proxy-token-that-nobody-may-see" not in details.log


def test_a_deleted_service_account_can_back_up_no_more(own_repository, cluster, namespace, app, tmp_path, shop):
    """The same with the API server's own answer: a bound token dies with its account."""
    app.create(make("ServiceAccount", "backup", namespace))
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/backup/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = cluster.api.create(path, request)["status"]["token"]
    kubeconfig = tmp_path / "account.kubeconfig"
    content = {
        "clusters": [{"name": "a", "cluster": {"server": cluster.url, "certificate-authority": str(cluster.ca_file)}}],
        "users": [{"name": "a", "user": {"token": token}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    kubeconfig.write_text(json.dumps(content))
    cluster.api.request("DELETE", f"/api/v1/namespaces/{namespace}/serviceaccounts/backup")
    with connected(kubeconfig) as one, pytest.raises(ApiRefused) as error:
        back_up(own_repository, one, shop)
    assert error.value.status == 401
    details = assert_no_backup_but_a_report(own_repository, error.value)
    assert token not in details.log


def test_a_cancelled_run_leaves_a_report_and_no_lock(own_repository, proxy, shop):
    cancel = Cancel()
    proxy.intercept = lambda request: cancel.request() if "/secrets" in request.path else None
    with connected(proxy.kubeconfig, cancel=cancel) as one, pytest.raises(Cancelled) as error:
        back_up(own_repository, one, shop, cancel=cancel)
    assert_no_backup_but_a_report(own_repository, error.value, Outcome.CANCELLED)


def test_the_next_run_after_a_failed_one_works(own_repository, live, proxy, through, shop):
    proxy.intercept = lambda request: Answer(0, hang_up=True) if "/secrets" in request.path else None
    with pytest.raises(ClusterUnreachable):
        back_up(own_repository, through, shop)
    run = back_up(own_repository, live, shop)
    assert run.outcome is Outcome.DONE
    assert [entry.outcome for entry in read_catalog(own_repository).backups_and_failures()] == [
        Outcome.FAILED,
        Outcome.DONE,
    ]


def test_a_wrong_selection_leaves_a_report_too(own_repository, live, shop):
    with pytest.raises(UsageError) as error:
        back_up(own_repository, live, selection=Selection(namespaces=(shop,), include_kinds=("nonsense",)))
    assert_no_backup_but_a_report(own_repository, error.value)


def test_the_log_tells_what_the_run_did_until_it_failed(own_repository, proxy, through, shop):
    proxy.intercept = lambda request: Answer(0, hang_up=True) if "/secrets" in request.path else None
    with pytest.raises(ClusterUnreachable) as error:
        back_up(own_repository, through, shop)
    lines = read_details(own_repository, error.value.run).log.splitlines()
    form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (phase|note|warning|error) ."
    assert [line for line in lines if not re.match(form, line)] == []
    assert any(line.endswith("phase read objects") for line in lines)
    assert "error cannot reach the API server" in lines[-1]


def test_a_good_run_keeps_its_log_too(own_repository, live, shop):
    run = back_up(own_repository, live, shop)
    details = read_details(own_repository, run.run)
    assert details.run.run == run.run
    assert "phase write the backup" in details.log
    assert len(list(own_repository.snapshot_ids())) == 2


# Repositories that do not take what a run writes


def read_local_report(error, directory):
    (kept,) = directory.glob(f"holdfast-{error.run}-*")
    assert str(kept) in error.next
    report = json.loads((kept / "report.json").read_bytes())
    assert report["run"] == error.run
    assert report["errors"][0]["what"] == error.what
    return report, (kept / "log.txt").read_text()


def test_a_repository_that_may_only_be_read_takes_nothing_and_the_report_is_kept_here(live, shop, temporary):
    store = MemoryStore()
    init(store)
    before = sorted(store.list(""))
    with pytest.raises(StoreRefused) as error:
        back_up(reopen(ReadOnlyStore(store)), live, shop)
    report, log = read_local_report(error.value, temporary)
    assert report["outcome"] == "failed"
    assert "The repository did not take this report" in log
    assert sorted(store.list("")) == before


@pytest.mark.parametrize("name", ["data/*", "index/*", "snapshots/*"])
def test_a_store_that_breaks_publishes_nothing_and_the_report_is_kept_here(live, shop, temporary, name):
    store = MemoryStore()
    init(store)
    broken = FaultyStore(store, Script(Fault("before", "put", name, times=None, error=StoreRefused)))
    with pytest.raises(StoreRefused) as error:
        back_up(reopen(broken), live, shop)
    read_local_report(error.value, temporary)
    whole = reopen(store)
    assert read_catalog(whole).entries == ()
    assert no_locks(whole)
    assert back_up(whole, live, shop).outcome is Outcome.DONE


def test_a_store_that_breaks_for_a_while_takes_the_report_afterwards(live, shop, temporary):
    store = MemoryStore()
    init(store)
    broken = FaultyStore(store, Script(Fault("before", "put", "data/*", error=StoreRefused)))
    with pytest.raises(StoreRefused) as error:
        back_up(reopen(broken), live, shop)
    assert_no_backup_but_a_report(reopen(store), error.value)
    assert list(temporary.iterdir()) == []


def test_a_backup_whose_report_is_refused_has_been_made_all_the_same(live, shop, temporary):
    """The snapshot is published first: its data is whole, and the catalogue shows it."""
    store = MemoryStore()
    init(store)
    broken = FaultyStore(store, Script(Fault("before", "put", "snapshots/*", skip=1, times=None, error=StoreRefused)))
    run = back_up(reopen(broken), live, shop)
    (entry,) = read_catalog(reopen(store)).backups
    assert (run.outcome, entry.outcome) == (Outcome.DONE, Outcome.DONE)
    (directory,) = temporary.iterdir()
    assert str(directory) in run.notes[-1]
    assert (directory / "report.json").exists()


def test_a_locked_repository_is_left_alone(live, shop, temporary):
    repository = init(MemoryStore())
    with repository.lock(Cancel(), exclusive=True), pytest.raises(RepositoryLocked) as error:
        back_up(repository, live, shop)
    assert error.value.why
    read_local_report(error.value, temporary)
    assert read_catalog(repository).entries == ()


# Rights in the cluster


def test_a_partial_backup_names_what_is_missing(own_repository, cluster, shop):
    rules = [{"apiGroups": [""], "resources": ["configmaps", "namespaces"], "verbs": ["get", "list"]}]
    path = cluster.account(f"partial-{shop}", rules, shop)
    selection = Selection(
        namespaces=(shop,), include_kinds=("configmaps", "secrets"), cluster_objects=ClusterObjects.NONE
    )
    with connected(path) as one:
        run = back_up(own_repository, one, selection=selection, cluster_name="tenant")
    assert (run.outcome, run.outcome.exit_code) == (Outcome.PARTIAL, 3)
    assert [problem.what for problem in run.errors] == [f"secrets in namespace {shop} could not be listed"]
    record = contents_of(own_repository, run).record()
    assert record.errors == run.errors
    assert (record.cluster.uid, record.cluster.name) == ("", "tenant")
    assert record.cluster.version.startswith(f"v{cluster.version}")


def test_whoever_may_not_see_who_the_cluster_is_must_name_it(own_repository, cluster, shop):
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
    path = cluster.account(f"nameless-{shop}", rules, shop)
    with connected(path) as one, pytest.raises(UsageError) as error:
        back_up(own_repository, one, shop)
    assert "kube-system" in error.value.why
    assert "--cluster-name" in error.value.next


def test_a_tenant_can_back_up_its_own_namespace(own_repository, cluster, shop):
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
    path = cluster.account(f"tenant-{shop}", rules, shop)
    selection = Selection(namespaces=(shop,), cluster_objects=ClusterObjects.NONE)
    with connected(path) as one:
        run = back_up(own_repository, one, selection=selection, cluster_name="tenant", volumes=VolumesMode.NONE)
    assert run.outcome is Outcome.DONE
    assert run.errors == []
