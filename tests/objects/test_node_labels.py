import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.objects.node_labels import NodeLabelMap, parse_node_labels

ZONE = "topology.kubernetes.io/zone"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def demand(key, *values, operator="In"):
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def terms(*expressions):
    return {"nodeSelectorTerms": [{"matchExpressions": list(one)} for one in expressions]}


def affinity(**fields):
    return {"affinity": {"nodeAffinity": fields}}


def preference(*expressions):
    return {"weight": 1, "preference": {"matchExpressions": list(expressions)}}


IN_B_OR_Z = [{"key": ZONE, "values": ["b", "z"]}]
FIELD = {"matchFields": [demand("metadata.name", "node-1")]}
POD_SPECS = [
    ({"nodeSelector": {ZONE: "a", "disk": "ssd"}}, {"nodeSelector": {ZONE: "b"}}),
    ({"nodeSelector": {"disk": "ssd"}}, {}),
    ({"nodeSelector": {ZONE: "z"}}, {"nodeSelector": {ZONE: "z"}}),
    (
        affinity(**{REQUIRED: terms([demand(ZONE, "a", "b", "z")])}),
        affinity(**{REQUIRED: terms([demand(ZONE, "b", "z")])}),
    ),
    (
        affinity(**{REQUIRED: terms([demand(ZONE, "a"), demand("disk", "ssd")])}),
        affinity(**{REQUIRED: terms([demand(ZONE, "b")])}),
    ),
    # One of two alternatives demands nothing any more, so every node fits.
    (affinity(**{REQUIRED: terms([demand(ZONE, "a")], [demand("disk", operator="Exists")])}), {}),
    (
        affinity(**{REQUIRED: {"nodeSelectorTerms": [FIELD | {"matchExpressions": [demand("disk", "ssd")]}]}}),
        affinity(**{REQUIRED: {"nodeSelectorTerms": [FIELD]}}),
    ),
    (
        affinity(**{PREFERRED: [preference(demand("disk", "ssd")), preference(demand(ZONE, "a"))]}),
        affinity(**{PREFERRED: [preference(demand(ZONE, "b"))]}),
    ),
    (affinity(**{PREFERRED: [preference(demand("disk", "ssd"))]}), {}),
    (
        {"affinity": {"nodeAffinity": {PREFERRED: [preference(demand("disk", "ssd"))]}, "podAffinity": {"a": 1}}},
        {"affinity": {"podAffinity": {"a": 1}}},
    ),
    ({"tolerations": [{"key": "disk", "value": "ssd"}]}, {"tolerations": [{"key": "disk", "value": "ssd"}]}),
    ({"nodeSelector": None, "affinity": "text"}, {"nodeSelector": None, "affinity": "text"}),
]


@pytest.mark.parametrize(("before", "after"), POD_SPECS, ids=range(len(POD_SPECS)))
def test_pod_spec(before, after):
    parse_node_labels([f"{ZONE}=a=b", "disk-"]).map_pod_spec(before)

    assert before == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            {"nodeAffinity": {"required": terms([demand(ZONE, "a")])}},
            {"nodeAffinity": {"required": terms([demand(ZONE, "b")])}},
        ),
        ({"nodeAffinity": {"required": terms([demand("disk", "ssd")])}}, {}),
        ({}, {}),
    ],
)
def test_volume(before, after):
    parse_node_labels([f"{ZONE}=a=b", "disk-"]).map_volume(before)

    assert before == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([{"key": ZONE, "values": ["a", "z"]}], {"allowedTopologies": [{"matchLabelExpressions": IN_B_OR_Z}]}),
        ([{"key": "disk", "values": ["ssd"]}], {}),
    ],
)  # fmt: skip
def test_storage_class(before, after):
    storage_class = {"allowedTopologies": [{"matchLabelExpressions": before}]}

    parse_node_labels([f"{ZONE}=a=b", "disk-"]).map_topologies(storage_class)

    assert storage_class == after


def test_empty_values_are_values():
    labels = parse_node_labels(["role==worker", "pool=x="])
    spec = {"nodeSelector": {"role": "", "pool": "x"}}

    labels.map_pod_spec(spec)

    assert spec == {"nodeSelector": {"role": "worker", "pool": ""}}
    assert labels
    assert not NodeLabelMap()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([ZONE], "should read KEY=OLD=NEW, or KEY-"),
        (["a=b"], "should read"),
        (["a=b=c=d"], "should read"),
        (["=a=b"], "is not a name that a label can have"),
        (["-"], "is not a name"),
        (["a/b/c=1=2"], "is not a name"),
        (["a=b c=d"], "up to 63 letters"),
        (["a=1=2", "a=1=3"], "cannot become both 2 and 3"),
        (["a=1=2", "a-"], "is mapped, too"),
    ],
)
def test_impossible_texts_are_refused(values, why):
    with pytest.raises(UsageError, match=why):
        parse_node_labels(values)


@given(st.text("ab=/-. ", max_size=10))
def test_any_text_is_a_mapping_or_a_usage_error(text):
    with contextlib.suppress(UsageError):
        assert parse_node_labels([text])
