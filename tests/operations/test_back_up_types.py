"""Full, incremental and differential backups: what each compares with, what it counts, and how little a second one adds."""

import json

import pytest
from tests.operations.harness import back_up, contents_of, entry_of, files_of, make
from tests.sample_repository import init

from holdfast.cluster.cluster import PatchType
from holdfast.ids import BlobId
from holdfast.model.selection import Selection
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import subtree_id
from holdfast.store.memory import MemoryStore


@pytest.fixture
def shop(namespace, app):
    app.create(*(make("ConfigMap", f"map-{number}", namespace, data={"number": str(number)}) for number in range(3)))
    return namespace


def change_three_ways(live, app, namespace):
    """One ConfigMap added, one changed, one removed."""
    find = live.api_surface().find
    app.create(make("ConfigMap", "map-new", namespace))
    body = json.dumps({"data": {"number": "ten"}}).encode()
    live.patch(find("configmaps"), namespace, "map-1", body, patch_type=PatchType.MERGE)
    live.delete(find("configmaps"), namespace, "map-2")


def changes_of(repository, run):
    return contents_of(repository, run).record().changes


def counts(changes):
    return changes.added, changes.changed, changes.removed


@pytest.mark.parametrize("asked", ["full", "incremental", "differential"])
def test_the_first_backup_is_a_full_one_whatever_was_asked(own_repository, live, shop, asked):
    run = back_up(own_repository, live, shop, type=asked)
    assert run.type == "full"
    assert entry_of(own_repository, run).tags.get("type") == "full"
    assert entry_of(own_repository, run).snapshot.parent is None
    assert changes_of(own_repository, run) is None
    assert "added" not in run.counts


def test_an_incremental_backup_tells_what_changed_since_the_one_before(own_repository, live, app, shop):
    back_up(own_repository, live, shop)
    second = back_up(own_repository, live, shop)
    change_three_ways(live, app, shop)
    third = back_up(own_repository, live, shop)
    assert third.type == "incremental"
    assert entry_of(own_repository, third).snapshot.parent == second.id
    changes = changes_of(own_repository, third)
    assert changes.since == second.id
    assert counts(changes) == (1, 1, 1)
    assert changes.unchanged == third.counts["objects"] - 2
    assert (third.counts["added"], third.counts["changed"], third.counts["removed"]) == (1, 1, 1)


def test_a_differential_backup_compares_with_the_newest_full_one(own_repository, live, app, shop):
    full = back_up(own_repository, live, shop, type="full")
    change_three_ways(live, app, shop)
    back_up(own_repository, live, shop, type="incremental")
    third = back_up(own_repository, live, shop, type="differential")
    assert third.type == "differential"
    assert entry_of(own_repository, third).snapshot.parent == full.id
    assert changes_of(own_repository, third).since == full.id
    assert counts(changes_of(own_repository, third)) == (1, 1, 1)


def test_a_full_backup_compares_with_nothing(own_repository, live, shop):
    back_up(own_repository, live, shop)
    run = back_up(own_repository, live, shop, type="full")
    assert (run.type, changes_of(own_repository, run)) == ("full", None)


def test_every_backup_holds_everything_whatever_its_type(own_repository, live, shop):
    backups = [
        files_of(own_repository, back_up(own_repository, live, shop, type=kind)) for kind in ("full", "incremental")
    ]
    first, second = ({path: data for path, data in files.items() if path != "/backup.json"} for files in backups)
    assert first == second


def test_another_selection_or_cluster_is_not_compared_with(own_repository, live, shop):
    back_up(own_repository, live, shop)
    narrower = back_up(own_repository, live, selection=Selection(namespaces=(shop,), include_kinds=("cm",)))
    elsewhere = back_up(own_repository, live, shop, cluster_name="elsewhere")
    assert (narrower.type, elsewhere.type) == ("full", "full")


def test_the_same_selection_in_another_spelling_is_compared_with(own_repository, live, shop):
    first = back_up(own_repository, live, selection=Selection(namespaces=(shop,), include_kinds=("cm", "secret")))
    second = back_up(
        own_repository, live, selection=Selection(namespaces=(shop,), include_kinds=("Secrets", "configmap"))
    )
    assert changes_of(own_repository, second).since == first.id


def test_a_second_unchanged_backup_adds_little(own_repository, live, namespace, app):
    app.create(*(make("ConfigMap", f"map-{number}", namespace, data={"text": "x" * 4000}) for number in range(100)))
    first = back_up(own_repository, live, namespace)
    second = back_up(own_repository, live, namespace)
    summary = entry_of(own_repository, second).snapshot.summary
    assert counts(changes_of(own_repository, second)) == (0, 0, 0)
    assert second.bytes["added"] < 0.02 * first.bytes["added"]
    assert (summary.files_new, summary.files_changed) == (0, 0)
    assert summary.files_unmodified == second.counts["objects"] > 100


def test_a_failed_run_is_not_compared_with(own_repository, live, shop):
    first = back_up(own_repository, live, shop, name="first")
    with pytest.raises(Exception, match="there is a backup named"):
        back_up(own_repository, live, shop, name="first")
    third = back_up(own_repository, live, shop)
    assert entry_of(own_repository, third).snapshot.parent == first.id


def damage(repository, tree):
    """Changes a byte in the stored tree."""
    location = repository.index.find(BlobType.TREE, tree)
    name = file_name(location.pack)
    content = bytearray(repository.store.get(name))
    content[location.blob.offset] ^= 1
    repository.store.put(name, [content])


@pytest.mark.parametrize("path", ["/", "/objects"])
def test_a_backup_is_made_although_the_earlier_one_cannot_be_read(live, app, shop, path):
    repository = init(MemoryStore())
    first = back_up(repository, live, shop)
    root = BlobId.parse(entry_of(repository, first).snapshot.tree)
    damage(repository, root if path == "/" else subtree_id(contents_of(repository, first).find(path).node))
    app.create(make("ConfigMap", "map-new", shop))  # so that the new backup has trees of its own
    second = back_up(repository, live, shop)
    assert second.type == "incremental"
    assert entry_of(repository, second).snapshot.parent == first.id
    assert changes_of(repository, second) is None
    assert f"/objects/core/v1/configmaps/{shop}/map-0.json" in files_of(repository, second)
