"""One backup of a real namespace: what is in the snapshot, byte for byte, and what the snapshot says about itself."""

import io
import json
import random
import re

import msgspec
import pytest
from tests.operations.harness import back_up, contents_of, entry_of, files_of, make, wait_until

from holdfast.errors import NotFound, NothingSelected, UsageError
from holdfast.model.backup import RECORD_PATH, BackupRecord
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.run import Outcome
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.operations.back_up_options import BackUpOptions
from holdfast.operations.back_up_preview import preview
from holdfast.repository.lock_file import own_username
from holdfast.repository.tree import content_ids
from holdfast.version import PROGRAM_VERSION, VERSION

LONG = 1_000_000  # characters; a ConfigMap holds not much more
LONGEST_NAME = "n" * 253


def text_with_a_cut(chunker):
    """Where a chunk ends is up to the repository's polynomial; in one text of three an end is in reach."""
    for seed in range(100):
        text = random.Random(seed).randbytes(LONG // 2).hex()
        if len(list(chunker.split(io.BytesIO(text.encode())))) > 1:
            return text
    raise AssertionError("the chunker never cuts")


@pytest.fixture(scope="module")
def shop(new_namespace, shared_app, repository):
    name = new_namespace("shop")
    shared_app.create(
        make("ConfigMap", "settings", name, labels={"app": "web"}, data={"colour": "grün", "empty": ""}),
        make("Secret", "login", name, data={"password": "aHVudGVyMg=="}),
        make("ConfigMap", "large", name, data={"text": text_with_a_cut(repository.chunker)}),
        make("ConfigMap", LONGEST_NAME, name, data={"a": "b"}),
        make("ServiceAccount", "runner", name),
        make("Widget", "first", name, version="backup.example.com/v1", spec={"size": 3, "unknown": {"deep": [1.50]}}),
        make("ClusterRole", f"test:{name}:reader", version="rbac.authorization.k8s.io/v1", rules=[]),
        make(
            "ClusterRoleBinding",
            f"test:{name}:readers",
            version="rbac.authorization.k8s.io/v1",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"test:{name}:reader"},
            subjects=[{"kind": "ServiceAccount", "name": "runner", "namespace": name}],
        ),
    )
    return name


@pytest.fixture(scope="module")
def run(repository, live, shop):
    return back_up(repository, live, shop)


@pytest.fixture(scope="module")
def files(repository, run):
    return files_of(repository, run)


@pytest.fixture(scope="module")
def record(files):
    return msgspec.json.decode(files[RECORD_PATH], type=BackupRecord)


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/objects/core/v1/configmaps/{shop}/settings.json", "configmaps", "settings"),
        ("/objects/core/v1/configmaps/{shop}/large.json", "configmaps", "large"),
        ("/objects/core/v1/secrets/{shop}/login.json", "secrets", "login"),
        ("/objects/core/v1/serviceaccounts/{shop}/default.json", "serviceaccounts", "default"),
        ("/objects/backup.example.com/v1/widgets/{shop}/first.json", "widgets", "first"),
        ("/objects/core/v1/namespaces/_cluster/{shop}.json", "namespaces", "{shop}"),
        (
            "/objects/apiextensions.k8s.io/v1/customresourcedefinitions/_cluster/widgets.backup.example.com.json",
            "customresourcedefinitions",
            "widgets.backup.example.com",
        ),
        (
            "/objects/rbac.authorization.k8s.io/v1/clusterroles/_cluster/test:{shop}:reader.json",
            "clusterroles",
            "test:{shop}:reader",
        ),
        (
            "/objects/rbac.authorization.k8s.io/v1/clusterrolebindings/_cluster/test:{shop}:readers.json",
            "clusterrolebindings",
            "test:{shop}:readers",
        ),
    ],
)
def test_an_object_lies_at_its_path_as_the_bytes_of_the_api_server(files, shared_app, shop, path, kind, name):
    assert files[path.format(shop=shop)] == shared_app.get(kind, shop, name.format(shop=shop))


def test_every_file_of_the_backup_is_an_object_that_the_cluster_has(files, live):
    objects = {path: json.loads(data) for path, data in files.items() if path != RECORD_PATH}
    for path, obj in objects.items():
        metadata = obj["metadata"]
        resource = live.api_surface().by_kind(obj["apiVersion"], obj["kind"])
        assert files[path] == live.get(resource, metadata.get("namespace", ""), metadata["name"])
        assert path.startswith("/objects/")
    assert len(objects) == 11


