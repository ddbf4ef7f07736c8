"""A bucket of each sort, and the program as the two accounts of docs/append-only.md."""

import pytest
from minio.commonconfig import COMPLIANCE, GOVERNANCE
from tests.append_only.minio_buckets import Bucket
from tests.cli.holdfast import PASSWORD, Holdfast
from tests.restic_oracle import Restic

SORTS = {
    "plain": {},
    "versions": {"versions": True},
    "governance": {"mode": GOVERNANCE},
    "compliance": {"mode": COMPLIANCE},
}


@pytest.fixture(params=SORTS)
def bucket(request, minio_server):
    """One of each sort."""
    made = Bucket(minio_server, **SORTS[request.param])
    made.keeps_versions = request.param != "plain"
    return made


@pytest.fixture(params=["versions", "governance", "compliance"])
def versioned(request, minio_server):
    return Bucket(minio_server, **SORTS[request.param])


@pytest.fixture
def plain(minio_server):
    return Bucket(minio_server)


@pytest.fixture
def program(tmp_path):
    """`program(bucket, account)`: Holdfast with the rights of an account."""

    def made(bucket, account):
        ready = Holdfast(tmp_path, HOLDFAST_PASSWORD=PASSWORD, HOLDFAST_REPOSITORY=bucket.url, **account)
        ready.secrets |= {account["AWS_SECRET_ACCESS_KEY"]}
        return ready

    return made


@pytest.fixture
def writer_and_keeper(program):
    """`writer_and_keeper(bucket)`: the two, with a repository that the keeper made."""

    def made(bucket):
        writer = program(bucket, bucket.account(bucket.policy("writer.json")))
        keeper = program(bucket, bucket.account(bucket.policy("keeper.json")))
        keeper("repository", "init")
        return writer, keeper

    return made


@pytest.fixture
def restic_as(restic_new, tmp_path):
    """`restic_as(holdfast, bucket, *arguments)`: restic with the same account and repository."""

    def run(holdfast, bucket, *arguments, code=0):
        restic = Restic(restic_new, tmp_path)
        restic._environment |= holdfast.environment
        return restic.run(bucket.url, *arguments, password=PASSWORD, code=code)

    return run


@pytest.fixture
def source(tmp_path):
    """A directory that is worth a backup."""
    directory = tmp_path / "source"
    (directory / "deep").mkdir(parents=True)
    (directory / "text").write_text("first")
    (directory / "deep" / "long").write_bytes(bytes(range(256)) * 20_000)
    return directory
