"""Drills on a real node: restored, ready, checked, measured, and gone."""

import datetime as dt
import threading
from types import SimpleNamespace

import pytest
from tests.operations.drill.conftest import drill_namespaces, reports, run_drill, web
from tests.restore_lab import Lab, Vault, config_map, eventually, obj, unique

from holdfast.errors import ApiRefused, Cancelled, NothingSelected, UsageError
from holdfast.model.cancel import Cancel
from holdfast.operations.catalog import read_catalog
from holdfast.operations.drill.cleaning import remove_drills
from holdfast.operations.drill.namespaces import drill_namespace, make_namespace
from holdfast.operations.drill.report import read_drill

GOOD = (
    ("command", "deployment/{}/web: cat /www/index.html => hello"),
    ("command", "deployment/{}/web/main: wget -q -O - http://127.0.0.1:8080/ => hello"),
    ("query", "statefulset/{}/db: select 1 + 1 => 2"),
    ("checksum", "deployment/{}/web: /www/index.html"),
)


@pytest.fixture(scope="module")
def good(shop):
    return run_drill(shop, *GOOD)


def test_everything_comes_back_is_ready_and_passes_its_checks(good):
    assert (good.outcome, good.errors) == ("done", [])
    assert [(one.kind, one.passed) for one in good.checks] == [
        ("ready", True),
        ("command", True),
        ("command", True),
        ("query", True),
        ("checksum", True),
    ]
    assert good.checks[-1].output.startswith("sha256:")
    assert good.waited.ready == good.waited.objects >= 3


def test_nothing_of_it_stays(good, shop):
    assert good.namespaces.keys() == {shop.name}
    (name,) = good.namespaces.values()
    assert shop.lab.find(obj("v1", "Namespace", name)) is None


def test_times_are_measured(good):
    assert good.seconds.keys() == {"restore", "ready", "rto", "checks", "cleanup"}
    assert good.seconds["rto"] == pytest.approx(good.seconds["restore"] + good.seconds["ready"], abs=0.01)


def test_the_original_is_left_alone(shop):
    shop.lab.settled()
    before = {key: uid for key, (uid, _) in shop.lab.versions().items() if key[0] != "Pod"}
    run_drill(shop)
    assert {key: uid for key, (uid, _) in shop.lab.versions().items() if key[0] != "Pod"} == before


def test_the_repository_remembers_what_was_proven(good, shop):
    assert read_drill(shop.vault.repository, good.id)[0] == good
    proof = read_catalog(shop.vault.repository).proofs()[shop.saved.id]
    assert proof.tags.get("proof") == "drilled"


def test_the_report_says_what_the_network_depends_on(good):
    assert any("depends on the cluster's network" in note for note in good.notes)


# Kept


@pytest.fixture(scope="module")
def kept(shop):
    report = run_drill(shop, keep=True)
    (name,) = report.namespaces.values()
    yield report, shop.lab.within(name)
    remove_drills(shop.lab.cluster, dt.datetime.now(dt.UTC), running=True)


def test_a_kept_namespace_is_closed_and_labelled(kept):
    report, place = kept
    space = place.read(obj("v1", "Namespace", place.namespace))
    assert space["metadata"]["labels"]["holdfast.dev/drill"] == report.run
    assert space["metadata"]["labels"]["holdfast.dev/quarantine"] == "true"
    assert space["metadata"]["labels"]["team"] == "sales"
    policy = place.read(obj("networking.k8s.io/v1", "NetworkPolicy", "holdfast-quarantine"))
    assert policy["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [{"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}],
    }
    assert place.read(config_map())["data"] == {"color": "blue"}
    assert any(place.namespace in note for note in report.notes)


def test_another_drill_leaves_a_kept_one_and_clean_removes_it(kept, shop):
    _, place = kept
    run_drill(shop)
    assert place.namespace in drill_namespaces(shop.lab)
    removed = remove_drills(shop.lab.cluster, dt.datetime.now(dt.UTC), running=False)
    assert place.namespace in [one.name for one in removed]
    assert place.namespace not in drill_namespaces(shop.lab)


# What goes wrong

BAD = (
    ("command", "deployment/{}/web: sh -c 'echo no luck >&2; exit 4'", "exit code 4: no luck"),
    ("command", "deployment/{}/web: cat /www/index.html => goodbye", "the answer is not 'goodbye'"),
    ("command", "deployment/{}/web: nonsense", "nonsense"),
    ("command", "deployment/{}/nobody: true", "is not there"),
    ("command", "deployment/{}/web/nobody: true", "nobody"),
    ("command", "configmap/{}/settings: true", "selects no pods"),
    ("query", "deployment/{}/web: select 1", "no mariadb, mysql or psql"),
    ("query", "statefulset/{}/db: select nonsense", "Unknown column"),
    ("checksum", "deployment/{}/web: /nothing", "exit code"),
)


@pytest.fixture(scope="module")
def bad(shop):
    return run_drill(shop, *((kind, text) for kind, text, _ in BAD))


@pytest.mark.parametrize("number", range(len(BAD)), ids=[text for _, text, _ in BAD])
def test_a_check_that_fails_says_why(bad, number):
    result = bad.checks[number + 1]
    assert not result.passed
    assert BAD[number][2] in result.why
    assert result.next


