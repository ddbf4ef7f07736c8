"""Hooks in real pods: the order, what fails, what hangs, and that nothing stays frozen."""

import multiprocessing
import os
import signal
import threading
from dataclasses import replace

import pytest
from tests.restore_lab import Lab, eventually, pod

from holdfast.errors import Cancelled
from holdfast.model.cancel import Cancel
from holdfast.model.hooks import Hook, HookOutcome, HookSet, OnError, PodSelection, When
from holdfast.model.progress import Silent
from holdfast.objects.hooks.commands import shell
from holdfast.objects.hooks.select import select_hooks
from holdfast.operations.hooks.after_restore import run_after_restore
from holdfast.operations.hooks.run import HookRunner

SLEEPING = {"image": "testbed/busybox:1", "command": ["sleep", "3600"]}
DONE, FAILED, LEFT_OUT = HookOutcome.DONE, HookOutcome.FAILED, HookOutcome.LEFT_OUT


@pytest.fixture(scope="module")
def lab(node_cluster):
    lab = Lab(node_cluster)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def shop(lab):
    return lab.new_namespace("hooks")


@pytest.fixture
def make_pod(shop):
    """`make_pod("db-0")`: a running pod with the containers `db` and `proxy`."""
    made = []

    def make(name, *, containers=("db", "proxy"), **fields):
        spec = {
            "containers": [{"name": one, **SLEEPING, **fields} for one in containers],
            "terminationGracePeriodSeconds": 0,
        }
        shop.make(pod(name, spec=spec))
        made.append(name)
        eventually(lambda: shop.read(pod(name))["status"]["phase"] == "Running", "the pod runs")
        return name

    yield make
    for name in made:
        shop.delete(pod(name))


def hook(text, when=When.BEFORE_BACKUP, pods="*", **fields):
    """A command for the shell of the pod's first container, that fits these pods."""
    command = shell(text) if isinstance(text, str) else text
    return Hook(name=fields.pop("name", "hook"), when=when, command=command, pods=PodSelection(pods=(pods,)), **fields)


def after(text, **fields):
    return hook(text, When.AFTER_BACKUP, **fields)


def group(shop, names, *hooks):
    return select_hooks([shop.read(pod(name)) for name in names], HookSet(hooks=hooks))


def runner(lab, cancel=None):
    return HookRunner(lab.cluster, "20261127-000000-abcdef", cancel or lab.cancel, Silent())


def outcomes(records):
    return [record.outcome for record in records]


def said(shop, name="db-0", path="/tmp/said", container="db"):
    done = shop.cluster.execute(shop.namespace, name, ["cat", path], container=container)
    return done.output.decode().split()


def says(word):
    return f"echo {word} >>/tmp/said"


# Order and outcomes


def test_hooks_are_run_in_order_and_the_last_pod_is_let_go_first(lab, shop, make_pod):
    names = [make_pod("db-0"), make_pod("db-1")]
    common = "/tmp/said"  # each pod has its own; times tell the order between them
    pods = group(
        shop, names, hook(says("one")), hook(says("two")), after("date +%s%N >/tmp/when"), after(says("three"))
    )
    at_work = runner(lab)
    assert outcomes(at_work.before(pods)) == [DONE] * 4
    records = at_work.after(pods)
    assert [(record.pod, record.outcome) for record in records] == [("db-1", DONE)] * 2 + [("db-0", DONE)] * 2
    for name in names:
        assert said(shop, name, common) == ["one", "two", "three"]
    assert at_work.after(pods) == []  # what was let go is not let go again


def test_a_record_tells_what_happened_and_no_argument(lab, shop, make_pod):
    make_pod("db-0")
    at_work = runner(lab)
    record, other = at_work.before(
        group(shop, ["db-0"], hook("echo PASSWORD is x >/dev/null; echo went wrong >&2; exit 3"), hook("true"))
    )
    assert (record.namespace, record.pod, record.container) == (shop.namespace, "db-0", "db")
    assert (record.outcome, record.exit_code, record.program, record.stops) == (FAILED, 3, "sh", True)
    assert record.why == "it ended with exit code 3: went wrong"
    assert record.started_at.endswith("Z")
    assert "PASSWORD" not in repr(record)
    assert (other.outcome, other.why) == (LEFT_OUT, "a hook before it failed")


