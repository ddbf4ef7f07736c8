"""A backup read as if it were a cluster: one selection takes the same from both."""

import pytest
from tests.operations.harness import back_up, capture, contents_of, make
from tests.sample_repository import init

from holdfast.errors import NotFound, NothingSelected, UsageError
from holdfast.model.cancel import Cancel
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.operations.backup_source import BackupSource
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import content_ids
from holdfast.store.memory import MemoryStore


@pytest.fixture(scope="module")
def shop(new_namespace, shared_app):
    name = new_namespace("source")
    shared_app.create(
        make("ConfigMap", "web", name, labels={"app": "web"}),
        make("ConfigMap", "db", name, labels={"app": "db"}),
        make("ConfigMap", "large", name, data={"text": "x" * 700_000}),
        make("Secret", "web", name, labels={"app": "web"}),
        make("ServiceAccount", "runner", name),
        make("Widget", "first", name, version="backup.example.com/v1"),
    )
    return name


def open_source(repository, run, live):
    contents = contents_of(repository, run)
    return BackupSource(repository.reader, contents, contents.record(), live.api_surface(), Cancel())


@pytest.fixture(scope="module")
def source(repository, live, shop):
    return open_source(repository, back_up(repository, live, shop), live)


@pytest.mark.parametrize(
    "selection",
    [
        {},
        {"selector": "app=web"},
        {"selector": "app in (web,db)", "exclude_selector": "app=db"},
        {"include_kinds": ("cm", "secrets")},
        {"exclude_kinds": ("configmaps",)},
        {"cluster_objects": ClusterObjects.NONE},
        {"include_kinds": ("widget",)},
    ],
    ids=str,
)
def test_a_selection_takes_the_same_from_a_backup_as_from_the_cluster(live, source, shop, selection):
    from_cluster, _ = capture(live, shop, **selection)
    from_backup, captured = capture(source, shop, **selection)
    assert from_backup == from_cluster
    assert captured.problems == source.problems == []


def test_objects_come_as_they_were(source, live, shared_app, shop):
    find = live.api_surface().find
    for name in ("web", "large"):
        assert source.get(find("configmaps"), shop, name) == shared_app.get("configmaps", shop, name)
    (page,) = source.list(find("secrets"), namespace=shop)
    assert page.items == [shared_app.get("secrets", shop, "web")]
    assert not page.restarted


def test_what_is_not_in_the_backup_is_not_there(source, live, shop):
    find = live.api_surface().find
    assert source.get(find("configmaps"), shop, "nothing") is None
    assert source.get(find("deployments"), shop, "web") is None
    assert list(source.list(find("deployments"))) == []
    with pytest.raises(NotFound):
        capture(source, "default")
    with pytest.raises(NothingSelected):
        capture(source, "no-such-*")
    with pytest.raises(UsageError):
        capture(source, shop, include_kinds=("nonsense",))


def test_a_namespace_that_was_not_saved_itself_can_be_selected(repository, live, shop):
    asked = Selection(namespaces=(shop,), include_kinds=("secrets",), exclude_kinds=("namespaces",))
    source = open_source(repository, back_up(repository, live, selection=asked), live)
    taken, _ = capture(source, shop, exclude_kinds=("namespaces",))
    assert taken.keys() == {f"secrets/{shop}/web"}


@pytest.mark.parametrize("name", ["db", "large"])
def test_an_object_that_is_damaged_is_named_and_the_others_come(live, shop, name):
    repository = init(MemoryStore())
    run = back_up(repository, live, shop)
    node = contents_of(repository, run).find(f"/objects/core/v1/configmaps/{shop}/{name}.json").node
    location = repository.index.find(BlobType.DATA, content_ids(node)[0])
    content = bytearray(repository.store.get(file_name(location.pack)))
    content[location.blob.offset] ^= 1
    repository.store.put(file_name(location.pack), [content])
    source = open_source(repository, run, live)
    taken, _ = capture(source, shop)
    assert {"web", "db", "large"} - {key.rpartition("/")[2] for key in taken if key.startswith("configmaps/")} == {name}
    (problem,) = source.problems
    assert f"/objects/core/v1/configmaps/{shop}/{name}.json" in problem.what
    assert problem.next
