"""`repository prune` and `backup forget --prune` as a user sees them."""

import os

import pytest
from tests.cli.documented import assert_documented
from tests.cli.holdfast import PASSWORD
from tests.sample_repository import reopen

from holdfast.model.cancel import Cancel
from holdfast.repository.lock_file import Role
from holdfast.store.local import LocalStore


@pytest.fixture
def used(stocked, tmp_path):
    """A repository with two backups, of which the first was deleted; the second needs half of a pack."""
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "small").write_bytes(os.urandom(300_000))
    (directory / "large").write_bytes(os.urandom(500_000))
    stocked("backup", "files", directory, "--name", "first")
    (directory / "large").unlink()
    stocked("backup", "files", directory, "--name", "second")
    stocked("backup", "delete", "first", "--yes")
    return stocked


def rows(text):
    """{action: (number, size, why)} of the table."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("PACKS"))
    found = {}
    for line in lines[start + 1 :]:
        words = line.split(maxsplit=4)
        if words[0] not in {"keep", "repack", "mark", "wait", "recover", "delete"}:
            break
        found[words[0]] = (int(words[1]), f"{words[2]} {words[3]}", words[4])
    return found


def test_a_dry_run_shows_the_plan_and_changes_nothing(used, repository):
    before = sorted(file.name for file in LocalStore(repository).list(""))
    done = used("repository", "prune", "--dry-run")
    table = rows(done.out)
    assert table["repack"][0] == 1
    assert "are stored anew, then they are marked" in table["repack"][2]
    assert table["mark"][2] == "not needed by any snapshot"
    assert "Nothing was changed. It would take about" in done.out
    assert sorted(file.name for file in LocalStore(repository).list("")) == before


def test_packs_are_marked_then_wait_then_go(used):
    first = used("repository", "prune").out
    assert "Stored 293" in first
    assert "Marked 2 packs; they go after 24 hours." in first
    assert "Removed 0 packs, 0 B" in first
    second = used("repository", "prune").out
    assert rows(second)["wait"][2].startswith("marked; the first may go 20")
    assert "Marked" not in second
    third = used("repository", "prune", "--grace", "0").out
    assert rows(third)["delete"][:1] == (2,)
    assert rows(third)["delete"][2] == "marked before"
    assert f"Removed 2 packs, {rows(third)['delete'][1]}" in third
    assert rows(used("repository", "prune").out) == {"keep": rows(third)["keep"]}


def test_the_options_reach_the_plan(used):
    assert "repack" not in rows(used("repository", "prune", "--dry-run", "--max-unused", "unlimited").out)
    assert "repack" not in rows(used("repository", "prune", "--dry-run", "--max-unused", "70%").out)
    assert "repack" not in rows(used("repository", "prune", "--dry-run", "--max-repack", "500K").out)
    assert "repack" in rows(used("repository", "prune", "--dry-run", "--max-repack", "1MiB").out)
    used("repository", "prune", "--grace", "1d")
    assert (
        used("repository", "prune", "--dry-run", "--grace", "2d", "-o", "json").document["plan"]["wait"]["packs"] == 2
    )
    used("repository", "prune", "--dry-run", "--grace", "99999y")


def test_the_documents_are_documented(used):
    planned = used("repository", "prune", "--dry-run", "-o", "json").document
    assert_documented("repository prune --dry-run", planned)
    assert planned["dryRun"] is True
    assert planned["nextRemoval"] is None
    done = used("repository", "prune", "-o", "json").document
    assert_documented("repository prune", done)
    assert done["counts"] == {"marked": 2, "recovered": 0, "repacked": 1, "removed": 0}
    assert done["plan"] == planned["plan"]
    assert done["heldBack"] == ""
    again = used("repository", "prune", "-o", "json").document
    assert_documented("repository prune", again)
    assert again["nextRemoval"]
    removed = used("repository", "prune", "--grace", "0h", "-o", "yaml").yaml
    assert removed["counts"]["removed"] == 2
    assert removed["bytes"]["removed"] == removed["plan"]["delete"]["bytes"] > 700_000


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--max-unused", "5"),
        ("--max-unused", "101%"),
        ("--max-unused", "-1%"),
        ("--max-unused", "nan%"),
        ("--max-unused", ""),
        ("--max-repack", "3x"),
        ("--max-repack", "-1G"),
        ("--max-repack", "1.5G"),
        ("--grace", "90s"),
        ("--grace", "-1h"),
        ("--grace", ""),
        ("--grace", "0d"),
    ],
)
def test_input_that_makes_no_sense_is_refused_before_anything_is_opened(stocked, flag, value):
    done = stocked.but(HOLDFAST_REPOSITORY="/nowhere")("repository", "prune", flag, value, code=2)
    what, why, following = done.problem
    assert flag in what
    assert why
    assert following


def test_a_second_prune_ends_with_the_code_for_locks(used, repository):
    opened = reopen(LocalStore(repository), PASSWORD)
    with opened.lock(Cancel(), role=Role.PRUNE):
        assert used("repository", "prune", code=11).problem[0] == "the repository is locked"
        assert used("repository", "prune", "-o", "json", code=11).document["outcome"] == "failed"


def test_what_is_held_back_is_said(used, repository):
    opened = reopen(LocalStore(repository), PASSWORD)
    with opened.lock(Cancel()):
        done = used("repository", "prune", "--grace", "0")
        assert "Note: some packs stay for now: a run that began before they were marked still goes on" in done.err
        assert "Removed 0 packs" in done.out
        assert used("repository", "prune", "--grace", "0", "-o", "json").document["heldBack"]
    assert used("repository", "prune", "--grace", "0", "-o", "json").document["counts"]["removed"] == 2


def test_a_damaged_repository_is_refused(holdfast, repository):
    ready = holdfast.but(HOLDFAST_REPOSITORY=repository)
    ready("repository", "init")
    ready("backup", "files", __file__)
    pack = next(path for path in (repository / "data").rglob("*") if path.is_file())
    pack.unlink()
    what, why, following = ready("repository", "prune", code=1).problem
    assert what == "the repository is damaged, so nothing is removed from it"
    assert f"pack {pack.name[:8]} is missing" in why
    assert "holdfast repository check" in following


def test_there_is_nothing_to_prune_in_a_new_repository(stocked):
    assert rows(stocked("repository", "prune").out) == {"keep": (0, "0 B", "needed; 0 B in them are not")}


# forget, then prune


def test_forgetting_can_prune_at_once(used, tmp_path):
    used("backup", "files", tmp_path / "data", "--name", "third")
    done = used("backup", "forget", "--keep-last", "1", "--prune", "--yes")
    assert "Removed 1 backup" in done.out
    assert "Marked" in done.out
    assert "Removed 0 packs" in done.out


def test_forgetting_with_prune_has_one_document(used):
    document = used("backup", "forget", "--keep-last", "1", "--prune", "--yes", "-o", "json").document
    assert document["outcome"] == "done"
    assert_documented("repository prune", document["prune"])
    assert document["prune"]["counts"]["marked"] == 2
    assert "prune" not in used("backup", "forget", "--keep-last", "1", "--yes", "-o", "json").document


def test_a_dry_run_of_forgetting_prunes_nothing(used):
    document = used("backup", "forget", "--keep-last", "1", "--prune", "--dry-run", "-o", "json").document
    assert document["prune"] is None
    assert used("repository", "prune", "-o", "json").document["counts"]["marked"] == 2


def test_after_damage_nothing_is_pruned(holdfast, repository):
    ready = holdfast.but(HOLDFAST_REPOSITORY=repository)
    ready("repository", "init")
    ready("backup", "files", __file__)
    (repository / "snapshots" / ("ab" * 32)).write_bytes(b"no snapshot")
    document = ready("backup", "forget", "--keep-last", "1", "--prune", "--yes", "-o", "json", code=3).document
    assert document["outcome"] == "partial"
    assert document["prune"] is None