def test_a_name_too_long_for_a_file_is_kept_whole_in_the_object(files, shared_app, shop):
    (path,) = (path for path in files if "%%" in path)
    assert len(path.rpartition("/")[2].encode()) <= 255
    assert files[path] == shared_app.get("configmaps", shop, LONGEST_NAME)


def test_a_large_object_is_cut_into_chunks_a_small_one_is_not(repository, run, shop):
    contents = contents_of(repository, run)
    large = contents.find(f"/objects/core/v1/configmaps/{shop}/large.json").node
    small = contents.find(f"/objects/core/v1/configmaps/{shop}/settings.json").node
    assert large.size > LONG
    assert len(content_ids(large)) == 2
    assert len(content_ids(small)) == 1


def test_a_file_has_the_time_at_which_its_object_was_made(repository, run, shared_app, shop):
    node = contents_of(repository, run).find(f"/objects/core/v1/secrets/{shop}/login.json").node
    assert node.mtime == shared_app.read("secrets", shop, "login")["metadata"]["creationTimestamp"]


def test_the_record_says_what_was_taken_from_where(record, run, live, shop):
    uid, version = live.identity()
    assert (record.cluster.uid, record.cluster.name, record.cluster.version) == (uid, uid, version)
    assert (record.run, record.name, record.outcome) == (run.run, run.name, Outcome.DONE)
    assert record.holdfast_version == VERSION
    assert record.namespaces == [shop]
    assert record.selection["namespaces"] == [shop]
    assert record.errors == []


def test_the_record_counts_the_objects_of_each_kind(record, files):
    counts = {f"{kind.group or 'core'}/{kind.version}/{kind.plural}": kind.count for kind in record.resources}
    found = [path.split("/") for path in files if path.startswith("/objects/")]
    directories = ["/".join(parts[2:5]) for parts in found]
    assert counts == {name: directories.count(name) for name in directories}
    assert {kind.plural: kind.namespaced for kind in record.resources}["widgets"]
    assert not {kind.plural: kind.namespaced for kind in record.resources}["namespaces"]


def test_the_record_says_what_was_left_out_and_why(record):
    assert "excluded: each namespace of each cluster gets that cluster's own certificates there" in record.excluded


def test_the_snapshot_can_be_grouped_and_found_by_other_programs(repository, run, live, shop):
    snapshot = entry_of(repository, run).snapshot
    assert snapshot.hostname == live.identity().uid
    assert snapshot.paths == [f"/namespaces/{shop}"]
    assert snapshot.username == own_username()
    assert snapshot.program_version == PROGRAM_VERSION
    assert set(snapshot.tags) == {"kind=app", f"name={run.name}", "type=full", f"run={run.run}", "outcome=done"}
    assert snapshot.parent is None


def test_the_snapshots_summary_counts_objects_and_bytes(repository, run, files):
    summary = entry_of(repository, run).snapshot.summary
    objects = [data for path, data in files.items() if path != RECORD_PATH]
    assert summary.total_files_processed == summary.files_new == len(objects)
    assert summary.total_bytes_processed == sum(map(len, objects))
    assert summary.data_added >= summary.total_bytes_processed
    assert 0 < summary.data_added_packed < summary.data_added


def test_the_run_tells_what_the_backup_holds(repository, run, files, shop):
    entry = entry_of(repository, run)
    assert run.id == entry.id.hex()
    assert (run.verb, run.kind, run.type, run.outcome) == ("backup create", "app", "full", Outcome.DONE)
    assert run.counts["objects"] == len(files) - 1
    assert run.counts["namespaces"] == 1
    assert run.bytes["objects"] == sum(len(data) for path, data in files.items() if path != RECORD_PATH)
    assert run.bytes["stored"] == entry.snapshot.summary.data_added_packed > 0
    assert re.fullmatch(rf"{shop}-\d{{8}}-\d{{6}}", run.name)


def test_a_cluster_name_takes_the_place_of_the_uid(repository, live, shop):
    run = back_up(repository, live, shop, cluster_name="production")
    assert entry_of(repository, run).snapshot.hostname == "production"
    record = contents_of(repository, run).record()
    assert (record.cluster.name, record.cluster.uid) == ("production", live.identity().uid)


def test_name_and_labels_become_tags_and_part_of_the_record(repository, live, shop):
    name = f"{shop}-before-the-upgrade"
    run = back_up(repository, live, shop, name=name, labels={"ticket": "OPS-7", "by": "ana"})
    entry = entry_of(repository, run)
    assert entry.name == name
    assert entry.tags.labels == {"ticket": "OPS-7", "by": "ana"}
    assert contents_of(repository, run).record().labels == {"ticket": "OPS-7", "by": "ana"}


