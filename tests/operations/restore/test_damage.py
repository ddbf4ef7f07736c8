"""Damaged repositories: `check` finds it, a restore names what is lost and restores the rest, a new backup heals."""

import pytest
from tests.restic_oracle import Restic
from tests.restore_lab import Lab, Vault, config_map, obj, outcomes, template, unique, workload
from tests.sample_repository import check_all, nodes

from holdfast.errors import DamagedData, NothingSelected
from holdfast.ids import SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.operations.backup_details import open_contents, read_details
from holdfast.repository import writer as writer_module
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.repair_index import repair_index
from holdfast.repository.repair_packs import repair_packs
from holdfast.repository.repair_snapshots import repair_snapshots
from holdfast.repository.tree import content_ids, subtree_id
from holdfast.store.local import LocalStore

NAMES = [f"map-{number}" for number in range(6)]


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault(tmp_path, monkeypatch):
    """A repository whose packs hold a few blobs each, so that losing one does not lose all."""
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 1500)
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.TREE, 1)
    return Vault(LocalStore(tmp_path / "repository"))


@pytest.fixture
def saved(lab, vault):
    """The id of a backup of six ConfigMaps and two Secrets."""
    for number, name in enumerate(NAMES):
        lab.make(config_map(name, data={"noise": "".join(chr(33 + (7 * i * i + number) % 90) for i in range(700))}))
    for name in ("login", "other"):
        lab.make(obj("v1", "Secret", name, stringData={"password": name}))
    return SnapshotId.parse(vault.back_up(lab).id)


@pytest.fixture
def copy(lab):
    """A namespace that does not exist yet, to restore into."""
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)
    copy.names = {lab.namespace: copy.namespace}
    return copy


def path_of(lab, name, plural="configmaps"):
    return f"/objects/core/v1/{plural}/{lab.namespace}/{name}.json"


def location(vault, saved, path):
    """Where the first blob of a file, or the tree of a directory, lies."""
    node = nodes(vault.repository, saved)[path.strip("/").encode()]
    blob_type, blob_id = (
        (BlobType.TREE, subtree_id(node))
        if node.type.value == "dir"
        else (BlobType.DATA, next(iter(content_ids(node))))
    )
    return vault.repository.index.find(blob_type, blob_id)


def neighbours(vault, saved, pack):
    """The files of the backup with a blob in the pack."""
    return {
        f"/{path.decode()}"
        for path, node in nodes(vault.repository, saved).items()
        for blob_id in content_ids(node)
        if vault.repository.index.find(BlobType.DATA, blob_id).pack == pack
    }


def flip_bits(vault, place):
    name = file_name(place.pack)
    content = bytearray(vault.store.get(name))
    middle = place.blob.offset + place.blob.length // 2
    content[middle] ^= 0xFF
    vault.store.delete(name)
    vault.store.put(name, [bytes(content)])
    vault.reopen()


def found_by_check(vault):
    return "\n".join(f"{finding.what}: {finding.why}" for finding in check_all(vault.repository).errors)


def restored(copy):
    return {name for kind, name in copy.objects() if kind in ("ConfigMap", "Secret")} & {*NAMES, "login", "other"}


def test_blob_with_flipped_bits_costs_one_object(lab, vault, saved, copy):
    place = location(vault, saved, path_of(lab, "map-3"))
    flip_bits(vault, place)

    report = vault.restore(lab, namespaces=copy.names)

    assert place.pack.short in found_by_check(vault)
    assert report.outcome.exit_code == 3
    (problem,) = report.errors
    assert restored(copy) == {*NAMES, "login", "other"} - {"map-3"}
    assert path_of(lab, "map-3") in problem.what
    assert "repository check" in problem.next
    assert read_details(vault.repository, saved.hex()).record


def test_damaged_part_of_a_workload_costs_that_part_and_a_damaged_workload_all(lab, vault, copy):
    volume = {"name": "settings", "configMap": {"name": "settings"}}
    lab.make(config_map(data={"noise": "".join(chr(33 + (7 * i * i) % 90) for i in range(1500))}))
    lab.make(workload("Deployment", "web", template=template("web", volumes=[volume], serviceAccountName="robot")))
    lab.make(obj("v1", "ServiceAccount", "robot"))
    saved = SnapshotId.parse(vault.back_up(lab).id)
    wanted = {"workloads": (f"deploy/{lab.namespace}/web",)}
    whole = outcomes(vault.plan(lab, namespaces=copy.names, **wanted))

    flip_bits(vault, location(vault, saved, path_of(lab, "settings")))
    plan = vault.plan(lab, namespaces=copy.names, **wanted)
    assert whole.keys() - outcomes(plan).keys() == {("configmaps", "settings")}
    assert path_of(lab, "settings") in plan.errors[0].what

    path = f"/objects/apps/v1/deployments/{lab.namespace}/web.json"
    flip_bits(vault, location(vault, saved, path))
    with pytest.raises(NothingSelected, match="holds no objects") as error:
        vault.plan(lab, namespaces=copy.names, **wanted)
    assert f"deployments.apps/{lab.namespace}/web" in error.value.why


def test_removed_pack_costs_the_objects_in_it(lab, vault, saved, copy):
    place = location(vault, saved, path_of(lab, "map-3"))
    lost = neighbours(vault, saved, place.pack)
    assert 1 <= len(lost) <= 4
    assert "/backup.json" not in lost
    vault.store.delete(file_name(place.pack))
    vault.reopen()

    report = vault.restore(lab, namespaces=copy.names)

    assert f"pack {place.pack.short} is missing" in found_by_check(vault)
    assert report.outcome == "partial"
    assert {problem.what.partition(":")[0] for problem in report.errors} == lost
    lost_names = {path.rpartition("/")[2].removesuffix(".json") for path in lost}
    assert restored(copy) == {*NAMES, "login", "other"} - lost_names
    assert len([*open_contents(vault.repository, saved.hex()).walk("/objects")]) > 10


