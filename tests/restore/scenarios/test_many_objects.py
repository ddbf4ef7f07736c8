"""5,000 objects of 30 kinds: everything comes back, and a second run finds nothing to do."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from testbed.control_plane import ControlPlane
from tests.conftest import running
from tests.restore_lab import (
    Lab,
    claim,
    config_map,
    definition,
    essence,
    job,
    obj,
    owners,
    pod,
    pod_spec,
    service,
    template,
    unique,
    workload,
)

COUNT = 5000
CUSTOM = 9  # kinds
FEW = 12  # of kinds whose controllers are slow or make other objects
NETWORKING, RBAC = "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1"


def rare(number):
    """One object of each kind of which there are few."""
    name = f"rare-{number}"
    selector = {"matchLabels": {"app": name}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    devices = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]}}
    return [
        claim(name),
        job(name, spec={"suspend": True, "template": {"spec": pod_spec(restartPolicy="Never")}}),
        obj("batch/v1", "CronJob", name, spec={"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": job(name)}),
        pod(name),
        service(name),
        workload("Deployment", name, replicas=0),
        workload("ReplicaSet", name, replicas=0),
        workload("DaemonSet", name),
        workload("StatefulSet", name, replicas=0, serviceName=name),
        obj("v1", "ReplicationController", name, spec={"replicas": 0, "template": template(name)}),
        obj("autoscaling/v2", "HorizontalPodAutoscaler", name, spec={"maxReplicas": 3, "scaleTargetRef": target}),
        obj("policy/v1", "PodDisruptionBudget", name, spec={"selector": selector, "minAvailable": 1}),
        obj("resource.k8s.io/v1", "ResourceClaimTemplate", name, spec={"spec": devices}),
        obj("resource.k8s.io/v1", "ResourceClaim", name, spec=devices),
        obj("v1", "LimitRange", name, spec={"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}]}),
    ]


def common(number):
    """One object of one of the kinds of which there are many."""
    name = f"common-{number}"
    rules = [{"apiGroups": ["example.com"], "resources": [name], "verbs": ["get"]}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    backend = {"service": {"name": name, "port": {"number": 80}}}
    makers = [
        lambda: config_map(name, data={"number": str(number)}),
        lambda: obj("v1", "Secret", name, stringData={"number": str(number)}),
        lambda: obj("v1", "ServiceAccount", name),
        lambda: obj(RBAC, "Role", name, rules=rules),
        lambda: obj(RBAC, "RoleBinding", name, roleRef=role, subjects=[]),
        lambda: obj(NETWORKING, "NetworkPolicy", name, spec={"podSelector": {"matchLabels": {"number": str(number)}}}),
        lambda: obj(NETWORKING, "Ingress", name, spec={"defaultBackend": backend}),
        lambda: obj("v1", "PodTemplate", name, template=template(name)),
    ]
    return makers[number % len(makers)]()


def custom(stems, number):
    kind = stems[number % len(stems)].capitalize()
    return obj("example.com/v1", kind, f"custom-{number}", spec={"number": number, "text": "x" * (number % 300)})


def in_parallel(act, things):
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(act, things))


def kept(things):
    """What of a namespace is in a backup, without what its controllers make of it."""
    return {
        key: thing
        for key, thing in things.items()
        if key[0] != "ControllerRevision"
        and not any(one.get("controller") for one in thing["metadata"].get("ownerReferences", ()))
    }


@pytest.fixture
def lab(say):
    """In a cluster of its own: to delete all this would keep a shared one busy for minutes."""
    with running(lambda: ControlPlane.start(name="many", say=say)) as started:
        lab = Lab(started).new_namespace()
        yield lab
        lab.cluster.close()


def test_5000_objects_of_30_kinds(lab, vault):
    stems = [unique(f"kind{number}").replace("-", "") for number in range(CUSTOM)]
    in_parallel(lab.make, [definition(stem) for stem in stems])
    for stem in stems:
        lab.cluster.wait_established(f"{stem}s.example.com")
    lab.cluster.refresh_surface()
    things = [thing for number in range(FEW) for thing in rare(number)]
    half = (COUNT - len(things)) // 2
    things += [common(number) for number in range(half)]
    things += [custom(stems, number) for number in range(COUNT - len(things))]
    in_parallel(lab.make, things)
    before = kept(lab.objects())
    counts = Counter(kind for kind, _ in before)
    assert len(before) >= COUNT
    assert len(counts) >= 30
    vault.back_up(lab)
    copy = lab.within(unique("copy"))
    into_copy = {"namespaces": {lab.namespace: copy.namespace}}

    report = vault.restore(lab, **into_copy)

    assert (report.outcome, report.errors) == ("done", [])
    now = kept(copy.objects())
    assert Counter(kind for kind, _ in now) == counts
    different = [
        key
        for key, thing in before.items()
        if (essence(thing, lab.namespace), owners(thing)) != (essence(now[key], copy.namespace), owners(now[key]))
    ]
    assert different == []
    again = vault.restore(lab, **into_copy)
    assert again.counts["created"] == again.counts["updated"] == again.counts["failed"] == 0
