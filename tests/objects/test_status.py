import pytest

from holdfast.objects.status import ANNOTATIONS, status_owners, wants_status, with_status


def thing(status=None, **annotations):
    return {"metadata": {"name": "x", "annotations": annotations}, "status": {"a": 1} if status is None else status}


@pytest.mark.parametrize("annotation", ANNOTATIONS)
@pytest.mark.parametrize(
    ("value", "chosen", "expected"),
    [("true", False, True), ("false", True, False), ("yes", True, True), ("yes", False, False)],
)
def test_annotation_decides_before_the_kind(annotation, value, chosen, expected):
    assert wants_status(thing(**{annotation: value}), chosen=chosen) is expected


def test_kind_decides_without_an_annotation():
    assert wants_status(thing(), chosen=True)
    assert not wants_status(thing(), chosen=False)


def test_our_annotation_goes_before_that_of_velero():
    assert not wants_status(thing(**{ANNOTATIONS[0]: "false", ANNOTATIONS[1]: "true"}), chosen=True)


def test_object_without_status_wants_none():
    assert not wants_status({"metadata": {}}, chosen=True)
    assert not wants_status(thing({}), chosen=True)


def test_generation_that_was_observed_is_none_to_come():
    original = thing(
        {"observedGeneration": 7, "conditions": [{"observedGeneration": 6}, {"observedGeneration": 1}], "a": 1}
    )
    live = {"metadata": {"name": "x", "generation": 2}, "status": {"b": 2}}

    status = with_status(live, original)["status"]

    assert status == {
        "observedGeneration": 2,
        "conditions": [{"observedGeneration": 2}, {"observedGeneration": 1}],
        "a": 1,
    }
    assert original["status"]["observedGeneration"] == 7
    assert live["status"] == {"b": 2}


def test_owners_of_the_status():
    ours, theirs = {"manager": "a"}, {"manager": "b", "subresource": "status"}

    assert status_owners({"metadata": {"managedFields": [ours, theirs]}}) == (theirs,)
