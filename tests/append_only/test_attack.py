"""What a stolen writer key can do, and how the page's recipe undoes it."""

import io

from minio.lifecycleconfig import LifecycleConfig
from minio.xml import unmarshal
from tests.append_only.minio_buckets import PREFIX, from_page
from tests.append_only.test_accounts import content_of, restored, second_versions


def overwrite(bucket, environment, directory):
    """Garbage over all files of a directory, as the account may."""
    requests = bucket.client(environment)
    for name in bucket.files(directory):
        requests.put_object(bucket.name, f"{PREFIX}/{name}", io.BytesIO(b"garbage"), 7)


def test_what_a_stolen_writer_key_overwrites_comes_back_from_the_versions(
    versioned, writer_and_keeper, source, tmp_path, restic_as
):
    writer, keeper = writer_and_keeper(versioned)
    writer("backup", "files", source)
    for directory in ("data/", "index/", "snapshots/"):
        overwrite(versioned, writer.environment, directory)
    keeper("repository", "check", code=1)
    attacked = second_versions(versioned)
    assert attacked

    assert versioned.put_back() == attacked
    assert "no errors were found" in keeper("repository", "check", "--read-data").out
    assert restored(keeper, source, tmp_path / "target") == content_of(source)
    assert "no errors were found" in restic_as(keeper, versioned, "check", "--read-data")


def test_what_the_keeper_deleted_comes_back_from_the_versions(versioned, writer_and_keeper, source, tmp_path):
    writer, keeper = writer_and_keeper(versioned)
    writer("backup", "files", source, "--name", "one")
    keeper("backup", "delete", "one", "--yes")
    versioned.put_back()
    assert restored(writer, source, tmp_path / "target") == content_of(source)


def test_without_versions_an_overwritten_file_is_lost_and_found_by_check(plain, writer_and_keeper, source):
    """Why the page wants versions: a right to add is a right to overwrite."""
    writer, keeper = writer_and_keeper(plain)
    writer("backup", "files", source)
    overwrite(plain, writer.environment, "data/")
    assert plain.put_back() == set()
    keeper("repository", "check", "--read-data", code=1)


def element(name, value):
    if isinstance(value, dict):
        return f"<{name}>{''.join(element(*item) for item in value.items())}</{name}>"
    return f"<{name}>{str(value).lower() if isinstance(value, bool) else value}</{name}>"


def test_the_server_takes_the_lifecycle_rule(versioned):
    rules = "".join(element("Rule", rule) for rule in from_page("lifecycle.json")["Rules"])
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    text = f'<LifecycleConfiguration xmlns="{namespace}">{rules}</LifecycleConfiguration>'
    versioned.root.set_bucket_lifecycle(versioned.name, unmarshal(LifecycleConfig, text))
    (rule,) = versioned.root.get_bucket_lifecycle(versioned.name).rules
    assert rule.noncurrent_version_expiration.noncurrent_days == 30
    assert rule.expiration.expired_object_delete_marker
