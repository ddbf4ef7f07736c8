"""What a plan says about the limits of the namespaces that it goes into, and that the cluster then does just that."""

from tests.restore_lab import (
    claim,
    config_map,
    entry,
    eventually,
    obj,
    outcomes,
    pod,
    pod_spec,
    unique,
    workload,
)


def lose(vault, lab, *things):
    for thing in things:
        lab.make(thing)
    vault.back_up(lab)
    for thing in things:
        lab.delete(thing)
    lab.settled()  # what the things owned is gone too


def greedy(replicas=3, **resources):
    spec = pod_spec(containers=[{"name": "main", "image": "none.invalid/none:1", "resources": resources}])
    return workload(
        "Deployment", "web", replicas=replicas, template={"metadata": {"labels": {"app": "web"}}, "spec": spec}
    )


def secure(lab, **labels):
    names = {f"pod-security.kubernetes.io/{mode}": level for mode, level in labels.items()}
    lab.patch(obj("v1", "Namespace", lab.namespace), {"metadata": {"labels": names}})


def quota(lab, **hard):
    made = obj(
        "v1", "ResourceQuota", "small", spec={"hard": {name.replace("_", "."): value for name, value in hard.items()}}
    )
    lab.make(made)
    eventually(lambda: "hard" in lab.read(made).get("status", {}), "the quota is counted")


def test_workload_whose_pods_pod_security_will_refuse(lab, vault):
    lose(vault, lab, workload("Deployment", "web"), config_map())
    secure(lab, enforce="restricted")

    plan = vault.plan(lab)
    vault.restore(lab)

    found = entry(plan, "deployments", "web")
    assert found.action == "create"
    assert found.why.startswith("Pod Security (restricted) will refuse its pods: allowPrivilegeEscalation != false,")
    assert found.next
    assert f"Pod Security (restricted) will refuse the pods of 1 of these objects in {lab.namespace}." in plan.notes
    assert entry(plan, "configmaps", "settings").why == ""
    text = eventually(lambda: _failure(lab, "web"), "no pod could be made")
    assert "violates PodSecurity" in text


def _failure(lab, name):
    conditions = lab.read(workload("Deployment", name)).get("status", {}).get("conditions", ())
    return next((each["message"] for each in conditions if each["type"] == "ReplicaFailure"), "")


def test_warnings_of_pod_security_are_counted(lab, vault):
    lose(vault, lab, workload("Deployment", "web"))
    secure(lab, warn="restricted", enforce="baseline")

    plan = vault.plan(lab)

    assert entry(plan, "deployments", "web").why == ""
    assert f"Pod Security (restricted) will warn about 1 of these objects in {lab.namespace}." in plan.notes


def test_workload_that_a_limit_range_will_refuse(lab, vault):
    lose(vault, lab, greedy(requests={"cpu": "2"}, limits={"cpu": "2"}))
    lab.make(obj("v1", "LimitRange", "limit", spec={"limits": [{"type": "Container", "max": {"cpu": "1"}}]}))

    plan = vault.plan(lab, exclude_kinds=("limitranges",))

    why = entry(plan, "deployments", "web").why
    assert why == "a LimitRange will refuse its pods: container main: cpu is more than 1"


def test_claim_that_a_limit_range_will_refuse(lab, vault):
    lose(vault, lab, claim(resources={"requests": {"storage": "2Gi"}}))
    spec = {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}]}
    lab.make(obj("v1", "LimitRange", "limit", spec=spec))
    made = vault.make_plan(lab)

    (found,) = [item for item in made.objects if item.key.plural == "persistentvolumeclaims"]
    assert found.why == "a LimitRange will refuse it: storage is more than 1Gi"


def test_sum_of_the_plan_that_a_quota_has_no_room_for(lab, vault):
    lose(vault, lab, greedy(requests={"cpu": "100m"}), config_map(), pod("lonely"))
    quota(lab, pods="2", requests_cpu="1")

    plan = vault.plan(lab, exclude_kinds=("pods",))

    found = entry(plan, "deployments", "web")
    assert found.action == "create"
    assert found.why == "the quota small will be exceeded (pods: 0 used, 3 planned, 2 allowed, 1 too much)"
    assert any(f"The quota small in {lab.namespace} has too little left" in note for note in plan.notes)
    assert entry(plan, "configmaps", "settings").why == ""


def test_each_fits_and_all_together_do_not(lab, vault):
    lose(vault, lab, *(config_map(name) for name in ("a", "b", "c")))
    eventually(lambda: lab.find(config_map("kube-root-ca.crt")), "the namespace has what it is born with")
    quota(lab, configmaps="3")

    plan = vault.plan(lab)

    assert outcomes(plan)["configmaps", "a"] == "create"
    assert "configmaps: 1 used, 3 planned, 3 allowed, 1 too much" in entry(plan, "configmaps", "a").why


def test_pods_that_say_nothing_of_what_a_quota_demands(lab, vault):
    lose(vault, lab, workload("Deployment", "web"))
    quota(lab, requests_cpu="4")

    plan = vault.plan(lab)

    assert entry(plan, "deployments", "web").why == (
        "the quota small will refuse its pods, because containers do not say requests.cpu"
    )


def test_what_fits_is_not_mentioned(lab, vault):
    lose(vault, lab, greedy(requests={"cpu": "100m"}), claim(), config_map())
    quota(lab, pods="9", requests_cpu="1", configmaps="9", persistentvolumeclaims="1")
    secure(lab, enforce="baseline")

    plan = vault.plan(lab)

    assert [note for note in plan.notes if "quota" in note or "Security" in note] == []
    assert {item.why for item in plan.objects if item.action == "create"} == {""}


def test_namespace_that_does_not_exist_yet_has_no_limits(lab, vault):
    secure(lab, enforce="privileged")
    lab.make(workload("Deployment", "web"))
    vault.back_up(lab)

    plan = vault.plan(lab, namespaces={lab.namespace: unique("copy")})

    assert plan.notes == []
