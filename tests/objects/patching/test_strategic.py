"""What a strategic patch does is compared with a server in tests/restore/patching; here is what that cannot show."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.objects.fields import copied
from holdfast.objects.patching.failures import PatchFailed
from holdfast.objects.patching.shapes import shape_of
from holdfast.objects.patching.strategic import apply_strategic_patch

PODS = shape_of("pods")
KEYS = st.sampled_from(
    ["spec", "metadata", "containers", "env", "name", "finalizers", "a", "$patch", "$retainKeys", "$setElementOrder/env",
     "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers", "volumes", "ports", "containerPort"]
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["a", "b", "replace", "delete", "merge", "name"])
)
ODD = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)
MAPS = st.dictionaries(KEYS, ODD, max_size=4)


def pod(**spec):
    return {"spec": spec}


def test_arguments_stay_as_they_are():
    before = pod(containers=[{"name": "a", "env": [{"name": "x", "value": "1"}]}])
    patch = pod(
        containers=[{"name": "a", "$setElementOrder/env": [{"name": "y"}, {"name": "x"}], "env": [{"name": "y"}]}]
    )
    kept = copied((before, patch))

    after = apply_strategic_patch(before, patch, PODS)

    assert after == pod(containers=[{"name": "a", "env": [{"name": "y"}, {"name": "x", "value": "1"}]}])
    assert (before, patch) == kept


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        (pod(containers=[{"image": "x"}]), "an item of containers has no name"),
        (pod(containers=["a"]), "not all of one type"),
        (pod(containers=[{"name": "a", "$patch": "merge"}]), "'merge' is not possible for an item of a list"),
        ({"spec": {"$patch": "merge"}}, "'merge' is not possible for a map"),
        ({"spec": {"$retainKeys": ["a"], "b": 1}}, "does not name all the fields"),
        ({"spec": {"$setElementOrder/containers": "a"}}, "is not a list"),
        ({"metadata": {"$deleteFromPrimitiveList/finalizers": [{"a": 1}]}}, "not all of one type"),
    ],
)
def test_why_a_patch_fails(patch, why):
    before = {"metadata": {"finalizers": ["x"]}, "spec": {"containers": [{"name": "a"}]}}

    with pytest.raises(PatchFailed, match=why):
        apply_strategic_patch(before, patch, PODS)


def test_kinds_of_other_groups_have_no_shape():
    assert shape_of("gateways.gateway.networking.k8s.io") is None
    assert shape_of("volumesnapshots.snapshot.storage.k8s.io") is None
    assert shape_of("ingresses.networking.k8s.io") is not None


@given(MAPS, MAPS)
def test_any_patch_is_applied_to_a_copy_or_fails_as_a_patch(before, patch):
    kept = copied((before, patch))
    with contextlib.suppress(PatchFailed):
        apply_strategic_patch(before, patch, PODS)
    assert (before, patch) == kept
