"""What real servers and emulators tell about rights, and that asking leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.restic_oracle import PASSWORD, restic_agrees, restics  # noqa: F401 - fixtures
from tests.sample_repository import init

from holdfast.operations.location_probe import probe_location
from holdfast.operations.location_report import SuitedFor
from holdfast.store.access import Keeping, access_to
from holdfast.store.local import LocalStore
from holdfast.store.url import open_store


@pytest.fixture(params=["s3_place", "minio_place", "gcs_place", "azure_place"])
def place(request):
    return request.getfixturevalue(request.param)


def asked(place):
    url = place.empty()
    store = open_store(url, environ=place.environ)
    return store, access_to(url, store, environ=place.environ)


def test_who_may_do_everything_may_delete(place):
    store, access = asked(place)
    assert access.may_delete("locks/holdfast-probe") is True
    assert list(store.list("")) == []


@pytest.mark.parametrize("name", ["s3_place", "minio_place"])
def test_s3_tells_whether_one_may_write_without_storing_anything(name, request):
    store, access = asked(request.getfixturevalue(name))
    assert access.may_write("data/holdfast-probe") is True
    assert list(store.list("")) == []


@pytest.mark.parametrize("name", ["s3_place", "minio_place"])
def test_a_bucket_without_versions_says_so(name, request):
    _, access = asked(request.getfixturevalue(name))
    assert access.versioning("") == Keeping("off")
    assert access.object_lock() == Keeping("off")


@pytest.mark.parametrize("name", ["gcs_place", "azure_place"])
def test_others_cannot_be_asked_and_say_so(name, request):
    _, access = asked(request.getfixturevalue(name))
    assert access.may_write("data/holdfast-probe") is None
    for kept in (access.versioning(""), access.object_lock()):
        assert kept.state == "unknown"
        assert kept.detail


def test_a_key_from_the_machine_itself_signs_nothing_of_ours(s3_place):
    store = open_store(s3_place.empty(), environ=s3_place.environ)
    role = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn"}
    access = access_to(s3_place.empty(), store, environ=role)
    assert access.may_write("data/holdfast-probe") is None
    assert "not from a key" in access.versioning("").detail


def test_an_upload_that_a_careless_server_took_is_deleted(s3_place):
    store, access = asked(s3_place)

    class Careless:
        def send(self, _method, key, **_):
            store.put("data/holdfast-probe", [b"taken"])
            assert key.endswith("/data/holdfast-probe")
            return type("Answer", (), {"status": 200, "body": ""})

    access._requests = Careless()
    assert access.may_write("data/holdfast-probe") is True
    assert list(store.list("")) == []


def test_a_directory_is_judged_by_its_nearest_parent(tmp_path):
    access = access_to(str(tmp_path / "new"), LocalStore(tmp_path / "new"), environ={})
    assert access.may_write("data/x") is True
    assert access.may_delete("data/x") is True
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_no_one_may_write_in():
    access = access_to("/proc/self", LocalStore(Path("/proc/self")), environ={})
    assert access.may_write("x") is False


class Whole:
    """A repository there, as a test of a location wants it."""

    def __init__(self, place):
        self.url, self._environ = place.empty(), place.environ
        init(self.store())

    def store(self):
        return open_store(self.url, environ=self._environ)

    def access(self, store):
        return access_to(self.url, store, environ=self._environ)

    def password(self):
        return PASSWORD


def test_the_whole_test_of_a_location(place, restic_agrees):  # noqa: F811 - the fixture
    tried = Whole(place)
    before = {entry.name for entry in tried.store().list("")}
    report = probe_location(tried, patience=60, speed=True)
    assert (report.outcome, report.reason) == ("done", "")
    assert report.suited_for == SuitedFor(restores=True, backups=True, maintenance=True)
    assert report.speed.download_bytes_per_second > 0
    assert {entry.name for entry in tried.store().list("")} == before
    restic_agrees(tried.store(), PASSWORD)
