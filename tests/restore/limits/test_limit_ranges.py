"""Verdicts about limit ranges against the API server's own, for containers, pods and claims of every sort."""

from __future__ import annotations

import itertools

import pytest
from tests.restore_lab import Lab, claim, eventually, obj

from holdfast.errors import ApiRefused
from holdfast.objects.limits.limit_ranges import claim_problems, pod_problems, with_defaults

pytestmark = pytest.mark.cluster

RANGES = {
    "max": {"type": "Container", "max": {"cpu": "1"}},
    "min": {"type": "Container", "min": {"cpu": "100m"}},
    "bounds and defaults": {
        "type": "Container",
        "min": {"cpu": "100m"},
        "max": {"cpu": "1"},
        "default": {"cpu": "500m"},
        "defaultRequest": {"cpu": "200m"},
    },
    "ratio": {"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}},
    "pod": {"type": "Pod", "max": {"cpu": "1"}, "min": {"cpu": "200m"}},
}
RESOURCES = [
    {},
    {"requests": {"cpu": "50m"}},
    {"requests": {"cpu": "500m"}},
    {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}},
    {"requests": {"cpu": "100m"}, "limits": {"cpu": "800m"}},
    {"requests": {"cpu": "600m"}, "limits": {"cpu": "700m"}},
    {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}},
    {"requests": {"memory": "1Mi"}, "limits": {"memory": "1Mi"}},
]


def container(name, resources):
    return {"name": name, "image": "none.invalid/none:1", "resources": resources}


def specs():
    for one in RESOURCES:
        yield {"containers": [container("a", one)]}
    for one, two in itertools.product(RESOURCES[2:6], repeat=2):
        yield {"containers": [container("a", one), container("b", two)]}
        yield {"initContainers": [container("a", one)], "containers": [container("b", two)]}
        sidecar = {**container("a", one), "restartPolicy": "Always"}
        yield {"initContainers": [sidecar], "containers": [container("b", two)]}


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


def accepted(lab, thing):
    try:
        lab.send("POST", lab.path(thing).rpartition("/")[0], thing, {"dryRun": "All"})
    except ApiRefused:
        return False
    return True


def limit(lab, spec):
    """The LimitRange as the server has it; admission hears of it a moment late."""
    made = lab.make(obj("v1", "LimitRange", "limit", spec={"limits": [spec]}))
    huge = {"requests": {"cpu": "99"}, "limits": {"cpu": "999"}}
    probes = [
        obj("v1", "Pod", "probe", spec={"containers": [container("a", huge)]}),
        obj("v1", "Pod", "probe", spec={"containers": [container("a", {"requests": {"cpu": "1m"}})]}),
        claim("probe", resources={"requests": {"storage": "9Pi"}}),
    ]
    eventually(lambda: not all(accepted(lab, probe) for probe in probes), "admission knows the limits")
    return made


@pytest.mark.parametrize("name", RANGES)
def test_pods_are_judged_as_by_the_server(lab, name):
    made = limit(lab, RANGES[name])
    verdicts = set()

    for spec in specs():
        verdict = accepted(lab, obj("v1", "Pod", "tried", spec=spec))
        problems = pod_problems(with_defaults(spec, [made]), [made])
        assert (problems == []) == verdict, (spec, problems)
        verdicts.add(verdict)

    assert verdicts == {True, False}


def test_claims_are_judged_as_by_the_server(lab):
    made = limit(lab, {"type": "PersistentVolumeClaim", "min": {"storage": "2Mi"}, "max": {"storage": "1Gi"}})

    for size, expected in (("1Mi", False), ("2Mi", True), ("1Gi", True), ("2Gi", False)):
        tried = claim("tried", resources={"requests": {"storage": size}})
        assert accepted(lab, tried) is expected
        assert (claim_problems(tried, [made]) == []) is expected
