"""A repository in a real S3 server: the whole way, and what goes wrong there."""

import secrets

import pytest
from tests.cli.holdfast import PASSWORD
from tests.restic_oracle import Restic


@pytest.fixture
def bucket(s3_server):
    name = f"backups-{secrets.token_hex(4)}"
    s3_server.create_bucket(name)
    return name


@pytest.fixture
def in_s3(holdfast, s3_server, bucket):
    """The program with a prefix in a bucket."""
    ready = holdfast.but(HOLDFAST_REPOSITORY=f"{s3_server.repository(bucket)}/team/a", **s3_server.environment)
    ready.secrets = {*holdfast.secrets, s3_server.secret_key}
    return ready


def test_back_up_list_restore_and_what_restic_reads(in_s3, cluster, shop, s3_server, bucket, restics):
    ready = in_s3.but(KUBECONFIG=cluster.kubeconfig)
    ready("repository", "init")
    ready("backup", "create", "-n", shop, "--name", "in-s3")
    (entry,) = ready("backup", "list", "-o", "json").document
    assert entry["name"] == "in-s3"
    assert "hunter2" not in ready("backup", "cat", "in-s3", f"secret/{shop}/login").out  # it is base64
    report = ready("restore", "run", "in-s3", "--map-namespace", f"{shop}={shop}-s3", "-o", "json").document
    assert report["outcome"] == "done"
    assert cluster.api.request("GET", f"/api/v1/namespaces/{shop}-s3/configmaps/settings")["data"] == {"colour": "grün"}
    assert "no errors were found" in ready("repository", "check", "--read-data").out
    for restic in restics:
        own = Restic(restic.binary, ready.environment["HOME"])
        own._environment |= s3_server.environment
        own.check(f"{s3_server.repository(bucket)}/team/a", PASSWORD)


def test_a_bucket_that_does_not_exist_is_named(in_s3, s3_server):
    url = s3_server.repository("no-such-bucket")
    for command in (("repository", "init"), ("backup", "list")):
        what, why, advice = in_s3(*command, "-r", url, code=1).problem
        assert "no-such-bucket" in what + why
        assert "bucket" in (why + advice).lower()


def test_credentials_that_are_refused_are_not_shown(in_s3):
    wrong = in_s3.but(AWS_SECRET_ACCESS_KEY="wrong-secret-access-key-0123456789")
    wrong.secrets = {*in_s3.secrets, "wrong-secret-access-key-0123456789"}
    what, why, advice = wrong("backup", "list", code=1).problem
    assert what
    assert why
    assert advice
    assert "AWS" in wrong("backup", "list", "-o", "json", code=1).err + advice


def test_credentials_missing_altogether_are_said(in_s3):
    without = in_s3.but(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert "AWS_ACCESS_KEY_ID" in without("backup", "list", code=None).err