def test_damaged_directory_costs_the_objects_in_it(lab, vault, saved, copy):
    directory = f"/objects/core/v1/secrets/{lab.namespace}"
    flip_bits(vault, location(vault, saved, directory))

    report = vault.restore(lab, namespaces=copy.names)

    assert "secrets" in found_by_check(vault)
    assert report.outcome == "partial"
    assert directory in "; ".join(problem.what for problem in report.errors)
    assert restored(copy) == set(NAMES)
    walked = [*open_contents(vault.repository, saved.hex()).walk("/")]
    (error,) = [found for found in walked if isinstance(found, DamagedData)]
    assert directory in error.what


@pytest.mark.usefixtures("saved")
def test_directory_further_up_costs_what_is_below_it(lab, vault, copy):
    lab.make(obj("rbac.authorization.k8s.io/v1", "Role", "reader", rules=[]))
    vault.back_up(lab)
    latest = SnapshotId.parse(vault.open().entry.id.hex())
    flip_bits(vault, location(vault, latest, "/objects/core/v1/configmaps"))

    report = vault.restore(lab, namespaces=copy.names)

    assert report.outcome == "partial"
    assert "configmaps" in "; ".join(problem.what for problem in report.errors)
    assert restored(copy) == {"login", "other"}
    assert outcomes(report)["roles", "reader"] == "created"


def test_damaged_namespace_object_does_not_take_its_objects_along(lab, vault, saved):
    flip_bits(vault, location(vault, saved, f"/objects/core/v1/namespaces/_cluster/{lab.namespace}.json"))
    lab.delete(config_map("map-3"))

    everything = vault.restore(lab)
    lab.delete(config_map("map-3"))
    selected = vault.restore(lab, namespaces_in=(lab.namespace,))

    for report in (everything, selected):
        assert outcomes(report)["configmaps", "map-3"] == "created"
        assert f"namespaces/_cluster/{lab.namespace}.json" in "; ".join(problem.what for problem in report.errors)
        assert report.outcome == "partial"


def test_single_object_that_is_lost_is_named(lab, vault, saved):
    flip_bits(vault, location(vault, saved, path_of(lab, "map-3")))
    for name in ("map-2", "map-3"):
        lab.delete(config_map(name))

    report = vault.restore(lab, objects=tuple(f"configmap/{lab.namespace}/{name}" for name in ("map-2", "map-3")))

    assert outcomes(report)["configmaps", "map-2"] == "created"
    assert path_of(lab, "map-3") in report.errors[0].what
    assert report.outcome == "partial"


def test_lost_record_is_made_good_from_the_objects(lab, vault, saved, copy):
    flip_bits(vault, location(vault, saved, "/backup.json"))

    report = vault.restore(lab, namespaces=copy.names)

    assert report.outcome == "partial"
    assert "/backup.json" in report.errors[0].what
    assert restored(copy) == {*NAMES, "login", "other"}
    shown = read_details(vault.repository, saved.hex()).record
    assert shown.namespaces == [lab.namespace]
    assert {resource.kind: resource.count for resource in shown.resources}["ConfigMap"] == len(NAMES)
    assert "/backup.json" in shown.errors[0].what


def test_removed_index_is_healed_by_a_new_backup(lab, vault, saved, copy):
    (name,) = [file.name for file in vault.store.list("index")]
    vault.store.delete(name)
    vault.reopen()

    with pytest.raises(DamagedData) as damage:
        vault.restore(lab, namespaces=copy.names)
    lost = found_by_check(vault)
    vault.back_up(lab)
    vault.reopen()
    report = vault.restore(lab, namespaces=copy.names)

    assert "check" in damage.value.next
    assert saved.short in lost
    assert (report.outcome, report.errors) == ("done", [])
    assert restored(copy) == {*NAMES, "login", "other"}


@pytest.fixture
def restic(restic_new, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return Restic(restic_new, home)


def advice(vault, place):
    return [finding.next for finding in check_all(vault.repository).errors if place.pack.short in finding.what]


def test_new_backup_heals_what_a_removed_pack_held(lab, vault, saved, copy, restic):
    place = location(vault, saved, path_of(lab, "map-3"))
    vault.store.delete(file_name(place.pack))
    vault.reopen()
    assert "make a new backup" in advice(vault, place)[0]

    vault.back_up(lab)
    vault.reopen()
    report = vault.restore(lab, namespaces=copy.names)

    assert (report.outcome, report.errors) == ("done", [])
    assert restored(copy) == {*NAMES, "login", "other"}
    repair_index(vault.repository, read_all_packs=False, dry_run=False, cancel=Cancel(), progress=Silent())
    repair_snapshots(  # the first backup's own record is lost with the pack
        vault.repository, forget=True, dry_run=False, cancel=Cancel(), progress=Silent()
    )
    restic.check(vault.store.url)


def test_repair_and_a_new_backup_heal_a_pack_with_flipped_bits(lab, vault, saved, copy, restic):
    place = location(vault, saved, path_of(lab, "map-3"))
    flip_bits(vault, place)
    assert f"holdfast repository repair packs {place.pack.hex()}" in advice(vault, place)[0]

    repair_packs(vault.repository, [place.pack], dry_run=False, cancel=Cancel(), progress=Silent())
    vault.reopen()
    vault.back_up(lab)
    vault.reopen()
    report = vault.restore(lab, namespaces=copy.names)

    assert (report.outcome, report.errors) == ("done", [])
    assert restored(copy) == {*NAMES, "login", "other"}
    assert found_by_check(vault) == ""
    restic.check(vault.store.url)
