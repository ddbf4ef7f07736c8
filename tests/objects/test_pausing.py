import json

import pytest

from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.fields import at, copied
from holdfast.objects.pausing import (
    NOTE,
    PAUSES,
    is_paused,
    is_still,
    paused,
    pausing_patch,
    resumed,
    resuming_command,
    resuming_patch,
)

ACTING = {
    "applications.argoproj.io": {"syncPolicy": {"automated": {"prune": True}, "retry": {"limit": 2}}},
    "cronjobs.batch": {"suspend": False},
    "deployments.apps": {"replicas": 3},
    "helmreleases.helm.toolkit.fluxcd.io": {},
    "kustomizations.kustomize.toolkit.fluxcd.io": {"suspend": False},
    "statefulsets.apps": {"replicas": 1},
}
STILL = {
    "applications.argoproj.io": {"syncPolicy": {"retry": {"limit": 2}}},
    "cronjobs.batch": {"suspend": True},
    "deployments.apps": {"replicas": 0},
    "helmreleases.helm.toolkit.fluxcd.io": {"suspend": True},
    "kustomizations.kustomize.toolkit.fluxcd.io": {"suspend": True},
    "statefulsets.apps": {"replicas": 0},
}


def thing(spec, **metadata):
    return {"metadata": {"name": "x", "resourceVersion": "7", **metadata}, "spec": spec}


def merge(target, patch):
    """RFC 7396, as the API server does it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def test_every_kind_is_tried():
    assert set(ACTING) == set(STILL) == set(PAUSES)


@pytest.mark.parametrize("kind", PAUSES)
def test_pause_stops_the_object_and_is_taken_back_exactly(kind):
    before = thing(ACTING[kind], labels={"app": "x"})
    pause = PAUSES[kind]

    still = paused(before, pause)

    assert not is_still(before, pause)
    assert is_still(still, pause)
    assert is_paused(still)
    assert resumed(still, pause) == before
    assert before == thing(ACTING[kind], labels={"app": "x"})


@pytest.mark.parametrize("kind", PAUSES)
def test_patches_do_the_same_as_the_functions(kind):
    before, pause = thing(ACTING[kind]), PAUSES[kind]

    still = merge(before, pausing_patch(before, pause))
    after = merge(still, resuming_patch(still, pause))

    assert still == paused(before, pause)
    assert at(after, *pause.path[:-1]).get(pause.path[-1]) == at(before, *pause.path[:-1]).get(pause.path[-1])
    assert NOTE not in json.dumps(after)


@pytest.mark.parametrize("kind", PAUSES)
def test_what_stands_still_already_is_known(kind):
    assert is_still(thing(STILL[kind]), PAUSES[kind])
    assert not is_paused(thing(STILL[kind]))


def test_value_that_somebody_has_set_meanwhile_is_kept():
    pause = PAUSES["deployments.apps"]
    still = paused(thing({"replicas": 3}), pause)
    still["spec"]["replicas"] = 1

    assert resumed(still, pause) == thing({"replicas": 1})
    assert "spec" not in resuming_patch(still, pause)


@pytest.mark.parametrize("note", ["", "{", 3, None])
def test_note_that_says_nothing_leaves_the_field_to_the_server(note):
    pause = PAUSES["cronjobs.batch"]
    still = paused(thing({"suspend": False}), pause)
    still["metadata"]["annotations"][NOTE] = note

    assert resumed(still, pause)["spec"] == {}


def test_patches_name_the_version_that_was_seen():
    pause = PAUSES["cronjobs.batch"]
    before = thing({"suspend": False})

    assert pausing_patch(before, pause)["metadata"]["resourceVersion"] == "7"
    assert resuming_patch(copied(before), pause)["metadata"]["resourceVersion"] == "7"


def test_command_for_people():
    pause = PAUSES["cronjobs.batch"]
    still = paused(thing({"suspend": False}), pause)

    assert resuming_command(ObjectKey("batch", "cronjobs", "shop", "x"), still, pause) == (
        "kubectl patch cronjobs.batch x -n shop --type merge -p "
        '\'{"metadata":{"annotations":{"holdfast.dev/paused":null},"labels":{"holdfast.dev/paused":null}},'
        '"spec":{"suspend":false}}\''
    )
