"""What the table of moves makes of old objects is accepted by real API servers, with no field that they do not know."""

import json

import pytest
from tests.objects.conversion.cases import CASES, CASES_OF_NEW_SERVERS, fresh
from tests.restore_lab import Lab

from holdfast.objects.conversion.moves import moves_of


@pytest.fixture(scope="module", params=["cluster", "old_cluster"])
def lab(request):
    lab = Lab(request.getfixturevalue(request.param))
    yield lab.new_namespace("converted")
    lab.close()


@pytest.fixture(scope="module")
def new_lab(cluster):
    lab = Lab(cluster)
    yield lab.new_namespace("converted")
    lab.close()


def converted(case):
    before, after = fresh(case)
    group, _, version = before["apiVersion"].rpartition("/")
    (move,) = [
        move for move in moves_of(group, version, kind=before["kind"]) if move.to_api_version == after["apiVersion"]
    ]
    if move.change:
        move.change(before)
    return before | {"apiVersion": move.to_api_version}


def send(lab, thing):
    path = lab.path(thing).rpartition("/")[0]
    return lab.send("POST", path, thing, {"dryRun": "All", "fieldValidation": "Strict"})


@pytest.mark.parametrize("case", CASES)
def test_server_accepts_it(lab, case):
    thing = converted(CASES[case])

    made = send(lab, thing)

    assert contains(made, thing)


@pytest.mark.parametrize("case", CASES_OF_NEW_SERVERS)
def test_new_server_accepts_it(new_lab, case):
    thing = converted(CASES_OF_NEW_SERVERS[case])

    assert contains(send(new_lab, thing), thing)


def contains(made, sent):
    """Whether everything that was sent is in the answer, where the server only adds."""
    if isinstance(sent, dict):
        return all(key in made and contains(made[key], value) for key, value in sent.items() if value not in ({}, []))
    if isinstance(sent, list):
        return len(made) == len(sent) and all(map(contains, made, sent))
    return json.dumps(made) == json.dumps(sent)
