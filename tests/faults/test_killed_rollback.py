"""A real rollback that is killed between any two writes: run again it is finished, and undone it leads back."""

import pytest
from tests.faults.doomed import KILLED, ended, moments, start
from tests.restore_lab import Lab, Vault, config_map, essence, owners

from holdfast.store.local import LocalStore


@pytest.fixture(scope="module")
def lab(cluster):
    lab = Lab(cluster)
    inside = lab.new_namespace("rolled")
    for name in ("same", "gone"):
        inside.make(config_map(name))
    inside.server_side_apply(config_map("edited"))
    inside.make(config_map("sealed", immutable=True))
    yield inside
    lab.close()


@pytest.fixture(scope="module")
def vault(lab, tmp_path_factory):
    vault = Vault(LocalStore(tmp_path_factory.mktemp("rolled") / "repository"))
    vault.back_up(lab)
    return vault


def harm(lab):
    lab.patch(config_map("edited"), {"data": {"color": "red", "size": "small"}}, manager="intruder")
    lab.delete(config_map("gone"))
    lab.delete(config_map("sealed"))
    lab.make(config_map("sealed", immutable=True, data={"color": "black"}), manager="intruder")
    lab.make(config_map("new"))


def content(lab):
    return {key: (essence(thing, lab.namespace), owners(thing)) for key, thing in lab.objects().items()}


def rolling_back(lab, vault, moment):
    return doomed(lab, vault, moment, "run", vault.first, "-n", lab.namespace, "--rollback")


def doomed(lab, vault, moment, *arguments):
    arguments = "restore", *arguments, "--yes", "--progress", "none"
    return start("SIGKILL", "writes", moment, vault.store.url, lab.control_plane.kubeconfig, *arguments)


def roll_back(lab, vault):
    vault.reopen()
    report = vault.restore(lab, vault.first, rollback=True, namespaces_in=(lab.namespace,))
    assert (report.outcome, report.errors) == ("done", [])


def undo(lab, vault):
    vault.reopen()
    report = vault.undo(lab)
    assert (report.outcome, report.errors) == ("done", [])


def test_killed_between_any_two_writes(lab, vault, say):
    vault.first = vault.open().entry.id.hex()[:16]
    before = content(lab)
    harm(lab)
    harmed = content(lab)
    code, _, errors = ended(rolling_back(lab, vault, 0))
    assert code == 0, errors
    assert content(lab) == before
    total = moments(errors)

    killed = resumed = undone = 0
    for moment in range(1, total + 1):
        undo(lab, vault)
        assert content(lab) == harmed, moment
        points = len(vault.safety_points())
        code, _, errors = ended(rolling_back(lab, vault, moment))
        assert code == KILLED or (code == 0 and moment == total), (moment, errors)
        killed += code == KILLED
        vault.reopen()
        can_be_undone = len(vault.safety_points()) > points
        assert can_be_undone or content(lab) == harmed, moment
        if can_be_undone and moment % 2:
            undo(lab, vault)
            assert content(lab) == harmed, moment
            undone += 1
        roll_back(lab, vault)
        assert content(lab) == before, moment
        resumed += 1
    undo(lab, vault)
    assert content(lab) == harmed
    roll_back(lab, vault)
    say(f"{killed} kills of a rollback: {resumed} finished by running it again, {undone} taken back before")
    assert killed >= total - 1
    assert undone > 0


def test_an_undo_that_was_killed_is_finished_by_the_next(lab, vault, say):
    vault.first = vault.open().entry.id.hex()[:16]
    before = content(lab)
    harm(lab)
    harmed = content(lab)
    roll_back(lab, vault)
    code, _, errors = ended(doomed(lab, vault, 0, "undo"))
    assert code == 0, errors
    assert content(lab) == harmed
    total = moments(errors)

    killed = 0
    for moment in range(2, total + 1, 3):
        roll_back(lab, vault)
        assert content(lab) == before, moment
        code, _, errors = ended(doomed(lab, vault, moment, "undo"))
        assert code == KILLED, (moment, errors)
        killed += 1
        if content(lab) != harmed:  # it was not killed after its last change
            undo(lab, vault)
        assert content(lab) == harmed, moment
    roll_back(lab, vault)
    say(f"{killed} kills of an undo, each finished by the next one")
    assert killed > 3
