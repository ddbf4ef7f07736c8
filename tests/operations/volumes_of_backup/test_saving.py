"""Backups of claims of a real API server; the files of their volumes are directories of this machine."""

import dataclasses
import secrets

import msgspec
import pytest
from tests.operations.harness import back_up, contents_of, entry_of, files_of, make
from tests.operations.volumes_of_backup.place import SPEC
from tests.restic_oracle import PASSWORD, export

from holdfast.errors import Cancelled, ClusterError, PlanRefused, StoreUnavailable
from holdfast.model.cancel import Cancel
from holdfast.model.run import Outcome, Problem
from holdfast.model.volume import VolumeOutcome, Way
from holdfast.objects.storage.policy import parse_policy
from holdfast.operations.catalog import read_catalog
from holdfast.operations.movers.contract import VOLUME_TAG
from holdfast.operations.volumes_of_backup.exclude_paths import ExcludedPath
from holdfast.repository.tree import format_time

RECORD = "/backup.json"


def flags_of(task, flag):
    return [value for name, value in zip(task.command, task.command[1:], strict=False) if name == flag]


def test_the_files_of_each_claim_are_in_the_backup(place, shop):
    (place.path("data") / "deep").mkdir()
    (place.path("data") / "deep" / "more").write_text("more")
    run = place.back_up()
    assert (run.outcome, run.errors, run.notes) == (Outcome.DONE, [], [])
    assert place.files(run) == {
        "data/file": f"content of {shop}/data",
        "data/deep/more": "more",
        "logs/file": f"content of {shop}/logs",
    }
    assert f"/objects/core/v1/persistentvolumeclaims/{shop}/data.json" in files_of(place.repository, run)
    assert not place.movers.is_begun


def test_restic_finds_the_backup_whole_and_restores_the_volumes(place, shop, restics, tmp_path):
    run = place.back_up()
    directory = export(place.store, tmp_path / "exported")
    for number, restic in enumerate(restics):
        restic.check(directory, PASSWORD)
        target = tmp_path / f"restored-{number}"
        restic.run(directory, "restore", run.id, "--include", f"/volumes/{shop}", "--target", target)
        assert (target / "volumes" / shop / "data" / "file").read_text() == f"content of {shop}/data"
        listed = restic.run(directory, "ls", run.id, f"/volumes/{shop}").splitlines()
        assert f"/volumes/{shop}/logs" in listed


def test_the_directory_of_a_volume_has_the_owner_mode_and_time_of_its_root(place, shop):
    place.path("data").chmod(0o1750)
    run = place.back_up()
    node = contents_of(place.repository, run).find(f"/volumes/{shop}/data").node
    found = place.path("data").stat()
    assert (node.mode & 0o777, node.uid, node.gid) == (0o750, found.st_uid, found.st_gid)
    assert node.mtime == format_time(found.st_mtime_ns)


def test_the_record_and_the_report_say_what_was_saved(place, shop):
    run = place.back_up()
    data, logs = place.record(run).volumes
    assert (data.namespace, data.name, data.kind) == (shop, "data", "persistentVolumeClaim")
    assert (data.saved, data.outcome, data.way) == (True, VolumeOutcome.DONE, Way.LIVE)
    assert (data.path, data.files, data.bytes) == (f"/volumes/{shop}/data", 1, len(f"content of {shop}/data"))
    assert (data.capacity, data.access_modes, data.node) == ("1Mi", ["ReadWriteOnce"], "here")
    assert data.added > 0
    assert data.stored > 0
    assert data.started_at < data.finished_at
    assert run.volumes == [data, logs]
    assert (run.counts["volumes"], run.counts["volumesSaved"], run.counts["files"]) == (2, 2, 2)
    assert run.bytes["volumes"] == data.bytes + logs.bytes


def test_the_snapshot_counts_the_files_and_bytes_of_volumes_too(place):
    run = place.back_up()
    summary = entry_of(place.repository, run).snapshot.summary
    data = [content for path, content in files_of(place.repository, run).items() if path != RECORD]
    assert summary.total_files_processed == len(data) == summary.files_new
    assert summary.total_bytes_processed == sum(map(len, data))
    assert (summary.data_added, summary.data_added_packed) == (run.bytes["added"], run.bytes["stored"])


