"""`location test` with the accounts of docs/append-only.md, in every sort of bucket."""

import json

import pytest
from tests.append_only.minio_buckets import PREFIX


def probes(bucket):
    """(name, whether it is a delete marker) of each version of a probe."""
    return [
        (version.object_name.removeprefix(f"{PREFIX}/"), version.is_delete_marker)
        for version in bucket.versions()
        if "holdfast-probe" in version.object_name
    ]


def test_the_writer_is_suited_for_backups_and_the_keeper_for_maintenance(bucket, writer_and_keeper, source, restic_as):
    writer, keeper = writer_and_keeper(bucket)
    writer("backup", "files", source)
    before = bucket.files()
    written = writer("location", "test", "-o", "json").document
    assert written["suitedFor"] == {"restores": True, "backups": True, "maintenance": False}
    assert written["rights"] == {
        "read": True,
        "list": True,
        "write": True,
        "delete": False,
        "writeLocks": True,
        "overwriteLocks": True,
        "deleteLocks": True,
    }
    kept = keeper("location", "test", "-o", "json").document
    assert kept["suitedFor"] == {"restores": True, "backups": True, "maintenance": True}
    assert written["versioning"]["state"] == kept["versioning"]["state"] == ("on" if bucket.keeps_versions else "off")
    assert (written["speed"] is None) == bucket.keeps_versions
    assert bucket.files() == before
    assert "no errors were found" in restic_as(writer, bucket, "check")


def test_what_versions_keep_of_a_test_is_small_and_under_locks(versioned, writer_and_keeper):
    writer, _ = writer_and_keeper(versioned)
    writer("location", "test")
    left = probes(versioned)
    assert {name.partition("/")[0] for name, is_marker in left if not is_marker} == {"locks"}
    sizes = [version.size for version in versioned.versions("locks/holdfast-probe") if not version.is_delete_marker]
    assert sum(sizes) <= 4 * 1024


def test_a_refused_upload_leaves_nothing_where_nothing_may_be_deleted(bucket, program, writer_and_keeper):
    writer_and_keeper(bucket)
    policy = bucket.policy("writer.json")
    policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != "TakeLocksAway"]
    account = program(bucket, bucket.account(policy))
    before = bucket.versions()
    found = account("location", "test", "-o", "json").document
    assert (found["rights"]["write"], found["rights"]["writeLocks"], found["rights"]["deleteLocks"]) == (
        True,
        True,
        False,
    )
    assert found["suitedFor"]["backups"] is True
    assert len(bucket.versions()) == len(before)


def test_an_account_that_only_reads(bucket, program, writer_and_keeper):
    writer_and_keeper(bucket)
    policy = bucket.policy("writer.json")
    policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] in ("ListTheBucket", "ReadEverything")]
    done = program(bucket, bucket.account(policy))("location", "test", "-o", "json", code=1)
    found = done.document
    assert found["reason"] == "StoreRefused"
    assert "may not write" in done.problem[1]
    assert (found["rights"]["write"], found["rights"]["delete"], found["rights"]["writeLocks"]) == (False, False, False)
    assert found["suitedFor"] == {"restores": False, "backups": False, "maintenance": False}


@pytest.mark.parametrize("key", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_credentials_that_the_store_does_not_know(plain, writer_and_keeper, key):
    writer, _ = writer_and_keeper(plain)
    done = writer.but(**{key: "wrongwrongwrong"})("location", "test", "-o", "json", code=1)
    assert done.document["reason"] == "StoreRefused"
    assert "credentials were refused" in done.problem[1]


def test_object_lock_is_told_to_those_who_may_ask(bucket, program, request):
    policy = bucket.policy("keeper.json")
    policy["Statement"][0]["Action"] += ["s3:GetBucketObjectLockConfiguration", "s3:GetBucketVersioning"]
    account = program(bucket, bucket.account(policy))
    account("repository", "init")
    found = account("location", "test", "-o", "json").document
    mode = request.node.callspec.params["bucket"]
    expected = (
        {"state": "on", "detail": f"{mode}, 1 day"}
        if mode in ("governance", "compliance")
        else {"state": "off", "detail": ""}
    )
    assert found["objectLock"] == expected
    assert found["versioning"]["state"] == ("on" if bucket.keeps_versions else "off")


def test_without_that_right_it_says_which_one_is_missing(plain, writer_and_keeper):
    writer, _ = writer_and_keeper(plain)
    lock = json.loads(writer("location", "test", "-o", "json").out)["objectLock"]
    assert lock["state"] == "unknown"
    assert "s3:GetBucketObjectLockConfiguration" in lock["detail"]
