"""`backup forget` and `--keep-for` as a user runs them."""

import datetime as dt

import pytest
from tests.cli.documented import assert_documented
from tests.cli.holdfast import PASSWORD
from tests.cli.terminal import Terminal
from tests.sample_repository import write_files

from holdfast.model.run import timestamp
from holdfast.repository.repository import open_repository

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def shelf(stocked, repository):
    """The program, and a repository with a good backup of each of the last five days, a failed run and a part."""
    opened = open_repository(repository, PASSWORD)

    def put(days, *tags, **fields):
        write_files(
            opened, {"a": str(tags).encode()}, tags=tags, time=timestamp(NOW - dt.timedelta(days=days)), **fields
        )

    for days in range(5):
        put(days, "kind=app", f"name=b{days}", f"run=r{days}", "outcome=done")
        put(days, "kind=report", f"name=b{days}", f"run=r{days}", "outcome=done", "verb=backup create")
    put(0.5, "kind=app", "name=half", "run=r9", "outcome=partial")
    put(31, "kind=report", "name=bad", "run=r8", "outcome=failed", "verb=backup create")
    put(8, "kind=part", "run=r7")
    opened.close()
    return stocked.but(TZ="UTC")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_text("something")
    return path


def names(holdfast):
    return [one["name"] for one in holdfast("backup", "list", "-o", "json").document]


def test_a_dry_run_shows_a_table_to_check_by_eye_and_removes_nothing(shelf):
    done = shelf("backup", "forget", "--keep-last", "2", "--keep-daily", "3", "--dry-run")
    lines = done.out.splitlines()
    assert lines[0] == "cluster: /sample"
    assert lines[1].split() == ["TIME", "NAME", "ID", "OUTCOME", "ACTION", "WHY"]
    assert [line.split()[3] for line in lines[2:8]] == ["b0", "half", "b1", "b2", "b3", "b4"]
    assert lines[2].startswith(f"{NOW:%a %Y-%m-%d %H:%M:%S}  b0")
    assert lines[2].endswith("done     keep    the last good one; last 1 of 2; daily 1 of 3")
    assert lines[7].endswith("done     remove  no rule keeps it")
    assert "Reports, parts and safety points that go" in done.out
    assert "report of a backup that failed, older than 30 days" in done.out
    assert "part, older than 7 days" in done.out
    assert lines[-1] == (
        "Would remove 3 backups of 1 group, 3 stay. Of reports, parts and safety points 4 would go, 3 stay."
    )
    assert len(names(shelf)) == 7


def test_what_is_removed_is_removed(shelf):
    done = shelf("backup", "forget", "--keep-last", "2", "--yes")
    assert done.out.splitlines()[-1] == (
        "Removed 4 backups of 1 group, 2 stay. Of reports, parts and safety points 5 went, 2 stay."
    )
    assert names(shelf) == ["b1", "b0"]
    again = shelf("backup", "forget", "--keep-last", "2", "-y")
    assert "Removed 0 backups" in again.out


@pytest.mark.parametrize("dry", [["--dry-run"], ["--yes"]])
def test_as_a_document(shelf, dry):
    done = shelf("backup", "forget", "--keep-last", "2", *dry, "-o", "json")
    assert_documented("backup forget", done.document)
    [group] = done.document["groups"]
    assert (done.document["dryRun"], done.document["outcome"]) == (dry == ["--dry-run"], "done")
    assert (group["plan"], group["host"], group["paths"]) == ("", "cluster", ["/sample"])
    assert [one["action"] for one in group["backups"]] == ["keep", "remove", "keep", "remove", "remove", "remove"]
    assert group["backups"][0]["why"] == ["the last good one", "last 1 of 2"]
    assert done.document["counts"] == {
        "kept": 2,
        "removed": 4,
        "byproductsKept": 2,
        "byproductsRemoved": 5,
        "damaged": 0,
    }
    assert len(names(shelf)) == (7 if dry == ["--dry-run"] else 2)


def test_forgetting_without_a_terminal_needs_a_word(shelf):
    assert "--yes" in shelf("backup", "forget", "--keep-last", "1", code=2).problem[2]
    assert len(names(shelf)) == 7


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 2), ("n\n", 130, 7), ("\n", 130, 7)])
def test_a_person_sees_the_table_and_is_asked(shelf, answer, code, left):
    terminal = Terminal(shelf, "backup", "forget", "--keep-last", "2")
    terminal.wait_for("Remove 4 backups? [y/N]: ")
    assert "the last good one; last 1 of 2" in terminal.text
    terminal.type(answer)
    assert terminal.end() == code
    assert len(names(shelf)) == left


def test_without_rules_only_what_has_a_time_of_its_own_goes(shelf):
    done = shelf("backup", "forget", "--yes")
    assert "Removed 0 backups" in done.out
    assert names(shelf) == ["b4", "b3", "b2", "b1", "half", "b0"]


