"""`repository repair` as a user runs it, and what its documents say."""

import random

import pytest
from tests.cli.documented import assert_documented, assert_is
from tests.repository.damage import contents, cut, flip, index_files, pack_of
from tests.restic_oracle import PASSWORD
from tests.sample_repository import TIME, init, reopen

from holdfast.cli.repair_documents import describe_snapshots
from holdfast.ids import BlobId, PackId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.repair_snapshots import DamagedSnapshot, SnapshotsRepair
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree_mender import Loss
from holdfast.store.local import LocalStore


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    (root / "pets").mkdir(parents=True)
    (root / "pets" / "cat").write_bytes(b"a cat")
    (root / "pets" / "dog").write_bytes(b"a dog")
    (root / "long").write_bytes(random.Random(5).randbytes(3_000_000))
    return root


@pytest.fixture
def store(repository):
    return LocalStore(repository)


@pytest.fixture
def ready(holdfast, repository, store, source, restic_agrees):
    """The program with a backup of `source` named first; both restics find the repository whole after the test."""
    init(store)
    ready = holdfast.but(HOLDFAST_REPOSITORY=repository, HOLDFAST_PASSWORD=PASSWORD, HOLDFAST_PASSWORD_FILE=None)
    ready("backup", "files", source, "--name", "first")
    yield ready
    restic_agrees(repository)


@pytest.fixture
def repair(ready):
    """`repair("index", …)`: the document, which is as the page says."""

    def repair(verb, *more, code=0):
        done = ready("repository", "repair", verb, *more, "-o", "json", code=code)
        assert_documented(f"repository repair {verb}", done.document)
        return done.document

    return repair


def lose_dog(store):
    """Damages the blob of pets/dog, and nothing else; returns the pack."""
    pack = pack_of(store, b"a dog")
    flip(store, pack.name, reopen(store).index.find(BlobType.DATA, BlobId.of(b"a dog")).blob.offset + 20)
    return pack


def backup_id(ready, name):
    return next(entry["id"] for entry in ready("backup", "list", "-o", "json").document if entry["name"] == name)


def assert_restores(ready, name, source, target):
    ready("restore", "files", name, "--target", target, "--verify")
    below = target / source.relative_to("/")
    for path in source.rglob("*"):
        assert path.is_dir() or (below / path.relative_to(source)).read_bytes() == path.read_bytes()


def test_nothing_to_repair(ready, store, repair):
    before = contents(store)
    for verb in ("index", "packs", "snapshots"):
        document = repair(verb)
        assert (document["outcome"], document["errors"], document["dryRun"]) == ("done", [], False)
        assert "No damage in" in ready("repository", "repair", verb).out
    assert contents(store) == before


def test_a_lost_pack_then_repair_index_then_a_new_backup_heals_all_files(ready, store, repair, source, tmp_path):
    pack = pack_of(store, b"a dog")
    store.delete(pack.name)
    document = repair("index")
    assert document["lost"] == [{"pack": pack.id.hex(), "why": "the store does not have it"}]
    assert document["counts"]["packsLost"] == document["counts"]["indexFilesReplaced"] == 1
    first = backup_id(ready, "first")
    lost = {one["path"] for one in repair("snapshots", "--dry-run", first)["paths"]}
    assert lost >= {f"{source}/pets/cat", f"{source}/pets/dog"}

    ready("backup", "files", source, "--name", "again")

    assert_restores(ready, "first", source, tmp_path / "target")
    assert repair("snapshots", first)["snapshots"] == []
    # The report of the first run has lost its content, and nothing else brings that back.
    repair("snapshots", "--forget")
    assert ready("repository", "check", "--read-data", "-o", "json").document["errors"] == []


def test_a_damaged_blob_from_its_discovery_to_the_end(ready, store, repair, source, tmp_path):
    pack = lose_dog(store)
    advice = ready("repository", "check", "--read-data", "-o", "json", code=1).document["errors"][0]["next"]
    assert f"holdfast repository repair packs {pack.id.hex()}" in advice
    first = backup_id(ready, "first")
    told = repair("packs", "--dry-run", code=3)
    assert told["dryRun"]
    document = repair("packs", pack.id.hex()[:12], "--save-damaged", tmp_path / "copies", code=3)
    assert {**document, "dryRun": True, "counts": told["counts"]} == told
    assert [(one["snapshot"], one["path"]) for one in document["paths"]] == [(first, f"{source}/pets/dog")]
    assert [blob["pack"] for blob in document["blobs"]] == [pack.id.hex()]
    assert [path.name for path in (tmp_path / "copies").iterdir()] == [pack.id.hex()]
    (source / "pets" / "dog").unlink()
    ready("backup", "files", source, "--name", "later")

    done = ready("repository", "repair", "snapshots")

    assert f"Lost in snapshot {first[:8]}: {source}/pets/dog" in done.out
    assert "a new backup of the same makes them whole" in done.err
    document = repair("snapshots", "--forget")
    (one,) = document["snapshots"]
    assert (one["id"], one["forgotten"], one["paths"]) == (first, True, [str(source)])
    assert backup_id(ready, "first") == one["repaired"]
    assert_restores(ready, "first", source, tmp_path / "target")


