"""What objects count as, against what the API server's quotas say they use."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from tests.restore_lab import Lab, claim, config_map, eventually, job, obj, service, unique, workload

from holdfast.errors import ApiRefused
from holdfast.objects.limits.pods import Pods, pods_of
from holdfast.objects.limits.quantities import amounts
from holdfast.objects.limits.quotas import counts_pod, demanded, excesses, object_usage, pod_usage

pytestmark = pytest.mark.cluster

SMALL = {"requests": {"cpu": "100m", "memory": "1Mi"}, "limits": {"cpu": "200m", "memory": "2Mi"}}
_COUNTED = """
pods count/pods requests.cpu cpu limits.cpu configmaps count/configmaps secrets services services.nodeports
services.loadbalancers persistentvolumeclaims count/deployments.apps count/jobs.batch
fast.storageclass.storage.k8s.io/persistentvolumeclaims
"""
_MEASURED = "requests.memory limits.memory requests.storage fast.storageclass.storage.k8s.io/requests.storage"
HARD = dict.fromkeys(re.findall(r"\S+", _COUNTED), "1000") | dict.fromkeys(re.findall(r"\S+", _MEASURED), "1Ti")


def container(name="a", resources=SMALL, **fields):
    return {"name": name, "image": "none.invalid/none:1", "resources": resources, **fields}


def pod(name="one", **spec):
    return obj("v1", "Pod", name, spec={"containers": [container()], **spec})


THINGS = {
    "pod": pod(),
    "pod of two": pod(containers=[container(), container("b")]),
    "pod that initialises": pod(
        initContainers=[
            container("i", {"requests": {"cpu": "1", "memory": "1Mi"}, "limits": {"cpu": "2", "memory": "9Mi"}})
        ]
    ),
    "pod with a sidecar": pod(
        initContainers=[container("s", restartPolicy="Always"), container("i"), container("t", restartPolicy="Always")]
    ),
    "ConfigMap": config_map(),
    "Secret": obj("v1", "Secret", "login"),
    "Service": service(),
    "node ports": service(type="NodePort", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}]),
    "load balancer": service(type="LoadBalancer"),
    "load balancer without node ports": service(type="LoadBalancer", allocateLoadBalancerNodePorts=False),
    "claim": claim(resources={"requests": {"storage": "3Mi"}}),
    "claim of a class": claim(resources={"requests": {"storage": "3Mi"}}, storageClassName="fast"),
    "Deployment": workload("Deployment", "web", replicas=0),
    "Job": job(spec={"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [container()]}}}),
}


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


def used(lab, name="all"):
    return amounts(lab.read(obj("v1", "ResourceQuota", name)).get("status", {}).get("used"))


@pytest.mark.parametrize("what", THINGS)
def test_object_counts_as_the_server_counts_it(lab, what):
    eventually(lambda: lab.find(config_map("kube-root-ca.crt")), "the namespace has what it is born with")
    lab.make(obj("v1", "ResourceQuota", "all", spec={"hard": HARD}))
    before = eventually(lambda: used(lab), "the quota is counted")
    made = lab.make(THINGS[what])
    kind = lab.resource(made).group_resource

    expected = {name: Decimal(0) for name in HARD}
    pods = pods_of(kind, made)
    for usage, number in (
        (object_usage(kind, made), 1),
        (pod_usage(pods.spec) if pods else {}, pods.number if pods else 0),
    ):
        if not (kind == "pods" and number and f"count/{kind}" in usage and "pods" not in usage):
            for name in expected.keys() & usage.keys():
                expected[name] += usage[name] * number

    def counted():
        after = used(lab)
        return {name: after[name] - before[name] for name in HARD}

    eventually(lambda: counted() == expected, f"{counted()} is {expected}")


def by_class(operator, *values):
    term = {"scopeName": "PriorityClass", "operator": operator} | ({"values": list(values)} if values else {})
    return {"scopeSelector": {"matchExpressions": [term]}}


def test_scopes_take_in_the_pods_that_the_server_takes_in(lab):
    name = lab.make(obj("scheduling.k8s.io/v1", "PriorityClass", unique("urgent"), value=10))["metadata"]["name"]
    plain = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating")
    scopes = [
        *({"scopes": [scope]} for scope in plain),
        by_class("In", name),
        by_class("NotIn", name),
        by_class("Exists"),
        by_class("DoesNotExist"),
    ]
    quotas = {
        f"q{number}": lab.make(obj("v1", "ResourceQuota", f"q{number}", spec={"hard": {"pods": "50"}, **scope}))
        for number, scope in enumerate(scopes)
    }
    for quota in quotas:
        eventually(lambda quota=quota: used(lab, quota), "the quota is counted")
    tried = [
        pod("plain"),
        pod("best-effort", containers=[container(resources={})]),
        pod("ending", activeDeadlineSeconds=600),
        pod("ranked", priorityClassName=name),
    ]
    made = [lab.make(each) for each in tried]

    expected = {
        name: Decimal(sum(counts_pod(quota, Pods({}, each["spec"], 1)) for each in made))
        for name, quota in quotas.items()
    }

    eventually(lambda: {name: used(lab, name)["pods"] for name in quotas} == expected, str(expected))
    assert set(expected.values()) == {1, 3}


@pytest.mark.parametrize(
    "resources", [{}, SMALL, {"requests": {"cpu": "1"}}, {"limits": {"memory": "1Mi", "cpu": "1"}}]
)
def test_what_a_quota_demands_is_what_the_server_demands(lab, resources):
    quota = lab.make(obj("v1", "ResourceQuota", "all", spec={"hard": {"requests.cpu": "9", "limits.memory": "9Gi"}}))
    eventually(lambda: used(lab), "the quota is counted")
    made = pod(containers=[container(resources=resources)])
    defaulted = pod(containers=[container(resources={"requests": dict(resources.get("limits", {})), **resources})])

    try:
        lab.send("POST", lab.path(made).rpartition("/")[0], made, {"dryRun": "All"})
        refusal = ""
    except ApiRefused as error:
        refusal = error.why

    missing = demanded(quota, defaulted["spec"])
    assert bool(missing) == bool(refusal), (missing, refusal)
    assert all(name in refusal for name in missing)


def test_excess_says_by_how_much():
    quota = {
        "metadata": {"name": "q"},
        "status": {"hard": {"pods": "3", "cpu": "1"}, "used": {"pods": "2", "cpu": "1"}},
    }

    (found,) = excesses(quota, {"pods": Decimal(4), "memory": Decimal(1)})

    assert str(found) == "pods: 2 used, 4 planned, 3 allowed, 3 too much"
    assert excesses(quota, {"pods": Decimal(1)}) == []
