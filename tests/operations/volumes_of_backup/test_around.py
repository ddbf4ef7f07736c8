"""What else looks at a backup with the files of volumes."""

import pytest
from tests.operations.harness import contents_of, entry_of

from holdfast.errors import UsageError
from holdfast.ids import SnapshotId
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.run import Outcome
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.model.verification import Proof
from holdfast.operations.backup_details import delete_backups, read_details
from holdfast.operations.catalog import read_catalog
from holdfast.operations.record_recovery import read_record
from holdfast.operations.restore.opening import open_backup
from holdfast.operations.run_key import JobRun
from holdfast.operations.verify_backup import VerifyOptions, verify_backup
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import content_ids

EVERYTHING = Selection(all_namespaces=True)


def verify(place, run, selection=EVERYTHING):
    repository = place.repository
    backup = open_backup(repository, entry_of(repository, run))
    options = VerifyOptions(selection=selection, whole=selection is EVERYTHING)
    return verify_backup(repository, backup, None, options, Cancel(), Silent())


def lose(place, run, path):
    """Removes the pack that has a file's content."""
    repository = place.repository
    (blob,) = content_ids(contents_of(repository, run).find(path).node)
    place.store.delete(file_name(repository.index.find(BlobType.DATA, blob).pack))


def test_a_verification_finds_all_files_of_volumes(place, shop):
    found = verify(place, place.back_up())
    assert found.outcome is Outcome.DONE
    assert [(one.path, one.proof, one.files, one.bytes) for one in found.data] == [
        (f"/volumes/{shop}/{claim}", Proof.INTACT, 1, len(f"content of {shop}/{claim}")) for claim in ("data", "logs")
    ]


def test_a_verification_names_a_volume_that_lost_a_file(place, shop):
    run = place.back_up()
    lose(place, run, f"/volumes/{shop}/data/file")
    found = verify(place, run)
    assert found.outcome is Outcome.PARTIAL
    data, logs = found.data
    assert (data.proof, logs.proof) == (Proof.DAMAGED, Proof.INTACT)
    assert f"/volumes/{shop}/data/file is not whole" in data.why
    assert f"/volumes/{shop}/data cannot be restored whole" in [problem.what for problem in found.errors]


def test_a_verification_of_one_claim_looks_at_its_volume_only(place, shop):
    run = place.back_up()
    one = Selection(objects=(f"persistentvolumeclaims/{shop}/logs",), cluster_objects=ClusterObjects.NONE)
    found = verify(place, run, one)
    assert [one.path for one in found.data] == [f"/volumes/{shop}/logs"]


def test_a_backup_goes_with_its_parts(place):
    first, second = place.back_up(), place.back_up()
    delete_backups(place.repository, [entry_of(place.repository, first)], Cancel())
    assert {part.tags.get(tags.RUN) for part in place.parts()} == {second.run}


def test_a_lost_record_still_shows_which_volumes_have_files(place, shop):
    run = place.back_up()
    lose(place, run, "/backup.json")
    repository = place.repository
    record, problems = read_record(contents_of(repository, run), entry_of(repository, run))
    assert problems
    assert [(one.name, one.saved, one.path) for one in record.volumes] == [
        ("data", True, f"/volumes/{shop}/data"),
        ("logs", True, f"/volumes/{shop}/logs"),
    ]


def test_details_of_a_backup_have_the_report_of_its_run(place):
    run = place.back_up()
    details = read_details(place.repository, run.id)
    assert details.run.counts == run.counts
    assert SnapshotId.parse(details.id) == entry_of(place.repository, run).id
    assert "save volumes" in details.log


def test_runs_of_one_job_make_one_backup_and_tell_the_same_of_it(place):
    first = place.back_up(key=JobRun("nightly-1"))
    moved = len(place.movers.tasks)
    second = place.back_up(key=JobRun("nightly-1"))
    assert (second.id, len(place.movers.tasks)) == (first.id, moved)
    assert second.counts["objects"] == first.counts["objects"]
    assert second.bytes["objects"] == first.bytes["objects"]
    assert second.volumes == first.volumes


def test_a_run_that_was_overtaken_while_its_volumes_were_read_makes_no_second_backup(place):
    made = []

    def overtake(_):
        place.movers.before = lambda _: None
        made.append(place.back_up(key=JobRun("nightly-2")))

    place.movers.before = overtake
    run = place.back_up(key=JobRun("nightly-2"))
    assert [run.id] == [one.id for one in made]
    assert [one.id.hex() for one in read_catalog(place.repository).backups] == [run.id]


def test_a_name_that_was_taken_while_volumes_were_read_is_refused(place):
    def overtake(_):
        place.movers.before = lambda _: None
        place.back_up(name="before-upgrade")

    place.movers.before = overtake
    with pytest.raises(UsageError, match="before-upgrade"):
        place.back_up(name="before-upgrade")
