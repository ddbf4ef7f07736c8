"""What the garbage collector makes of references to owners, relinked and not."""

from __future__ import annotations

import pytest
from tests.restore.transforms.scenarios import config_map

from holdfast.objects.fields import name_of
from holdfast.objects.owner_references import relink
from holdfast.objects.transforms import TRANSFORMS

pytestmark = pytest.mark.cluster


def owned_by(owner, name="owned"):
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return config_map(name, metadata={"ownerReferences": [reference]})


def test_restored_object_belongs_to_its_restored_owner(stage):
    owner = stage.make(config_map("owner"))
    backup = stage.make(owned_by(owner))
    stage.delete(backup)
    stage.delete(owner)

    uid = stage.restore(owner, TRANSFORMS)["metadata"]["uid"]
    restored = stage.restore(backup, TRANSFORMS)

    before = backup["metadata"]["ownerReferences"][0]
    assert restored["metadata"]["ownerReferences"] == [{**before, "uid": uid}]
    stage.delete(stage.read(owner))
    stage.eventually(lambda: stage.find(backup) is None, "the owned object is collected with its owner")


def test_object_whose_owner_is_gone_survives_without_it(stage):
    owner = stage.make(config_map("owner"))
    backup = stage.make(owned_by(owner))
    stage.delete(backup)
    stage.delete(owner)
    canary = owned_by(owner, "canary")  # with the old UID, as a restore that knew nothing of owners would send it
    canary["metadata"]["namespace"] = stage.namespace

    stage.restore(backup, TRANSFORMS)
    stage.create(canary)

    stage.eventually(lambda: stage.find(canary) is None, "the garbage collector has seen the canary")
    assert "ownerReferences" not in stage.read(backup)["metadata"]


def test_reference_keeps_what_only_the_owner_uid_changes(stage):
    owner = stage.make(config_map("owner"))
    backup = stage.make(owned_by(owner))

    relinked = relink(backup, lambda *_: "new", stage.context().mapping)

    assert relinked.object["metadata"]["ownerReferences"][0] == {
        **backup["metadata"]["ownerReferences"][0],
        "uid": "new",
    }
    assert relinked.dropped == ()