def test_a_second_backup_goes_on_from_the_first_and_adds_what_changed(place, shop):
    (place.path("data") / "large").write_bytes(secrets.token_bytes(200_000))
    first = place.back_up()
    (place.path("data") / "file").write_text("changed")
    second = place.back_up()
    assert second.type == "incremental"
    assert [flags_of(task, "--parent") for task in place.movers.tasks[2:]] == [
        [part.id.hex()] for part in sorted(place.parts()[:2], key=lambda part: part.tags.get(VOLUME_TAG))
    ]
    assert files_of(place.repository, second)[f"/volumes/{shop}/data/file"] == b"changed"
    assert second.bytes["stored"] * 10 < first.bytes["stored"]
    assert entry_of(place.repository, second).snapshot.summary.files_changed >= 1


def test_unchanged_files_are_known_from_the_backup_when_its_parts_are_gone(place):
    first = place.back_up()
    for part in place.parts():
        place.repository.delete_snapshot(part.id)
    second = place.back_up()
    assert [flags_of(task, "--parent") for task in place.movers.tasks[2:]] == [[first.id], [first.id]]
    assert place.files(second) == place.files(first)


def test_a_full_backup_reads_all(place):
    place.back_up()
    run = place.back_up(type="full")
    assert run.type == "full"
    assert all("--full" in task.command and not flags_of(task, "--parent") for task in place.movers.tasks[2:])


def test_a_differential_one_goes_on_from_the_newest_full_one(place):
    full = place.back_up(type="full")
    place.back_up()
    place.back_up(type="differential")
    assert [flags_of(task, "--parent") for task in place.movers.tasks[4:]] == [[full.id], [full.id]]


def test_what_a_cancelled_run_has_read_is_the_parent_of_the_next_one(place):
    cancel = Cancel()
    place.movers.before = lambda task: cancel.request() if task.claim == "logs" else None
    with pytest.raises(Cancelled):
        place.back_up(cancel=cancel)
    assert not place.movers.is_begun
    (part,) = place.parts()
    (report,) = read_catalog(place.repository).backups_and_failures()
    assert (report.outcome, report.kind) == (Outcome.CANCELLED, "report")
    place.movers.before = lambda _: None
    run = place.back_up()
    data, logs = place.movers.tasks[-2:]
    assert flags_of(data, "--parent") == [part.id.hex()]
    assert "--full" in logs.command
    assert run.outcome is Outcome.DONE


def test_a_volume_that_fails_makes_the_backup_partial_and_the_rest_goes_on(place, shop):
    def fail(task):
        if task.claim == "data":
            raise StoreUnavailable("the store does not answer", why="it is down", next="Wake it up.")

    place.movers.before = fail
    run = place.back_up()
    assert run.outcome is Outcome.PARTIAL
    (problem,) = run.errors
    assert problem.what == f"the data of the volume {shop}/data was not saved"
    assert (problem.why, problem.next) == ("the store does not answer: it is down", "Wake it up.")
    data, logs = place.record(run).volumes
    assert (data.outcome, data.saved, data.path) == (VolumeOutcome.FAILED, False, "")
    assert logs.outcome is VolumeOutcome.DONE
    assert set(place.files(run)) == {"logs/file"}


def test_files_that_cannot_be_read_are_gaps_of_a_volume(place, shop, monkeypatch):
    moved = place.movers.move
    gap = Problem("/volumes/x cannot be read", "denied", "Look.")

    def with_gaps(task, cancel):
        end = moved(task, cancel)
        gaps = {"outcome": Outcome.PARTIAL, "errors": [gap], "error_count": 2} if task.claim == "data" else {}
        return dataclasses.replace(end, moved=msgspec.structs.replace(end.moved, **gaps))

    monkeypatch.setattr(place.movers, "move", with_gaps)
    run = place.back_up()
    (problem,) = run.errors
    assert problem.what == f"the volume {shop}/data was saved with 2 gaps"
    assert problem.why == "/volumes/x cannot be read: denied"
    data, _ = place.record(run).volumes
    assert (data.outcome, data.saved, data.error_count) == (VolumeOutcome.PARTIAL, True, 2)
    assert "data/file" in place.files(run)


def test_a_part_that_is_gone_is_a_volume_that_failed(place, monkeypatch):
    def lose(part):
        place.repository.delete_snapshot(part.id)
        return part.id.hex()

    _assert_lost(place, monkeypatch, lose)


def test_a_part_of_something_else_is_a_volume_that_failed(place, monkeypatch):
    earlier = place.back_up()
    _assert_lost(place, monkeypatch, lambda _: earlier.id)


