"""The examples that use Holdfast as a library do what they say; no cluster is needed."""

import os
import random
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.restic_oracle import PASSWORD, restic_agrees, restics  # noqa: F401 - fixtures
from tests.sample_repository import init, read_files, reopen, write_files

from holdfast.store.local import LocalStore

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def repository(tmp_path, restic_agrees):  # noqa: F811 - the fixture
    """In a directory. Both restics must find it whole after the test."""
    init(LocalStore(tmp_path / "repository"))
    yield reopen(LocalStore(tmp_path / "repository"))
    restic_agrees(tmp_path / "repository")


@pytest.fixture
def run(tmp_path):
    """`run(program, *arguments, stdin=b"", code=0)` → what it printed, and its errors."""

    def run_program(program, *arguments, stdin=b"", code=0):
        environment = {"PATH": os.defpath, "HOLDFAST_REPOSITORY": str(tmp_path / "repository")}
        done = subprocess.run(
            [sys.executable, EXAMPLES / program, *arguments],
            env={**environment, "HOLDFAST_PASSWORD": PASSWORD},
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode == code, done.stderr.decode()
        return done.stdout, done.stderr.decode()

    return run_program


# store_a_stream.py


def test_a_stream_becomes_the_one_file_of_a_snapshot(repository, run):
    dump = random.Random(5).randbytes(9 << 20)
    printed, _ = run("store_a_stream.py", "shop.sql", "database=shop", stdin=dump)
    [(snapshot_id, snapshot)] = repository.snapshots()
    assert printed.decode().startswith(f"{snapshot_id.short}: 9,437,184 bytes read")
    assert (snapshot.paths, snapshot.tags) == (["/shop.sql"], ["database=shop"])
    assert read_files(reopen(repository.store), snapshot_id) == {"shop.sql": dump}


def test_the_same_stream_is_not_stored_twice(repository, run):
    for _ in range(2):
        printed, _ = run("store_a_stream.py", "shop.sql", stdin=b"CREATE TABLE shop;\n")
        assert b" 19 bytes read" in printed
    assert len(list(repository.store.list("data"))) == 3  # one of content; two of trees, which hold times
    assert len(repository.snapshot_ids()) == 2


def test_an_empty_stream_is_no_backup(repository, run):
    _, errors = run("store_a_stream.py", "shop.sql", code=1)
    assert "standard input was empty" in errors
    assert repository.snapshot_ids() == []


# walk_backup.py


@pytest.mark.usefixtures("repository")
def test_sha256sum_agrees_with_the_files_that_were_backed_up(tmp_path, run):
    source = tmp_path / "source"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "deep" / "er" / "long").write_bytes(random.Random(6).randbytes(9 << 20))
    for name in (b"empty", b"two\nlines", b"back\\slash", b"not utf-8 \xff"):
        Path(os.fsdecode(os.path.join(bytes(source), name))).write_bytes(name * 3)  # noqa: PTH118 - bytes
    environment = {"HOLDFAST_REPOSITORY": str(tmp_path / "repository"), "HOLDFAST_PASSWORD": PASSWORD}
    holdfast = Path(sysconfig.get_path("scripts"), "holdfast")
    subprocess.run([holdfast, "backup", "files", source], env=environment, capture_output=True, check=True)
    sums, _ = run("walk_backup.py")
    assert len(sums.splitlines()) == 5
    assert subprocess.run(["sha256sum", "--check", "--quiet"], input=sums, check=False).returncode == 0
    (source / "empty").write_bytes(b"changed")
    judged = subprocess.run(["sha256sum", "--check", "--quiet"], input=sums, capture_output=True, check=False)
    assert judged.stdout.decode() == f"{source}/empty: FAILED\n"


def test_a_snapshot_is_found_by_its_first_digits(repository, run):
    older = write_files(repository, {"older": b""})
    write_files(repository, {"newer": b""}, time="2027-01-01T00:00:00Z")
    assert run("walk_backup.py", older.short)[0].endswith(b"  /older\n")
    assert run("walk_backup.py")[0].endswith(b"  /newer\n")
    assert "no snapshot 0bad" in run("walk_backup.py", "0bad", code=1)[1]


def test_what_is_damaged_is_named_and_the_rest_is_read(tmp_path, run):
    repository = init(LocalStore(tmp_path / "repository"))
    write_files(repository, {"lost": b"lost"})
    lost = {entry.name for entry in repository.store.list("data")}
    other = reopen(LocalStore(tmp_path / "repository"))
    write_files(other, {"lost": b"lost", "whole": b"whole"}, time="2027-01-01T00:00:00Z")
    for name in lost:
        repository.store.delete(name)
    sums, errors = run("walk_backup.py", code=1)
    assert [line.split(b"  ")[1] for line in sums.splitlines()] == [b"/whole"]
    assert "is missing" in errors
