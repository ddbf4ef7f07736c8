"""Backups from a file system that answers with errors: what cannot be read is named, all else is saved."""

import os

import pytest
from tests.files.faulty_mount import CONTENT
from tests.files.fuse_server import MTIME, XATTR
from tests.operations.file_trees import contents
from tests.operations.files_harness import back_up, below, restore, whats

from holdfast.errors import NotFound
from holdfast.operations.catalog import read_catalog

EIO = "Input/output error"
CHANGED = "it changed while it was read"
FAULTS = {
    "cannot be looked at": EIO,
    "cannot be opened": EIO,
    "denied": "Permission denied",
    "cannot be read": EIO,
    "cannot be read to its end": EIO,
    "long, cannot be opened": EIO,
    "long, cannot be read to its end": EIO,
    "without its attribute": f"attribute user.note: {EIO}",
    "without its attributes": f"extended attributes: {EIO}",
    "long, without its attributes": f"extended attributes: {EIO}",
    "grows": CHANGED,
    "long, grows": CHANGED,
    "directory that cannot be opened": EIO,
    "directory that cannot be listed": EIO,
    "directory that is denied": "Permission denied",
    "directory without its attribute": f"attribute user.note: {EIO}",
}
SAVED = {name for name, why in FAULTS.items() if "attribute" in why or why == CHANGED}  # with their content


def saved_content():
    """{path: content} of what a backup of the failing file system can hold."""
    found = {}
    for name, one in CONTENT.items():
        if name in FAULTS and name not in SAVED:
            continue
        inside = {f"{name}/{inner}": two.content for inner, two in (one.below or {}).items()}
        found |= inside if one.below else {name: one.content}
    return found


def test_each_fault_is_named_and_all_else_is_saved(repository, faulty, tmp_path):
    run = back_up(repository, faulty.path)
    assert (run.outcome, run.outcome.exit_code, run.counts["errors"]) == ("partial", 3, len(FAULTS))
    assert {problem.what: problem.why for problem in run.errors} == {
        f"{faulty.path}/{name} was not saved whole": why for name, why in FAULTS.items()
    }
    restored = restore(repository, run, tmp_path / "target")
    assert restored.errors == []
    assert contents(below(tmp_path / "target", faulty.path)) == saved_content()


def test_the_next_backup_after_the_disk_was_healed_is_whole(repository, faulty, tmp_path):
    back_up(repository, faulty.path)
    faulty.heal()
    run = back_up(repository, faulty.path)
    assert (run.outcome, run.errors, run.type) == ("done", [], "incremental")
    restore(repository, run, tmp_path / "target", verify=True)
    restored = below(tmp_path / "target", faulty.path)
    assert contents(restored) == contents(faulty.path)
    for name in CONTENT:
        assert (restored / name).stat().st_mtime == MTIME
        assert os.getxattr(restored / name, XATTR[0]) == XATTR[1], name


@pytest.mark.parametrize("name", ["cannot be looked at", "cannot be read", "directory that cannot be listed"])
def test_a_path_that_was_asked_for_and_cannot_be_read_is_named(repository, faulty, tmp_path, name):
    run = back_up(repository, faulty.path / "good", faulty.path / name)
    assert (run.outcome, whats(run), run.errors[0].why) == ("partial", [f"{faulty.path / name} cannot be read"], EIO)
    assert restore(repository, run, tmp_path / "target").errors == []
    assert contents(below(tmp_path / "target", faulty.path)) == {"good": b"good"}
    with pytest.raises(NotFound, match=f"{name} cannot be read: {EIO}") as caught:
        back_up(repository, faulty.path / name)
    assert read_catalog(repository).report_of(caught.value.run).outcome == "failed"


def test_from_a_partial_backup_nothing_is_deleted(repository, faulty, tmp_path):
    run = back_up(repository, faulty.path)
    place = below(tmp_path / "target", faulty.path)
    place.mkdir(parents=True)
    (place / "denied").write_bytes(b"the only copy")
    restored = restore(repository, run, tmp_path / "target", delete=True)
    assert (restored.outcome.exit_code, restored.counts["deleted"], whats(restored)) == (3, 0, ["nothing was deleted"])
    assert restored.errors[0].why.startswith("the backup is partial")
    assert contents(place) == {**saved_content(), "denied": b"the only copy"}
    faulty.heal()
    whole = restore(repository, back_up(repository, faulty.path), tmp_path / "target", delete=True)
    assert (whole.outcome, whole.errors) == ("done", [])
