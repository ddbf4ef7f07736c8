"""`backup files` and `restore files` as a user runs them."""

import os
import subprocess

import pytest
from tests.cli.documented import assert_documented
from tests.cli.holdfast import PROGRAM


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    (root / "sub").mkdir(parents=True)
    (root / "one").write_bytes(b"one")
    (root / "sub" / "two").write_bytes(b"two")
    (root / os.fsdecode(b"\xff")).write_bytes(b"three")
    return root


def test_a_life_of_a_backup_of_files_in_documents(stocked, source, tmp_path):
    def run(command, *more, code=0):
        done = stocked(*command.split(), *more, "-o", "json", code=code)
        assert_documented(command, done.document)
        return done.document

    made = run("backup files", source, "--name", "mine", "--label", "team=sales", "--exclude", "sub")
    assert (made["outcome"], made["kind"], made["counts"]["files"]) == ("done", "files", 2)
    (listed,) = run("backup list", "--label", "team=sales")
    assert (listed["id"], listed["kind"], listed["objects"]) == (made["id"], "files", 2)
    assert stocked("backup", "show", "mine", "-o", "json").document == made
    assert "phase read files" in run("backup show --log", "mine")["log"][0]
    restored = run("restore files", "mine", "--target", tmp_path / "target", "--verify")
    assert (restored["outcome"], restored["counts"]["verified"]) == ("done", 2)
    assert [one["id"] for one in run("restore list")] == [restored["run"]]
    assert stocked("restore", "show", "latest", "-o", "json").document == restored


def test_patterns_from_files_come_before_those_of_flags(stocked, source, tmp_path):
    (tmp_path / "first").write_text("# what is not needed\n*\n")
    (tmp_path / "second").write_text("!sub\n\n")
    files = ["--exclude-file", tmp_path / "first", "--exclude-file", tmp_path / "second"]
    stocked("backup", "files", source, *files, "--exclude", "!one")
    done = stocked("restore", "files", "latest", "--target", tmp_path / "target", "-o", "json")
    assert done.document["counts"]["files"] == 1
    stocked("backup", "files", source)
    included = ["--include", "two", "--include", "/tmp/no"]
    done = stocked("restore", "files", "latest", "--target", tmp_path / "other", *included, "-o", "json")
    assert done.document["counts"]["files"] == 1
    done = stocked("restore", "files", "latest", "--target", tmp_path / "none", "--include", "/no")
    assert "nothing in the backup fits --include" in done.err


def test_only_what_is_included_is_backed_up(stocked, source):
    assert "1 file, 3 B" in stocked("backup", "files", source, "--include", "two", "--include", "/no").out
    assert "none fits --include" in stocked("backup", "files", source, "--include", "/no").err


def test_people_read_what_was_done(stocked, source, tmp_path):
    assert "3 files, 11 B; 3 new, 0 changed, 0 unmodified" in stocked("backup", "files", source).out
    assert "0 new, 0 changed, 3 unmodified" in stocked("backup", "files", source).out
    assert "Unmodified" in stocked("backup", "show", "latest").out
    assert "3 files, 11 B" in stocked("restore", "files", "latest", "--target", tmp_path / "target").out
    assert "3 files, 11 B" in stocked("restore", "show", "latest").out


def test_a_tar_stream_is_all_that_is_on_standard_output(stocked, source, tmp_path):
    stocked("backup", "files", source)
    with (tmp_path / "tar").open("wb") as file:
        command = [PROGRAM, "restore", "files", "latest", str(source / "sub"), "--target", "-"]
        subprocess.run(command, env=stocked.environment, stdout=file, check=True)
    listed = subprocess.run(["tar", "-tf", tmp_path / "tar"], capture_output=True, text=True, check=True)
    assert listed.stdout.splitlines()[-1] == f"{str(source).lstrip('/')}/sub/two"


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (("backup", "files"), 2, "the command line cannot be understood"),
        (("backup", "files", "/no/where"), 1, "/no/where does not exist"),
        (("backup", "files", "/etc/hostname", "--exclude", ""), 2, "'' is not a pattern"),
        (("backup", "files", ""), 2, "a path is empty"),
        (("backup", "files", "/etc/hostname", "--include", "!x"), 2, "'!x' cannot be included"),
        (("backup", "files", "/etc/hostname", "--exclude-file", "/no"), 2, "/no cannot be read"),
        (("restore", "files", "latest", "--target", "/tmp", "--include", "!x"), 2, "'!x' cannot be included"),
        (("backup", "files", "/etc/hostname", "--label", "x"), 2, "--label 'x' is not KEY=VALUE"),
        (("restore", "files", "latest"), 2, "the command line cannot be understood"),
        (("restore", "files", "latest", "--target", "/etc/passwd"), 2, "/etc/passwd is not a directory"),
        (("restore", "files", "latest", "sub", "--target", "/tmp"), 2, "sub is not absolute"),
        (("restore", "files", "latest", "/no", "--target", "/tmp"), 1, "the backup has no /no"),
        (("restore", "files", "latest", "--target", "-", "--verify"), 2, "a tar stream cannot go to a terminal"),
    ],
)
def test_failures_have_three_parts(stocked, source, arguments, code, what):
    stocked("backup", "files", source)
    assert stocked(*arguments, code=code).problem[0].startswith(what)


def test_a_partial_backup_ends_with_3_and_names_the_file(stocked, source):
    (source / "empty").mkdir()
    done = subprocess.run(["mount", "--bind", "/proc/1/mem", source / "one"], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("testbed: mount is refused")
    try:
        done = stocked("backup", "files", source, code=3)
    finally:
        subprocess.run(["umount", source / "one"], check=True)
    assert "PARTIAL" in done.out
    assert f"Missing: {source}/one was not saved whole" in done.err
