"""Webhooks whose programs are part of the restore: what they hold up waits for them, for a while."""

import threading

import pytest
from tests.operations.restore.webhook_server import WebhookServer
from tests.restore_lab import Lab, Vault, config_map, definition, entry, eventually, obj, outcomes, unique

from holdfast.errors import ApiRefused
from holdfast.operations.restore import patience


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
def server(tmp_path, namespace):
    server = WebhookServer(tmp_path, "converter", namespace)
    yield server
    server.stop()


@pytest.fixture
def thing(lab, server):
    """A custom resource that is stored as v1 and preferred as v2; to have it in v2, the server must convert it."""
    stem = unique("thing").replace("-", "")
    made = definition(stem)
    (first,) = made["spec"]["versions"]
    made["spec"]["versions"] = [first, {**first, "name": "v2", "storage": False}]
    config = {"conversionReviewVersions": ["v1"], "clientConfig": server.client_config}
    made["spec"]["conversion"] = {"strategy": "Webhook", "webhook": config}
    lab.make(made)
    lab.cluster.wait_established(f"{stem}s.example.com")
    lab.make(server.service)
    lab.make(server.endpoints)
    thing = obj("example.com/v2", stem.capitalize(), "one", spec={"size": 1})
    eventually(lambda: _made(lab, thing), "the conversion answers")
    return thing


def _made(lab, thing):
    try:
        return lab.make(thing)
    except ApiRefused:
        return None  # the server does not know the Service yet


def test_custom_resource_comes_once_its_conversion_answers(lab, vault, server, thing):
    vault.back_up(lab)
    lab.delete(thing)
    lab.delete(server.service)
    server.stop()
    later = threading.Timer(3, server.start)
    later.start()

    report = vault.restore(lab)

    later.join()
    assert report.outcome == "done"
    assert outcomes(report)[f"{thing['kind'].lower()}s", "one"] == "created"
    assert lab.read(thing)["spec"] == {"size": 1}


def test_conversion_that_never_answers_fails_its_objects_only(lab, vault, server, thing, monkeypatch):
    lab.make(config_map())
    vault.back_up(lab)
    lab.delete(thing)
    lab.delete(server.service)
    lab.delete(config_map())
    server.stop()
    monkeypatch.setattr(patience, "SECONDS", 2.0)

    plan = vault.plan(lab)
    report = vault.restore(lab)

    plural = f"{thing['kind'].lower()}s"
    assert entry(plan, plural, "one").action == "unchecked"
    assert "does not answer yet" in entry(plan, plural, "one").why
    assert entry(report, plural, "one").result == "failed"
    assert "conversion webhook" in entry(report, plural, "one").why
    assert "run the restore again when it answers" in entry(report, plural, "one").next
    assert outcomes(report)["configmaps", "settings"] == "created"


def test_live_objects_that_cannot_be_converted_do_not_end_the_plan(lab, vault, thing, monkeypatch):
    lab.make(config_map())
    lab.make({**thing, "metadata": {"name": "two"}})
    vault.back_up(lab)
    lists, refused = lab.cluster.list, []

    def list_objects(resource, **options):  # a server that still has them in memory in this version would answer
        if resource.kind == thing["kind"]:
            refused.append(resource)
            why = (
                f'conversion webhook for example.com/v2, Kind={resource.kind} failed: Post "https://a.b.svc:443/": EOF'
            )
            raise ApiRefused("cannot list", status=500, reason="InternalError", why=why)
        return lists(resource, **options)

    monkeypatch.setattr(lab.cluster, "list", list_objects)
    plan = vault.make_plan(lab)

    words = {item.key.name: item.action for item in plan.objects}
    assert (words["one"], words["two"], words["settings"]) == ("unchecked", "unchecked", "unchanged")
    assert len(refused) == 1


def test_object_waits_for_a_webhook_that_fails_closed(lab, vault, server):
    lab.make(server.service)
    lab.make(server.endpoints)
    lab.make(config_map())
    vault.back_up(lab)
    lab.delete(config_map())
    hook = _guard(lab, server, "configmaps")
    server.stop()
    later = threading.Timer(3, server.start)
    later.start()

    report = vault.restore(lab, exclude_kinds=("validatingwebhookconfigurations",))

    later.join()
    assert report.outcome == "done"
    assert outcomes(report)["configmaps", "settings"] == "created"
    lab.delete(hook)


def test_webhook_that_holds_up_what_it_needs_itself_is_named(lab, vault, server, monkeypatch):
    lab.make(server.service)
    lab.make(server.endpoints)
    lab.make(config_map())
    vault.back_up(lab)
    lab.delete(config_map())
    hook = _guard(lab, server, "configmaps")
    server.stop()
    monkeypatch.setattr(patience, "SECONDS", 1.0)

    report = vault.restore(lab, exclude_kinds=("validatingwebhookconfigurations",))

    found = entry(report, "configmaps", "settings")
    assert found.result == "failed"
    assert "failed calling webhook" in found.why
    assert "delete its configuration" in found.next
    lab.delete(hook)


def _guard(lab, server, plural):
    """A webhook for one kind in the lab's namespace, in force."""
    selector = {"matchLabels": {"kubernetes.io/metadata.name": lab.namespace}}
    webhook = {
        "name": "guard.example.com",
        "clientConfig": server.client_config,
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [plural]}],
        "namespaceSelector": selector,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    made = lab.make(
        obj("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", unique("guard"), webhooks=[webhook])
    )
    server.stop()

    def in_force():
        tried = config_map("tried")
        try:
            lab.send("POST", lab.path(tried).rpartition("/")[0], tried, {"dryRun": "All"})
        except ApiRefused as error:
            return "guard.example.com" in error.why
        return False

    eventually(in_force, "the webhook is in force")
    return made
