"""Where the password comes from, and who else may open the repository."""

import pytest
from tests.cli.holdfast import PASSWORD
from tests.cli.terminal import Terminal
from tests.sample_repository import init

from holdfast.store.local import LocalStore


@pytest.fixture
def made(repository):
    init(LocalStore(repository), PASSWORD)
    return repository


@pytest.fixture
def bare(holdfast, made):
    """The program with a repository and without a password."""
    return holdfast.but(HOLDFAST_PASSWORD_FILE=None, HOLDFAST_REPOSITORY=made)


def test_from_a_file_named_by_flag(bare, password_file):
    bare("backup", "list", "--password-file", password_file)


def test_from_a_file_named_by_the_environment(bare, password_file):
    bare.but(HOLDFAST_PASSWORD_FILE=password_file)("backup", "list")


def test_from_the_environment_itself(bare):
    bare.but(HOLDFAST_PASSWORD=PASSWORD)("backup", "list")


def test_the_flag_goes_before_the_environment(bare, password_file):
    bare.but(HOLDFAST_PASSWORD="wrong")("backup", "list", "--password-file", password_file)


def test_without_a_terminal_nobody_is_asked(bare):
    what, _, advice = bare("backup", "list", code=2).problem
    assert what == "no password is given"
    assert "HOLDFAST_PASSWORD_FILE" in advice


def test_a_file_that_cannot_be_read_is_named(bare, tmp_path):
    assert f"{tmp_path}/none" in bare("backup", "list", "--password-file", tmp_path / "none", code=2).problem[0]
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "UTF-8" in bare("backup", "list", "--password-file", tmp_path / "binary", code=2).problem[1]


def test_line_ends_do_not_belong_to_the_password(bare, tmp_path):
    (tmp_path / "windows").write_bytes(PASSWORD.encode() + b"\r\n")
    bare("backup", "list", "--password-file", tmp_path / "windows")


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_password_makes_no_repository(bare, tmp_path, content):
    (tmp_path / "empty").write_bytes(content)
    done = bare("repository", "init", "-r", tmp_path / "new", "--password-file", tmp_path / "empty", code=2)
    assert "empty" in done.err
    assert not (tmp_path / "new" / "config").exists()


def test_at_a_terminal_the_password_is_asked_for_and_not_shown(bare):
    terminal = Terminal(bare, "backup", "list")
    terminal.wait_for("Repository password: ")
    terminal.type(f"{PASSWORD}\n")
    assert terminal.end() == 0
    assert PASSWORD not in terminal.text
    assert "There are no backups" in terminal.text


def test_a_new_password_is_asked_for_twice(bare, tmp_path):
    terminal = Terminal(bare, "repository", "init", "-r", tmp_path / "new")
    terminal.wait_for("Repository password: ")
    terminal.type("one thing\n")
    terminal.wait_for("Once more: ")
    terminal.type("another thing\n")
    assert terminal.end() == 2
    assert "the two passwords differ" in terminal.text
    assert not (tmp_path / "new").exists()


def test_ctrl_c_at_a_question_ends_at_once(bare):
    terminal = Terminal(bare, "backup", "list")
    terminal.wait_for("Repository password: ")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.text


def test_the_end_of_input_at_a_question_ends_too(bare):
    terminal = Terminal(bare, "backup", "list")
    terminal.wait_for("Repository password: ")
    terminal.type("\x04")
    assert terminal.end() == 130


# Keys


def test_an_added_password_opens_the_repository_for_holdfast_and_restic(bare, made, password_file, tmp_path, restics):
    (tmp_path / "second").write_text("second password, for the night shift")
    bare("repository", "key", "add", "--new-password-file", tmp_path / "second", "--password-file", password_file)
    bare("backup", "list", "--password-file", tmp_path / "second")
    for restic in restics:
        restic.run(made, "snapshots", password="second password, for the night shift")
        restic.run(made, "snapshots", password=PASSWORD)


def test_keys_come_and_go(bare, password_file, tmp_path):
    (tmp_path / "second").write_text("second")
    first = bare.but(HOLDFAST_PASSWORD_FILE=password_file)
    second = bare.but(HOLDFAST_PASSWORD_FILE=tmp_path / "second")
    first("repository", "key", "add", "--new-password-file", tmp_path / "second")
    keys = first("repository", "key", "list", "-o", "json").document
    assert len(keys) == 2
    (own,) = [key["id"] for key in keys if key["current"]]
    assert [key["id"] for key in second("repository", "key", "list", "-o", "json").document if key["current"]] != [own]
    second("repository", "key", "remove", own[:12])
    first("backup", "list", code=12)
    second("backup", "list")


def test_the_key_in_use_and_the_last_key_cannot_be_removed(bare, password_file):
    first = bare.but(HOLDFAST_PASSWORD_FILE=password_file)
    (key,) = first("repository", "key", "list", "-o", "json").document
    assert "in use" in first("repository", "key", "remove", key["id"], code=2).err


def test_a_key_that_does_not_exist_cannot_be_removed(bare, password_file):
    first = bare.but(HOLDFAST_PASSWORD_FILE=password_file)
    assert "holdfast repository key list" in first("repository", "key", "remove", "abcdef", code=2).err


def test_a_new_password_is_not_asked_for_without_a_terminal(bare, password_file):
    first = bare.but(HOLDFAST_PASSWORD_FILE=password_file)
    assert "--new-password-file" in first("repository", "key", "add", code=2).err
