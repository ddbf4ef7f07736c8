"""Node selectors as the scheduler reads them."""

import pytest
from hypothesis import given
from tests.objects.storage.any_objects import LENIENT, OBJECTS
from tests.objects.storage.builders import expression, node

from holdfast.objects.storage.nodes import hostnames, is_ready, selects, tolerations_for

ZONE_A = expression("zone", "In", "a", "b")


def term(*expressions, fields=()):
    return {"matchExpressions": list(expressions), "matchFields": list(fields)}


@pytest.mark.parametrize(
    ("terms", "fits"),
    [
        ([term(ZONE_A)], True),
        ([term(expression("zone", "In", "c"))], False),
        ([term(expression("zone", "In", "c")), term(ZONE_A)], True),  # terms are alternatives
        ([term(ZONE_A, expression("disk", "Exists"))], False),  # the expressions of one are not
        ([term(expression("zone", "NotIn", "c"))], True),
        ([term(expression("disk", "NotIn", "ssd"))], True),  # as for labels of objects
        ([term(expression("disk", "DoesNotExist"))], True),
        ([term(expression("zone", "Exists"))], True),
        ([term(expression("cores", "Gt", "4"))], True),
        ([term(expression("cores", "Gt", "8"))], False),
        ([term(expression("cores", "Lt", "9"))], True),
        ([term(expression("zone", "Gt", "1"))], False),
        ([term(expression("zone", "Unheard", "a"))], False),
        ([term(fields=[expression("metadata.name", "In", "node-1")])], True),
        ([term(fields=[expression("metadata.name", "In", "node-2")])], False),
        ([term()], False),  # a term without conditions lets nobody in
        ([], False),
    ],
)
def test_a_selector_lets_nodes_in(terms, fits):
    assert selects({"nodeSelectorTerms": terms}, node(labels={"zone": "a", "cores": "8"})) is fits


def test_readiness_is_what_the_kubelet_said_last():
    assert is_ready(node())
    assert not is_ready(node(ready=False))
    assert not is_ready({"metadata": {"name": "new"}})


def test_a_cordon_and_other_taints_are_borne_but_for_those_that_drive_pods_away():
    taints = [
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
        {"key": "dedicated", "value": "db", "effect": "NoSchedule"},
        {"key": "broken", "effect": "NoExecute"},
        {"key": "rather-not", "effect": "PreferNoSchedule"},
    ]
    assert [one["key"] for one in tolerations_for(node(taints=taints))] == [
        "node.kubernetes.io/unschedulable",
        "dedicated",
    ]
    assert [one["key"] for one in tolerations_for(None)] == ["node.kubernetes.io/unschedulable"]


def test_hosts_that_a_selector_names():
    one, two = (term(expression("kubernetes.io/hostname", "In", name)) for name in ("n1", "n2"))
    assert hostnames({"nodeSelectorTerms": [two, one]}) == ("n1", "n2")
    assert hostnames({"nodeSelectorTerms": [one, term(ZONE_A)]}) == ()
    assert hostnames({}) == ()


@LENIENT
@given(OBJECTS, OBJECTS)
def test_selectors_of_any_shape_are_read(selector, one):
    assert selects(selector, one) in (True, False)
    assert selects({"nodeSelectorTerms": [selector]}, one) in (True, False)
