"""`--wait` on a real API server: its controllers count, the tests play the kubelets."""

import threading
import time
from contextlib import suppress

import pytest
from tests.api_proxy import ApiProxy, status
from tests.restore_lab import Lab, Vault, claim, config_map, definition, eventually, job, obj, pod, unique, workload

from holdfast.errors import ApiRefused, Cancelled

SOON = 2.0  # seconds; for what does not become ready
LONG = 60.0  # for what does; only a failing test waits so long
RUNNING = {"containerStatuses": [], "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def target(lab, make_namespace):
    """An empty namespace to restore into."""
    return lab.within(make_namespace())


@pytest.fixture
def restored(lab, target):
    """`restored(wait, by=lab)`: the report of a restore of the lab's namespace into the target's."""
    vault = Vault()

    def restore(wait, by=None, **options):
        vault.back_up(lab)
        return vault.restore(by or lab, namespaces={lab.namespace: target.namespace}, wait=wait, **options)

    return restore


def pods(lab):
    return lab.send("GET", f"/api/v1/namespaces/{lab.namespace}/pods")["items"]


def play(lab, named, change):
    lab.patch(pod(named["metadata"]["name"]), {"status": change}, "kubelet", subresource="status")


class Kubelet:
    """Lets every pod of a namespace have this status, until the end of the block."""

    def __init__(self, lab, change):
        self._lab, self._change = lab, change
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        seen = set()
        while not self._end.wait(0.1):
            with suppress(ApiRefused):
                for one in pods(self._lab):
                    if one["metadata"]["uid"] not in seen:
                        play(self._lab, one, self._change)
                        seen.add(one["metadata"]["uid"])


def event(lab, about, reason, message, kind="Warning"):
    """As kubelets, schedulers and controllers of Kubernetes write it."""
    fields = ("apiVersion", "kind", "resourceVersion")
    metadata = about["metadata"]
    involved = {field: about.get(field) or metadata.get(field) for field in fields}
    involved |= {field: metadata[field] for field in ("name", "namespace", "uid")}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    lab.send("POST", f"/api/v1/namespaces/{metadata['namespace']}/events", {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": unique(metadata["name"])}, "involvedObject": involved,
        "reason": reason, "message": message, "type": kind, "count": 1, "firstTimestamp": now, "lastTimestamp": now,
        "source": {"component": "kubelet", "host": "one"},
    })  # fmt: skip


def about(report, name):
    """The problems of one object."""
    return [problem for problem in report.errors if problem.what.split(" ")[0].endswith(f"/{name}")]


def test_what_becomes_ready_is_waited_for(lab, target, restored):
    lab.make(workload("Deployment", "web", replicas=2))
    lab.make(workload("StatefulSet", "db", serviceName="db"))
    lab.make(workload("DaemonSet", "agent"))
    lab.make(claim())
    lab.make(config_map())
    with Kubelet(target, RUNNING):
        report = restored(LONG)
    assert report.errors == []
    assert report.outcome == "done"
    assert report.waited.ready == report.waited.objects == 4 + 1  # the ReplicaSet too
    web = target.read(workload("Deployment", "web"))
    assert web["status"]["availableReplicas"] == 2


def test_nothing_is_waited_for_unless_it_is_asked(lab, restored):
    lab.make(workload("Deployment", "web"))
    report = restored(None)
    assert (report.outcome, report.waited) == ("done", None)


def test_what_does_not_become_ready_makes_the_restore_partial_and_says_why(lab, target, restored):
    lab.make(workload("Deployment", "web", replicas=2))
    waiting = {"reason": "ErrImagePull", "message": "no such host"}
    container = {"name": "main", "image": "none.invalid/none:1", "ready": False, "state": {"waiting": waiting}}
    failing = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
        "containerStatuses": [{**container, "imageID": "", "restartCount": 0}],
    }
    with Kubelet(target, failing):
        report = restored(SOON)
    assert report.outcome.exit_code == 3
    assert report.waited.ready == report.waited.objects - 1
    problem = about(report, "web")[0]
    assert problem.what == f"deployments.apps/{target.namespace}/web is not ready: 0 of 2 pods ready"
    assert "none.invalid/none:1 of the container main cannot be pulled" in problem.why or "scheduler" in problem.why
    assert "when it was backed up it was not ready either" in problem.why


def test_a_quota_that_keeps_pods_out_is_named(lab, target, restored):
    lab.make(workload("Deployment", "web"))
    lab.make(workload("StatefulSet", "db", serviceName="db"))
    target.make(obj("v1", "ResourceQuota", "none", spec={"hard": {"pods": "0"}}))
    eventually(lambda: "hard" in target.read(obj("v1", "ResourceQuota", "none")).get("status", {}), "the quota counts")
    report = restored(SOON)
    for name in ("web", "db"):
        (problem,) = about(report, name)
        assert "exceeded quota: none" in problem.why
        assert "Raise the quota" in problem.next


def test_a_claim_of_a_class_that_is_not_here_is_named(lab, restored):
    lab.make(claim(storageClassName="nowhere"))
    report = restored(5.0)
    (problem,) = about(report, "data")
    assert "not found" in problem.why
    assert "--map-storage-class" in problem.next


@pytest.fixture
def late_class(lab):
    name = unique("late")
    lab.make(obj(
        "storage.k8s.io/v1", "StorageClass", name,
        provisioner="example.com/none", volumeBindingMode="WaitForFirstConsumer",
    ))  # fmt: skip
    return name


