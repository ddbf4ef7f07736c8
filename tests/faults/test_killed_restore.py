"""A real `holdfast restore run` that is killed or stopped: running it again finishes it, and nothing is lost."""

import json
import random
import signal
import time

import pytest
from tests.faults.doomed import KILLED, ended, killed_sometime, moments, start
from tests.restore_lab import Lab, Vault, config_map, essence, obj, owned_by, owners, service, unique

from holdfast.operations.restore.report import read_report
from holdfast.repository.lock_file import list_locks
from holdfast.store.local import LocalStore

SEED = 20261123


@pytest.fixture(scope="module")
def lab(cluster):
    lab = Lab(cluster)
    inside = lab.new_namespace("killed")
    owner = inside.make(config_map("owner"))
    inside.make(config_map("owned", metadata=owned_by(owner)), manager="operator")
    inside.server_side_apply(config_map("applied"))
    inside.server_side_apply(config_map("shared"))
    inside.patch(config_map("shared"), {"data": {"size": "small"}})
    inside.make(obj("v1", "Secret", "login", stringData={"password": "secret"}))
    inside.make(service(type="NodePort"))
    yield inside
    lab.close()


@pytest.fixture(scope="module")
def vault(lab, tmp_path_factory):
    vault = Vault(LocalStore(tmp_path_factory.mktemp("killed") / "repository"))
    vault.back_up(lab)
    return vault


@pytest.fixture(scope="module")
def undisturbed(lab, vault):
    """What a restore makes that nobody disturbs."""
    copy = lab.within(unique("calm"))
    lab.end_later(copy.namespace)
    report = vault.restore(lab, namespaces={lab.namespace: copy.namespace})
    assert report.outcome == "done"
    return content(copy)


def content(lab):
    """What a namespace holds, as users compare it, with the owners of fields."""
    lab.control_plane.wait_namespace(lab.namespace)
    found = lab.objects()
    owner = found["ConfigMap", "owner"]["metadata"]["uid"]
    return {
        key: (essence(thing, lab.namespace), json.dumps(owners(thing)).replace(owner, "UID"))
        for key, thing in found.items()
        if key != ("ServiceAccount", "default")  # whoever is first makes it, a controller or the restore
    }


def restoring(lab, vault, copy, moment, number="SIGKILL"):
    mapping = f"{lab.namespace}={copy.namespace}"
    arguments = "restore", "run", "latest", "--map-namespace", mapping, "--progress", "none", "-o", "json"
    return start(number, "api", moment, vault.store.url, lab.control_plane.kubeconfig, *arguments)


def fresh_copy(lab):
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)
    return copy


def lock_ids(vault):
    """Those of killed runs stay until somebody unlocks; they are in nobody's way."""
    return {found.id for found in list_locks(vault.store, vault.repository.key)}


def finish(lab, vault, copy):
    """Runs the restore again."""
    vault.reopen()
    report = vault.restore(lab, namespaces={lab.namespace: copy.namespace})
    assert (report.outcome, report.errors) == ("done", [])
    return report


def test_killed_before_and_after_every_change(lab, vault, undisturbed, say):
    code, _, errors = ended(restoring(lab, vault, fresh_copy(lab), 0))
    assert code == 0, errors
    total = moments(errors)

    killed = unfinished = lost = 0
    for moment in range(1, total + 1):
        copy = fresh_copy(lab)
        code, _, errors = ended(restoring(lab, vault, copy, moment))
        # The last moments may not come: a controller may have made the account `default` before us.
        assert code == KILLED or (code == 0 and moment > total - 4), (moment, errors)
        killed += code == KILLED
        report = finish(lab, vault, copy)
        unfinished += any("field owners were completed" in item.why for item in report.objects)
        restored = content(copy)
        lost += len(undisturbed.keys() - restored.keys())
        assert restored == undisturbed, moment
    say(f"{killed} kills, {unfinished} of them left owners of fields unfinished, {lost} objects lost")
    assert killed > 15
    assert unfinished
    assert lost == 0


def test_killed_at_random_moments(lab, vault, undisturbed, say):
    timed, *copies = [fresh_copy(lab) for _ in range(7)]
    waiting = iter([timed, *copies])

    killed = killed_sometime(lambda: restoring(lab, vault, next(waiting), 0), random.Random(SEED), 6)

    for copy in copies:
        code, output, errors = ended(restoring(lab, vault, copy, 0))
        assert (code, json.loads(output)["outcome"]) == (0, "done"), errors
        assert content(copy) == undisturbed
    say(f"{killed} kills (seed {SEED}), 0 objects lost")
    assert killed > 0


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_stopped_in_the_middle_it_says_what_was_done_and_the_next_run_finishes(lab, vault, undisturbed, number):
    copy, locks = fresh_copy(lab), lock_ids(vault)

    code, output, errors = ended(restoring(lab, vault, copy, 12, number))

    answer = json.loads(output)
    assert code == 130, errors
    assert answer["outcome"] == "cancelled"
    assert "Traceback" not in errors
    vault.reopen()
    report, log = read_report(vault.repository, answer["run"])
    created = {item.name for item in report.objects if item.result == "created"}
    there = {name for _, name in copy.objects()} - {"kube-root-ca.crt"}
    assert report.outcome == "cancelled"
    assert created - {copy.namespace, "default"} == there - {"default"}
    assert there < {name for _, name in undisturbed} | {"default"}
    assert "cancelled" in log
    assert lock_ids(vault) == locks
    finish(lab, vault, copy)
    assert content(copy) == undisturbed


def test_stopped_twice_it_ends_at_once(lab, vault, undisturbed):
    copy = fresh_copy(lab)
    child = restoring(lab, vault, copy, 0)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGINT)

    code, _, errors = ended(child)

    assert code in (130, -signal.SIGINT, 0), errors
    finish(lab, vault, copy)
    assert content(copy) == undisturbed