def test_filters(shelf, source):
    shelf("backup", "files", source, "--host", "web1", "--name", "one")
    shelf("backup", "files", source, "--host", "web1", "--name", "two")
    shelf("backup", "forget", "--keep-last", "1", "--host", "nowhere", "-y")
    shelf("backup", "forget", "--keep-last", "1", "--path", "/sample", "--kind", "files", "-y")
    shelf("backup", "forget", "--keep-last", "1", "--plan", "shop/nightly", "-y")
    assert len(names(shelf)) == 9
    shelf("backup", "forget", "--keep-last", "1", "--host", "web1", "--path", source, "--kind", "files", "-y")
    assert len(names(shelf)) == 8
    assert "one" not in names(shelf)


def test_the_last_good_one_stays_unless_forced(shelf):
    assert "the last good one" in shelf("backup", "forget", "--keep-tag", "none", "-y").out
    assert names(shelf) == ["b0"]
    shelf("backup", "forget", "--keep-tag", "none", "--even-the-last", "-y")
    assert names(shelf) == []


def test_a_damaged_snapshot_is_named_and_stays_and_the_exit_code_is_3(holdfast, repository):
    """Not with `stocked`: restic would find the damage too."""
    holdfast("repository", "init", "-r", repository)
    (repository / "snapshots").mkdir(exist_ok=True)
    damaged = repository / "snapshots" / ("f" * 64)
    damaged.write_bytes(b"nonsense")
    done = holdfast("backup", "forget", "-r", repository, "--keep-last", "1", "-y", code=3)
    assert "Damage: snapshots/ffff" in done.err
    assert damaged.exists()
    done = holdfast("backup", "forget", "-r", repository, "--keep-last", "1", "-y", "-o", "json", code=3)
    assert_documented("backup forget", done.document)
    assert (done.document["outcome"], done.document["counts"]["damaged"]) == ("partial", 1)


@pytest.mark.parametrize(
    "flags",
    [
        ("--keep-last", "0"),
        ("--keep-daily", "0", "--keep-weekly", "0"),
        ("--keep-last", "-2"),
        ("--keep-last", "some"),
        ("--keep-within", "30"),
        ("--keep-within", "0d"),
        ("--kind", "etcd"),
    ],
)
def test_rules_without_sense_are_2(stocked, flags):
    assert stocked("backup", "forget", *flags, "--dry-run", code=2).problem[1]


def test_all_can_be_kept_in_two_spellings(shelf):
    for word in ("unlimited", "-1"):
        shelf("backup", "forget", "--keep-yearly", "1", "--keep-daily", word, "-y")
        assert names(shelf) == ["b4", "b3", "b2", "b1", "b0"]


# --keep-for


def test_a_backup_is_kept_for_a_time(stocked, source):
    made = stocked("backup", "files", source, "--name", "kept", "--keep-for", "1m", "-o", "json").document
    assert_documented("backup files", made)
    until = dt.datetime.fromisoformat(made["keepUntil"])
    assert dt.timedelta(days=28) <= until - dt.datetime.fromisoformat(made["startedAt"]) <= dt.timedelta(days=31)
    stocked("backup", "files", source, "--name", "plain")
    listed = stocked("backup", "list", "-o", "json").document
    assert_documented("backup list", listed)
    assert [one["keepUntil"] for one in listed] == [made["keepUntil"], ""]
    table = stocked("backup", "list").out.splitlines()
    assert table[0].endswith("KEEP UNTIL")
    assert table[1].endswith(f"{until.astimezone():%Y-%m-%d %H:%M:%S}")
    assert table[2].endswith("-")
    assert f"{until.astimezone():%Y-%m-%d}" in stocked("backup", "show", "kept").out
    assert stocked("backup", "show", "kept", "-o", "json").document == made
    forgotten = stocked("backup", "forget", "--keep-last", "1", "--dry-run").out
    assert f"kept until {until.astimezone():%Y-%m-%d %H:%M}" in forgotten


def test_an_application_is_kept_for_a_time(connected, shop):
    made = connected("backup", "create", "-n", shop, "--keep-for", "30d", "-o", "json").document
    assert_documented("backup create", made)
    shown = connected("backup", "show", made["id"], "-o", "json").document
    assert_documented("backup show", shown)
    assert shown["keepUntil"] == made["keepUntil"]
    assert dt.datetime.fromisoformat(made["keepUntil"]) - dt.datetime.fromisoformat(made["startedAt"]) == dt.timedelta(
        days=30
    )
    assert "Keep until" in connected("backup", "show", made["id"]).out


@pytest.mark.parametrize("text", ["", "soon", "0d", "-1d"])
def test_how_long_must_be_a_length_of_time(stocked, source, text):
    code = 2 if text else 0
    done = stocked("backup", "files", source, "--keep-for", text, code=code)
    assert not text or "--keep-for" in done.problem[0]


def test_a_time_zone_that_does_not_exist_is_an_error(shelf):
    what, _, _ = shelf(
        "backup", "forget", "--keep-daily", "1", "--time-zone", "Europe/Berlino", "--yes", code=2
    ).problem
    assert "Europe/Berlino" in what
