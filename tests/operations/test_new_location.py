"""Which variables of a person's environment become a location's credentials."""

import pytest

from holdfast.errors import UsageError
from holdfast.operations.new_location import credentials_from_environment

S3 = "s3:https://s3.example.com/bucket"
KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}


def test_those_of_the_urls_store_and_no_others():
    environ = KEYS | {"AZURE_ACCOUNT_KEY": "x", "HOME": "/", "AWS_PROFILE": "mine"}
    assert credentials_from_environment(S3, environ) == {name: value.encode() for name, value in KEYS.items()}
    assert credentials_from_environment("azure:container:/", environ) == {"AZURE_ACCOUNT_KEY": b"x"}


def test_of_a_google_account_the_files_content(tmp_path):
    (tmp_path / "account.json").write_text('{"type": "service_account"}')
    for value in (str(tmp_path / "account.json"), '{"type": "service_account"}'):
        found = credentials_from_environment("gs:bucket:/", {"GOOGLE_APPLICATION_CREDENTIALS": value})
        assert found == {"GOOGLE_APPLICATION_CREDENTIALS": b'{"type": "service_account"}'}
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        credentials_from_environment("gs:bucket:/", {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none")})


def test_temporary_ones_are_refused():
    with pytest.raises(UsageError, match="temporary"):
        credentials_from_environment(S3, KEYS | {"AWS_SESSION_TOKEN": "token"})


def test_an_environment_without_any_is_named_and_a_directory_needs_none():
    with pytest.raises(UsageError, match="AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"):
        credentials_from_environment(S3, {"AZURE_ACCOUNT_KEY": "x"})
    assert credentials_from_environment("/srv/backups", {}) == {}