def test_an_error_that_is_passed_over_stops_nothing(lab, shop, make_pod):
    make_pod("db-0")
    records = runner(lab).before(group(shop, ["db-0"], hook("exit 1", on_error=OnError.CONTINUE), hook(says("on"))))
    assert outcomes(records) == [FAILED, DONE]
    assert not any(record.stops for record in records)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"command": ("nonsense",)}, "nonsense"),
        ({"command": ("true",), "container": "nobody"}, "no container 'nobody'"),
        ({"command": ("sleep", "60"), "timeout": 1.0}, "did not end in 1 s"),
    ],
    ids=["no program", "no container", "hangs"],
)
def test_a_hook_that_cannot_be_run_or_hangs_fails_by_name(lab, shop, make_pod, fields, why):
    make_pod("db-0")
    pods = group(shop, ["db-0"], replace(hook(""), **fields), after(says("after")))
    at_work = runner(lab)
    (record,) = at_work.before(pods)
    assert record.outcome is FAILED
    assert why in record.why
    assert record.next
    assert outcomes(at_work.after(pods)) == [DONE]  # what began is ended, however it began
    assert said(shop) == ["after"]


def test_hooks_of_a_pod_that_was_never_begun_are_not_run_after(lab, shop, make_pod):
    names = [make_pod("db-0"), make_pod("db-1")]
    pods = group(shop, names, hook("exit 1", pods="db-0"), hook("true", pods="db-1"), after(says("after")))
    at_work = runner(lab)
    assert outcomes(at_work.before(pods)) == [FAILED, LEFT_OUT]
    assert [record.pod for record in at_work.after(pods)] == ["db-0"]


def test_a_pod_that_does_not_run_needs_no_quiet(lab, shop):
    waiting = {"containers": [{"name": "db", **SLEEPING}], "schedulingGates": [{"name": "test/held"}]}
    shop.make(pod("held", spec=waiting))
    pods = group(shop, ["held"], hook("true"), after("true"))
    at_work = runner(lab)
    assert outcomes(at_work.before(pods)) == [LEFT_OUT]
    assert outcomes(at_work.after(pods)) == [LEFT_OUT]
    shop.delete(pod("held"))


def test_a_stop_in_a_hook_lets_go_what_was_begun(node_cluster, shop, make_pod):
    make_pod("db-0")
    cancel = Cancel()
    own = Lab(node_cluster, cancel=cancel)
    pods = group(shop, ["db-0"], hook("touch /tmp/begun; sleep 60", timeout=50.0), after(says("after")))
    at_work = runner(own, cancel)
    stop = threading.Thread(
        target=lambda: (eventually(lambda: is_there(shop, "/tmp/begun"), "the hook began"), cancel.request())
    )
    stop.start()
    with pytest.raises(Cancelled):
        at_work.before(pods)
    stop.join()
    assert outcomes(at_work.after(pods)) == [DONE]
    assert said(shop) == ["after"]
    own.close()


def is_there(shop, path, name="db-0"):
    return shop.cluster.execute(shop.namespace, name, ["test", "-e", path], container="db").exit_code == 0


# The thaw timer, with a file in the place of a frozen file system

FREEZE, THAW = "echo frozen >/tmp/state", "echo thawed >>/tmp/state"


def frozen(text=FREEZE, **fields):
    return hook(text, thaw=shell(THAW), **({"thaw_after": 600.0} | fields))


def state(shop):
    return said(shop, path="/tmp/state")


def timers(shop):
    """How many processes in the container are a timer of ours."""
    look = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done | grep -c '[h]oldfast-thaw'"
    return int(shop.cluster.execute(shop.namespace, "db-0", ["sh", "-c", look], container="db").output)


def test_what_was_frozen_is_thawed_and_the_timer_ends(lab, shop, make_pod):
    make_pod("db-0")
    pods = group(shop, ["db-0"], frozen())
    at_work = runner(lab)
    assert outcomes(at_work.before(pods)) == [DONE]
    assert state(shop) == ["frozen"]
    assert timers(shop) == 1
    (thaw,) = at_work.after(pods)
    assert (thaw.when, thaw.outcome, thaw.name) == (When.AFTER_BACKUP, DONE, "hook")
    assert state(shop) == ["frozen", "thawed"]
    eventually(lambda: timers(shop) == 0, "the timer ends")


