"""Ownership of fields comes back, and an apply can be told to create only: both as a real API server sees it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.restore.transforms.scenarios import config_map, deployment, obj, service
from tests.restore.transforms.stage import APPLY_PATCH, Stage

from holdfast.errors import ApiRefused
from holdfast.objects.fields import items
from holdfast.objects.ownership import (
    FIELD_MANAGER,
    Call,
    create_only,
    is_unfinished,
    ownership,
    restoring_patch,
)
from holdfast.objects.transforms import TRANSFORMS, apply

pytestmark = pytest.mark.cluster


def owners(thing, *, times):
    """managedFields without the entries for status, in one order."""
    entries = [
        {key: value for key, value in entry.items() if times or key != "time"}
        for entry in items(thing, "metadata", "managedFields")
        if entry.get("subresource") != "status"
    ]
    return sorted(entries, key=lambda entry: (entry["manager"], entry["operation"]))


def plan(stage, backup):
    resource = stage.resource(backup)
    return ownership(backup, apply(TRANSFORMS, resource.group_resource, backup, stage.context()).object)


def here(stage, thing):
    return {**thing, "metadata": {**thing["metadata"], "namespace": stage.namespace}}


def test_one_manager_that_updated_comes_back_with_one_post(stage):
    backup = stage.make(config_map(metadata={"labels": {"team": "a"}}), manager="terraform")
    stage.delete(backup)

    restored = stage.restore(backup, TRANSFORMS)

    assert plan(stage, backup).entries is None
    assert plan(stage, backup).call is Call.POST
    assert owners(restored, times=False) == owners(backup, times=False)


def test_one_manager_that_applied_comes_back_with_one_apply(stage):
    backup = stage.server_side_apply(here(stage, config_map(metadata={"labels": {"team": "a"}})), "flux")
    stage.delete(backup)

    restored = stage.restore(backup, TRANSFORMS)

    assert plan(stage, backup).entries is None
    assert plan(stage, backup).call is Call.APPLY
    assert owners(restored, times=False) == owners(backup, times=False)


def test_two_managers_come_back_with_their_times(stage):
    made = stage.server_side_apply(here(stage, config_map()), "flux")
    backup = stage.patch(made, {"data": {"size": "small"}}, manager="kubectl-edit")
    stage.delete(backup)

    stage.restore(backup, TRANSFORMS)

    assert plan(stage, backup).entries is not None
    assert owners(stage.read(backup), times=True) == owners(backup, times=True)


def test_manager_that_applied_less_than_the_server_filled_in_owns_no_more_afterwards(stage):
    stage.server_side_apply(here(stage, deployment()), "flux")
    backup = stage.eventually(lambda: _with_revision(stage), "the Deployment has a revision")
    stage.delete(backup)

    stage.restore(backup, TRANSFORMS)

    assert owners(stage.read(backup), times=True) == owners(backup, times=True)


def _with_revision(stage: Stage):
    live = stage.read(here(stage, deployment()))
    return live if live["metadata"].get("annotations") else None


def test_field_of_a_subresource_other_than_status_has_its_owner_back(stage):
    made = stage.make(deployment())
    stage.patch(made, {"spec": {"replicas": 3}}, "scale", manager="autoscaler")
    backup = stage.read(made)
    assert any(entry.get("subresource") == "scale" for entry in backup["metadata"]["managedFields"])
    stage.delete(backup)

    stage.restore(backup, TRANSFORMS)

    assert owners(stage.read(backup), times=True) == owners(backup, times=True)


def test_server_keeps_the_owner_of_a_field_that_a_transform_removed(stage):
    backup = stage.server_side_apply(here(stage, service(clusterIP="10.96.77.77")), "flux")
    backup = stage.patch(backup, {"metadata": {"labels": {"team": "a"}}}, manager="kubectl-label")
    stage.delete(backup)

    stage.restore(backup, TRANSFORMS)

    assert owners(stage.read(backup), times=True) == owners(backup, times=True)


def test_applier_takes_up_its_fields_again_without_conflict(stage):
    backup = stage.server_side_apply(here(stage, deployment()), "flux")
    stage.delete(backup)
    stage.restore(backup, TRANSFORMS)

    again = here(stage, deployment(replicas=2))
    query = {"fieldManager": "flux"}  # not forced: the server refuses to take a field from another manager
    applied = stage.send("PATCH", stage.path(again), again, query=query, content_type=APPLY_PATCH)

    assert applied["spec"]["replicas"] == 2


def test_patch_keeps_what_controllers_wrote_since_the_object_was_created(stage):
    backup = stage.server_side_apply(here(stage, config_map()), "flux")
    backup = stage.patch(backup, {"data": {"size": "small"}}, manager="kubectl-edit")
    stage.delete(backup)
    created = stage.create(here(stage, {**config_map(), "data": backup["data"]}), FIELD_MANAGER)
    quick = stage.patch(created, {"metadata": {"annotations": {"seen": "yes"}}}, manager="controller")

    stage.patch(created, restoring_patch(plan(stage, backup).entries, quick))

    managers = [entry["manager"] for entry in owners(stage.read(backup), times=True)]
    assert managers == ["controller", "flux", "kubectl-edit"]


def test_patch_of_an_object_that_has_changed_since_is_refused(stage):
    backup = stage.make(config_map())
    seen = stage.read(backup)
    stage.patch(seen, {"metadata": {"annotations": {"seen": "yes"}}}, manager="controller")

    with pytest.raises(ApiRefused) as refusal:
        stage.patch(seen, restoring_patch((), seen))

    assert refusal.value.reason == "Conflict"


def test_restore_that_ended_before_its_patch_is_recognised(stage):
    made = stage.server_side_apply(here(stage, config_map()), "flux")
    backup = stage.patch(made, {"data": {"size": "small"}}, manager="kubectl-edit")
    stage.delete(backup)
    half_done = stage.create(here(stage, {**config_map(), "data": backup["data"]}), plan(stage, backup).field_manager)

    assert is_unfinished(backup, half_done)
    stage.patch(half_done, restoring_patch(plan(stage, backup).entries, half_done))
    assert not is_unfinished(backup, stage.read(backup))


def test_guarded_apply_does_not_touch_what_exists(stage):
    stage.server_side_apply(here(stage, config_map(data={"color": "red"})), "someone")

    with pytest.raises(ApiRefused) as refusal:
        stage.server_side_apply(create_only(here(stage, config_map())), "flux")

    assert (refusal.value.status, refusal.value.reason) == (409, "Conflict")
    assert stage.read(here(stage, config_map()))["data"] == {"color": "red"}


def test_of_many_guarded_applies_at_once_exactly_one_creates(stage):
    body = create_only(here(stage, config_map()))

    def attempt(number: int) -> int:
        try:
            stage.server_side_apply(body, f"flux-{number}")
        except ApiRefused as refusal:
            return refusal.status
        return 201

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(attempt, range(16))) == {201: 1, 409: 15}


def test_guarded_apply_works_for_custom_resources(stage):
    stem = stage.unique("x").replace("-", "")
    names = {"plural": f"{stem}s", "singular": stem, "kind": stem.capitalize()}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    stage.make(obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{stem}s.example.com", spec=spec))
    thing = create_only(here(stage, obj("example.com/v1", names["kind"], "thing", spec={"size": 1})))
    stage.eventually(lambda: stage.serves("example.com/v1", names["kind"]), "the kind is served")

    stage.server_side_apply(thing, "flux")

    with pytest.raises(ApiRefused) as refusal:
        stage.server_side_apply(thing, "flux")
    assert refusal.value.status == 409


def test_post_ignores_managed_fields(stage):
    entry = {
        "manager": "flux",
        "operation": "Apply",
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {"f:color": {}}},
    }

    created = stage.create(here(stage, config_map(metadata={"managedFields": [entry]})), "sender")

    assert [each["manager"] for each in owners(created, times=True)] == ["sender"]