def test_a_name_is_given_once(repository, live, shop):
    back_up(repository, live, shop, name=f"{shop}-once")
    with pytest.raises(UsageError, match="there is a backup named"):
        back_up(repository, live, shop, name=f"{shop}-once")


@pytest.mark.parametrize(
    "options", [{"name": "a,b"}, {"name": " "}, {"labels": {"a": "b,c"}}, {"labels": {"a": "b\n"}}]
)
def test_what_a_tag_cannot_carry_is_refused_before_anything_is_written(own_repository, live, shop, options):
    before = sorted(own_repository.store.list(""))
    with pytest.raises(UsageError):
        back_up(own_repository, live, shop, **options)
    assert sorted(own_repository.store.list("")) == before


def test_an_unknown_namespace_is_named_with_near_ones(repository, live, shop):
    with pytest.raises(NotFound, match=f"{shop}x") as error:
        back_up(repository, live, f"{shop}x")
    assert shop in error.value.why


def test_an_unknown_kind_is_named_with_near_ones(repository, live, shop):
    with pytest.raises(UsageError, match="confgmap") as error:
        back_up(repository, live, selection=Selection(namespaces=(shop,), include_kinds=("confgmap",)))
    assert "configmaps" in error.value.next


def test_a_selection_of_nothing_is_an_error_and_no_empty_backup(repository, live, shop):
    with pytest.raises(NothingSelected):
        back_up(repository, live, selection=Selection(namespaces=(shop,), selector="app=nothing-has-this"))


def test_a_backup_of_everything_can_be_made(repository, live, shop):
    everything = Selection(all_namespaces=True, cluster_objects=ClusterObjects.ALL)
    run = back_up(repository, live, selection=everything, volumes="none")
    record = contents_of(repository, run).record()
    assert shop in record.namespaces
    assert {"clusterroles", "storageclasses", "namespaces", "configmaps"} <= {one.plural for one in record.resources}
    assert not {"events", "leases", "nodes"} & {one.plural for one in record.resources}


def test_a_preview_names_each_object_with_its_size_and_reason(live, shop, files):
    found = preview(live, BackUpOptions(selection=Selection(namespaces=(shop,))), Cancel(), Silent())
    assert {(item.kind, item.name): item.reason for item in found.objects}.items() >= {
        ("configmaps", "settings"): f"in namespace {shop}",
        ("namespaces", shop): "holds selected objects",
        (
            "clusterrolebindings.rbac.authorization.k8s.io",
            f"test:{shop}:readers",
        ): f"binds serviceaccounts/{shop}/runner",
    }.items()
    sizes = {len(data) for path, data in files.items() if path != RECORD_PATH}
    assert {item.size for item in found.objects} == sizes


@pytest.fixture(scope="module")
def claim(new_namespace, shared_app):
    namespace = new_namespace("volumes")
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    shared_app.create(make("PersistentVolumeClaim", "data", namespace, spec=spec))
    wait_until(lambda: shared_app.read("pvc", namespace, "data")["status"].get("phase") == "Bound")
    return namespace


def test_a_volume_whose_data_is_not_saved_makes_the_backup_partial(repository, live, claim):
    run = back_up(repository, live, claim)
    assert run.outcome is Outcome.PARTIAL
    assert run.outcome.exit_code == 3
    (problem,) = run.errors
    assert problem.what == f"the data of the volume {claim}/data was not saved"
    assert problem.why
    assert problem.next
    assert entry_of(repository, run).outcome is Outcome.PARTIAL


def test_volumes_left_out_knowingly_are_a_note(repository, live, claim):
    run = back_up(repository, live, claim, volumes="none")
    assert (run.outcome, run.errors) == (Outcome.DONE, [])
    assert run.notes == [f"The data of 1 volumes is not in this backup: {claim}/data"]


def test_the_claim_is_in_the_backup_and_the_record_says_that_its_data_is_not(repository, live, claim):
    run = back_up(repository, live, claim, volumes="none")
    (volume,) = contents_of(repository, run).record().volumes
    assert (volume.namespace, volume.name, volume.saved) == (claim, "data", False)
    assert "--volumes none" in volume.why
    assert f"/objects/core/v1/persistentvolumeclaims/{claim}/data.json" in files_of(repository, run)
