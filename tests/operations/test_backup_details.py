"""One backup in detail: showing it, reading single objects out of it, deleting it."""

import pytest
from tests.operations.harness import back_up, make
from tests.sample_repository import init, write_files

from holdfast.errors import NotFound, UsageError
from holdfast.model.cancel import Cancel
from holdfast.model.selection import Selection
from holdfast.operations.backup_details import delete_backups, find_backups, open_contents, open_named, read_details
from holdfast.operations.catalog import read_catalog
from holdfast.store.memory import MemoryStore

LONGEST_NAME = "n" * 253


@pytest.fixture(scope="module")
def shop(new_namespace, shared_app):
    name = new_namespace("details")
    shared_app.create(
        make("ConfigMap", "settings", name),
        make("ConfigMap", LONGEST_NAME, name),
        make("Widget", "first", name, version="backup.example.com/v1"),
    )
    return name


@pytest.fixture(scope="module")
def run(repository, live, shop):
    return back_up(repository, live, shop, name=f"{shop}-details")


@pytest.mark.parametrize(
    ("what", "kind", "name"),
    [
        ("configmap/{shop}/settings", "configmaps", "settings"),
        ("ConfigMap/{shop}/settings", "configmaps", "settings"),
        ("configmaps/{shop}/settings", "configmaps", "settings"),
        ("widgets.backup.example.com/{shop}/first", "widgets", "first"),
        ("widget/{shop}/first", "widgets", "first"),
        ("namespace/{shop}", "namespaces", "{shop}"),
        ("/objects/core/v1/configmaps/{shop}/settings.json", "configmaps", "settings"),
        ("configmap/{shop}/" + LONGEST_NAME, "configmaps", LONGEST_NAME),
    ],
)
def test_an_object_is_read_by_its_name_or_path(repository, run, shared_app, shop, what, kind, name):
    contents = open_contents(repository, run.id)
    assert b"".join(open_named(contents, what.format(shop=shop))) == shared_app.get(kind, shop, name.format(shop=shop))


@pytest.mark.parametrize(
    "what",
    ["configmap/nothing", "configmap/{shop}/nothing", "gadget/{shop}/first", "namespace/{shop}/x", "x", "/x", ""],
)
def test_an_object_that_is_not_in_the_backup_is_said_with_a_next_step(repository, run, shop, what):
    with pytest.raises(NotFound) as error:
        open_named(open_contents(repository, run.id), what.format(shop=shop))
    assert "holdfast backup browse" in error.value.next


def test_details_hold_record_run_and_log(repository, run):
    details = read_details(repository, run.name)
    assert details.id == run.id
    assert details.record.name == run.name
    assert details.run.counts["objects"] == run.counts["objects"]
    assert "read objects" in details.log


def test_a_backup_without_its_report_can_be_shown(repository, live, shop):
    run = back_up(repository, live, shop, name=f"{shop}-without-report")
    repository.delete_snapshot(read_catalog(repository).report_of(run.run).id)
    details = read_details(repository, run.id)
    assert details.record is not None
    assert (details.run, details.log) == (None, "")


def test_what_restic_backed_up_has_contents_and_no_record():
    repository = init(MemoryStore())
    snapshot = write_files(repository, {"etc/hosts": b"localhost"})
    details = read_details(repository, snapshot.hex())
    assert (details.record, details.run) == (None, None)
    assert open_contents(repository, "latest").read("/etc/hosts") == b"localhost"


def test_a_deleted_backup_is_gone_with_its_report(own_repository, live, shop):
    first, second = (
        back_up(own_repository, live, shop, name="first"),
        back_up(own_repository, live, shop, name="second"),
    )
    delete_backups(own_repository, find_backups(own_repository, ["first"]), Cancel())
    catalog = read_catalog(own_repository)
    assert [entry.id.hex() for entry in catalog.backups] == [second.id]
    assert catalog.report_of(first.run) is None
    assert catalog.report_of(second.run) is not None
    assert not list(own_repository.store.list("locks"))


def test_a_failed_run_can_be_deleted(own_repository, live, shop):
    with pytest.raises(UsageError) as error:
        back_up(own_repository, live, selection=Selection(namespaces=(shop,), include_kinds=("nonsense",)))
    delete_backups(own_repository, find_backups(own_repository, [error.value.run]), Cancel())
    assert read_catalog(own_repository).entries == ()


def test_a_list_of_backups_is_found_whole_or_not_at_all(own_repository, live, shop):
    run = back_up(own_repository, live, shop, name="first")
    assert [entry.id.hex() for entry in find_backups(own_repository, ["first", run.id[:10], "latest"])] == [run.id]
    with pytest.raises(NotFound, match="second"):
        find_backups(own_repository, ["first", "second"])
