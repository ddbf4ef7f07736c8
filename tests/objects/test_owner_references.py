from __future__ import annotations

import pytest

from holdfast.objects.mapping import NameMap, ObjectMapping
from holdfast.objects.owner_references import relink

MAPPING = ObjectMapping(namespaces=NameMap({"shop": "test"}))


def reference(name="web", kind="Deployment", api_version="apps/v1", **fields):
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": "old", **fields}


def owned_by(*references):
    return {"metadata": {"name": "x", "namespace": "test", "ownerReferences": list(references)}}


def test_reference_gets_the_uid_of_the_target():
    asked = []

    def find(*owner):
        asked.append(owner)
        return "new"

    relinked = relink(owned_by(reference(controller=True, blockOwnerDeletion=True)), find, MAPPING)

    assert asked == [("apps/v1", "Deployment", "test", "web")]
    assert relinked.object["metadata"]["ownerReferences"] == [
        reference(controller=True, blockOwnerDeletion=True) | {"uid": "new"}
    ]
    assert relinked.dropped == ()


def test_reference_to_an_owner_that_is_gone_is_dropped_and_named():
    def find(*owner):
        return "new" if owner[3] == "db" else None

    relinked = relink(owned_by(reference(), reference("db")), find, MAPPING)

    assert [each["name"] for each in relinked.object["metadata"]["ownerReferences"]] == ["db"]
    assert relinked.dropped == ("Deployment web",)


def test_no_empty_list_is_left():
    assert relink(owned_by(reference()), lambda *_: None, MAPPING).object == {
        "metadata": {"name": "x", "namespace": "test"}
    }


def test_namespace_as_an_owner_gets_its_new_name():
    owned = owned_by(reference("shop", "Namespace", "v1"))

    relinked = relink(owned, lambda *owner: {"test": "new"}.get(owner[3]), MAPPING)

    assert relinked.object["metadata"]["ownerReferences"] == [reference("test", "Namespace", "v1") | {"uid": "new"}]


@pytest.mark.parametrize("thing", [{"metadata": {"name": "x"}}, {}, {"metadata": {"ownerReferences": None}}])
def test_object_without_owners_stays_as_it_is(thing):
    assert relink(thing, lambda *_: None, MAPPING) == (thing, ())


def test_argument_stays_as_it_is():
    thing = owned_by(reference())

    relink(thing, lambda *_: "new", MAPPING)

    assert thing == owned_by(reference())
