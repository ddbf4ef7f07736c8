"""HOLDFAST_RESULT_FILE: how a verb ended, for whoever started the pod."""

import datetime as dt
import json
import re
import signal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.api_proxy import Answer
from tests.cli.documented import PAGE
from tests.cli.holdfast import PASSWORD
from tests.sample_repository import init

from holdfast import errors
from holdfast.api.run_status import LIMIT, RunProblem, RunStatus
from holdfast.cli.result_file import encode, reason
from holdfast.errors import ApiRefused, HoldfastError
from holdfast.store.local import LocalStore

JOB = "plan-nightly-29932440"


@pytest.fixture
def result(tmp_path):
    """`result()` gives what the file says; its text was a RunStatus with nothing else in it."""
    path = tmp_path / "termination-log"
    path.write_text("what an earlier container left here, which is longer than nothing")

    def read():
        text = path.read_bytes()
        assert len(text) <= LIMIT
        status = msgspec.json.decode(text, type=RunStatus)
        assert json.loads(text).keys() <= {field.encode_name for field in msgspec.structs.fields(RunStatus)}
        for moment in (status.started_at, status.finished_at):
            assert dt.datetime.fromisoformat(moment).tzinfo
        return status

    read.path = path
    return read


@pytest.fixture
def in_pod(connected, result):
    """The program as a Job's pod runs it."""
    return connected.but(HOLDFAST_RESULT_FILE=result.path, HOLDFAST_JOB=JOB)


def test_a_backup(in_pod, shop, result):
    made = in_pod("backup", "create", "-n", shop, "--volumes", "none", "-o", "json").document
    status = result()
    assert (status.verb, status.outcome, status.reason, status.exit_code) == ("backup create", "done", "", 0)
    assert (status.id, status.run, status.name, status.type) == (made["id"], made["run"], made["name"], "full")
    assert (status.counts, status.bytes) == (made["counts"], made["bytes"])
    assert (status.started_at, status.finished_at) == (made["startedAt"], made["finishedAt"])
    assert (status.job, status.scheduled_at) == (JOB, "2026-11-29T10:00:00.000000Z")
    in_pod("restore", "run", made["name"], "--map-namespace", f"{shop}={shop}-copy")
    status = result()
    assert (status.verb, status.outcome, status.name) == ("restore run", "done", made["name"])
    assert status.counts["created"] > 0


def test_a_partial_backup_says_what_is_missing(in_pod, shop, result, cluster):
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}
    cluster.api.create(f"/api/v1/namespaces/{shop}/persistentvolumeclaims", claim)
    in_pod("backup", "create", "-n", shop, code=3)
    status = result()
    assert (status.outcome, status.reason, status.exit_code) == ("partial", "", 3)
    assert f"{shop}/data" in status.errors[0].what


def test_a_failed_run_can_be_looked_up(in_pod, shop, result):
    in_pod("backup", "create", "-n", shop, "--include-kind", "nonsense", code=2)
    status = result()
    assert (status.outcome, status.reason) == ("failed", "UsageError")
    assert status.errors[0].what == "the cluster has no kind 'nonsense'"
    assert in_pod("backup", "show", status.run, "-o", "json").document["outcome"] == "failed"


def test_verbs_that_look_after_a_repository(in_pod, shop, result):
    in_pod("backup", "create", "-n", shop)
    in_pod("repository", "show")
    shown = result()
    assert shown.counts["backups"] == 1
    in_pod("repository", "check", "--read-data")
    checked = result()
    assert (checked.verb, checked.outcome, checked.counts["errors"]) == ("repository check", "done", 0)
    in_pod("repository", "prune")
    pruned = result()
    assert shown.bytes["stored"] > 0
    assert checked.bytes["stored"] >= shown.bytes["stored"]
    assert pruned.bytes["stored"] >= shown.bytes["stored"]
    assert pruned.counts == {"marked": 0, "removed": 0}
    in_pod("backup", "forget", "--keep-last", "1", "--yes")
    assert (result().counts["backups"], result().counts["removed"]) == (1, 0)


def test_a_check_that_finds_damage(holdfast, repository, result):
    """Not with `stocked`: restic would find the damage too."""
    init(LocalStore(repository), PASSWORD)
    (repository / "snapshots").mkdir(exist_ok=True)
    (repository / "snapshots" / ("f" * 64)).write_bytes(b"nonsense")
    looking = holdfast.but(HOLDFAST_RESULT_FILE=result.path, HOLDFAST_REPOSITORY=repository)
    looking("repository", "check", code=1)
    status = result()
    assert (status.outcome, status.reason, status.exit_code) == ("failed", "DamageFound", 1)
    assert status.errors
    looking("backup", "forget", "--yes", code=3)
    assert (result().outcome, result().exit_code) == ("partial", 3)


@pytest.mark.parametrize(
    ("arguments", "code", "verb", "why"),
    [
        (("backup", "list"), 2, "backup list", "UsageError"),
        (("backup", "list", "--nonsense"), 2, "backup list", "UsageError"),
        (("backup", "create", "--type", "quick"), 2, "backup create", "UsageError"),
        (("backup",), 2, "", "UsageError"),
        (("nonsense",), 2, "", "UsageError"),
        (("backup", "list", "-r", "/nowhere/at/all"), 10, "backup list", "NoRepository"),
        (("backup", "create", "-n", "a", "--kubeconfig", "/nowhere"), 2, "backup create", "KubeconfigInvalid"),
    ],
)
def test_failures_before_anything_is_run(holdfast, result, arguments, code, verb, why):
    holdfast.but(HOLDFAST_RESULT_FILE=result.path)(*arguments, code=code)
    status = result()
    assert (status.verb, status.outcome, status.reason, status.exit_code) == (verb, "failed", why, code)
    assert all((status.errors[0].what, status.errors[0].why, status.errors[0].next))


