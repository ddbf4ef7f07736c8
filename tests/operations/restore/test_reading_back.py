"""Every object that a restore wrote is read again and compared; whoever changed it since is named."""

import json
import threading

import msgspec
import pytest
from tests.api_proxy import ApiProxy, status
from tests.restore_lab import Lab, Vault, config_map, entry, obj, unique, workload


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def target(lab, make_namespace):
    """An empty namespace to restore into."""
    return lab.within(make_namespace())


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
def meddler(cluster, target, tmp_path):
    """`meddler(change)`: an account whose restore is disturbed: `change()` runs once, right before it reads back."""
    proxy, labs = ApiProxy(cluster, tmp_path), []

    def make(change, done=2):
        written = []

        def intercept(request):
            if f"/{target.namespace}/configmaps" in request.path:
                if request.method == "POST":
                    written.append(request)
                elif len(written) == done:
                    written.append(None)
                    change()

        proxy.intercept = intercept
        labs.append(Lab(cluster, account=proxy.kubeconfig))
        return labs[-1]

    yield make
    for one in labs:
        one.close()
    proxy.close()


def into(lab, target):
    return {"namespaces": {lab.namespace: target.namespace}}


ONLY_MAPS = {"include_kinds": ("configmaps",), "exclude_kinds": ("namespaces",)}


def test_what_was_written_is_verified_and_counted(lab, vault, target):
    lab.make(config_map())
    lab.server_side_apply(config_map("applied"))
    lab.patch(config_map("applied"), {"data": {"size": "small"}})
    vault.back_up(lab)
    report = vault.restore(lab, **into(lab, target), **ONLY_MAPS)
    assert {entry(report, "configmaps", name).read_back for name in ("settings", "applied")} == {"verified"}
    assert report.read_back == {"verified": 2}
    assert vault.restore(lab, **into(lab, target), **ONLY_MAPS).read_back == {}


def test_an_update_is_verified_too(lab, vault):
    lab.make(config_map())
    vault.back_up(lab)
    lab.patch(config_map(), {"data": {"color": "red"}})
    report = vault.restore(lab, on_conflict="update")
    assert entry(report, "configmaps", "settings").result == "updated"
    assert entry(report, "configmaps", "settings").read_back == "verified"


def test_nothing_is_read_back_where_it_was_not_asked(lab, vault, target):
    lab.make(config_map())
    vault.back_up(lab)
    report = vault.restore(lab, **into(lab, target), verify=False)
    assert (report.read_back, entry(report, "configmaps", "settings").read_back) == ({}, "")


def test_what_was_changed_since_is_named_with_its_fields_and_their_writer(lab, vault, target, meddler):
    for name in ("settings", "other"):
        lab.make(config_map(name))
    vault.back_up(lab)
    change = {"data": {"color": "red"}, "metadata": {"labels": {"a": "b"}}}
    by = meddler(lambda: target.patch(config_map(), change, "injector"))
    report = vault.restore(by, **into(lab, target), **ONLY_MAPS)
    assert (report.outcome, report.errors) == ("done", [])
    assert report.read_back == {"verified": 1, "differs": 1}
    found = entry(report, "configmaps", "settings")
    assert found.differences == ["data.color", "metadata.labels"]
    assert "now of injector" in found.why
    assert "Objects that were changed since they were restored, as controllers do: 1" in report.notes


def test_an_autoscaler_that_scales_at_once_does_not_make_the_restore_fail(lab, vault, target):
    lab.make(workload("Deployment", "web", replicas=1))
    vault.back_up(lab)
    target_of = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"minReplicas": 3, "maxReplicas": 5, "scaleTargetRef": target_of}
    target.make(obj("autoscaling/v2", "HorizontalPodAutoscaler", "web", spec=spec))

    def scale():
        for _ in range(200):
            if target.find(workload("Deployment", "web")):
                target.patch(workload("Deployment", "web"), {"spec": {"replicas": 3}}, "hpa", subresource="scale")
                return

    scaler = threading.Thread(target=scale)
    scaler.start()
    report = vault.restore(lab, **into(lab, target), wait=1.0)
    scaler.join()
    found = entry(report, "deployments", "web")
    assert (found.read_back, found.differences) == ("differs", ["spec.replicas"])


