"""What a workload leads to, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.objects.relation_cases import (
    ACCOUNT,
    CUSTOM,
    NAMING_CASES,
    POINTING_CASES,
    RESOURCES,
    SELECTING_CASES,
    SERVICE,
    WEB,
    pod_template,
    runner,
    thing,
)

from holdfast.objects.relations.closure import ROOT_REASON, Closure
from holdfast.objects.relations.needs import NAMED
from holdfast.objects.relations.searches import POINTING, SELECTING

PAGE = Path(__file__).parents[2] / "docs" / "selection.md"
CASES = [*NAMING_CASES, *POINTING_CASES, *SELECTING_CASES]


def read(things):
    closure = Closure(RESOURCES)
    return [each.node(closure) for each in things]


def follow(nodes, *roots):
    closure = Closure(RESOURCES)
    closure.add(nodes)
    return closure.follow([root.key for root in roots])


def followed(things, *roots):
    """What the roots lead to among the things."""
    return follow(read(things), *roots)


def reached(root, *others):
    """{object: reason} of what comes along with `root`."""
    members = followed([root, *others], root).members
    return {str(key): reason for key, reason in members.items() if key != root.key}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{case.kind}")
def test_a_rule_leads_to_what_it_says_and_not_to_others_of_the_kind(case):
    assert reached(case.root, case.found, case.stranger) == {str(case.found): case.reason}


@pytest.mark.parametrize(
    "case", [case for case in NAMING_CASES if case.found.key.namespace], ids=lambda case: f"{case.rule}-{case.kind}"
)
def test_a_name_means_nothing_in_another_namespace(case):
    found = case.found.body
    metadata = {**found["metadata"], "namespace": "else"}
    assert reached(case.root, case.found._replace(body={**found, "metadata": metadata})) == {}


@pytest.mark.parametrize("rule", [*NAMED, *POINTING, *SELECTING], ids=lambda rule: rule.id)
def test_every_rule_has_a_case_for_each_of_its_kinds(rule):
    tested = {case.kind for case in CASES if case.rule == rule.id}
    assert tested == {*rule.kinds, *([CUSTOM] if rule.custom else []), *(["every"] if rule.every else [])}


def test_ids_of_rules_are_unique_and_every_case_is_for_one():
    ids = [rule.id for rule in (*NAMED, *POINTING, *SELECTING)]
    assert len(ids) == len(set(ids))
    assert {case.rule for case in CASES} == set(ids)


def test_the_documented_table_is_the_table():
    rules = [*NAMED, *SELECTING, *POINTING]
    table = ["| comes along with a workload | its reason reads |", "|---|---|"]
    assert "\n".join([*table, *(f"| {rule.what} | {rule.reason} … |" for rule in rules)]) in PAGE.read_text("utf-8")


class TestWhereItStops:
    def test_other_users_of_what_is_shared_stay(self):
        settings = thing("configmaps", "settings")
        shared = {"volumes": [{"name": "v", "configMap": {"name": "settings"}}], "serviceAccountName": "x"}
        web, other = runner(**shared), runner(name="other", labels={"app": "other"}, **shared)
        both = thing("services", "both", spec={"selector": {"part-of": "shop"}})
        labels = {"part-of": "shop"}
        assert reached(runner(labels=labels), both, runner(name="other", labels=labels)).keys() == {str(both)}
        assert reached(web, settings, other, ACCOUNT).keys() == {str(settings), str(ACCOUNT)}

    def test_what_else_a_policy_for_all_pods_selects_stays(self):
        everybody = thing("networkpolicies.networking.k8s.io", "all", spec={"podSelector": {}})
        assert reached(WEB, everybody, runner(name="other")).keys() == {str(everybody)}

    def test_other_backends_of_an_ingress_stay(self):
        backends = [{"backend": {"service": {"name": name}}} for name in ("web", "other")]
        ingress = thing("ingresses.networking.k8s.io", "all", spec={"rules": [{"http": {"paths": backends}}]})
        assert reached(WEB, SERVICE, ingress, thing("services", "other")).keys() == {str(SERVICE), str(ingress)}

    def test_what_else_an_owner_owns_and_what_selects_its_pods_stays(self):
        shop = thing(CUSTOM, "shop", spec={"secretName": "license", "template": pod_template({"app": "shop"})})
        web = thing("deployments.apps", "web", owner=shop)
        licence = thing("secrets", "license")
        others = (
            thing("deployments.apps", "db", owner=shop),
            thing("services", "shop", spec={"selector": {"app": "shop"}}),
            thing(
                "horizontalpodautoscalers.autoscaling", "s", spec={"scaleTargetRef": {"kind": "Shop", "name": "shop"}}
            ),
        )
        found = reached(web, shop, licence, *others)
        assert found == {str(shop): f"owner of {web}", str(licence): f"secret of {shop}"}
        assert reached(shop, web, licence, *others).keys() == {str(each) for each in (web, licence, *others[:2])}

    def test_the_account_default_brings_its_secrets_and_not_what_binds_it(self):
        account = thing("serviceaccounts", "default", imagePullSecrets=[{"name": "login"}])
        login = thing("secrets", "login")
        subjects = [{"kind": "ServiceAccount", "namespace": "shop", "name": "default"}]
        group = [{"kind": "Group", "name": "system:serviceaccounts:shop"}]
        bindings = [
            thing("rolebindings.rbac.authorization.k8s.io", f"b{number}", subjects=bound, roleRef={})
            for number, bound in enumerate((subjects, group))
        ]
        assert reached(WEB, account, login, *bindings).keys() == {str(account), str(login)}

    def test_the_release_of_what_is_only_needed_stays(self):
        settings = thing("configmaps", "x", metadata={"annotations": {"meta.helm.sh/release-name": "infra"}})
        web = runner(volumes=[{"name": "v", "configMap": {"name": "x"}}])
        assert reached(web, settings, thing("secrets", "sh.helm.release.v1.infra.v1")).keys() == {str(settings)}


class TestReferencesByFieldName:
    @pytest.mark.parametrize(
        "spec",
        [
            {"clientSecret": "x"},  # could be the secret itself
            {"secretRef": "x"},
            {"secretRef": {"name": "x", "namespace": "else"}},
            {"secretRef": {"key": "x"}},
            {"secretName": ["X Y"]},
            {"secretName": {"nested": {"name": "x"}}},
            {"name": "x"},
            "x",
            None,
        ],
    )
    def test_what_is_no_reference_is_not_followed(self, spec):
        closure = Closure(RESOURCES)
        root = thing(CUSTOM, "shop", spec=spec)
        closure.add([root.node(closure)])
        assert closure.follow([root.key]).missing == {}

    @pytest.mark.parametrize(
        "spec",
        [
            {"secretName": "x"},
            {"a": [{"b": {"SecretName": "x"}}]},
            {"imagePullSecrets": ["x"]},
            {"secrets": [{"name": "x"}]},
            {"secretTargetRef": [{"parameter": "p", "name": "x", "key": "k"}]},
        ],
    )
    def test_names_are_found_at_any_depth_and_in_lists(self, spec):
        assert reached(thing(CUSTOM, "shop", spec=spec), thing("secrets", "x")).keys() == {"secrets/shop/x"}

    def test_the_status_and_the_data_of_an_object_name_nothing(self):
        shop = thing(CUSTOM, "shop", status={"secretName": "x"}, data={"secretName": "x"})
        assert reached(shop, thing("secrets", "x")) == {}


class TestPaths:
    def test_of_several_reasons_the_shortest_way_counts(self):
        replicas = thing("replicasets.apps", "web-1", owner=WEB, spec={"template": pod_template()})
        assert reached(WEB, replicas, SERVICE)[str(SERVICE)] == f"selects the pods of {WEB}"

    def test_of_two_reasons_the_one_counts_that_names_an_object_of_the_backup(self):
        """Pods of the workload lead there by the same rule, but are not in the backup."""
        account = thing("serviceaccounts", "default")
        shop = thing(CUSTOM, "shop")
        pod, front = runner("pods", "a", owner=shop), runner("statefulsets.apps", "front", owner=shop)
        assert reached(shop, pod, front, account)[str(account)] == f"account of {front}"

    def test_a_long_chain_is_followed_to_its_end(self):
        chain = [thing(CUSTOM, "0", spec={"template": pod_template()})]
        for number in range(1, 50):
            chain.append(thing("configmaps" if number % 2 else "deployments.apps", str(number), owner=chain[-1]))
        assert len(reached(*chain)) == 49

    def test_owners_that_own_each_other_are_followed_once(self):
        one = thing(CUSTOM, "one", owner=thing(CUSTOM, "two"))
        two = thing(CUSTOM, "two", owner=one)
        assert reached(one, two).keys() == {str(two)}

    def test_what_is_named_and_was_not_added_is_missing_until_it_is(self):
        account = thing("serviceaccounts", "x", imagePullSecrets=[{"name": "login"}])
        closure = Closure(RESOURCES)
        web = runner(serviceAccountName="x")
        closure.add([web.node(closure)])
        assert {str(key): why for key, why in closure.follow([web.key]).missing.items()} == {
            str(account): f"account of {web}"
        }
        closure.add([account.node(closure)])
        found = closure.follow([web.key])
        assert {str(key) for key in found.members} == {str(web), str(account)}
        assert {str(key): why for key, why in found.missing.items()} == {
            "secrets/shop/login": f"image pull secret of {account}"
        }

    def test_a_workload_that_is_not_there_is_missing(self):
        assert followed([SERVICE], WEB) == ({}, {WEB.key: ROOT_REASON})


ALL = list({each.key: each for case in CASES for each in (case.root, case.found, case.stranger)}.values())
NODES = read(ALL)
ROOTS = st.lists(st.sampled_from(ALL), min_size=1, max_size=3)


@settings(deadline=None)
@given(st.randoms(use_true_random=False), ROOTS)
def test_the_order_of_objects_does_not_matter(random, roots):
    shuffled = random.sample(NODES, len(NODES))
    assert follow(shuffled, *roots) == follow(NODES, *roots)


@settings(deadline=None)
@given(ROOTS)
def test_what_was_reached_leads_to_the_same_again(roots):
    found = follow(NODES, *roots)
    assert follow([node for node in NODES if node.key in found.members], *roots) == found


@settings(deadline=None)
@given(ROOTS, ROOTS)
def test_workloads_together_lead_to_what_each_leads_to(some, others):
    together = follow(NODES, *some, *others).members.keys()
    assert together == follow(NODES, *some).members.keys() | follow(NODES, *others).members.keys()
