import re
from pathlib import Path

import pytest
from tests.objects.conversion.cases import CASES, CASES_OF_NEW_SERVERS, fresh

from holdfast.model.kubernetes import Resource
from holdfast.objects.conversion.definitions import knows, why_not_same
from holdfast.objects.conversion.moves import MOVES, moves_from, moves_of
from holdfast.objects.conversion.references import has_references, rename_references

ALL = CASES | CASES_OF_NEW_SERVERS
DOCS = Path(__file__).parents[3] / "docs" / "mapping-and-patching.md"


def the_move(before, after):
    group, _, version = before["apiVersion"].rpartition("/")
    (move,) = [
        move for move in moves_of(group, version, kind=before["kind"]) if move.to_api_version == after["apiVersion"]
    ]
    return move


@pytest.mark.parametrize("case", ALL)
def test_fields_say_the_same_in_the_new_version(case):
    before, after = fresh(ALL[case])
    move = the_move(before, after)

    if move.change:
        move.change(before)

    assert before | {"apiVersion": after["apiVersion"]} == after


def test_every_row_with_a_change_has_a_case():
    used = {id(the_move(*case).change) for case in ALL.values()}

    assert {id(move.change) for move in MOVES} == used


@pytest.mark.parametrize("move", [move for move in MOVES if move.change], ids=lambda move: str(move.kinds))
def test_change_bears_odd_objects(move):
    for odd in (
        {},
        {"spec": None},
        {"spec": "text", "webhooks": {"a": 1}, "endpoints": [1]},
        {"spec": {"versions": [{}], "rules": 1}},
    ):
        move.change({"metadata": {"annotations": None}, **odd})


def test_rows_without_a_change_go_both_ways_and_others_do_not():
    cron_jobs = Resource("batch", "v1", "cronjobs", "CronJob", namespaced=True)
    ingresses = Resource("networking.k8s.io", "v1", "ingresses", "Ingress", namespaced=True)

    assert [move.to_api_version for move in moves_from(cron_jobs)] == ["batch/v1beta1", "batch/v2alpha1"]
    assert list(moves_from(ingresses)) == []


def test_no_row_stands_for_two_answers():
    ways = [
        (move.group, version, plural, move.to_api_version)
        for move in MOVES
        for version in move.versions
        for plural in move.kinds
    ]

    assert len(ways) == len(set(ways))


def schema(name, **fields):
    properties = {"type": "object", "properties": {"size": {"type": "integer"}} | fields}
    return {"name": name, "schema": {"openAPIV3Schema": properties}}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"versions": [schema("v1"), schema("v2")]}, None),
        ({"versions": [schema("v1"), schema("v2")], "conversion": {"strategy": "None"}}, None),
        ({"versions": [schema("v1"), schema("v2", color={})]}, "the schemas of v1 and v2 differ"),
        (
            {"versions": [schema("v1"), schema("v2")], "conversion": {"strategy": "Webhook"}},
            "only its conversion webhook knows",
        ),
        ({"versions": [schema("v2")]}, "it does not know v1"),
        ({"versions": [schema("v1")]}, "it does not know v2"),
        ({}, "it does not know v1"),
    ],
)
def test_when_versions_of_a_custom_kind_are_the_same(spec, why):
    found = why_not_same({"spec": spec}, "v1", "v2")

    assert (found is None) == (why is None)
    assert (why or "") in (found or "")


def test_version_that_is_not_served_is_known():
    assert knows({"spec": {"versions": [schema("v1") | {"served": False}]}}, "v1")


def test_references_follow():
    thing = {
        "metadata": {
            "ownerReferences": [{"apiVersion": "extensions/v1beta1", "kind": "Deployment"}, {"apiVersion": "v1"}]
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1beta1", "kind": "Deployment"},
            "metrics": [{"object": {"describedObject": {"apiVersion": "extensions/v1beta1", "kind": "Ingress"}}}],
        },
    }

    assert has_references(thing)
    assert rename_references(thing, lambda version, kind: f"new-{kind}" if "beta" in version else version)
    assert thing["metadata"]["ownerReferences"] == [
        {"apiVersion": "new-Deployment", "kind": "Deployment"},
        {"apiVersion": "v1"},
    ]
    assert thing["spec"]["scaleTargetRef"]["apiVersion"] == "new-Deployment"
    assert thing["spec"]["metrics"][0]["object"]["describedObject"]["apiVersion"] == "new-Ingress"
    assert not rename_references(thing, lambda version, _: version)
    assert not has_references({"metadata": {"ownerReferences": None}, "spec": None})


def test_documentation_shows_the_table():
    shown = re.findall(r"^\| `([^`]+)` \| (.+?) \| `([^`]+)` \| (.+?) \|$", DOCS.read_text(), re.MULTILINE)

    assert shown == [
        (
            ", ".join(f"{move.group}/{version}" for version in move.versions),
            ", ".join(move.kinds.values()),
            move.to_api_version,
            move.reason,
        )
        for move in MOVES
    ]
