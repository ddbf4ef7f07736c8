"""Waiting for real pods on a real node: what kubelet and scheduler say is understood."""

import pytest
from tests.restore_lab import Lab, Vault, claim, config_map, obj, unique, workload

IMAGE = "testbed/busybox:1"
SLEEP = ["sleep", "3600"]


@pytest.fixture(scope="module")
def lab(node_cluster):
    lab = Lab(node_cluster)
    yield lab
    lab.close()


def deployment(name, *, command=SLEEP, image=IMAGE, env_from=None, probe=None, volumes=None, resources=None, **pod):
    container = {"name": "main", "image": image, "command": command}
    container |= {"envFrom": [env_from]} if env_from else {}
    container |= {"readinessProbe": probe} if probe else {}
    container |= {"resources": {"requests": resources}} if resources else {}
    if volumes:
        container["volumeMounts"] = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
        pod["volumes"] = volumes
    labels = {"app": name}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, **pod}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return workload("Deployment", name, replicas=1, template=template, selector={"matchLabels": labels})


def available_late(body):
    """So that a container which has just been started again does not count as ready for that moment."""
    body["spec"]["minReadySeconds"] = 60
    return body


def moved(lab, wait, *things):
    """The report of a restore of these into another namespace."""
    shop, copy = lab.new_namespace("shop"), unique("copy")
    lab.end_later(copy)
    for thing in things:
        shop.make(thing)
    vault = Vault()
    vault.back_up(shop)
    return vault.restore(lab, namespaces={shop.namespace: copy}, wait=wait), lab.within(copy)


def test_workloads_that_run_are_waited_for(lab):
    data = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    settings = {"name": "settings", "configMap": {"name": "settings"}}
    ready = {"exec": {"command": ["test", "-e", "/settings/color"]}, "periodSeconds": 1}
    report, copy = moved(
        lab,
        120.0,
        claim(),
        config_map(),
        deployment("web", volumes=[data, settings], probe=ready),
    )
    assert (report.outcome, report.errors) == ("done", [])
    assert report.waited.ready == report.waited.objects
    assert copy.read(workload("Deployment", "web"))["status"]["availableReplicas"] == 1
    assert report.read_back["verified"] >= 4
    assert "missing" not in report.read_back


BROKEN = {
    "image": (deployment("image", image="none.invalid/none:1"), "cannot be pulled", "registry"),
    "settings": (
        deployment("settings", env_from={"configMapRef": {"name": "gone"}}),
        'configmap "gone" not found',
        "gone",
    ),
    "crash": (available_late(deployment("crash", command=["sh", "-c", "exit 7"])), "exit code 7", "kubectl logs"),
    "probe": (
        deployment("probe", probe={"exec": {"command": ["sh", "-c", "echo not yet; exit 1"]}, "periodSeconds": 1}),
        "Readiness probe failed: not yet",
        "probe",
    ),
    "selector": (deployment("selector", nodeSelector={"disk": "fast"}), "node affinity/selector", "Label a node"),
    "large": (deployment("large", resources={"cpu": "900"}), "Insufficient cpu", "requests"),
    "mount": (
        deployment("mount", volumes=[{"name": "login", "secret": {"secretName": "absent"}}]),
        'secret "absent" not found',
        "Secret absent",
    ),
    "claim": (
        deployment("claim", volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "nowhere"}}]),
        'persistentvolumeclaim "nowhere" not found',
        "Restore the claim",
    ),
    "account": (deployment("account", serviceAccountName="robot"), "service account", "ServiceAccount"),
}


@pytest.fixture(scope="module")
def broken(lab):
    report, _ = moved(lab, 25.0, *(thing for thing, _, _ in BROKEN.values()))
    return report


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_run_says_why(broken, name):
    _, why, to_do = BROKEN[name]
    problems = [problem for problem in broken.errors if problem.what.split(" ")[0].endswith(f"/{name}")]
    assert [problem for problem in problems if why in problem.why and to_do in problem.next], problems


def test_what_does_not_run_makes_the_restore_partial(broken):
    assert broken.outcome.exit_code == 3
    assert broken.waited.objects - broken.waited.ready == len(BROKEN)


def test_a_taint_is_named(lab):
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    node = obj("v1", "Node", "node-1")
    before = lab.read(node)["spec"].get("taints")
    lab.patch(node, {"spec": {"taints": [taint]}})
    try:
        report, _ = moved(lab, 5.0, deployment("web"))
    finally:
        lab.patch(node, {"spec": {"taints": before}})
    (problem,) = [problem for problem in report.errors if "/web" in problem.what]
    assert "untolerated taint" in problem.why
    assert "toleration" in problem.next
