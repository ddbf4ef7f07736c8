"""Webhooks that can refuse everything: those of the restored namespace, whose programs do not run yet, and those of others."""

import pytest
from tests.restore.scenarios.webhook_server import WebhookServer, admitted_with, renamed_field
from tests.restore_lab import (
    claim,
    config_map,
    definition,
    entry,
    eventually,
    obj,
    outcomes,
    service,
    unique,
    workload,
)

from holdfast.errors import ApiRefused
from holdfast.model.selection import ClusterObjects

ADMISSION = "admissionregistration.k8s.io/v1"
ALL_KINDS = {
    "apiGroups": ["*"],
    "apiVersions": ["*"],
    "operations": ["CREATE", "UPDATE", "DELETE"],
    "resources": ["*"],
    "scope": "Namespaced",
}


def webhook(kind, stem, namespace, client_config):
    """Fail-closed, and for every kind in the namespace."""
    hook = {
        "name": f"{stem}.example.com",
        "clientConfig": client_config,
        "rules": [ALL_KINDS],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 2,
    }
    return obj(ADMISSION, f"{kind}WebhookConfiguration", unique(stem), webhooks=[hook])


def refused(lab):
    try:
        lab.send("POST", f"/api/v1/namespaces/{lab.namespace}/configmaps", config_map("trial"), {"dryRun": "All"})
    except ApiRefused:
        return True
    return False


