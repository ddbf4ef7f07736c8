"""Paths and URLs become stores."""

from pathlib import Path

import pytest

from holdfast.errors import UsageError
from holdfast.store.location import store_at


@pytest.mark.parametrize("spelling", [str, Path, lambda path: f"local:{path}"])
def test_a_directory_is_named_in_three_ways(tmp_path, spelling):
    assert store_at(spelling(tmp_path)).url == str(tmp_path)


def test_a_path_object_is_never_read_as_a_url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert store_at(Path("s3:host/bucket")).url == f"{tmp_path}/s3:host/bucket"


def test_a_url_names_its_store_and_the_environment_its_credentials():
    environ = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert store_at("s3:https://s3.example.com/backups", environ=environ).url == "s3:https://s3.example.com/backups"


def test_what_is_no_url_is_refused():
    with pytest.raises(UsageError):
        store_at("sftp:host:/path")
