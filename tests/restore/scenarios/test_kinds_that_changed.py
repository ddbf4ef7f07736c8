"""Custom kinds that are not what they were when the backup was made: storage version, schema, scope."""

import pytest
from tests.restore_lab import definition, entry, eventually, obj, outcomes, unique

from holdfast.errors import ApiRefused

COUNT = 3


@pytest.fixture
def stem():
    return unique("disk").replace("-", "")


def versioned(stem, storage, versions=("v1", "v2"), served=("v1", "v2")):
    """A definition with several versions of one schema; objects are stored as `storage`."""
    crd = definition(stem)
    (first,) = crd["spec"]["versions"]
    crd["spec"]["versions"] = [
        {**first, "name": name, "storage": name == storage, "served": name in served} for name in versions
    ]
    return crd


def instances(stem, version="v1"):
    return [obj(f"example.com/{version}", stem.capitalize(), f"one-{n}", spec={"size": n}) for n in range(COUNT)]


def install(lab, crd):
    lab.make(crd)
    lab.cluster.wait_established(crd["metadata"]["name"])
    lab.cluster.refresh_surface()


def make_all(lab, things):
    for thing in things:
        eventually(lambda thing=thing: _made(lab, thing), "the kind is served")


def _made(lab, thing):
    try:
        return lab.make(thing)
    except ApiRefused as refusal:
        if refusal.status != 404:
            raise
        return None


def move_storage(lab, stem, storage):
    lab.patch(versioned(stem, storage), {"spec": {"versions": versioned(stem, storage)["spec"]["versions"]}})
    eventually(lambda: storage in _stored(lab, stem), "both versions are stored")


def _stored(lab, stem):
    return lab.read(definition(stem))["status"]["storedVersions"]


def contents(lab, things):
    found = [lab.read(thing) for thing in things]
    return [(thing["apiVersion"], thing["spec"]) for thing in found]


def test_storage_version_that_moved_before_the_backup(lab, vault, second, stem):
    """Objects still lie in etcd as v1; they are read, kept and restored as what the server prefers."""
    install(lab, versioned(stem, "v1"))
    make_all(lab, instances(stem))
    move_storage(lab, stem, "v2")
    vault.back_up(lab)

    report = vault.restore(second)

    second.delete_later(definition(stem))
    assert (report.outcome, report.errors) == ("done", [])
    assert _stored(second, stem) == ["v2"]
    for version in ("v1", "v2"):
        things = instances(stem, version)
        assert contents(second, things) == contents(lab, things)
    again = vault.restore(second, on_conflict="update")
    assert again.counts["updated"] == again.counts["created"] == 0


def test_storage_version_that_moved_after_the_backup(lab, vault, stem):
    """The rollback brings the definition's flag back as well; objects of both storage versions are there."""
    install(lab, versioned(stem, "v1"))
    make_all(lab, instances(stem))
    vault.back_up(lab)
    before = contents(lab, instances(stem))
    move_storage(lab, stem, "v2")
    lab.patch(instances(stem, "v2")[0], {"spec": {"size": 99}})
    lab.delete(instances(stem)[1])

    report = vault.restore(lab, rollback=True)

    assert (report.outcome, report.errors) == ("done", [])
    assert contents(lab, instances(stem)) == before
    assert [one["name"] for one in lab.read(definition(stem))["spec"]["versions"] if one["storage"]] == ["v1"]
    assert vault.restore(lab, rollback=True).counts["updated"] == 0


def test_storage_version_that_moved_in_the_target_only(lab, vault, second, stem):
    install(lab, versioned(stem, "v1"))
    make_all(lab, instances(stem))
    vault.back_up(lab)
    install(second, versioned(stem, "v2"))

    report = vault.restore(second)

    assert report.outcome == "done"
    assert outcomes(report)["customresourcedefinitions", f"{stem}s.example.com"] == "skipped"
    assert contents(second, instances(stem, "v2")) == contents(lab, instances(stem, "v2"))


def test_version_that_is_stored_and_no_longer_served(lab, vault, second, stem):
    install(lab, versioned(stem, "v1"))
    make_all(lab, instances(stem))
    lab.patch(versioned(stem, "v1"), {"spec": {"versions": versioned(stem, "v1", served=("v2",))["spec"]["versions"]}})
    eventually(lambda: not _served(lab, stem, "v1"), "v1 is not served any more")
    vault.back_up(lab)

    report = vault.restore(second)

    second.delete_later(definition(stem))
    assert (report.outcome, report.errors) == ("done", [])
    assert contents(second, instances(stem, "v2")) == contents(lab, instances(stem, "v2"))


def _served(lab, stem, version):
    try:
        lab.send("GET", f"/apis/example.com/{version}/{stem}s")
    except ApiRefused:
        return False
    return True


# Replace over a definition


def test_replace_over_a_definition_changes_it_in_place_and_keeps_its_objects(lab, vault, stem):
    install(lab, versioned(stem, "v1"))
    make_all(lab, instances(stem))
    vault.back_up(lab)
    lab.patch(definition(stem), {"spec": {"names": {"shortNames": ["wrong"]}}})
    uids = [lab.read(thing)["metadata"]["uid"] for thing in instances(stem)]
    crd = lab.read(definition(stem))["metadata"]["uid"]

    report = vault.restore(lab, on_conflict="replace")

    assert outcomes(report)["customresourcedefinitions", f"{stem}s.example.com"] == "updated"
    assert "shortNames" not in lab.read(definition(stem))["spec"]["names"]
    assert lab.read(definition(stem))["metadata"]["uid"] == crd
    assert [lab.read(thing)["metadata"]["uid"] for thing in instances(stem)] == uids


@pytest.mark.parametrize("options", [{"on_conflict": "replace"}, {"rollback": True, "delete_data": True}], ids=str)
def test_replace_over_a_definition_that_cannot_change_keeps_it_and_its_objects(lab, vault, stem, options):
    """Its scope is another now: only a new definition could bring it back, and that would take all objects along."""
    install(lab, definition(stem))
    make_all(lab, instances(stem))
    vault.back_up(lab)
    lab.delete(definition(stem))
    install(lab, definition(stem, scope="Cluster"))
    make_all(lab, instances(stem))
    uids = [lab.read(thing)["metadata"]["uid"] for thing in instances(stem)]

    report = vault.restore(lab, **options)

    failed = entry(report, "customresourcedefinitions", f"{stem}s.example.com")
    assert (report.outcome, failed.result) == ("partial", "failed")
    assert "a definition takes all its custom resources along" in failed.why
    assert [lab.read(thing)["metadata"]["uid"] for thing in instances(stem)] == uids