def _assert_lost(place, monkeypatch, change):
    """`change` says what the mover of `data` tells instead of its part."""
    moved = place.movers.move

    def lose(task, cancel):
        end = moved(task, cancel)
        if task.claim != "data":
            return end
        (part,) = [one for one in place.parts() if one.id.hex() == end.moved.part]
        return dataclasses.replace(end, moved=msgspec.structs.replace(end.moved, part=change(part)))

    monkeypatch.setattr(place.movers, "move", lose)
    run = place.back_up()
    (problem,) = run.errors
    assert "what it stored cannot be read" in problem.why
    assert set(place.files(run)) == {"logs/file"}
    assert (run.counts["volumesSaved"], run.counts["files"]) == (1, 1)


def test_movers_that_cannot_begin_fail_every_volume_and_nothing_else(place, monkeypatch):
    def refuse(*_):
        raise ClusterError("Jobs cannot be created", why="forbidden", next="Ask for the right.")

    monkeypatch.setattr(place.movers, "begin", refuse)
    run = place.back_up()
    assert run.outcome is Outcome.PARTIAL
    assert [problem.why for problem in run.errors] == ["Jobs cannot be created: forbidden"] * 2
    assert run.counts["objects"] > 2


def test_a_repository_that_no_pod_reaches_fails_every_volume_before_anything_of_movers_is_touched(place, monkeypatch):
    def refuse(_):
        raise PlanRefused("pods cannot reach it", why="it is here", next="Use --mover-repository or --volumes none.")

    monkeypatch.setattr(place.movers, "prepare", refuse)
    run = place.back_up()
    assert run.outcome is Outcome.PARTIAL
    assert {problem.next for problem in run.errors} == {"Use --mover-repository or --volumes none."}
    assert place.movers.tasks == []


def test_a_claim_without_a_volume_is_named_and_the_others_are_saved(place, shop, shared_app):
    shared_app.create(make("PersistentVolumeClaim", "waits", shop, spec=SPEC | {"storageClassName": "nowhere"}))
    try:
        run = place.back_up()
    finally:
        shared_app.live.delete(shared_app.live.api_surface().find("pvc"), shop, "waits")
    assert run.outcome is Outcome.PARTIAL
    (problem,) = run.errors
    assert problem.what == f"the data of the volume {shop}/waits was not saved"
    assert "Pending" in problem.why
    assert set(place.files(run)) == {"data/file", "logs/file"}


def test_a_policy_leaves_volumes_out_and_the_backup_is_good(place, shop):
    policy = parse_policy(
        {
            "version": "v1",
            "volumePolicies": [{"conditions": {"pvcPhase": ["Bound"]}, "action": {"type": "skip"}}],
        }
    )
    run = place.back_up(volume_policy=policy)
    assert run.outcome is Outcome.DONE
    assert run.notes == [f"The data of 2 volumes is not in this backup: {shop}/data, {shop}/logs"]
    assert {volume.outcome for volume in place.record(run).volumes} == {VolumeOutcome.LEFT_OUT}
    assert place.movers.tasks == []


def test_a_policy_that_wants_a_snapshot_is_never_met_by_reading_live(place):
    policy = parse_policy({"version": "v1", "volumePolicies": [{"conditions": {}, "action": {"type": "snapshot"}}]})
    run = place.back_up(volume_policy=policy)
    assert run.outcome is Outcome.PARTIAL
    assert {(volume.way, volume.outcome) for volume in place.record(run).volumes} == {
        (Way.SNAPSHOT, VolumeOutcome.FAILED)
    }
    assert place.movers.tasks == []


def test_paths_are_left_out_of_all_volumes_or_of_one(place, shop):
    for claim in ("data", "logs"):
        for name in ("a.tmp", "b.log"):
            (place.path(claim) / name).write_text(name)
    excluded = tuple(map(ExcludedPath.parse, ["*.tmp", f"{shop}/logs:/b.log"]))
    assert set(place.files(place.back_up(exclude_paths=excluded))) == {
        "data/file",
        "data/b.log",
        "logs/file",
    }


def test_volumes_none_touches_nothing_of_movers(place):
    run = place.back_up(volumes="none")
    assert (run.outcome, place.movers.tasks, place.parts()) == (Outcome.DONE, [], [])


def test_without_claims_nothing_of_movers_is_touched(place, new_namespace, live, monkeypatch):
    monkeypatch.setattr(place.movers, "prepare", None)
    run = back_up(place.repository, live, new_namespace("empty"), movers=place.movers)
    assert run.outcome is Outcome.DONE


def test_parts_are_in_no_list_and_never_the_latest(place):
    run = place.back_up()
    catalog = read_catalog(place.repository)
    assert len(place.parts()) == 2
    assert [entry.id.hex() for entry in catalog.backups_and_failures()] == [run.id]
    assert catalog.find_backup("latest").id.hex() == run.id