def test_a_claim_that_waits_for_its_first_pod_is_as_ready_as_it_can_be(lab, restored, late_class):
    lab.make(claim(storageClassName=late_class))
    report = restored(LONG)
    assert (report.outcome, report.waited.ready) == ("done", 1)


def test_the_same_is_known_by_an_account_that_may_not_see_storage_classes(lab, target, restored, late_class, cluster):
    lab.make(claim(storageClassName=late_class))
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    narrow = Lab(cluster, account=cluster.account(unique("narrow"), everything, target.namespace))
    report = restored(LONG, by=narrow, include_kinds=("persistentvolumeclaims",), exclude_kinds=("namespaces",))
    assert (report.outcome, report.waited.ready) == ("done", 1)
    narrow.close()


def test_a_failed_job_ends_the_wait(lab, target, restored):
    once = job()
    once["spec"]["backoffLimit"] = 0
    lab.make(once)
    with Kubelet(target, {"phase": "Failed", "reason": "Evicted", "message": "the node was low on memory"}):
        report = restored(LONG)
    (problem, *_) = about(report, "once")
    assert "it has failed" in problem.what
    assert report.waited.seconds < LONG


def test_events_of_kubelets_say_which_probe_fails(lab, target, restored):
    lab.make(pod())
    running = {"name": "main", "image": "i", "imageID": "", "ready": False, "restartCount": 0, "state": {"running": {}}}
    unready = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "False"}, {"type": "PodScheduled", "status": "True"}],
        "containerStatuses": [running],
    }

    def speak():
        live = eventually(lambda: target.find(pod()), "the pod is there")
        play(target, live, unready)
        event(target, live, "Unhealthy", "Readiness probe failed: dial tcp 10.0.0.1:80: connect: connection refused")

    speaker = threading.Thread(target=speak)
    speaker.start()
    report = restored(3.0)
    speaker.join()
    assert "connection refused" in about(report, "lonely")[0].why


def test_custom_resources_are_ready_by_their_condition(lab, target, restored):
    stem = unique("base").replace("-", "")
    kind = definition(stem)
    kind["spec"]["versions"][0]["subresources"] = {"status": {}}
    lab.make(kind)
    lab.cluster.wait_established(f"{stem}s.example.com")
    first, second = (obj("example.com/v1", stem.capitalize(), name) for name in ("first", "second"))
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Up",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    for one in (first, second):
        lab.make(one)
        lab.patch(one, {"status": {"conditions": [condition]}}, "operator", subresource="status")

    def operate():
        eventually(lambda: target.find(first), "the first is there")
        target.patch(first, {"status": {"conditions": [condition]}}, "operator", subresource="status")

    operator = threading.Thread(target=operate)
    operator.start()
    report = restored(SOON)
    operator.join()
    assert about(report, "first") == []
    (problem,) = about(report, "second")
    assert "nothing has written its condition Ready yet" in problem.what
    assert "operator" in problem.next or "controller" in problem.next


@pytest.fixture
def unsteady(cluster, tmp_path):
    """`unsteady(times)`: an account whose server answers so many reads with 503 once the DaemonSet was made."""
    proxy, labs = ApiProxy(cluster, tmp_path), []

    def make(times):
        made, refused = [], []

        def intercept(request):
            if "daemonsets" in request.path:
                if request.method != "GET":
                    made.append(request)
                elif made and len(refused) < times:
                    refused.append(request)
                    return status(503, "ServiceUnavailable", "the server is starting")
            return None

        proxy.intercept = intercept
        labs.append(Lab(cluster, account=proxy.kubeconfig))
        return labs[-1], refused

    yield make
    for lab in labs:
        lab.close()
    proxy.close()


ONLY_IT = {"include_kinds": ("daemonsets",), "exclude_kinds": ("namespaces",)}


def test_a_server_that_is_away_for_a_while_only_costs_time(lab, restored, unsteady):
    lab.make(workload("DaemonSet", "agent"))
    through, refused = unsteady(10)
    report = restored(LONG, by=through, **ONLY_IT)
    assert len(refused) == 10
    assert (report.outcome, report.errors, report.waited.ready) == ("done", [], 1)


def test_a_server_that_stays_away_leaves_nobody_knowing(lab, restored, unsteady):
    lab.make(workload("DaemonSet", "agent"))
    through, _ = unsteady(1000)
    report = restored(SOON, by=through, **ONLY_IT, verify=False)
    (problem,) = report.errors
    assert "nobody knows" in problem.what
    assert "the server is starting" in problem.why
    assert report.outcome.exit_code == 3


def test_an_account_that_may_not_read_pods_is_told_so(lab, target, restored, cluster):
    lab.make(workload("Deployment", "web"))
    rules = [{"apiGroups": ["apps"], "resources": ["*"], "verbs": ["*"]}]
    narrow = Lab(cluster, account=cluster.account(unique("narrow"), rules, target.namespace))
    report = restored(SOON, by=narrow, include_kinds=("deployments",), exclude_kinds=("namespaces",))
    (problem,) = about(report, "web")
    assert "may not list pods, persistentvolumeclaims, jobs, events" in problem.why
    assert "Grant" in problem.next
    narrow.close()


def test_a_wait_ends_when_it_is_cancelled(lab, restored):
    lab.make(workload("Deployment", "web"))
    stop = threading.Timer(4.0, lab.cancel.request)
    stop.start()
    with pytest.raises(Cancelled):
        restored(LONG)
    stop.join()
