"""HOLDFAST_CREDENTIALS: a directory that has all that opens a repository, as a pod gets it."""

import pytest
from tests.cli.holdfast import PASSWORD
from tests.sample_repository import init

from holdfast.store.local import LocalStore


@pytest.fixture
def directory(tmp_path):
    """Empty."""
    made = tmp_path / "credentials"
    made.mkdir()
    return made


@pytest.fixture
def bare(holdfast, repository, directory):
    """The program with a repository, that directory, and no other password."""
    init(LocalStore(repository), PASSWORD)
    return holdfast.but(HOLDFAST_PASSWORD_FILE=None, HOLDFAST_REPOSITORY=repository, HOLDFAST_CREDENTIALS=directory)


def test_the_password_is_the_file_of_that_name(bare, directory):
    (directory / "password").write_text(f"{PASSWORD}\n")
    bare("backup", "list")


def test_flags_and_the_environment_go_before_the_directory(bare, directory, password_file):
    (directory / "password").write_text("wrong")
    bare("backup", "list", code=12)
    bare("backup", "list", "--password-file", password_file)
    bare.but(HOLDFAST_PASSWORD_FILE=password_file)("backup", "list")
    bare.but(HOLDFAST_PASSWORD=PASSWORD)("backup", "list")


def test_a_directory_without_a_password_is_named(bare, directory):
    (directory / "AWS_REGION").write_text("eu-west-1")
    what, why, advice = bare("backup", "list", code=2).problem
    assert what == "no password is given"
    assert why.startswith(f"the directory {directory} has no key `password`")
    assert advice


def test_a_directory_that_is_none_is_named(bare, directory):
    what, why, advice = bare.but(HOLDFAST_CREDENTIALS=directory / "none")("backup", "list", code=2).problem
    assert f"{directory}/none" in what
    assert why == "No such file or directory"
    assert "HOLDFAST_CREDENTIALS" in advice


def test_a_name_that_makes_no_sense_is_named_and_its_value_is_not(bare, directory):
    (directory / "access-key").write_text(PASSWORD)
    what, _, advice = bare("backup", "list", code=2).problem  # the program is examined for PASSWORD
    assert "access-key" in what
    assert "docs/locations.md" in advice


def test_a_store_gets_its_variables_and_its_certificate_authority(holdfast, directory, s3_server):
    s3_server.create_bucket("of-a-directory")
    for name, value in s3_server.environment.items():
        (directory / name).write_text(f"{value}\n")
    (directory / "password").write_text(PASSWORD)
    program = holdfast.but(
        HOLDFAST_PASSWORD_FILE=None,
        HOLDFAST_REPOSITORY=s3_server.repository("of-a-directory"),
        HOLDFAST_CREDENTIALS=directory,
    )
    program.secrets |= {s3_server.secret_key}
    program("repository", "init")
    program("backup", "list")
    refused = program.but(AWS_SECRET_ACCESS_KEY="another")("backup", "list", code=1)
    assert "credentials were refused" in refused.err
    (directory / "ca.crt").write_text("no certificate")
    assert "ca.crt" in program("backup", "list", code=2).problem[0]
