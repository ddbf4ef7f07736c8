"""Status comes back for the kinds and objects that ask for it, with those who wrote it."""

import pytest
from tests.restore_lab import Lab, Vault, config_map, definition, entry, obj, outcomes, service, unique

from holdfast.errors import ApiRefused, Cancelled, UsageError


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
def thing(lab):
    """A custom resource with a status, of a kind that keeps it apart."""
    stem = unique("thing").replace("-", "")
    made = definition(stem)
    made["spec"]["versions"][0]["subresources"] = {"status": {}}
    lab.make(made)
    lab.cluster.wait_established(f"{stem}s.example.com")
    thing = obj("example.com/v1", stem.capitalize(), "one", spec={"size": 1})
    lab.server_side_apply(thing, "flux")
    lab.patch(thing, {"status": {"endpoint": "192.0.2.1", "observedGeneration": 5}}, "operator", "status")
    return thing


def everyone(live):
    """All owners of fields, those of the status too, without times."""
    entries = [
        {key: value for key, value in each.items() if key != "time"} for each in live["metadata"]["managedFields"]
    ]
    return sorted(entries, key=str)


def plural(thing):
    return f"{thing['kind'].lower()}s"


def test_status_of_a_chosen_kind_comes_back(lab, vault, thing):
    before = lab.read(thing)
    vault.back_up(lab)
    lab.delete(thing)

    report = vault.restore(lab, restore_status=(plural(thing),))

    live = lab.read(thing)
    assert report.outcome == "done"
    assert live["status"] == {"endpoint": "192.0.2.1", "observedGeneration": 1}
    assert everyone(live) == everyone(before)
    assert outcomes(vault.plan(lab, restore_status=(plural(thing),)))[plural(thing), "one"] == "unchanged"


def test_without_a_word_it_does_not(lab, vault, thing):
    vault.back_up(lab)
    lab.delete(thing)

    vault.restore(lab)

    assert "status" not in lab.read(thing)


@pytest.mark.parametrize("annotation", ["holdfast.dev/restore-status", "velero.io/restore-status"])
@pytest.mark.parametrize("value", ["true", "false"])
def test_annotation_on_the_object_decides(lab, vault, thing, annotation, value):
    lab.patch(thing, {"metadata": {"annotations": {annotation: value}}})
    vault.back_up(lab)
    lab.delete(thing)

    vault.restore(lab, restore_status=() if value == "true" else (plural(thing),))

    assert ("status" in lab.read(thing)) == (value == "true")


def test_controller_that_writes_in_between_is_a_conflict_and_not_the_end(lab, vault, thing, monkeypatch):
    vault.back_up(lab)
    lab.delete(thing)
    replace, races = lab.cluster.replace, []

    def race(*arguments, **options):
        if options.get("subresource") == "status" and not races:
            races.append(lab.patch(thing, {"metadata": {"labels": {"seen": "yes"}}}, "operator"))
        return replace(*arguments, **options)

    monkeypatch.setattr(lab.cluster, "replace", race)
    report = vault.restore(lab, restore_status=(plural(thing),))

    assert races
    assert report.outcome == "done"
    assert lab.read(thing)["status"]["endpoint"] == "192.0.2.1"
    assert lab.read(thing)["metadata"]["labels"] == {"seen": "yes"}


def test_status_that_is_refused_makes_the_run_partial_and_the_next_completes_it(lab, vault, thing, monkeypatch):
    before = lab.read(thing)
    lab.make(config_map())
    vault.back_up(lab)
    lab.delete(thing)
    lab.delete(config_map())
    replace = lab.cluster.replace

    def refuse(*arguments, **options):
        if options.get("subresource") == "status":
            raise ApiRefused("cannot replace", status=403, reason="Forbidden", why="no right to update the status")
        return replace(*arguments, **options)

    monkeypatch.setattr(lab.cluster, "replace", refuse)
    first = vault.restore(lab, restore_status=(plural(thing),))
    monkeypatch.undo()
    second = vault.restore(lab, restore_status=(plural(thing),))

    found = entry(first, plural(thing), "one")
    assert first.outcome == "partial"
    assert (found.result, found.why) == (
        "failed",
        "it is there, but its status was not restored: no right to update the status",
    )
    assert outcomes(first)["configmaps", "settings"] == "created"
    assert second.outcome == "done"
    assert outcomes(second)[plural(thing), "one"] == "updated"
    assert lab.read(thing)["status"]["endpoint"] == "192.0.2.1"
    assert everyone(lab.read(thing)) == everyone(before)


def test_run_that_ended_before_the_status_is_completed_by_the_next(lab, vault, thing, monkeypatch):
    vault.back_up(lab)
    lab.delete(thing)
    replace = lab.cluster.replace

    def end(*arguments, **options):
        if options.get("subresource") == "status":
            raise Cancelled
        return replace(*arguments, **options)

    monkeypatch.setattr(lab.cluster, "replace", end)
    with pytest.raises(Cancelled):
        vault.restore(lab, restore_status=(plural(thing),))
    monkeypatch.undo()

    vault.restore(lab, restore_status=(plural(thing),))

    assert lab.read(thing)["status"]["endpoint"] == "192.0.2.1"


def test_kind_of_kubernetes_itself(lab, vault):
    lab.make(service(type="LoadBalancer"))
    lab.patch(service(), {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}, "cloud", "status")
    vault.back_up(lab)
    lab.delete(service())

    report = vault.restore(lab, restore_status=("svc",))

    assert report.outcome == "done"
    assert lab.read(service())["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1"


def test_kind_that_nobody_knows_is_an_error(lab, vault):
    lab.make(config_map())
    vault.back_up(lab)

    with pytest.raises(UsageError, match="nonsense"):
        vault.plan(lab, restore_status=("nonsense",))