@pytest.fixture
def hooks():
    """`hooks(handlers) -> WebhookServer`"""
    servers = []

    def start(handlers):
        servers.append(WebhookServer(handlers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def guarded(lab):
    """An application that admits its own namespace's objects; on this cluster its pods never run. The webhooks' names."""
    for thing in (config_map(), service("guard"), claim(), workload("StatefulSet", "db", serviceName="db", replicas=0)):
        lab.make(thing)
    lab.make(workload("Deployment", "guard"))
    lab.make(obj("v1", "Secret", "login", stringData={"password": "secret"}))
    lab.settled()
    inside = {"service": {"namespace": lab.namespace, "name": "guard", "path": "/admit"}}
    made = [lab.make(webhook(kind, "guard", lab.namespace, inside)) for kind in ("Validating", "Mutating")]
    eventually(lambda: refused(lab), "the webhooks are in force")
    return made


def test_fail_closed_webhooks_inside_the_restored_namespace_come_last(lab, vault, second):
    webhooks = guarded(lab)
    references = tuple(f"{one['kind']}/{one['metadata']['name']}" for one in webhooks)
    vault.back_up(lab, namespaces=(lab.namespace,), objects=references)

    report = vault.restore(second)

    for one in webhooks:
        second.delete_later(one)
    assert (report.outcome, report.errors) == ("done", [])
    assert outcomes(report)["deployments", "guard"] == outcomes(report)["configmaps", "settings"] == "created"
    assert all(second.find(one) for one in webhooks)
    eventually(lambda: refused(second), "the webhooks are in force again")
    again = vault.restore(second)
    assert (again.outcome, again.counts["created"], again.counts["updated"]) == ("done", 0, 0)


def test_fail_closed_webhook_that_is_new_goes_before_what_it_would_refuse(lab, vault):
    """A rollback: the webhook came after the backup, and would refuse to let its namespace's objects change."""
    labels = {"labels": {"scenario": lab.namespace}}
    selection = {"selector": f"scenario={lab.namespace}", "cluster_objects": ClusterObjects.ALL}
    kinds = {"include_kinds": ("configmaps", "validatingwebhookconfigurations")}
    lab.make(config_map(metadata=labels))
    vault.back_up(lab, namespaces=(lab.namespace,), **selection, **kinds)
    lab.patch(config_map(), {"data": {"color": "red"}})
    guard = webhook("Validating", "guard", lab.namespace, {"url": "https://127.0.0.1:1/"})
    guard["metadata"] |= labels
    lab.make(guard)
    eventually(lambda: refused(lab), "the webhook is in force")

    report = vault.restore(lab, rollback=True, namespaces_in=(lab.namespace,), **selection, **kinds)

    assert (report.outcome, report.errors) == ("done", [])
    assert not lab.find(guard)
    assert lab.read(config_map())["data"] == {"color": "blue"}


def test_mutating_webhook_of_the_target_may_add_to_every_object(lab, vault, copy, into_copy, hooks):
    """As sidecar injectors do. What it adds makes no second run write anything."""
    server = hooks({"/label": admitted_with({"injected": "yes"})})
    for name in ("one", "two"):
        lab.make(config_map(name))
    lab.make(workload("Deployment", "web", replicas=0))
    vault.back_up(lab)
    lab.make(webhook("Mutating", "injector", copy.namespace, server.client_config("/label")))

    report = vault.restore(lab, **into_copy)

    assert (report.outcome, report.errors) == ("done", [])
    assert copy.read(config_map("one"))["metadata"]["annotations"] == {"injected": "yes"}
    settled = copy.settled()
    again = vault.restore(lab, **into_copy, on_conflict="update")
    assert (again.outcome, again.counts["updated"], again.counts["failed"]) == ("done", 0, 0)
    assert copy.versions() == settled


# Conversion

FIELDS = {"v1": "size", "v2": "capacity"}


def converting(stem, client_config, storage="v2"):
    """The field of v1 has another name in v2, so that only the webhook can convert."""
    crd = definition(stem)
    (first,) = crd["spec"]["versions"]
    crd["spec"]["versions"] = [{**first, "name": name, "storage": name == storage} for name in FIELDS]
    webhook = {"clientConfig": client_config, "conversionReviewVersions": ["v1"]}
    crd["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    return crd


def make_converted(lab, stem, client_config, storage):
    lab.make(converting(stem, client_config, storage))
    lab.cluster.wait_established(f"{stem}s.example.com")
    kind = stem.capitalize()
    for name in ("one", "two"):
        eventually(
            lambda name=name: made(lab, obj("example.com/v1", kind, name, spec={"size": 3})), "the kind is served"
        )
    lab.make(config_map())
    return [obj("example.com/v2", kind, name) for name in ("one", "two")]


def made(lab, thing):
    try:
        return lab.make(thing)
    except ApiRefused as refusal:
        if refusal.status != 404:
            raise
        return None


@pytest.mark.parametrize("storage", ["v1", "v2"])
def test_conversion_webhook_that_answers_converts_what_is_restored(lab, vault, second, hooks, storage):
    server = hooks({"/convert": renamed_field(FIELDS)})
    stem = unique("disk").replace("-", "")
    things = make_converted(lab, stem, server.client_config("/convert"), storage)
    vault.back_up(lab)
    server.calls.clear()

    report = vault.restore(second)

    second.delete_later(definition(stem))
    assert (report.outcome, report.errors) == ("done", [])
    assert "/convert" in server.calls
    for thing in things:
        assert second.read(thing)["spec"] == {"capacity": 3}
        old = obj("example.com/v1", thing["kind"], thing["metadata"]["name"])
        assert second.read(old)["spec"] == {"size": 3}
    assert vault.restore(second, on_conflict="update").counts["updated"] == 0


def test_conversion_webhook_that_does_not_answer_fails_its_objects_by_name_and_the_rest_is_restored(
    lab, vault, second, hooks
):
    server = hooks({"/convert": renamed_field(FIELDS)})
    stem = unique("disk").replace("-", "")
    make_converted(lab, stem, server.client_config("/convert"), "v1")  # so that what is restored must be converted
    vault.back_up(lab)
    server.down = True

    report = vault.restore(second)

    second.delete_later(definition(stem))
    assert report.outcome == "partial"
    assert {item.name for item in report.objects if item.result == "failed"} == {"one", "two"}
    for name in ("one", "two"):
        assert "conversion webhook for example.com/v" in entry(report, f"{stem}s", name).why
    assert second.find(config_map())
    server.down = False
    again = vault.restore(second)
    assert (again.outcome, again.counts["created"]) == ("done", 2)
