"""A repository in a real S3 server: the whole way, and what goes wrong there."""

import json
import secrets

import pytest
from tests.cli.holdfast import PASSWORD
from tests.plan_lab import define_plans, make_plan
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


def test_runs_of_a_plan_that_come_twice(in_s3, cluster, shop, s3_server, bucket, restics, tmp_path):
    define_plans(cluster)
    plan = make_plan(cluster, shop)
    ready = in_s3.but(KUBECONFIG=cluster.kubeconfig, HOLDFAST_JOB="plan-nightly-29932440")
    ready("repository", "init")
    pods = [ready.but(HOLDFAST_POD_UID=f"pod-{number}") for number in range(3)]
    done = [child.end() for child in [pod.start("backup", "create", "--plan", plan) for pod in pods]]
    assert [one.code for one in done] == [0, 0, 0]
    assert sum("is there already" in one.out for one in done) == 2
    (entry,) = ready("backup", "list", "--plan", plan, "-o", "json").document
    assert entry["name"] == "nightly-20261129-1000"
    ready("backup", "forget", "--plan", plan, "--keep-last", "1", "--yes")
    assert len(ready("backup", "list", "-o", "json").document) == 1
    restored = ready("restore", "run", "latest", "--plan", plan, "--map-namespace", f"{shop}={shop}-s3", "-o", "json")
    assert restored.document["outcome"] == "done"
    result = tmp_path / "result"
    ready.but(AWS_SECRET_ACCESS_KEY="wrong-secret-access-key", HOLDFAST_RESULT_FILE=result)("backup", "list", code=1)
    assert json.loads(result.read_text())["reason"] == "StoreRefused"
    for restic in restics:
        own = Restic(restic.binary, ready.environment["HOME"])
        own._environment |= s3_server.environment
        own.check(f"{s3_server.repository(bucket)}/team/a", PASSWORD)