def test_a_wrong_password(holdfast, repository, result):
    init(LocalStore(repository), PASSWORD)
    wrong = holdfast.but(HOLDFAST_PASSWORD_FILE=None, HOLDFAST_PASSWORD="wrong", HOLDFAST_RESULT_FILE=result.path)
    wrong("backup", "list", "-r", repository, code=12)
    assert (result().reason, result().exit_code) == ("WrongPassword", 12)


def test_an_api_server_that_says_no_or_nothing(in_pod, shop, proxy, result):
    through = in_pod.but(KUBECONFIG=proxy.kubeconfig)
    forbidden = {"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": "no", "code": 403}
    proxy.intercept = lambda _: Answer(403, json.dumps(forbidden).encode())
    through("backup", "create", "-n", shop, code=1)
    assert result().reason == "Forbidden"
    proxy.close()
    through("backup", "create", "-n", shop, code=1)
    assert result().reason == "ClusterUnreachable"


def test_a_run_that_is_stopped(in_pod, shop, proxy, result):
    child = []
    proxy.intercept = lambda request: child[0].interrupt(signal.SIGTERM) if "/secrets" in request.path else None
    child.append(in_pod.but(KUBECONFIG=proxy.kubeconfig).start("backup", "create", "-n", shop))
    assert child[0].end().code == 130
    assert (result().outcome, result().reason, result().exit_code) == ("cancelled", "Cancelled", 130)


def test_a_crash(holdfast, result, tmp_path):
    """A defect, here a module that cannot be imported, is told too."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['holdfast.operations.catalog'] = None\n")
    broken = holdfast.but(HOLDFAST_RESULT_FILE=result.path, PYTHONPATH=tmp_path)
    broken.examine = lambda _: None  # it has a traceback
    done = broken("backup", "list", "-r", tmp_path, code=None)
    assert done.code == 1
    assert (result().verb, result().outcome, result().reason) == ("backup list", "failed", "UnexpectedError")


def test_help_writes_nothing(holdfast, result):
    before = result.path.read_bytes()
    for arguments in (("--help",), ("backup", "create", "--help"), ("--version",)):
        holdfast.but(HOLDFAST_RESULT_FILE=result.path)(*arguments)
    assert result.path.read_bytes() == before


def test_a_file_that_cannot_be_written_changes_nothing_else(holdfast, repository, tmp_path):
    init(LocalStore(repository), PASSWORD)
    done = holdfast.but(HOLDFAST_RESULT_FILE=tmp_path / "no" / "such")("backup", "list", "-r", repository, code=0)
    assert "cannot be written" in done.err


def test_a_run_whose_output_nobody_reads(holdfast, repository, result):
    init(LocalStore(repository), PASSWORD)
    listing = holdfast.but(HOLDFAST_RESULT_FILE=result.path).start("backup", "list", "-r", repository, "-o", "json")
    with listing.process as process:
        process.stdout.close()
        process.stderr.read()
    assert process.returncode == 1
    assert (result().verb, result().outcome, result().exit_code) == ("backup list", "failed", 1)


# What it says


def test_each_class_of_errors_has_its_word():
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, HoldfastError)]
    words = [reason(made(one)) for one in classes]
    assert len(set(words)) == len(words)
    assert all(word[0].isupper() and word.isalnum() for word in words)


def made(error_class):
    return error_class("no", status=500, reason="") if error_class is ApiRefused else error_class("no")


def test_the_api_servers_own_word_comes_first():
    assert reason(ApiRefused("no", status=403, reason="Forbidden")) == "Forbidden"
    assert reason(ApiRefused("no", status=502, reason="")) == "ApiRefused"


LONG = some.text(max_size=20) | some.text(min_size=1, max_size=5).map(lambda text: text * 2000)
PROBLEMS = some.lists(some.builds(RunProblem, what=LONG, why=LONG, next=LONG), max_size=12)
COUNTS = some.integers(0, 300).map(lambda count: {f"count-{number}": 2**53 for number in range(count)})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    some.builds(RunStatus, verb=LONG, name=LONG, reason=LONG, job=LONG, errors=PROBLEMS, counts=COUNTS, bytes=COUNTS)
)
def test_whatever_happened_fits_and_can_be_read(status):
    encoded = encode(status)
    assert len(encoded) <= LIMIT
    read = msgspec.json.decode(encoded, type=RunStatus)
    assert (read.exit_code, read.verb[:20]) == (status.exit_code, status.verb[:20])


def test_what_fits_is_not_cut():
    status = RunStatus(verb="backup create", errors=[RunProblem(what="x" * 900, why="y" * 900, next="z")])
    assert msgspec.json.decode(encode(status), type=RunStatus) == status


def test_bytes_that_are_no_text_can_be_told():
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    read = msgspec.json.decode(encode(RunStatus(errors=[RunProblem(what=name)])), type=RunStatus)
    assert read.errors[0].what == "caf\\udce9"


def test_the_page_has_each_field():
    section = PAGE.read_text().partition("What `HOLDFAST_RESULT_FILE` gets\n")[2].partition("\n#")[0]
    documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert documented == [field.encode_name for field in msgspec.structs.fields(RunStatus)]
