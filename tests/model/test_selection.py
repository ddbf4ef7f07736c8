from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.model.selection import ClusterObjects, Selection

TEXTS = st.tuples() | st.lists(st.text(min_size=1, max_size=5), max_size=3).map(tuple)
SELECTIONS = st.builds(
    Selection,
    namespaces=TEXTS,
    exclude_namespaces=TEXTS,
    namespace_selector=st.text(max_size=5),
    selector=st.text(max_size=5),
    exclude_selector=st.text(max_size=5),
    include_kinds=TEXTS,
    exclude_kinds=TEXTS,
    objects=TEXTS,
    workloads=TEXTS,
    cluster_objects=st.sampled_from(ClusterObjects),
)


@pytest.mark.parametrize(
    ("selection", "paths", "text"),
    [
        (Selection(namespaces=("shop",)), ("/namespaces/shop",), "namespaces shop"),
        (Selection(all_namespaces=True), ("/namespaces/*",), "all namespaces"),
        (Selection(namespaces=("*", "shop")), ("/namespaces/*",), "all namespaces"),
        (
            Selection(namespaces=("web-*", "shop"), selector="app=web"),
            ("/namespaces/shop", "/namespaces/web-*", "/selector/app=web"),
            "namespaces shop, web-*; selector app=web",
        ),
        (
            Selection(all_namespaces=True, exclude_namespaces=("kube-*",), cluster_objects=ClusterObjects.NONE),
            ("/cluster-objects/none", "/exclude-namespaces/kube-*", "/namespaces/*"),
            "all namespaces; exclude namespaces kube-*; cluster objects none",
        ),
        (
            Selection(namespace_selector="team=a", exclude_selector="tmp", exclude_kinds=("secrets",)),
            ("/exclude-kinds/secrets", "/exclude-selector/tmp", "/namespace-selector/team=a", "/namespaces/*"),
            "all namespaces; namespace selector team=a; exclude selector tmp; exclude kinds secrets",
        ),
        (
            Selection(objects=("deployments.apps/shop/web",), include_kinds=("pods",)),
            ("/kinds/pods", "/objects/deployments.apps/shop/web"),
            "kinds pods; objects deployments.apps/shop/web",
        ),
        (
            Selection(namespaces=("shop",), workloads=("widgets.example.com/toys/w", "deployments.apps/shop/web")),
            ("/namespaces/shop", "/workloads/deployments.apps/shop/web", "/workloads/widgets.example.com/toys/w"),
            "namespaces shop; workloads deployments.apps/shop/web, widgets.example.com/toys/w",
        ),
    ],
)
def test_a_selection_has_paths_for_restic_and_a_text_for_people(selection, paths, text):
    assert selection.paths() == paths
    assert selection.describe() == text


def test_order_and_repeats_do_not_change_the_paths():
    assert Selection(namespaces=("b", "a", "b")).paths() == Selection(namespaces=("a", "b")).paths()


@given(SELECTIONS, SELECTIONS)
def test_selections_that_differ_have_different_plain_forms(one, other):
    assert (one == other) == (one.to_dict() == other.to_dict())


@given(SELECTIONS)
def test_a_selection_survives_json(selection):
    assert Selection.from_dict(json.loads(json.dumps(selection.to_dict()))) == selection


def test_the_plain_form_has_camel_case_names_and_no_defaults():
    selection = Selection(all_namespaces=True, exclude_kinds=("secrets",), cluster_objects=ClusterObjects.ALL)
    assert selection.to_dict() == {"allNamespaces": True, "excludeKinds": ["secrets"], "clusterObjects": "all"}


@pytest.mark.parametrize(
    ("plain", "why"),
    [
        ({"namespace": ["shop"]}, "no such field"),
        ({"namespaces": "shop"}, "a list of texts"),
        ({"namespaces": [1]}, "a list of texts"),
        ({"selector": ["a"]}, "a text"),
        ({"allNamespaces": "yes"}, "true or false"),
        ({"clusterObjects": "some"}, "auto, all, none"),
        ({"clusterObjects": ["all"]}, "auto, all, none"),
    ],
)
def test_other_plain_forms_are_refused(plain, why):
    with pytest.raises(UsageError, match=why):
        Selection.from_dict(plain)


def test_all_namespaces_and_names_contradict_each_other():
    with pytest.raises(UsageError, match="-n and -A"):
        Selection(all_namespaces=True, namespaces=("shop",))