def test_what_vanished_makes_the_restore_partial(lab, vault, target, meddler):
    for name in ("settings", "other"):
        lab.make(config_map(name))
    vault.back_up(lab)
    report = vault.restore(meddler(lambda: target.delete(config_map())), **into(lab, target), **ONLY_MAPS)
    assert report.outcome.exit_code == 3
    assert report.read_back == {"verified": 1, "missing": 1}
    (problem,) = report.errors
    assert problem.what == f"configmaps/{target.namespace}/settings did not stay"


def test_what_is_being_deleted_is_missing(lab, vault, target, meddler):
    for name in ("settings", "other"):
        lab.make(config_map(name, metadata={"finalizers": ["example.com/hold"]}))
    vault.back_up(lab)

    def ask():
        lab.cluster.connection.request("DELETE", target.path(config_map()))

    report = vault.restore(meddler(ask), **into(lab, target), **ONLY_MAPS)
    assert "it is being deleted" in report.errors[0].why
    for where in (lab, target):
        for name in ("settings", "other"):
            where.patch(config_map(name), {"metadata": {"finalizers": None}})


def test_an_account_that_may_not_read_is_told_what_was_not_read_back(lab, vault, target, cluster):
    for number in range(6):
        lab.make(config_map(f"map-{number}"))
    vault.back_up(lab)
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]
    narrow = Lab(cluster, account=cluster.account(unique("narrow"), rules, target.namespace))
    report = vault.restore(narrow, **into(lab, target), **ONLY_MAPS)
    assert report.read_back["unreadable"] >= 6
    (note,) = [note for note in report.notes if note.startswith("Not read back")]
    assert "cannot get resource" in note
    narrow.close()


def test_an_account_that_may_get_and_not_list_reads_one_by_one(lab, vault, target, cluster):
    for number in range(6):
        lab.make(config_map(f"map-{number}"))
    vault.back_up(lab)
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get"]}]
    narrow = Lab(cluster, account=cluster.account(unique("narrow"), rules, target.namespace))
    report = vault.restore(narrow, **into(lab, target), **ONLY_MAPS)
    assert report.read_back == {"verified": 6}
    narrow.close()


def test_many_objects_are_read_back_by_one_list(lab, vault, target, cluster, tmp_path):
    for number in range(20):
        lab.make(config_map(f"map-{number}"))
    vault.back_up(lab)
    proxy = ApiProxy(cluster, tmp_path)
    through = Lab(cluster, account=proxy.kubeconfig)
    report = vault.restore(through, **into(lab, target), **ONLY_MAPS)
    reads = [one.path for one in proxy.requests if one.method == "GET" and "configmaps" in one.path]
    assert report.read_back == {"verified": 20}
    assert len(reads) == 2  # for the plan, and for the proof
    through.close()
    proxy.close()


def test_field_owners_that_did_not_come_back_are_a_difference(lab, vault, target, cluster, tmp_path):
    lab.server_side_apply(config_map())
    lab.patch(config_map(), {"data": {"size": "small"}})
    vault.back_up(lab)
    proxy = ApiProxy(cluster, tmp_path)
    proxy.intercept = lambda request: status(403, "Forbidden", "no") if request.method == "PATCH" else None
    through = Lab(cluster, account=proxy.kubeconfig)
    report = vault.restore(through, **into(lab, target), **ONLY_MAPS)
    found = entry(report, "configmaps", "settings")
    assert (found.read_back, found.differences) == ("differs", ["metadata.managedFields"])
    through.close()
    proxy.close()


def test_the_report_keeps_it(lab, vault, target):
    lab.make(config_map())
    vault.back_up(lab)
    report = vault.restore(lab, **into(lab, target))
    document = json.loads(msgspec.json.encode(report))
    assert document["readBack"]["verified"] >= 1
    assert {one["readBack"] for one in document["objects"]} <= {"", "verified"}
