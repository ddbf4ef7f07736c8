"""What a real API server says about claims, also to those who may not see everything."""

import pytest
from tests.operations.harness import connected, make, wait_until

from holdfast.model.kubernetes import ObjectKey
from holdfast.operations.volumes_of_backup.facts import read_facts

SPEC = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
EVERYTHING_HERE = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]


def claim(namespace, name="data"):
    return ObjectKey("", "persistentvolumeclaims", namespace, name)


def pod(namespace, name):
    return ObjectKey("", "pods", namespace, name)


def a_pod(name, namespace, *claims, labels=None):
    volumes = [{"name": one, "persistentVolumeClaim": {"claimName": one}} for one in claims]
    mounts = [{"name": one, "mountPath": f"/{one}"} for one in claims]
    container = {"name": "main", "image": "registry.example.com/web:1", "volumeMounts": mounts}
    return make("Pod", name, namespace, labels=labels, spec={"containers": [container], "volumes": volumes})


@pytest.fixture(scope="module")
def shop(new_namespace, shared_app):
    name = new_namespace("facts")
    run = {"app.kubernetes.io/managed-by": "holdfast", "holdfast.dev/run": "20261127-000000-abcdef"}
    shared_app.create(
        make("PersistentVolumeClaim", "data", name, spec=SPEC),
        make("PersistentVolumeClaim", "idle", name, spec=SPEC),
        a_pod("web", name, "data"),
        a_pod("other", name),
        a_pod("mover", name, "data", labels=run),
    )
    for one in ("data", "idle"):
        wait_until(lambda one=one: shared_app.read("pvc", name, one)["status"].get("phase") == "Bound")
    return name


def names(objects):
    return sorted(one["metadata"]["name"] for one in objects)


def test_a_claim_comes_with_its_volume_and_the_pods_that_use_it(live, shop, shared_app):
    facts = read_facts(live, [claim(shop), claim(shop, "idle")], [])
    data, idle = facts.claims
    assert (data.full_name, idle.full_name) == (f"{shop}/data", f"{shop}/idle")
    assert data.volume["metadata"]["name"] == shared_app.read("pvc", shop, "data")["spec"]["volumeName"]
    assert (names(data.pods), idle.pods) == (["mover", "web"], [])
    assert facts.nodes == {}
    assert facts.unread == []


def test_pods_of_the_backup_are_those_captured_and_those_that_use_its_claims_but_no_movers(live, shop):
    assert names(read_facts(live, [claim(shop)], []).pods) == ["web"]
    assert names(read_facts(live, [claim(shop)], [pod(shop, "other")]).pods) == ["other", "web"]
    assert names(read_facts(live, [], [pod(shop, "other")]).pods) == ["other"]


def test_nothing_is_asked_for_without_claims_and_pods():
    facts = read_facts(None, [], [])
    assert (facts.claims, facts.pods, facts.unread) == ((), [], [])


def test_a_claim_that_is_gone_is_named(live, shop):
    facts = read_facts(live, [claim(shop), claim(shop, "gone")], [])
    assert facts.vanished == [claim(shop, "gone")]
    assert [one.name for one in facts.claims] == ["data"]


def test_who_sees_only_a_namespace_knows_enough_of_its_claims(cluster, shop, shared_app):
    path = cluster.account(f"facts-{shop}", EVERYTHING_HERE, shop)
    with connected(path) as one:
        facts = read_facts(one, [claim(shop)], [])
    (data,) = facts.claims
    assert data.volume == {
        "metadata": {"name": shared_app.read("pvc", shop, "data")["spec"]["volumeName"]},
        "spec": {},
    }
    assert names(data.pods) == ["mover", "web"]
    assert facts.nodes is None
    assert facts.unread == ["persistentvolumes", "nodes"]


def test_who_may_not_list_pods_is_told(cluster, shop):
    rules = [{"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["get", "list"]}]
    with connected(cluster.account(f"podless-{shop}", rules, shop)) as one:
        facts = read_facts(one, [claim(shop)], [])
    assert facts.claims[0].pods == []
    assert f"pods in {shop}" in facts.unread


def test_many_namespaces_are_looked_at_with_one_list(live, shop, new_namespace, shared_app):
    more = [new_namespace("facts-many") for _ in range(9)]
    shared_app.create(*(make("PersistentVolumeClaim", "data", name, spec=SPEC) for name in more))
    facts = read_facts(live, [claim(name) for name in (shop, *more)], [])
    assert sorted(one.namespace for one in facts.claims) == sorted((shop, *more))
    assert [names(one.pods) for one in facts.claims if one.namespace == shop] == [["mover", "web"]]
