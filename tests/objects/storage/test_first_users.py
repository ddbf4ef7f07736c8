"""Which new volumes must be made together, and how the stand-ins for pods keep apart."""

import pytest
from hypothesis import given
from tests.objects.storage.any_objects import LENIENT, OBJECTS

from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.storage.first_users import NewClaim, apart, first_users

DB = ObjectKey("apps", "statefulsets", "shop", "db")
WEB = ObjectKey("apps", "deployments", "shop", "web")
HOST = "kubernetes.io/hostname"
TERM = {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "db"}}, "namespaces": ["shop"]}
REQUIRED = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}}}
PREFERRED = {
    "affinity": {
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "podAffinityTerm": TERM}]}
    }
}
SPREAD = {
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "matchLabelKeys": ["pod-template-hash"],
        }
        | {"labelSelector": TERM["labelSelector"]}
    ]
}
OWN = {"matchLabels": {"stands-for": "db"}}


def new(workload, *names, **spec):
    return [NewClaim(f"in-m-{name}", name, workload, spec) for name in names]


def together(claims):
    return [one.claims for one in first_users(claims)]


def test_a_claim_that_is_alone_is_left_to_its_mover():
    assert first_users(new(DB, "data-db-0")) == []
    assert first_users(new(DB, "data-db-0", "data-db-1", "data-db-2")) == []  # nothing keeps these replicas apart
    assert first_users(new(DB, "data-db-0", **REQUIRED)) == []
    assert first_users([]) == []


def test_claims_of_one_pod_are_made_together():
    assert together(new(WEB, "uploads", "cache")) == [("in-m-cache", "in-m-uploads")]
    claims = new(DB, "logs-db-1", "data-db-0", "logs-db-0", "data-db-1")
    assert together(claims) == [("in-m-data-db-0", "in-m-logs-db-0"), ("in-m-data-db-1", "in-m-logs-db-1")]


@pytest.mark.parametrize("spec", [REQUIRED, PREFERRED, SPREAD])
def test_claims_of_pods_that_keep_apart_are_made_at_once(spec):
    assert together(new(DB, "data-db-0", "data-db-1", **spec)) == [("in-m-data-db-0",), ("in-m-data-db-1",)]


def test_workloads_have_nothing_to_do_with_each_other():
    claims = [
        *new(WEB, "uploads", "cache"),
        *new(DB, "data-db-0"),
        *new(DB._replace(namespace="b"), "data-db-0", "x-db-0"),
    ]
    assert [(one.workload, len(one.claims)) for one in first_users(claims)] == [
        (WEB, 2),
        (DB._replace(namespace="b"), 2),
    ]


def test_stand_ins_keep_apart_from_their_own_kind_only():
    labels = OWN["matchLabels"]
    assert apart(REQUIRED, labels) == {
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": HOST, "labelSelector": OWN}]
            }
        }
    }
    assert apart(PREFERRED, labels) == {
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 5, "podAffinityTerm": {"topologyKey": HOST, "labelSelector": OWN}}
                ]
            }
        }
    }
    assert apart(SPREAD, labels) == {
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": OWN}
        ]
    }
    assert apart({"affinity": {"podAffinity": {}, "nodeAffinity": {}}}, labels) == {}


@LENIENT
@given(OBJECTS)
def test_pods_of_any_shape_are_read(spec):
    apart(spec, {"a": "b"})
