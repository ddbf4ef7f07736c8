"""SIGKILL of a real `holdfast backup create`: nothing half is listed, and the next backup works without hands."""

import random
import shutil

import pytest
from tests.faults.doomed import KILLED, ended, killed_sometime, moments, start
from tests.restore_lab import Lab, Vault, config_map, obj
from tests.sample_repository import check_all, read_files

from holdfast.model.cancel import Cancel
from holdfast.operations.catalog import read_catalog
from holdfast.store.local import LocalStore

SEED = 20261123


@pytest.fixture(scope="module")
def lab(cluster):
    lab = Lab(cluster)
    inside = lab.new_namespace("killed")
    for number in range(5):
        inside.make(config_map(f"map-{number}"))
    yield inside
    lab.close()


@pytest.fixture(scope="module")
def prepared(lab, tmp_path_factory):
    """A repository with one backup, after which the namespace has changed."""
    directory = tmp_path_factory.mktemp("prepared") / "repository"
    Vault(LocalStore(directory)).back_up(lab, name="first")
    lab.make(obj("v1", "Secret", "new", stringData={"password": "secret"}))
    lab.patch(config_map("map-1"), {"data": {"color": "red"}})
    return directory


@pytest.fixture
def copied(prepared, tmp_path):
    """`copied(name)`: a fresh copy of the prepared repository."""
    return lambda name: shutil.copytree(prepared, tmp_path / str(name))


def back_up(lab, directory, moment, number="SIGKILL"):
    arguments = "backup", "create", "-n", lab.namespace, "--progress", "none"
    return start(number, "store", moment, directory, lab.control_plane.kubeconfig, *arguments)


def opened(directory):
    vault = object.__new__(Vault)
    vault.store = LocalStore(directory)
    vault.reopen()
    return vault


def assert_whole(vault):
    """No fault is found, and all that is listed can be read; returns the number of backups."""
    assert check_all(vault.repository).errors == []
    backups = read_catalog(vault.repository).backups
    for entry in backups:
        assert "backup.json" in read_files(vault.repository, entry.id)
    return len(backups)


def assert_next_backup_works(vault, lab):
    run = vault.back_up(lab)
    vault.reopen()
    assert (run.outcome, run.errors) == ("done", [])
    assert read_catalog(vault.repository).backups[-1].id.hex() == run.id
    assert_whole(vault)
    with vault.repository.lock(Cancel(), exclusive=True):  # no dead lock is in the way
        pass


def test_at_every_operation_of_the_store(lab, copied, restics, say):
    code, _, errors = ended(back_up(lab, copied("alive"), 0))
    assert code == 0, errors
    total = moments(errors)

    published = 0
    for moment in range(1, total + 1):
        directory = copied(moment)
        code, _, errors = ended(back_up(lab, directory, moment))
        assert code == KILLED, (moment, errors)
        vault = opened(directory)
        count = assert_whole(vault)
        assert count in (1, 2)
        published += count == 2
        if moment % 6 == 0:
            restics[moment // 6 % 2].run(directory, "check", "--read-data", "--no-lock")
        assert_next_backup_works(vault, lab)
        shutil.rmtree(directory)
    say(f"{total} kills, {published} of them after the backup was published, 0 backups lost")
    assert total > 30
    assert 2 <= published < total / 2


def test_at_random_moments_in_one_repository(lab, copied, restics, say):
    directory = copied("repository")

    killed = killed_sometime(lambda: back_up(lab, directory, 0), random.Random(SEED), 8)

    vault = opened(directory)
    assert_whole(vault)
    assert_next_backup_works(vault, lab)
    for restic in restics:
        restic.check(directory)
    say(f"{killed} kills (seed {SEED}), 0 backups lost")
    assert killed > 0
