"""docs/append-only.md on a real MinIO: what the two accounts can do and what they cannot, in every sort of bucket."""

import pytest
from minio.error import S3Error
from tests.append_only.minio_buckets import PREFIX

from holdfast.errors import StoreRefused
from holdfast.model.cancel import Cancel
from holdfast.store.retrying import RetryingStore
from holdfast.store.url import open_store
from holdfast.testing.faulty_store import Call, FaultyStore

DENIED = "AccessDenied: Access Denied"


def second_versions(bucket):
    """Names outside locks/ that were written or deleted more than once."""
    names = [version.object_name for version in bucket.versions() if "/locks/" not in version.object_name]
    return {name for name in names if names.count(name) > 1}


def restored(holdfast, source, target):
    holdfast("restore", "files", "latest", "--target", target)
    return {
        str(path.relative_to(source)): (target / path.relative_to("/")).read_bytes()
        for path in source.rglob("*")
        if path.is_file()
    }


def content_of(source):
    return {str(path.relative_to(source)): path.read_bytes() for path in source.rglob("*") if path.is_file()}


def test_backups_restores_and_checks_need_the_writer_only(bucket, writer_and_keeper, source, tmp_path, restic_as):
    writer, _ = writer_and_keeper(bucket)
    writer("backup", "files", source, "--name", "one")
    (source / "text").write_text("second")
    writer("backup", "files", source, "--name", "two")
    assert [entry["name"] for entry in writer("backup", "list", "-o", "json").document] == ["one", "two"]
    assert restored(writer, source, tmp_path / "target") == content_of(source)
    assert "no errors were found" in writer("repository", "check", "--read-data").out
    restic_as(writer, bucket, "backup", source)
    assert "no errors were found" in restic_as(writer, bucket, "check", "--read-data")
    assert bucket.files("locks/") == {}
    if bucket.keeps_versions:
        assert bucket.versions("locks/")
        assert second_versions(bucket) == set()


def test_the_writer_cannot_delete_a_backup_and_is_told_who_can(bucket, writer_and_keeper, source, restic_as):
    writer, keeper = writer_and_keeper(bucket)
    writer("backup", "files", source, "--name", "one")
    before = bucket.files()
    what, why, advice = writer("backup", "delete", "one", "--yes", code=1).problem
    assert what.startswith("cannot delete snapshots/")
    assert why == f"the credentials in use may not delete this ({DENIED})"
    assert "the keeper's may: see docs/append-only.md" in advice
    assert bucket.files() == before

    (snapshot,) = [entry["id"] for entry in writer("backup", "list", "-o", "json").document]
    keeper("backup", "delete", "one", "--yes")
    assert writer("backup", "list", "-o", "json").document == []
    assert f"snapshots/{snapshot}" not in bucket.files()
    kept = {version.object_name for version in bucket.versions("snapshots/") if not version.is_delete_marker}
    assert (f"{PREFIX}/snapshots/{snapshot}" in kept) == bucket.keeps_versions
    assert "no errors were found" in restic_as(keeper, bucket, "check", "--read-data")


def test_a_refused_delete_is_not_tried_again(plain):
    environ = plain.account(plain.policy("writer.json"))
    asked = FaultyStore(open_store(plain.url, environ=environ))
    store = RetryingStore(asked, cancel=Cancel())
    with pytest.raises(StoreRefused, match=r"cannot delete data/00/x in s3:.* may not delete this \(AccessDenied"):
        store.delete("data/00/x")
    with pytest.raises(StoreRefused, match=r"cannot write config in s3:.* may not write this \(AccessDenied") as caught:
        store.put("config", [b"x"])
    assert "what the key may do in the bucket" in caught.value.next
    assert asked.calls == [Call("delete", "data/00/x"), Call("put", "config")]


def test_the_writer_cannot_touch_what_makes_the_repository(bucket, writer_and_keeper, program):
    writer, _ = writer_and_keeper(bucket)
    before = bucket.files()
    requests = bucket.client(writer.environment)
    for name in before:
        with pytest.raises(S3Error, match="AccessDenied"):
            requests.remove_object(bucket.name, f"{PREFIX}/{name}")
        with pytest.raises(S3Error, match="AccessDenied"):
            requests.fput_object(bucket.name, f"{PREFIX}/{name}", __file__)
    (key,) = [name.removeprefix("keys/") for name in before if name.startswith("keys/")]
    empty = program(bucket, bucket.account(bucket.policy("writer.json"))).but(HOLDFAST_REPOSITORY=f"{bucket.url}-2")
    what, _, advice = empty("repository", "init", code=1).problem
    assert what.startswith("cannot")
    assert advice
    assert bucket.files() == before
    assert key[:8] in writer("repository", "key", "list").out


def test_an_account_that_may_put_everywhere_makes_the_repository_too(plain, program):
    policy = plain.policy("writer.json")
    (adding,) = [statement for statement in policy["Statement"] if statement["Sid"] == "AddFiles"]
    adding["Resource"] = f"arn:aws:s3:::{plain.name}/{PREFIX}/*"
    program(plain, plain.account(policy))("repository", "init")
    assert "config" in plain.files()


@pytest.mark.parametrize("file", ["writer.json", "keeper.json"])
def test_no_account_of_the_page_destroys_a_version(versioned, writer_and_keeper, file, source):
    writer, keeper = writer_and_keeper(versioned)
    writer("backup", "files", source)
    requests = versioned.client((writer if file == "writer.json" else keeper).environment)
    for version in versioned.versions():
        if not version.is_delete_marker:
            with pytest.raises(S3Error, match="AccessDenied"):
                requests.remove_object(versioned.name, version.object_name, version_id=version.version_id)
    assert "no errors were found" in keeper("repository", "check", "--read-data").out


def test_a_lock_that_may_not_be_deleted_stays_with_a_warning_and_the_run_is_done(
    bucket, writer_and_keeper, program, source, restic_as
):
    policy = bucket.policy("writer.json")
    policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != "TakeLocksAway"]
    _, keeper = writer_and_keeper(bucket)
    lockless = program(bucket, bucket.account(policy))
    for number in range(2):  # the lock of the first is no obstacle for the second
        done = lockless("backup", "files", source, "--name", f"backup-{number}")
        assert "Warning: this run's lock stays in the repository: cannot delete locks/" in done.err
        assert DENIED in done.err
    assert len(bucket.files("locks/")) == 2
    assert len(lockless("backup", "list", "-o", "json").document) == 2
    assert "2 locks removed" in keeper("repository", "unlock").out
    assert bucket.files("locks/") == {}
    assert "no errors were found" in restic_as(keeper, bucket, "check", "--read-data")
