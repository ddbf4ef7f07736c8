"""Why movers do not begin: the end of one says it, and the others go on."""

import pytest
from tests.movers.lab import RUN, Lab, moved, wait_for

from holdfast.objects.pod_trouble import Cause
from holdfast.operations.movers import attempt, outcomes
from holdfast.operations.movers.contract import encode_line


def the_end(lab, task=None, **settings):
    with lab.movers(**settings) as movers:
        [end] = movers.run([task or lab.task()])
    assert end.moved is None
    assert end.task.name in end.problem.what
    return end


def test_a_pod_that_no_scheduler_takes_is_given_up(lab):
    end = the_end(lab, patience=2)
    assert end.problem.what.startswith("the mover of shop/data did not begin in ")
    assert end.problem.why == "no scheduler has looked at the pod"
    assert end.waited >= 2


def test_a_quota_is_named(lab):
    lab.create("resourcequotas", quota("0"))
    end = the_end(lab, patience=10)
    assert "exceeded quota: small" in end.problem.why
    assert "--parallel-volumes" in end.problem.next


def quota(pods):
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"pods": pods}},
    }


def test_pod_security_is_named_and_not_waited_for(lab):
    def restrict(body):
        body["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"

    with lab.movers(patience=300) as movers:
        path = f"/api/v1/namespaces/{lab.namespace}"
        body = lab.cluster.api.request("GET", path)
        restrict(body)  # only now, or movers would not be root
        lab.cluster.api.request("PUT", path, body)
        [end] = movers.run([lab.task()])
    assert 'violates PodSecurity "restricted' in end.problem.why
    assert "--mover-namespace" in end.problem.next


def test_where_restricted_is_enforced_movers_are_not_root(lab, make_namespace):
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    there = Lab(lab.cluster, make_namespace(labels=labels))
    with there.running(there.task()):
        assert there.only("pods")["spec"]["securityContext"]["runAsUser"] == 65532
    there.close()


def test_a_job_that_is_refused_ends_that_mover_only(lab):
    good, bad = lab.task(), lab.task(claim="logs", command=["x" * 2_000_000])
    with lab.movers(patience=2) as movers:
        ends = {end.task.claim: end.problem.what for end in movers.run([good, bad])}
    assert ends["data"].startswith("the mover of shop/data did not begin in ")
    assert ends["logs"] == "the mover of shop/logs could not be made"


def test_a_job_that_somebody_deletes_is_gone(lab):
    with lab.running(lab.task()) as ends:
        job = lab.only("jobs")
        wait_for(lambda: lab.list("pods"))
        lab.delete("jobs", f"{job['metadata']['name']}?propagationPolicy=Background")
        [end] = ends.result(120)
    assert end.problem.what == "the mover of shop/data is gone"


def test_who_waits_for_room_waits_while_others_are_at_work(lab, monkeypatch):
    monkeypatch.setattr(attempt, "_LATE_LOG", 0.3)
    patience = [10.0]
    monkeypatch.setattr(outcomes, "patience_with", lambda *_: patience[-1])
    lab.create("resourcequotas", quota("1"))
    with lab.running(lab.task(claim="a"), lab.task(claim="b")) as ends:
        wait_for(lambda: lab.list("pods"))
        [first] = lab.list("pods")
        begin(lab, first)
        wait_for(lambda: len(lab.list("jobs")) == 2)
        with pytest.raises(TimeoutError):
            ends.result(16)  # longer than the patience
        patience.append(120)  # so rarely a Job that was refused often tries again
        finish(lab, first, moved(files=1))
        [second] = wait_for(
            lambda: [pod for pod in lab.list("pods") if pod["metadata"]["uid"] != first["metadata"]["uid"]]
        )
        begin(lab, second)
        finish(lab, second, moved(files=2))
        assert [end.moved.files for end in ends.result(120)] == [1, 2]


def begin(lab, pod):
    """As a scheduler and a kubelet would say it."""
    name = pod["metadata"]["name"]
    target = {"apiVersion": "v1", "kind": "Node", "name": "nowhere"}
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
    lab.cluster.api.request("POST", f"/api/v1/namespaces/{lab.namespace}/pods/{name}/binding", body)
    say(lab, pod, "Running", {"running": {}})


def finish(lab, pod, result):
    """As a kubelet would say it of a mover whose log nobody can read."""
    say(lab, pod, "Succeeded", {"terminated": {"exitCode": 0, "message": encode_line(result).decode()}})


def say(lab, pod, phase, state):
    def change(body):
        container = {"name": "holdfast", "state": state, "image": "", "imageID": "", "ready": False, "restartCount": 0}
        body["status"] = {"phase": phase, "containerStatuses": [container]}

    lab.put("pods", pod["metadata"]["name"], change, "/status")


def test_without_a_log_the_termination_message_tells(lab, monkeypatch):
    monkeypatch.setattr(attempt, "_LATE_LOG", 0.3)
    with lab.running(lab.task()) as ends:
        pod = lab.only("pods")
        begin(lab, pod)
        finish(lab, pod, moved("partial", files=7, bytes=70, part="abc"))
        [end] = ends.result(120)
    assert (end.moved.outcome, end.moved.files, end.moved.part) == ("partial", 7, "abc")
    assert end.problem is None
    assert (lab.progress.files, lab.progress.bytes) == (7, 70)


def test_who_may_not_watch_pods_is_told_so(lab, cluster):
    rules = [
        {"apiGroups": [""], "resources": ["namespaces", "secrets"], "verbs": ["get", "create", "delete"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]},
    ]
    weak = Lab(cluster, lab.namespace, cluster.account("no-pods", rules))
    with pytest.raises(Exception, match="cannot list pods"), weak.movers() as movers:
        movers.run([weak.task()])
    weak.close()
    assert wait_for(lambda: not lab.list("jobs"))


@pytest.mark.parametrize(
    ("why", "seconds"),
    [
        ("the image x of the container holdfast cannot be pulled: InvalidImageName", 3),
        ("the image x of the container holdfast cannot be pulled: ErrImageNeverPull", 3),
        ("the image x of the container holdfast cannot be pulled: ImagePullBackOff", 60),
        ("its pods cannot be created: violates PodSecurity", 3),
        ("its pods cannot be created: exceeded quota: small", 90),
        ("the claim data is not bound: its volume pv-1 is gone", 60),
        ("the pod cannot be scheduled: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }", 60),
        ("the pod cannot be scheduled: 0/3 nodes are available: 3 Insufficient cpu.", 300),
    ],
)
def test_what_does_not_heal_is_not_waited_for(why, seconds):
    assert outcomes.patience_with(Cause(why, ""), 300) == seconds
    assert outcomes.patience_with(Cause(why, ""), 1) == 1


def test_the_name_of_the_job_says_which_volume_it_is(lab):
    with lab.running(lab.task()):
        job = lab.only("jobs")
        assert job["metadata"]["name"].startswith("mover-shop-data-")
        assert job["metadata"]["annotations"] == {"holdfast.dev/volume": "shop/data"}
        assert job["metadata"]["labels"]["holdfast.dev/run"] == RUN
