"""When is an object ready? One case for each thing that a row looks at."""

import pytest

from holdfast.objects.readiness import State, binds_late, has_readiness, readiness

NEW = {"generation": 2}
SEEN = {"observedGeneration": 2}
OLD = {"observedGeneration": 1}


def thing(spec=(), status=(), **metadata):
    return {"metadata": {"name": "it", "generation": 2, **metadata}, "spec": dict(spec), "status": dict(status)}


def condition(kind, status="True", **more):
    return {"conditions": [{"type": kind, "status": status, **more}]}


def deployment(replicas=3, updated=3, available=3, total=3, seen=2, **spec):
    status = {"updatedReplicas": updated, "availableReplicas": available, "replicas": total, "observedGeneration": seen}
    return thing({"replicas": replicas, **spec}, status)


def stateful_set(ready=3, updated=3, strategy=None):
    spec = {"replicas": 3, "updateStrategy": strategy or {"type": "RollingUpdate"}}
    return thing(spec, {"readyReplicas": ready, "updatedReplicas": updated, **SEEN})


def daemon_set(desired=2, updated=2, available=2, strategy="RollingUpdate"):
    status = {"desiredNumberScheduled": desired, "updatedNumberScheduled": updated, "numberAvailable": available}
    return thing({"updateStrategy": {"type": strategy}}, status | SEEN)


CONTROLLED = {"ownerReferences": [{"kind": "Deployment", "name": "web", "controller": True}]}
PARTITION = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}

CASES = [
    ("deployments.apps", deployment(), "ready", ""),
    ("deployments.apps", deployment(available=1), "waiting", "1 of 3 pods ready"),
    ("deployments.apps", deployment(updated=2), "waiting", "3 of 3 pods ready, 2 of the newest template"),
    ("deployments.apps", deployment(total=4), "waiting", "older ones are still there"),
    ("deployments.apps", deployment(seen=1), "waiting", "has not looked"),
    ("deployments.apps", deployment(replicas=0, updated=0, available=0, total=0), "ready", ""),
    ("deployments.apps", deployment(available=0, paused=True), "ready", ""),
    ("deployments.apps", thing({}, {"availableReplicas": 0, **SEEN}), "waiting", "0 of 1 pods ready"),
    ("deployments.apps", thing({"replicas": 1}), "waiting", "has not looked"),
    ("statefulsets.apps", stateful_set(), "ready", ""),
    ("statefulsets.apps", stateful_set(ready=2), "waiting", "2 of 3 pods ready"),
    ("statefulsets.apps", stateful_set(updated=1), "waiting", "1 of the newest template"),
    ("statefulsets.apps", stateful_set(updated=1, strategy=PARTITION), "ready", ""),
    ("statefulsets.apps", stateful_set(updated=0, strategy={"type": "OnDelete"}), "ready", ""),
    ("daemonsets.apps", daemon_set(), "ready", ""),
    ("daemonsets.apps", daemon_set(available=1), "waiting", "1 of 2 pods ready"),
    ("daemonsets.apps", daemon_set(updated=1), "waiting", "1 of the newest template"),
    ("daemonsets.apps", daemon_set(updated=0, strategy="OnDelete"), "ready", ""),
    ("daemonsets.apps", daemon_set(desired=0, updated=0, available=0), "ready", ""),
    ("replicasets.apps", thing({"replicas": 1}, {"availableReplicas": 1, **SEEN}), "ready", ""),
    ("replicasets.apps", thing({"replicas": 1}, SEEN), "waiting", "0 of 1 pods ready"),
    ("replicasets.apps", thing({"replicas": 1}, SEEN, **CONTROLLED), "ready", ""),
    ("replicationcontrollers", thing({"replicas": 2}, {"availableReplicas": 1, **SEEN}), "waiting", "1 of 2"),
    ("jobs.batch", thing({}, condition("Complete")), "ready", ""),
    ("jobs.batch", thing({}, condition("Failed")), "failed", "it has failed"),
    ("jobs.batch", thing({"suspend": True}), "ready", ""),
    ("jobs.batch", thing({"parallelism": 2}, {"ready": 1}), "waiting", "0 pods succeeded, 1 of 2 ready"),
    ("jobs.batch", thing({"parallelism": 2}, {"ready": 2}), "ready", ""),
    ("jobs.batch", thing({"parallelism": 2, "completions": 3}, {"ready": 1, "succeeded": 2}), "ready", ""),
    ("pods", thing({}, {"phase": "Running", **condition("Ready")}), "ready", ""),
    ("pods", thing({}, {"phase": "Running", **condition("Ready", "False")}), "waiting", "not ready"),
    ("pods", thing({}, {"phase": "Succeeded"}), "ready", ""),
    ("pods", thing({}, {"phase": "Failed"}), "failed", "it has failed"),
    ("pods", thing(), "waiting", "it is pending"),
    ("persistentvolumeclaims", thing({}, {"phase": "Bound"}), "ready", ""),
    ("persistentvolumeclaims", thing({}, {"phase": "Pending"}), "waiting", "it is pending, not bound"),
    ("persistentvolumeclaims", thing({}, {"phase": "Lost"}), "failed", "it is lost, not bound"),
    ("services", thing({"type": "ClusterIP"}), "ready", ""),
    ("services", thing({"type": "LoadBalancer"}), "waiting", "no address"),
    ("services", thing({"type": "LoadBalancer"}, ADDRESS), "ready", ""),
    ("customresourcedefinitions.apiextensions.k8s.io", thing({}, condition("Established")), "ready", ""),
    ("customresourcedefinitions.apiextensions.k8s.io", thing(), "waiting", "not established"),
    (
        "customresourcedefinitions.apiextensions.k8s.io",
        thing({}, condition("NamesAccepted", "False", message="taken")),
        "failed",
        "taken",
    ),
    ("apiservices.apiregistration.k8s.io", thing({}, condition("Available")), "ready", ""),
    (
        "apiservices.apiregistration.k8s.io",
        thing({}, condition("Available", "False", message="no endpoints")),
        "waiting",
        "no endpoints",
    ),
    ("databases.example.com", thing({}, condition("Ready")), "ready", ""),
    ("databases.example.com", thing({}, condition("Ready", "False", message="no primary")), "waiting", "no primary"),
    ("databases.example.com", thing({}, condition("Ready", "Unknown")), "waiting", "Ready is Unknown"),
    ("databases.example.com", thing({}, condition("Available", "False")), "waiting", "Available is False"),
    ("databases.example.com", thing({}, condition("Ready") | OLD), "waiting", "has not looked"),
    ("databases.example.com", thing({}, condition("Ready", observedGeneration=1)), "waiting", "has not looked"),
    ("databases.example.com", thing({}, condition("Synced", "False")), "ready", ""),
    ("databases.example.com", thing(), "ready", ""),
    ("configmaps", thing({}, condition("Ready", "False")), "ready", ""),
    ("ingresses.networking.k8s.io", thing({}, condition("Ready", "False")), "ready", ""),
]


