"""Objects that exist and differ: left alone, made as in the backup, or a reason not to begin; and single objects."""

import pytest
from tests.restore_lab import claim, config_map, entry, obj, outcomes, owners, service, unique

from holdfast.errors import NotFound, PlanRefused
from holdfast.operations.restore.report import read_report


@pytest.fixture
def changed(lab, vault):
    """A namespace of which one object was deleted and two were changed since the backup."""
    for thing in (config_map("gone"), config_map("edited"), config_map("same"), service(type="NodePort")):
        lab.make(thing)
    vault.back_up(lab)
    lab.delete(config_map("gone"))
    lab.patch(config_map("edited"), {"data": {"color": "red", "size": "small"}})
    ports = [{"port": 80, "targetPort": 8080}]
    return lab.patch(service(), {"spec": {"ports": ports, "type": "NodePort"}})


@pytest.mark.usefixtures("changed")
def test_skip_leaves_what_exists_and_creates_what_is_gone(lab, vault):
    before = lab.versions()

    report = vault.restore(lab)

    now = lab.versions()
    now.pop(("ConfigMap", "gone"))
    assert now == before
    assert report.outcome == "done"
    skipped = entry(report, "configmaps", "edited")
    assert (skipped.result, skipped.why) == ("skipped", "it differs and stays as it is")
    assert "--on-conflict update" in skipped.next
    assert outcomes(report)["configmaps", "gone"] == "created"


def test_update_makes_objects_as_in_the_backup_and_keeps_what_the_server_allocated(lab, vault, changed):
    report = vault.restore(lab, on_conflict="update")

    assert lab.read(config_map("edited"))["data"] == {"color": "blue"}
    restored = lab.read(service())["spec"]
    assert restored["ports"][0]["targetPort"] == 80
    assert restored["clusterIP"] == changed["spec"]["clusterIP"]
    results = outcomes(report)
    assert results["configmaps", "edited"] == results["services", "web"] == "updated"
    assert results["configmaps", "same"] == "unchanged"
    assert results["configmaps", "gone"] == "created"


def test_update_gives_fields_back_to_their_managers_and_is_finished_by_one_run(lab, vault):
    lab.make(config_map("one"))
    lab.server_side_apply(config_map("two"))
    many = lab.patch(lab.server_side_apply(config_map("three")), {"data": {"size": "small"}})
    before = {name: owners(lab.read(config_map(name))) for name in ("one", "two", "three")}
    assert len(owners(many)) == 2
    vault.back_up(lab)
    for name in before:
        lab.patch(config_map(name), {"data": {"color": "red"}}, manager="intruder")

    report = vault.restore(lab, on_conflict="update")

    assert report.counts["updated"] == 3
    assert {name: owners(lab.read(config_map(name))) for name in before} == before
    versions = lab.versions()
    assert vault.restore(lab, on_conflict="update").counts["updated"] == 0
    assert lab.versions() == versions


@pytest.mark.usefixtures("changed")
def test_fail_does_not_begin(lab, vault):
    before = lab.versions()

    with pytest.raises(PlanRefused) as refusal:
        vault.restore(lab, on_conflict="fail")

    assert lab.versions() == before
    assert refusal.value.exit_code == 1
    assert f"configmaps/{lab.namespace}/edited" in refusal.value.why
    assert "Nothing was changed" in refusal.value.next
    kept, _ = read_report(vault.repository, "latest")
    assert (kept.run, kept.outcome) == (refusal.value.run, "failed")
    assert "configmaps" in kept.errors[0].why


def test_fail_restores_where_nothing_differs(lab, vault):
    lab.make(config_map("gone"))
    lab.make(config_map("same"))
    vault.back_up(lab)
    lab.delete(config_map("gone"))

    report = vault.restore(lab, on_conflict="fail")

    assert report.outcome == "done"
    assert lab.find(config_map("gone"))


