"""What the server refuses: each object is named with the server's own words, and the rest is restored."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.restore_lab import (
    Lab,
    config_map,
    entry,
    eventually,
    obj,
    outcomes,
    owners,
    pod,
    pod_spec,
    unique,
    workload,
)

from holdfast.errors import ApiRefused


@pytest.fixture
def target(lab, make_namespace):
    """An empty namespace to restore into."""
    return lab.within(make_namespace())


def into(lab, target):
    return {"namespaces": {lab.namespace: target.namespace}}


def rule(resources, verbs, group=""):
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


READ = ["get", "list"]


def test_account_that_may_not_create_some_kinds_restores_the_others(lab, vault, target, cluster):
    lab.make(config_map())
    lab.make(obj("v1", "Secret", "login", stringData={"password": "secret"}))
    vault.back_up(lab)
    rules = [rule(["configmaps"], ["*"]), rule(["namespaces", "serviceaccounts", "secrets"], READ)]
    narrow = Lab(cluster, account=cluster.account(unique("narrow"), rules))

    plan = vault.plan(narrow, **into(lab, target))
    report = vault.restore(narrow, **into(lab, target))

    assert outcomes(plan)["secrets", "login"] == "blocked"
    assert target.find(config_map())
    failed = entry(report, "secrets", "login")
    assert failed.result == "failed"
    assert "cannot create resource" in failed.why
    assert "RBAC" in failed.next
    assert report.outcome.exit_code == 3
    assert f"secrets/{target.namespace}/login was not restored" in [problem.what for problem in report.errors]
    narrow.close()


def test_account_with_rights_in_one_namespace_only_restores_what_it_may(lab, vault, target, cluster):
    lab.make(config_map())
    lab.make(obj("v1", "Secret", "login", stringData={"password": "secret"}))
    vault.back_up(lab)
    rules = [rule(["configmaps"], ["*"])]
    narrow = Lab(cluster, account=cluster.account(unique("narrow"), rules, target.namespace))

    plan = vault.plan(narrow, **into(lab, target))
    report = vault.restore(narrow, **into(lab, target))
    configured = vault.restore(
        narrow, **into(lab, target), include_kinds=("configmaps",), exclude_kinds=("namespaces",)
    )

    assert outcomes(plan)["configmaps", "settings"] == "create"
    assert outcomes(report)["configmaps", "settings"] == "created"
    assert {item.result for item in report.objects if item.kind != "configmaps"} == {"failed"}
    assert report.outcome == "partial"
    assert report.cluster == ""  # it may not ask
    assert (configured.outcome, outcomes(configured)) == ("done", {("configmaps", "settings"): "unchanged"})
    narrow.close()


def test_account_that_may_not_patch_restores_objects_and_says_what_is_missing(lab, vault, target, cluster):
    lab.server_side_apply(config_map())
    lab.patch(config_map(), {"data": {"size": "small"}})
    vault.back_up(lab)
    rules = [rule(["configmaps"], [*READ, "create"]), rule(["namespaces", "serviceaccounts"], READ)]
    narrow = Lab(cluster, account=cluster.account(unique("narrow"), rules))

    report = vault.restore(narrow, **into(lab, target))

    result = entry(report, "configmaps", "settings")
    assert result.result == "created"
    assert "field owners were not brought back" in result.why
    assert "cannot patch" in result.why
    assert target.read(config_map())["data"] == {"color": "blue", "size": "small"}
    narrow.close()


def test_admission_policy_refuses_in_its_own_words(lab, vault, target):
    for name in ("good", "bad"):
        lab.make(config_map(name, data={"kind": name}))
    vault.back_up(lab)
    name, group = unique("policy"), "admissionregistration.k8s.io/v1"
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]
    checks = [{"expression": "object.data.kind != 'bad'", "message": "bad maps are not welcome here"}]
    lab.make(obj(group, "ValidatingAdmissionPolicy", name, spec={
        "failurePolicy": "Fail", "matchConstraints": {"resourceRules": rules}, "validations": checks,
    }))  # fmt: skip
    selector = {"matchLabels": {"kubernetes.io/metadata.name": target.namespace}}
    lab.make(obj(group, "ValidatingAdmissionPolicyBinding", name, spec={
        "policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": selector},
    }))  # fmt: skip

    def in_force():
        trial = {**config_map("trial", data={"kind": "bad"})}
        try:
            target.send("POST", target.path(trial).rpartition("/")[0], trial, {"dryRun": "All"})
        except ApiRefused:
            return True
        return False

    eventually(in_force, "the policy is in force")

    plan = vault.plan(lab, **into(lab, target))
    report = vault.restore(lab, **into(lab, target))

    assert "bad maps are not welcome here" in entry(plan, "configmaps", "bad").why
    assert outcomes(plan)["configmaps", "good"] == "create"
    assert "bad maps are not welcome here" in entry(report, "configmaps", "bad").why
    assert "RBAC" not in entry(report, "configmaps", "bad").next
    assert outcomes(report)["configmaps", "good"] == "created"
    assert report.outcome == "partial"


def broken_webhook(namespace):
    """Nobody answers at its address, so it refuses every ConfigMap of the namespace."""
    hook = {
        "name": "broken.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
    }
    group = "admissionregistration.k8s.io/v1"
    return obj(group, "ValidatingWebhookConfiguration", unique("broken"), webhooks=[hook])


def creates(lab):
    try:
        lab.send("POST", f"/api/v1/namespaces/{lab.namespace}/configmaps", config_map("trial"), {"dryRun": "All"})
    except ApiRefused:
        return False
    return True


def test_webhook_that_does_not_answer_is_named(lab, vault, target):
    lab.make(config_map())
    lab.make(obj("v1", "Secret", "login"))
    vault.back_up(lab)
    lab.make(broken_webhook(target.namespace))
    eventually(lambda: not creates(target), "the webhook is in force")

    report = vault.restore(lab, **into(lab, target))

    failed = entry(report, "configmaps", "settings")
    assert failed.result == "failed"
    assert 'failed calling webhook "broken.example.com"' in failed.why
    assert outcomes(report)["secrets", "login"] == "created"


def test_webhooks_and_quotas_of_the_backup_do_not_stand_in_its_own_way(lab, vault):
    for number in range(3):
        lab.make(config_map(f"map-{number}"))
    lab.make(obj("v1", "ResourceQuota", "full", spec={"hard": {"count/configmaps": "1"}}))
    webhook = lab.make(broken_webhook(lab.namespace))
    reference = f"validatingwebhookconfigurations/{webhook['metadata']['name']}"
    vault.back_up(lab, namespaces=(lab.namespace,), objects=(reference,))
    lab.delete(webhook)
    lab.delete(obj("v1", "ResourceQuota", "full"))
    for number in range(3):
        lab.delete(config_map(f"map-{number}"))
    eventually(lambda: creates(lab), "the webhook is gone")

    report = vault.restore(lab)

    assert (report.outcome, report.errors) == ("done", [])
    assert report.counts["created"] == 5


def test_limits_quotas_and_pod_security_of_the_target_refuse_in_their_own_words(lab, vault, target):
    lab.make(obj("v1", "ServiceAccount", "robot"))
    big = pod_spec(containers=[{"name": "a", "image": "b", "resources": {"limits": {"cpu": "9"}}}])
    lab.make(pod("big", spec=big))
    lab.make(pod("free"))
    lab.make(obj("v1", "Secret", "login"))
    lab.make(workload("Deployment", "web", replicas=0))
    vault.back_up(lab)
    limits = [{"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "1"}}]
    target.make(obj("v1", "LimitRange", "small", spec={"limits": limits}))
    target.make(obj("v1", "ResourceQuota", "none", spec={"hard": {"count/secrets": "0"}}))
    space = obj("v1", "Namespace", target.namespace)
    lab.patch(space, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
    eventually(lambda: "hard" in target.read(obj("v1", "ResourceQuota", "none")).get("status", {}), "the quota counts")

    report = vault.restore(lab, **into(lab, target))

    why = {item.name: (item.why, item.next) for item in report.objects if item.result == "failed"}
    assert why.keys() == {"big", "free", "login"}
    assert "maximum cpu usage per Container is 1" in why["big"][0]
    assert "violates PodSecurity" in why["free"][0]
    assert "exceeded quota: none" in why["login"][0]
    assert not any("RBAC" in next_step for _, next_step in why.values())
    assert outcomes(report)["deployments", "web"] == outcomes(report)["serviceaccounts", "robot"] == "created"
    assert report.outcome.exit_code == 3


def test_thousand_objects_come_back_object_by_object(lab, vault):
    def content(number):
        metadata = {"labels": {"number": str(number)}, "annotations": {"text": "ä€" * (number % 50)}}
        if number % 2:
            return obj("v1", "Secret", f"secret-{number}", metadata=metadata, stringData={"key": f"value {number}" * 9})
        data = {"key": f"value {number}" * (number % 200), "empty": ""}
        binary = {"bytes": "AAECAwQF"} if number % 3 else None
        return config_map(f"map-{number}", metadata=metadata, data=data, **({"binaryData": binary} if binary else {}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: lab.make(content(number), f"manager-{number % 7}"), range(1000)))
    run = vault.back_up(lab)
    before = lab.objects()
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)

    report = vault.restore(lab, **into(lab, copy))

    def essence(thing):
        kept = {key: value for key, value in thing["metadata"].items() if key in ("name", "labels", "annotations")}
        return json.dumps({**thing, "metadata": {**kept, "owners": owners(thing)}}, sort_keys=True)

    now = copy.objects()
    assert (report.outcome, report.errors) == ("done", [])
    assert run.counts["objects"] == len(report.objects) == 1002
    for key, thing in before.items():
        if key[0] in ("ConfigMap", "Secret") and key[1] != "kube-root-ca.crt":
            assert essence(now[key]) == essence(thing), key
    versions = copy.versions()
    assert vault.restore(lab, **into(lab, copy)).counts["unchanged"] == 1002
    assert copy.versions() == versions
