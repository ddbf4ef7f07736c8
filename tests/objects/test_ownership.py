from __future__ import annotations

import pytest

from holdfast.objects.ownership import (
    FIELD_MANAGER,
    Call,
    Ownership,
    create_only,
    is_unfinished,
    ownership,
    restoring_patch,
)

DESIRED = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "y"}, "data": {"a": "1"}}
ALL = {"f:data": {".": {}, "f:a": {}}}


def entry(manager="kubectl", operation="Update", fields=ALL, **more):
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **more}


def original(*entries, **desired):
    return {**DESIRED, **desired, "metadata": {"name": "x", "namespace": "y", "managedFields": list(entries)}}


def test_one_update_is_a_post_under_its_name():
    assert ownership(original(entry()), DESIRED) == Ownership(Call.POST, "kubectl")


def test_one_apply_is_an_apply_under_its_name():
    assert ownership(original(entry("flux", "Apply")), DESIRED) == Ownership(Call.APPLY, "flux")


def test_entries_for_status_do_not_count():
    status = entry("controller", fields={"f:status": {}}, subresource="status")

    assert ownership(original(entry(), status), DESIRED) == Ownership(Call.POST, "kubectl")


def test_two_managers_need_a_patch():
    entries = entry(), entry("flux", "Apply")

    assert ownership(original(*entries), DESIRED) == Ownership(Call.POST, FIELD_MANAGER, entries)


def test_manager_of_a_subresource_needs_a_patch():
    scale = entry("autoscaler", subresource="scale")

    assert ownership(original(scale), DESIRED) == Ownership(Call.POST, FIELD_MANAGER, (scale,))


def test_manager_of_another_version_needs_a_patch():
    old = entry() | {"apiVersion": "v1beta1"}

    assert ownership(original(old), DESIRED).entries == (old,)


def test_object_without_managers_is_created_under_our_name():
    assert ownership(original(), DESIRED) == Ownership(Call.POST, FIELD_MANAGER)


KEYED = {'k:{"name":"a"}': {".": {}, "f:name": {}, "f:port": {}}}


@pytest.mark.parametrize(
    ("value", "fields", "covered"),
    [
        ({"a": 1}, {"f:a": {}}, True),
        ({"a": 1, "b": 2}, {"f:a": {}}, False),
        ({"a": {"b": 1}}, {"f:a": {}}, True),
        ({"a": {"b": 1}}, {"f:a": {"f:b": {}}}, True),
        ({"a": {"b": 1, "c": 2}}, {"f:a": {"f:b": {}}}, False),
        ({"a": [1, 2]}, {"f:a": {}}, True),
        ({"a": ["x", "y"]}, {"f:a": {'v:"x"': {}, 'v:"y"': {}}}, True),
        ({"a": ["x", "y"]}, {"f:a": {'v:"x"': {}}}, False),
        ({"a": [{"name": "a", "port": 1}]}, {"f:a": KEYED}, True),
        ({"a": [{"name": "b", "port": 1}]}, {"f:a": KEYED}, False),
        ({"a": [{"name": "a", "port": 1, "host": 2}]}, {"f:a": KEYED}, False),
        ({"a": 1}, {"f:a": {}, "f:gone": {}}, True),
        ({"a": None}, {"f:a": {"f:b": {}}}, True),
        ({"a": 1}, {"f:a": {"f:b": {}}}, False),
    ],
    ids=str,
)
def test_one_call_does_only_where_the_manager_owns_all_that_is_sent(value, fields, covered):
    desired = {**DESIRED, "spec": value}
    one = entry(fields={**ALL, "f:spec": fields})

    assert (ownership(original(one), desired).entries is None) == covered


def test_labels_count_and_names_do_not():
    labelled = {**DESIRED, "metadata": {**DESIRED["metadata"], "labels": {"team": "a"}}}

    assert ownership(original(entry()), labelled).entries is not None
    owned = entry(fields={**ALL, "f:metadata": {"f:labels": {".": {}, "f:team": {}}}})
    assert ownership(original(owned), labelled).entries is None


def test_create_only_names_a_version_that_no_object_has():
    assert create_only(DESIRED)["metadata"] == {"name": "x", "namespace": "y", "resourceVersion": "1"}
    assert "resourceVersion" not in DESIRED["metadata"]


def live(*entries, version="7"):
    return {"metadata": {"name": "x", "resourceVersion": version, "managedFields": list(entries)}}


def test_patch_holds_the_backups_entries_and_the_version_seen():
    entries = entry(), entry("flux", "Apply")

    patch = restoring_patch(entries, live(entry(FIELD_MANAGER)))

    assert patch == {"metadata": {"resourceVersion": "7", "managedFields": list(entries)}}


def test_patch_keeps_what_others_wrote_since():
    status = entry("controller", subresource="status")
    other = entry("controller", fields={"f:metadata": {}})

    patch = restoring_patch((entry(),), live(entry(FIELD_MANAGER), status, other))

    assert patch["metadata"]["managedFields"] == [entry(), status, other]


def test_patch_prefers_the_backups_entry_of_a_manager_to_the_live_one():
    patch = restoring_patch((entry(time="then"),), live(entry(time="now")))

    assert patch["metadata"]["managedFields"] == [entry(time="then")]


def test_object_that_we_alone_own_is_unfinished():
    assert is_unfinished(original(entry(), entry("flux", "Apply")), live(entry(FIELD_MANAGER)))


def test_object_with_its_owners_is_finished():
    assert not is_unfinished(original(entry()), live(entry()))


def test_object_that_never_had_owners_is_finished():
    assert not is_unfinished(original(), live(entry(FIELD_MANAGER)))


def test_object_that_we_owned_in_the_backup_is_finished():
    assert not is_unfinished(original(entry(FIELD_MANAGER), entry()), live(entry(FIELD_MANAGER)))


def owner_reference(uid, name="web"):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": uid}


def owning(uid):
    return {"f:data": {".": {}, "f:a": {}}, "f:metadata": {"f:ownerReferences": {f'k:{{"uid":"{uid}"}}': {}}}}


def test_entries_name_owner_references_by_their_new_uids():
    before = original(entry(fields=owning("old")), entry("flux", "Apply"))
    before["metadata"]["ownerReferences"] = [owner_reference("old")]
    desired = {**DESIRED, "metadata": {"name": "x", "namespace": "y", "ownerReferences": [owner_reference("new")]}}

    assert ownership(before, desired).entries == (entry(fields=owning("new")), entry("flux", "Apply"))


def test_one_manager_of_an_owned_object_needs_one_call():
    before = original(entry(fields=owning("old")))
    before["metadata"]["ownerReferences"] = [owner_reference("old")]
    desired = {**DESIRED, "metadata": {"name": "x", "namespace": "y", "ownerReferences": [owner_reference("new")]}}

    assert ownership(before, desired) == Ownership(Call.POST, "kubectl")


def test_entries_name_owners_that_were_dropped_by_their_old_uids():
    before = original(entry(fields=owning("old")))
    before["metadata"]["ownerReferences"] = [owner_reference("old")]

    assert ownership(before, DESIRED) == Ownership(Call.POST, "kubectl")