def test_immutable_object_that_differs_fails_with_a_way_out_and_the_rest_is_restored(lab, vault):
    lab.make(config_map("fixed", immutable=True))
    lab.make(config_map("gone"))
    vault.back_up(lab)
    lab.delete(config_map("gone"))
    lab.delete(config_map("fixed"))
    lab.make(config_map("fixed", immutable=True, data={"color": "red"}))

    report = vault.restore(lab, on_conflict="update")

    failed = entry(report, "configmaps", "fixed")
    assert failed.result == "failed"
    assert "immutable" in failed.why
    assert "--on-conflict replace" in failed.next
    assert report.outcome.exit_code == 3
    assert [problem.what for problem in report.errors] == [f"configmaps/{lab.namespace}/fixed was not restored"]
    assert lab.find(config_map("gone"))
    assert lab.read(config_map("fixed"))["data"] == {"color": "red"}


def test_update_of_a_claim_keeps_its_volume(lab, vault):
    lab.make(claim())
    lab.settled()
    vault.back_up(lab)
    bound = lab.patch(claim(), {"metadata": {"labels": {"added": "later"}}})

    report = vault.restore(lab, on_conflict="update")

    now = lab.read(claim())
    assert outcomes(report)["persistentvolumeclaims", "data"] == "updated"
    assert "labels" not in now["metadata"]
    assert now["spec"] == bound["spec"]
    assert now["metadata"]["annotations"] == bound["metadata"]["annotations"]


def test_update_of_a_namespace_brings_its_labels_back(lab, vault):
    lab.make(config_map())
    space = obj("v1", "Namespace", lab.namespace)
    lab.patch(space, {"metadata": {"labels": {"team": "shop"}}})
    vault.back_up(lab)
    lab.patch(space, {"metadata": {"labels": {"team": "other"}}})

    report = vault.restore(lab, on_conflict="update")

    assert outcomes(report)["namespaces", lab.namespace] == "updated"
    assert lab.read(space)["metadata"]["labels"]["team"] == "shop"


@pytest.mark.usefixtures("changed")
def test_single_object_is_restored_alone(lab, vault):
    before = lab.versions()

    report = vault.restore(lab, objects=(f"configmap/{lab.namespace}/gone",))

    now = lab.versions()
    assert now.pop(("ConfigMap", "gone"))
    assert now == before
    assert outcomes(report)["configmaps", "gone"] == "created"
    assert {item.kind for item in report.objects} <= {"configmaps", "namespaces"}


@pytest.mark.parametrize(
    ("selection", "restored"),
    [
        ({"selector": "tier=web"}, {"labelled"}),
        ({"exclude_selector": "tier"}, {"plain", "secret"}),
        ({"include_kinds": ("secret",)}, {"secret"}),
        ({"exclude_kinds": ("secrets",)}, {"plain", "labelled"}),
        ({"exclude_kinds": ("ingresses",)}, {"plain", "labelled", "secret"}),
    ],
    ids=lambda value: str(next(iter(value.items()))) if isinstance(value, dict) else "",
)
def test_selection_narrows_a_restore(lab, vault, selection, restored):
    lab.make(config_map("plain"))
    lab.make(config_map("labelled", metadata={"labels": {"tier": "web"}}))
    lab.make(obj("v1", "Secret", "secret", stringData={"password": "secret"}))
    vault.back_up(lab)
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)

    report = vault.restore(lab, namespaces={lab.namespace: copy.namespace}, **selection)

    names = {"plain", "labelled", "secret"}
    assert report.outcome == "done"
    assert {name for _, name in copy.objects()} & names == restored


def test_one_namespace_of_a_backup_of_many(lab, vault, make_namespace):
    other = lab.within(make_namespace())
    lab.make(config_map())
    other.make(config_map())
    vault.back_up(lab, namespaces=(lab.namespace, other.namespace))
    lab.delete(config_map())
    other.delete(config_map())

    report = vault.restore(lab, namespaces_in=(other.namespace,))

    assert report.outcome == "done"
    assert other.find(config_map())
    assert lab.find(config_map()) is None
    assert {item.namespace for item in report.objects} <= {other.namespace, ""}


def test_namespace_of_a_backup_of_the_whole_cluster(lab, vault):
    lab.make(config_map())
    vault.back_up(lab, all_namespaces=True, exclude_namespaces=("kube-*",))
    lab.delete(config_map())

    report = vault.restore(lab, namespaces_in=(lab.namespace,))

    assert report.outcome == "done"
    assert lab.find(config_map())
    with pytest.raises(NotFound, match="nowhere"):
        vault.restore(lab, namespaces_in=("nowhere",))