@pytest.mark.parametrize(("kind", "obj", "state", "text"), CASES)
def test_readiness(kind, obj, state, text):
    found = readiness(kind, obj)
    assert found.state == state
    assert text in found.text


def test_every_state_of_an_unready_object_says_what_is_missing():
    assert all(readiness(kind, obj).text for kind, obj, state, _ in CASES if state != "ready")


@pytest.mark.parametrize("kind", sorted({kind for kind, _, state, _ in CASES if state != "ready"}))
def test_kinds_that_can_be_unready_are_known_as_such(kind):
    assert has_readiness(kind)


@pytest.mark.parametrize(
    "kind", ["configmaps", "secrets", "roles.rbac.authorization.k8s.io", "ingresses.networking.k8s.io", "namespaces"]
)
def test_other_kinds_need_not_be_looked_at(kind):
    assert not has_readiness(kind)


def test_a_condition_that_the_backup_has_is_waited_for():
    assert readiness("databases.example.com", thing(), was=thing({}, condition("Ready"))).state is State.WAITING
    assert readiness("databases.example.com", thing(), was=thing({}, condition("Synced"))).state is State.READY


@pytest.mark.parametrize(
    ("spec", "status", "annotations", "late"),
    [
        ({"storageClassName": "late"}, {"phase": "Pending"}, {}, True),
        ({"storageClassName": "early"}, {"phase": "Pending"}, {}, False),
        ({"storageClassName": "late"}, {"phase": "Lost"}, {}, False),
        ({"storageClassName": "late"}, {"phase": "Pending"}, {"volume.kubernetes.io/selected-node": "one"}, False),
        ({}, {"phase": "Pending"}, {}, False),
    ],
)
def test_a_claim_whose_volume_waits_for_a_pod(spec, status, annotations, late):
    assert binds_late(thing(spec, status, annotations=annotations), frozenset(("late",))) is late


@pytest.mark.parametrize("status", [None, 1, "text", [], {"conditions": [1, "a", None]}, {"conditions": {}}])
@pytest.mark.parametrize("kind", sorted({kind for kind, *_ in CASES}))
def test_status_of_any_shape_is_looked_at_without_an_error(kind, status):
    assert readiness(kind, {"metadata": {"name": "it"}, "status": status}).state in set(State)
