"""Why something is not ready: statuses and events as kubelets, schedulers and controllers write them."""

import pytest

from holdfast.objects.why_not_ready import Surroundings, why_not_ready


def owner(uid):
    return {"ownerReferences": [{"uid": uid, "controller": True}]}


DEPLOYMENT = {"metadata": {"name": "web", "namespace": "shop", "uid": "d"}, "spec": {}, "status": {"replicas": 1}}
REPLICA_SET = {"metadata": {"name": "web-1", "uid": "r", **owner("d")}, "status": {}}
SCHEDULED = {"type": "PodScheduled", "status": "True"}


def pod(*containers, conditions=(SCHEDULED,), node="one", **status):
    return {
        "metadata": {"name": "web-1-a", "namespace": "shop", "uid": "p", **owner("r")},
        "spec": {"nodeName": node, "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]},
        "status": {"phase": "Pending", "conditions": list(conditions), "containerStatuses": list(containers)} | status,
    }


def waiting(reason, message="", **status):
    return {
        "name": "main",
        "image": "registry.example/shop:1",
        "ready": False,
        "state": {"waiting": {"reason": reason, "message": message}},
        **status,
    }


def running(**status):
    return {"name": "main", "image": "i", "ready": False, "state": {"running": {}}, **status}


def unscheduled(message, reason="Unschedulable"):
    return pod(
        node=None, conditions=[{"type": "PodScheduled", "status": "False", "reason": reason, "message": message}]
    )


def event(uid, reason, message, time="2026-11-23T05:00:00Z"):
    return {"involvedObject": {"uid": uid}, "reason": reason, "message": message, "lastTimestamp": time}


def why(*pods, events=(), claims=(), replica_set=REPLICA_SET, deployment=DEPLOYMENT, unread=()):
    around = Surroundings([replica_set], list(pods), list(claims), [], list(events), unread)
    return why_not_ready("deployments.apps", deployment, around)


ENDED = {"lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}, "restartCount": 4}
KILLED = {"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, "restartCount": 1}
PULL = 'failed to pull and unpack image "registry.example/shop:1": not found'

PODS = [
    ("image", pod(waiting("ErrImagePull", PULL)), (), "registry.example/shop:1 of the container main", "pull secret"),
    ("image again", pod(waiting("ImagePullBackOff", "Back-off")), (), "ImagePullBackOff", "registry"),
    (
        "image of an init container",
        pod(initContainerStatuses=[waiting("ErrImagePull")]),
        (),
        "cannot be pulled",
        "image",
    ),
    (
        "missing ConfigMap",
        pod(waiting("CreateContainerConfigError", 'configmap "settings" not found')),
        (),
        'configmap "settings" not found',
        "ConfigMap settings",
    ),
    (
        "missing Secret",
        pod(waiting("CreateContainerConfigError", 'secret "login" not found')),
        (),
        'secret "login" not found',
        "Secret login",
    ),
    (
        "missing key",
        pod(waiting("CreateContainerConfigError", "couldn't find key color in ConfigMap shop/settings")),
        (),
        "key color",
        "the key color",
    ),
    (
        "crash",
        pod(waiting("CrashLoopBackOff", "back-off", **ENDED)),
        (),
        "exit code 3, after 4 restarts",
        "kubectl logs",
    ),
    ("out of memory", pod(waiting("CrashLoopBackOff", "", **KILLED)), (), "OOMKilled", "memory limit"),
    ("starts again", pod(running(**ENDED), phase="Running"), (), "exit code 3", "--previous"),
    (
        "probe",
        pod(running(), phase="Running"),
        [event("p", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")],
        "a probe of the container main fails: Readiness probe failed: HTTP probe failed with statuscode: 503",
        "probe",
    ),
    (
        "resources",
        unscheduled("0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible"),
        (),
        "Insufficient cpu",
        "requests",
    ),
    (
        "node selector",
        unscheduled("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."),
        (),
        "node affinity/selector",
        "Label a node",
    ),
    (
        "taint",
        unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: db}."),
        (),
        "untolerated taint {dedicated: db}",
        "toleration",
    ),
    (
        "unbound claim",
        unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        (),
        "unbound immediate PersistentVolumeClaims",
        "claim has no volume",
    ),
    (
        "missing claim",
        unscheduled('0/1 nodes are available: persistentvolumeclaim "data" not found.'),
        (),
        'persistentvolumeclaim "data" not found',
        "Restore the claim",
    ),
    ("gate", unscheduled("", "SchedulingGated"), (), "scheduling gates", "take them away"),
    ("no scheduler", pod(node=None, conditions=()), (), "no scheduler", "scheduler"),
    (
        "volume",
        pod(waiting("ContainerCreating")),
        [event("p", "FailedMount", 'MountVolume.SetUp failed for volume "v" : secret "login" not found')],
        "a volume cannot be mounted",
        "Secret login",
    ),
    (
        "volume of the past",
        pod(waiting("CreateContainerConfigError", 'configmap "settings" not found')),
        [event("p", "FailedMount", 'MountVolume.SetUp failed for volume "v" : configmap "kube-root-ca.crt" not found')],
        'configmap "settings" not found',
        "ConfigMap settings",
    ),
    (
        "sandbox",
        pod(waiting("ContainerCreating")),
        [event("p", "FailedCreatePodSandBox", "plugin type=bridge failed")],
        "plugin type=bridge failed",
        "network plugin",
    ),
    (
        "evicted",
        pod(phase="Failed", reason="Evicted", message="low on memory"),
        (),
        "Evicted low on memory",
        "describe",
    ),
]


@pytest.mark.parametrize(
    ("one", "events", "reason", "to_do"), [case[1:] for case in PODS], ids=[case[0] for case in PODS]
)
def test_why_a_pod_is_not_ready(one, events, reason, to_do):
    first = why(one, events=events)[0]
    assert reason in first.why
    assert first.why.endswith("(pod web-1-a)")
    assert to_do in first.next


def test_the_newest_event_counts():
    old = event("p", "Unhealthy", "Readiness probe failed: old")
    new = event("p", "Unhealthy", "Liveness probe failed: new", time="2026-11-23T06:00:00Z")
    assert "new" in why(pod(running(), phase="Running"), events=[old, new, old])[0].why


def test_events_of_an_earlier_object_of_this_name_are_not_looked_at():
    assert "says nothing" in why(pod(running(), phase="Running"), events=[event("other", "Unhealthy", "x")])[0].why


@pytest.mark.parametrize(
    ("message", "to_do"),
    [
        ('pods "web" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0', "quota"),
        ('pods "web" is forbidden: violates PodSecurity "restricted:latest"', "Pod Security"),
        ('pods "web" is forbidden: error looking up service account shop/robot', "ServiceAccount"),
        ("pods is forbidden: no PriorityClass with name high was found", "PriorityClass"),
        ('Internal error: failed calling webhook "a.example.com"', "webhook"),
        ("pods is forbidden: maximum cpu usage per Container is 1", "LimitRange"),
        ("something new", "refuses"),
    ],
)
def test_why_pods_are_not_created(message, to_do):
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    by_condition = why(replica_set={**REPLICA_SET, "status": {"conditions": [failure]}})
    by_event = why(events=[event("r", "FailedCreate", message)])
    for first, *_ in (by_condition, by_event):
        assert message in first.why
        assert to_do in first.next


CLAIM = {"metadata": {"name": "data", "uid": "c"}, "spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}}
CLAIM_EVENTS = [
    (event("c", "ProvisioningFailed", 'storageclass.storage.k8s.io "fast" not found'), "--map-storage-class"),
    (event("c", "ProvisioningFailed", "no space left"), "provisioner of the class fast"),
    (
        event("c", "FailedBinding", "no persistent volumes available for this claim and no storage class is set"),
        "class",
    ),
    (event("c", "ExternalProvisioning", "Waiting for a volume to be created"), "provisioner of the class fast"),
]


@pytest.mark.parametrize(("said", "to_do"), CLAIM_EVENTS)
def test_why_a_claim_is_not_bound(said, to_do):
    (first,) = why_not_ready("persistentvolumeclaims", CLAIM, Surroundings(claims=[CLAIM], events=[said]))
    assert said["message"] == first.why
    assert to_do in first.next


def test_a_pod_that_waits_for_a_claim_is_told_what_the_claim_waits_for():
    found = why(unscheduled("unbound immediate PersistentVolumeClaims"), claims=[CLAIM], events=[CLAIM_EVENTS[0][0]])
    assert [cause.why.partition(":")[0] for cause in found] == [
        "the claim data is not bound",
        "the pod cannot be scheduled",
    ]


def test_a_lost_claim_names_its_volume():
    lost = {**CLAIM, "spec": {"volumeName": "pv-1"}, "status": {"phase": "Lost"}}
    assert "pv-1 is gone" in why_not_ready("persistentvolumeclaims", lost, Surroundings())[0].why


def test_one_cause_is_said_once_and_there_are_not_too_many():
    pods = [pod(waiting("ErrImagePull", f"{number % 2}")) for number in range(10)]
    assert len(why(*pods)) == 2
    assert len(why(*(pod(waiting("ErrImagePull", f"{number}")) for number in range(10)))) == 3


def test_pods_that_are_ready_or_done_are_no_cause():
    ready = pod(waiting("ErrImagePull"), conditions=[{"type": "Ready", "status": "True"}])
    done = pod(waiting("ErrImagePull"), phase="Succeeded")
    assert "says nothing" in why(ready, done)[0].why


@pytest.mark.parametrize(
    ("kind", "obj", "reason"),
    [
        ("databases.example.com", {"metadata": {}}, "nothing has written its status"),
        (
            "databases.example.com",
            {
                "status": {
                    "conditions": [{"type": "Ready", "status": "False", "reason": "NoDisk", "message": "no disk"}]
                }
            },
            "NoDisk: no disk",
        ),
        ("services", {"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}}}, "given it an address"),
        (
            "jobs.batch",
            {"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}},
            "BackoffLimitExceeded",
        ),
    ],
)
def test_why_other_kinds_are_not_ready(kind, obj, reason):
    assert reason in why_not_ready(kind, {"metadata": {"name": "it", "uid": "x"}, **obj}, Surroundings())[0].why


def test_what_may_not_be_listed_is_named_if_nothing_else_is_known():
    (first,) = why(unread=("pods", "events"))
    assert "may not list pods, events" in first.why
    assert "Grant" in first.next


def test_long_messages_are_cut():
    (first,) = why(pod(waiting("ErrImagePull", "x " * 5000)))
    assert len(first.why) < 700


@pytest.mark.parametrize("rubbish", [None, 1, "text", [], [None], {"conditions": 1}])
def test_objects_of_any_shape_are_looked_at_without_an_error(rubbish):
    for field in ("status", "spec", "metadata"):
        assert why({**pod(), field: rubbish})