def test_a_failed_check_is_a_problem_and_no_proof(bad):
    assert bad.outcome.exit_code == 3
    assert len(bad.errors) == len(BAD)
    assert all(problem.what and problem.why and problem.next for problem in bad.errors)


def test_a_check_that_takes_too_long_is_given_up(shop):
    report = run_drill(shop, ("command", "deployment/{}/web: sleep 60"), check_timeout=1.0)
    assert "did not end in 1 s" in report.checks[1].why


def test_what_is_not_ready_fails_the_drill_and_says_why(lab):
    shop = lab.new_namespace("broken")
    shop.make(web(image="testbed/nothing:1", imagePullPolicy="Never"))
    vault = Vault()
    saved = vault.back_up(shop)

    report = run_drill(SimpleNamespace(name=shop.namespace, lab=shop, vault=vault), timeout=8.0)
    assert report.outcome.exit_code == 3
    assert not report.checks[0].passed
    assert "rto" not in report.seconds
    assert any("cannot be pulled" in problem.why for problem in report.errors)
    assert saved.id not in read_catalog(vault.repository).proofs()
    (name,) = report.namespaces.values()
    assert name not in drill_namespaces(lab)


def test_checks_of_what_is_not_restored_are_refused_before_anything_is_made(shop):
    before = drill_namespaces(shop.lab, ending=True)
    with pytest.raises(UsageError, match="cannot be made"):
        run_drill(shop, ("command", "deployment/elsewhere/web: true"))
    with pytest.raises(UsageError):
        run_drill(shop, ("command", "nonsense/{}/web: true"))
    with pytest.raises(NothingSelected):
        run_drill(shop, namespaces=("nowhere",))
    assert drill_namespaces(shop.lab, ending=True) == before


def test_a_part_of_a_backup_is_no_proof_of_it(shop):
    other = Vault()
    saved = other.back_up(shop.lab)

    part = SimpleNamespace(name=shop.name, lab=shop.lab, vault=other)
    report = run_drill(part, exclude_kinds=("statefulsets",))
    assert (report.outcome, report.whole) == ("done", False)
    assert saved.id not in read_catalog(other.repository).proofs()


def test_a_stop_removes_the_namespaces_and_leaves_a_report(shop, node_cluster):
    cancel = Cancel()
    stopped = Lab(node_cluster, cancel=cancel)
    before = drill_namespaces(shop.lab)

    def stop():
        eventually(lambda: drill_namespaces(shop.lab) - before, "the drill has begun")
        cancel.request()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(Cancelled):
        run_drill(shop, ("command", "deployment/{}/web: sleep 60"), cluster=stopped.cluster, cancel=cancel)
    thread.join()
    assert drill_namespaces(shop.lab) <= before
    assert reports(shop)[-1].outcome == "cancelled"
    stopped.close()


def test_an_account_that_may_not_close_namespaces_begins_nothing_in_them(shop, node_cluster):
    rules = [
        {"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["get", "list"]},
    ]
    narrow = Lab(node_cluster, account=node_cluster.account(unique("narrow"), rules))
    before = drill_namespaces(shop.lab)
    with pytest.raises(ApiRefused, match="networkpolicies"):
        run_drill(shop, cluster=narrow.cluster)
    assert reports(shop)[-1].outcome == "failed"
    assert drill_namespaces(shop.lab) <= before
    narrow.close()


def test_what_a_killed_drill_left_is_removed_by_the_next_one(shop):
    cluster, past = shop.lab.cluster, dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    future = past + dt.timedelta(hours=1)
    dead, alive = unique("drill-dead"), unique("drill-alive")
    make_namespace(cluster, dead, "20200101-000000-aaaaaa", {}, past, kept=False)
    make_namespace(cluster, alive, "20200101-000000-bbbbbb", {}, future, kept=False)
    report = run_drill(shop, exclude_kinds=("deployments", "statefulsets"))
    there = drill_namespaces(shop.lab)
    assert dead not in there
    assert alive in there
    assert any(dead in note for note in report.notes)
    assert [one.name for one in remove_drills(cluster, dt.datetime.now(dt.UTC), running=False)] == []
    assert [one.name for one in remove_drills(cluster, dt.datetime.now(dt.UTC), running=True)] == [alive]


def test_nothing_of_the_whole_cluster_is_made(lab):
    role = unique("role")
    lab.make(obj("rbac.authorization.k8s.io/v1", "ClusterRole", role, rules=[]))
    place = lab.new_namespace("bound")
    place.make(obj(
        "rbac.authorization.k8s.io/v1", "RoleBinding", "uses", subjects=[],
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
    ))  # fmt: skip
    vault = Vault()
    vault.back_up(place)
    lab.delete(obj("rbac.authorization.k8s.io/v1", "ClusterRole", role))

    run_drill(SimpleNamespace(name=place.namespace, lab=place, vault=vault))
    assert lab.find(obj("rbac.authorization.k8s.io/v1", "ClusterRole", role)) is None


@pytest.mark.parametrize("old", ["shop", "a" * 63, "a" * 33 + "-" + "b" * 29])
def test_names_of_namespaces_fit(old):
    name = drill_namespace("20261126-193423-ed8bd3", old)
    assert name.startswith("drill-20261126-193423-ed8bd3-")
    assert len(name) <= 63
    assert not name.endswith("-")


def test_long_names_stay_apart():
    first, second = (drill_namespace("20261126-193423-ed8bd3", "a" * 60 + end) for end in "xy")
    assert first != second