def test_people_read_what_is_lost_and_what_to_do(ready, store, source):
    pack = lose_dog(store)
    told = ready("repository", "repair", "packs", "--dry-run", code=3)
    assert "Would have repaired 1 pack; 1 blob and 1 path lost" in told.out
    done = ready("repository", "repair", "packs", code=3)
    assert f"Pack {pack.id.short}: " in done.out
    assert f"{source}/pets/dog: data blob" in done.out
    assert "Back up the same again" in done.out
    ready("backup", "files", source)
    store.delete(index_files(store)[0])
    assert "Replaced 0 index files by 1" in ready("repository", "repair", "index").out
    assert "No damage in" in ready("repository", "repair", "snapshots").out


def test_what_an_index_cannot_be_right_about_is_partial(ready, store, repair):
    pack = pack_of(store, b"a dog")
    cut(store, pack.name, pack.header)
    document = repair("index", code=3)
    (problem,) = document["errors"]
    assert problem["next"] == f"Save what is whole in it with `holdfast repository repair packs {pack.id.short}`."
    refused = ready("repository", "repair", "snapshots", "--forget", "-o", "json", code=1).document
    assert_is("Error", refused)
    assert f"repair packs {pack.id.short}" in refused["errors"][0]["next"]
    assert repair("packs", pack.id.short)["counts"]["blobsLost"] == 0
    assert repair("index")["counts"]["packsLost"] == 0


def test_packs_of_which_nothing_is_known_are_left_alone_and_named(ready, store, repair):
    orphan = file_name(PackId.of(b"orphan"))
    store.put(orphan, [b"nonsense" * 20])
    for verb in ("index", "packs"):
        (problem,) = repair(verb, code=3)["errors"]
        assert PackId.of(b"orphan").short in problem["what"]
        assert "Damage: pack" in ready("repository", "repair", verb, code=3).err
    store.delete(orphan)


def test_a_snapshots_file_that_cannot_be_read_goes_only_if_it_is_named(store, repair):
    nonsense = SnapshotId.of(b"nonsense")
    store.put(file_name(nonsense), [b"nonsense"])
    (problem,) = repair("snapshots", "--forget", code=3)["errors"]
    assert f"repair snapshots --forget {nonsense.short}" in problem["next"]
    repair("snapshots", "--forget", nonsense.short)
    assert nonsense not in reopen(store).snapshot_ids()


def test_of_a_lost_root_nothing_is_left(ready, store, repair, source):
    first = backup_id(ready, "first")
    place = reopen(store).index.find(BlobType.TREE, root_of(store, first))
    flip(store, file_name(place.pack), place.blob.offset + 20)
    repair("packs", code=3)
    (problem,) = repair("snapshots", code=3)["errors"]
    assert problem["what"] == f"snapshot {first[:8]} cannot be repaired"
    assert (
        "--forget" in problem["next"]
    )  # a new backup has the same root only if no directory above `source` has changed
    assert repair("snapshots", "--forget")["errors"] == []
    ready("backup", "files", source)


def root_of(store, snapshot_id):
    return BlobId.parse(reopen(store).load_snapshot(SnapshotId.parse(snapshot_id)).tree)


@pytest.mark.parametrize("words", [("packs", "nonsense"), ("packs", "f" * 64), ("snapshots", "f" * 64)])
def test_what_does_not_exist_is_an_error(ready, words):
    what, why, _ = ready("repository", "repair", *words, code=1).problem
    assert words[1][:8] in what
    assert why


@pytest.mark.parametrize("verb", ["index", "packs", "snapshots"])
def test_a_repair_waits_for_nobody(ready, store, verb):
    with reopen(store).lock(Cancel()):
        assert ready("repository", "repair", verb, code=11).problem[0] == "the repository is locked"
        ready("repository", "repair", verb, "--dry-run")


def test_progress_is_shown(ready):
    done = ready("repository", "repair", "packs", "--progress", "json")
    assert '"phase": "read packs"' in done.err


def test_index_reads_all_headers_if_asked(store, repair):
    pack = pack_of(store, b"a dog")
    flip(store, pack.name, -1)
    assert repair("index")["outcome"] == "done"
    (problem,) = repair("index", "--read-all-packs", code=3)["errors"]
    assert pack.id.short in problem["what"]
    repair("packs")
    assert repair("index", "--read-all-packs")["outcome"] == "done"


def test_a_snapshot_that_is_only_not_understood_is_named_as_such():
    snapshot = Snapshot(time=TIME, tree="0" * 64, paths=["/srv"])
    strange = DamagedSnapshot(SnapshotId.of(b"strange"), snapshot, [Loss("/srv", "out of order", is_stored=True)], None)
    document = describe_snapshots(SnapshotsRepair(snapshots=1, damaged=[strange]), dry_run=False)
    (problem,) = document.errors
    assert document.outcome == "partial"
    assert problem.what == f"snapshot {strange.id.short} is never deleted by a repair"