def before_and_die(kubeconfig, namespace, hooks):
    """In a process of its own: freezes, and is killed."""
    lab = Lab(None, namespace, account=kubeconfig)
    pods = group(lab, ["db-0"], *hooks)
    records = runner(lab).before(pods)
    assert outcomes(records) == [DONE], records
    os.kill(os.getpid(), signal.SIGKILL)


def die_after_freezing(node_cluster, shop, *hooks):
    process = multiprocessing.get_context("fork").Process(
        target=before_and_die, args=(node_cluster.kubeconfig, shop.namespace, hooks)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_what_a_dead_process_froze_is_thawed_by_the_timer(node_cluster, shop, make_pod):
    make_pod("db-0")
    die_after_freezing(node_cluster, shop, frozen(thaw_after=3.0))
    assert state(shop)[0] == "frozen"
    eventually(lambda: state(shop) == ["frozen", "thawed"], "the timer thaws")
    eventually(lambda: timers(shop) == 0, "the timer ends")


def test_a_timer_that_was_faster_makes_the_backup_partial(lab, shop, make_pod):
    make_pod("db-0")
    pods = group(shop, ["db-0"], frozen(thaw_after=1.0))
    at_work = runner(lab)
    at_work.before(pods)
    eventually(lambda: state(shop) == ["frozen", "thawed"], "the timer thaws")
    eventually(lambda: timers(shop) == 0, "the timer ends")
    thaw, late = at_work.after(pods)
    assert (thaw.outcome, late.outcome) == (DONE, FAILED)
    assert "while the application wrote" in late.why


def test_a_thaw_that_fails_leaves_the_timer_at_work(lab, shop, make_pod):
    make_pod("db-0")
    once = "test -e /tmp/second && echo thawed >>/tmp/state || { touch /tmp/second; exit 5; }"
    pods = group(shop, ["db-0"], replace(frozen(thaw_after=4.0), thaw=shell(once)))
    at_work = runner(lab)
    at_work.before(pods)
    (record,) = at_work.after(pods)
    assert (record.outcome, record.exit_code) == (FAILED, 5)
    assert "timer in the container thaws it" in record.next
    eventually(lambda: state(shop) == ["frozen", "thawed"], "the timer thaws")


def test_a_hook_that_hangs_after_it_froze_is_thawed_and_its_timer_stays(lab, shop, make_pod):
    make_pod("db-0")
    pods = group(shop, ["db-0"], frozen(f"{FREEZE}; sleep 60", timeout=1.0, thaw_after=5.0))
    at_work = runner(lab)
    (record,) = at_work.before(pods)
    assert record.stops
    assert outcomes(at_work.after(pods)) == [DONE]
    assert state(shop) == ["frozen", "thawed"]
    eventually(lambda: state(shop) == ["frozen", "thawed", "thawed"], "the timer thaws once more")


def test_a_hook_that_failed_before_it_froze_makes_no_second_failure(lab, shop, make_pod):
    make_pod("db-0")
    pods = group(shop, ["db-0"], replace(frozen("exit 2"), thaw=shell("exit 1")))
    at_work = runner(lab)
    assert outcomes(at_work.before(pods)) == [FAILED]
    assert outcomes(at_work.after(pods)) == [LEFT_OUT]


def test_nothing_is_frozen_where_no_timer_can_run(lab, shop, make_pod):
    make_pod("db-0")
    shop.cluster.execute(shop.namespace, "db-0", ["rm", "/bin/sh"], container="db")
    pods = group(shop, ["db-0"], replace(frozen(), command=("touch", "/tmp/state")))
    at_work = runner(lab)
    (record,) = at_work.before(pods)
    assert record.stops
    assert "/bin/sh" in record.why
    assert at_work.after(pods) == []
    assert not is_there(shop, "/tmp/state")


@pytest.mark.parametrize(
    ("hooks_after", "states"),
    [((), ["frozen", "thawed"]), ((THAW,), ["frozen", "thawed"]), (("exit 1",), ["frozen", "thawed"])],
    ids=["none", "thaws", "fails"],
)
def test_a_spare_thaw_is_run_if_no_hook_has_thawed(lab, shop, make_pod, hooks_after, states):
    make_pod("db-0")
    pods = group(shop, ["db-0"], frozen(thaw_is_spare=True), *map(after, hooks_after))
    at_work = runner(lab)
    at_work.before(pods)
    at_work.after(pods)
    assert state(shop) == states
    eventually(lambda: timers(shop) == 0, "the timer ends")


# A real file system, on a loop device of the container's own


@pytest.fixture
def small_disk(shop, make_pod):
    """The path, in the pod db-0, of a mounted file system that may be frozen."""
    make_pod("db-0", containers=["db"], securityContext={"privileged": True})
    lay = """
        truncate -s 16M /disk && mkdir /data
        for attempt in 1 2 3 4 5; do device=$(losetup -f); losetup "$device" /disk && break; done
        mke2fs "$device" >/dev/null && mount -t ext2 "$device" /data && losetup -d "$device"  # goes when it is unmounted
    """
    done = shop.cluster.execute(shop.namespace, "db-0", ["sh", "-c", lay], container="db")
    assert done.exit_code == 0, done
    yield "/data"
    end = "fsfreeze --unfreeze /data 2>/dev/null; umount /data"
    assert shop.cluster.execute(shop.namespace, "db-0", ["sh", "-c", end], container="db").exit_code == 0


def write_in_the_background(shop, path):
    """Begins to write; it ends, and leaves /tmp/written, when the file system lets it."""
    text = f"(echo x >{path}/file; touch /tmp/written) >/dev/null 2>&1 &"
    shop.cluster.execute(shop.namespace, "db-0", ["sh", "-c", text], container="db")


def test_a_file_system_that_a_dead_process_froze_is_written_to_again(node_cluster, shop, small_disk):
    """With a hook as Velero's documentation has it, which knows of no timer."""
    freeze = hook(("/bin/fsfreeze", "--freeze", small_disk))
    (planned,) = group(shop, ["db-0"], freeze)
    assert planned.before[0].thaw == ("/bin/fsfreeze", "--unfreeze", small_disk)
    die_after_freezing(node_cluster, shop, replace(freeze, thaw_after=4.0))
    write_in_the_background(shop, small_disk)
    assert not is_there(shop, "/tmp/written")
    eventually(lambda: is_there(shop, "/tmp/written"), "the file system is thawed")


def test_a_file_system_is_frozen_between_before_and_after(lab, shop, small_disk):
    pods = group(
        shop, ["db-0"], hook(("fsfreeze", "--freeze", small_disk)), after(("fsfreeze", "--unfreeze", small_disk))
    )
    at_work = runner(lab)
    assert outcomes(at_work.before(pods)) == [DONE]
    write_in_the_background(shop, small_disk)
    assert not is_there(shop, "/tmp/written")
    assert outcomes(at_work.after(pods)) == [DONE]
    eventually(lambda: is_there(shop, "/tmp/written"), "the file system is thawed")


# After a restore


def test_hooks_after_a_restore_wait_for_their_container(lab, shop):
    slow = {"name": "wait", **SLEEPING, "command": ["sleep", "2"]}
    shop.make(pod("late", spec={"initContainers": [slow], "containers": [{"name": "db", **SLEEPING}],
                                "terminationGracePeriodSeconds": 0}))  # fmt: skip
    hooks = [hook(text, When.AFTER_RESTORE, name=text) for text in (says("one"), "exit 1", says("two"))]
    records = run_after_restore(lab.cluster, [shop.read(pod("late"))], HookSet(hooks=tuple(hooks)), Silent())
    assert outcomes(records) == [DONE, FAILED, LEFT_OUT]
    assert said(shop, "late") == ["one"]
    shop.delete(pod("late"))


def test_a_container_that_never_runs_is_named(lab, shop):
    shop.make(
        pod("never", spec={"containers": [{"name": "db", **SLEEPING}], "schedulingGates": [{"name": "test/held"}]})
    )
    hooks = HookSet(hooks=(hook("true", When.AFTER_RESTORE, wait=1.0),))
    (record,) = run_after_restore(lab.cluster, [shop.read(pod("never"))], hooks, Silent())
    assert record.outcome is FAILED
    assert "was not running after 1 s" in record.why
    shop.delete(pod("never"))


def test_a_pod_that_is_gone_is_named(lab, shop, make_pod):
    gone = shop.read(pod(make_pod("db-0"))) | {"metadata": {"name": "gone", "namespace": shop.namespace}}
    (record,) = run_after_restore(lab.cluster, [gone], HookSet(hooks=(hook("true", When.AFTER_RESTORE),)), Silent())
    assert (record.outcome, record.why) == (FAILED, "the pod is gone")
