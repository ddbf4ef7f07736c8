"""Objects at the limits of what a server takes, and names that no file system and no URL likes."""

import pytest
from tests.restore_lab import config_map, obj, outcomes, owners

LIMIT = 1024 * 1024  # of a ConfigMap's and a Secret's content
LONGEST = 253  # characters of a name
RBAC = "rbac.authorization.k8s.io/v1"


def large():
    """As many bytes as fit."""
    text = "".join(f"{number:x}," for number in range(LIMIT // 4))
    return config_map("large", data={"text": text[: LIMIT - len("text")]})


def annotated():
    """5,000 annotations. All annotations of an object together have 256 KiB."""
    return config_map(
        "annotated", metadata={"annotations": {f"example.com/{n}": f"value {n}" * 2 for n in range(5000)}}
    )


def content(thing):
    metadata = thing["metadata"]
    return {"data": thing.get("data"), "rules": thing.get("rules"), "annotations": metadata.get("annotations")}


@pytest.mark.parametrize("make", [large, annotated], ids=["1-mb-of-data", "5000-annotations"])
@pytest.mark.parametrize("manager", ["made", "applied"])
def test_large_object_comes_back_with_the_owners_of_its_fields(lab, vault, copy, into_copy, make, manager):
    thing = make()
    (lab.server_side_apply if manager == "applied" else lab.make)(thing)
    lab.patch(thing, {"metadata": {"labels": {"second": "manager"}}}, manager="somebody")
    vault.back_up(lab)

    report = vault.restore(lab, **into_copy)

    assert (report.outcome, report.errors) == ("done", [])
    before, now = lab.read(thing), copy.read(thing)
    assert content(now) == content(before)
    assert owners(now) == owners(before)
    versions = copy.versions()
    assert vault.restore(lab, **into_copy, on_conflict="update").counts["updated"] == 0
    assert copy.versions() == versions


def test_large_object_is_rolled_back_and_the_rollback_taken_back(lab, vault):
    lab.make(large())
    vault.back_up(lab)
    before = lab.read(large())["data"]
    lab.patch(large(), {"data": {"text": "x" * 1000}})

    rolled = vault.restore(lab, rollback=True)

    assert outcomes(rolled)["configmaps", "large"] == "updated"
    assert lab.read(large())["data"] == before
    assert vault.undo(lab).outcome == "done"
    assert lab.read(large())["data"] == {"text": "x" * 1000}


def odd_objects():
    """Names with colons, of 253 characters, and both."""
    rules = [{"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}]
    long = "a" + ".b" * ((LONGEST - 1) // 2)
    return [
        config_map(long),
        obj("v1", "Secret", long, stringData={"key": "value"}),
        obj(RBAC, "Role", "system:team:reader", rules=rules),
        obj(RBAC, "Role", "team:" + "r" * (LONGEST - len("team:")), rules=rules),
        obj(RBAC, "Role", "Ünï cöde & <angles> = 1?", rules=rules),
    ]


def test_names_with_colons_and_253_characters_come_back(lab, vault, copy, into_copy):
    odd = odd_objects()
    for thing in odd:
        lab.make(thing)
    vault.back_up(lab)

    plan = vault.plan(lab, **into_copy)
    report = vault.restore(lab, **into_copy)

    assert (report.outcome, report.errors) == ("done", [])
    assert {len(name) for _, name in outcomes(plan)} >= {LONGEST}
    for thing in odd:
        assert content(copy.read(thing)) == content(lab.read(thing))
    assert vault.restore(lab, **into_copy).counts["created"] == 0


def test_names_with_colons_and_253_characters_are_rolled_back(lab, vault):
    odd = odd_objects()
    for thing in odd:
        lab.make(thing)
    vault.back_up(lab)
    for thing in odd:
        lab.delete(thing)
    new = obj(RBAC, "Role", "new:" + "n" * (LONGEST - len("new:")), rules=[])
    lab.make(new)

    report = vault.restore(lab, rollback=True)

    assert (report.outcome, report.errors) == ("done", [])
    assert all(lab.find(thing) for thing in odd)
    assert not lab.find(new)
    assert vault.undo(lab).outcome == "done"
    assert not any(lab.find(thing) for thing in odd)
    assert lab.find(new)
