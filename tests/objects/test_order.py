from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.order import TIERS, Item, hinders, waves


def key(kind: str, name: str = "x", namespace: str = "shop") -> ObjectKey:
    plural, _, group = kind.partition(".")
    return ObjectKey(group, plural, namespace, name)


def placed(*items: Item) -> dict[ObjectKey, int]:
    return {item.key: number for number, wave in enumerate(waves(items)) for item in wave}


def in_order(*kinds: str) -> bool:
    found = waves(random.Random(0).sample([Item(key(kind)) for kind in kinds], len(kinds)))
    return [item.key for wave in found for item in wave] == [key(kind) for kind in kinds]


def test_definitions_before_namespaces_before_everything_in_them():
    assert in_order("customresourcedefinitions.apiextensions.k8s.io", "namespaces", "serviceaccounts", "configmaps")


def test_what_pods_need_before_pods():
    assert in_order(
        "storageclasses.storage.k8s.io",
        "serviceaccounts",
        "rolebindings.rbac.authorization.k8s.io",
        "persistentvolumes",
        "persistentvolumeclaims",
        "secrets",
        "services",
        "replicasets.apps",
        "deployments.apps",
    )


def test_token_secrets_after_their_accounts():
    assert in_order("serviceaccounts", "secrets")


def test_limits_before_the_pods_they_are_for():
    assert in_order("limitranges", "pods")


def test_unknown_kinds_after_workloads_and_before_what_steers_them():
    assert in_order("deployments.apps", "widgets.example.com", "horizontalpodautoscalers.autoscaling")


def test_what_can_refuse_others_comes_last():
    for kind in (
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "apiservices.apiregistration.k8s.io",
        "resourcequotas",
    ):
        assert in_order("widgets.example.com", "ingresses.networking.k8s.io", kind)


def test_what_can_refuse_others_is_known():
    assert hinders("validatingwebhookconfigurations.admissionregistration.k8s.io")
    assert hinders("resourcequotas")
    assert hinders("limitranges")
    assert not hinders("horizontalpodautoscalers.autoscaling")
    assert not hinders("configmaps")


def test_kinds_of_one_tier_go_together():
    assert len(waves([Item(key("configmaps")), Item(key("secrets"))])) == 1


def test_owner_goes_before_what_it_owns():
    owner, owned = key("widgets.example.com"), key("secrets")

    found = placed(Item(owned, (owner,)), Item(owner), Item(key("deployments.apps")))

    assert found[key("deployments.apps")] < found[owner] < found[owned]


def test_chain_of_owners_stays_before_the_next_tier():
    links = [key("widgets.example.com", f"w{number}") for number in range(5)]
    items = [Item(below, (above,)) for above, below in itertools.pairwise(links)]

    found = placed(Item(key("resourcequotas")), *items, Item(links[0]))

    assert [found[link] for link in links] == [0, 1, 2, 3, 4]
    assert found[key("resourcequotas")] == 5


def test_owner_that_is_not_restored_is_no_reason_to_wait():
    assert placed(Item(key("secrets"), (key("widgets.example.com"),))) == {key("secrets"): 0}


def test_circle_is_cut_at_its_smallest_key():
    a, b, behind = key("widgets.example.com", "a"), key("widgets.example.com", "b"), key("configmaps", "0")

    found = placed(Item(a, (b,)), Item(b, (a,)), Item(behind, (b,)))

    assert found == {a: 0, b: 1, behind: 2}


def test_object_that_owns_itself_is_placed():
    assert placed(Item(key("secrets"), (key("secrets"),))) == {key("secrets"): 0}


def test_no_kind_is_in_two_tiers():
    kinds = [kind for _, tier in TIERS for kind in tier]

    assert len(kinds) == len(set(kinds))


KEYS = st.sampled_from(
    [
        key(kind, name)
        for kind in ("namespaces", "secrets", "pods", "widgets.example.com", "resourcequotas")
        for name in "abc"
    ]
)
ITEMS = st.dictionaries(KEYS, st.lists(KEYS, max_size=3).map(tuple)).map(
    lambda owners: [Item(owned, keys) for owned, keys in owners.items()]
)


@given(ITEMS, st.randoms())
def test_order_of_the_input_makes_no_difference(items, rng):
    mixed = rng.sample(items, len(items))

    assert waves(items) == waves(mixed)


@given(ITEMS)
def test_every_item_is_in_one_wave(items):
    assert sorted(item for wave in waves(items) for item in wave) == sorted(items)


@given(ITEMS)
def test_without_circles_every_owner_is_in_an_earlier_wave(items):
    acyclic = [Item(item.key, tuple(owner for owner in item.owners if owner < item.key)) for item in items]

    found = placed(*acyclic)

    assert all(found[owner] < found[item.key] for item in acyclic for owner in item.owners if owner in found)
