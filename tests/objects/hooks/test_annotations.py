"""Hooks that pods ask for in annotations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.hooks.pods import pod

from holdfast.model.hooks import OnError, Origin, When
from holdfast.objects.hooks.annotations import KNOWN, PREFIX, of_pod

PRE, POST = "pre.hook.backup.velero.io/", "post.hook.backup.velero.io/"
RESTORE = "post.hook.restore.velero.io/"


def said(**annotations):
    return of_pod(pod(annotations={f"{PREFIX}{name}": value for name, value in annotations.items()}))


def only(annotated, when):
    (hook,) = annotated.hooks[when]
    return hook


# Velero's


def test_velero_s_hook_before_a_backup():
    annotations = {
        f"{PRE}command": '["/sbin/fsfreeze", "--freeze", "/data"]',
        f"{PRE}container": "fsfreeze",
        f"{PRE}on-error": "Continue",
        f"{PRE}timeout": "1m30s",
    }
    hook = only(of_pod(pod(annotations=annotations)), When.BEFORE_BACKUP)
    assert hook.command == ("/sbin/fsfreeze", "--freeze", "/data")
    assert (hook.container, hook.on_error, hook.timeout) == ("fsfreeze", OnError.CONTINUE, 90.0)
    assert hook.origin is Origin.VELERO


def test_velero_s_defaults():
    hook = only(of_pod(pod(annotations={f"{POST}command": "/bin/thaw now"})), When.AFTER_BACKUP)
    assert hook.command == ("/bin/thaw now",)  # one program: Velero asks no shell
    assert (hook.container, hook.on_error, hook.timeout) == ("", OnError.FAIL, 30.0)


def test_velero_s_old_annotations_without_a_time_are_for_before():
    old = {"hook.backup.velero.io/command": "old"}
    assert only(of_pod(pod(annotations=old)), When.BEFORE_BACKUP).command == ("old",)
    both = old | {f"{PRE}command": "new"}
    assert only(of_pod(pod(annotations=both)), When.BEFORE_BACKUP).command == ("new",)


def test_velero_s_hook_after_a_restore():
    annotations = {
        f"{RESTORE}command": '["/bin/load"]',
        f"{RESTORE}exec-timeout": "45s",
        f"{RESTORE}wait-timeout": "5m",
        f"{RESTORE}wait-for-ready": "true",
    }
    hook = only(of_pod(pod(annotations=annotations)), When.AFTER_RESTORE)
    assert (hook.timeout, hook.wait, hook.wait_for_ready, hook.on_error) == (45.0, 300.0, True, OnError.CONTINUE)


def test_velero_reads_past_what_it_cannot_read_and_we_say_so():
    annotations = {f"{PRE}command": "quiesce", f"{PRE}timeout": "soon", f"{PRE}on-error": "Perhaps"}
    annotated = of_pod(pod(annotations=annotations))
    hook = only(annotated, When.BEFORE_BACKUP)
    assert (hook.timeout, hook.on_error, hook.unusable) == (30.0, OnError.FAIL, "")
    assert annotated.notes == [f"the annotation {PRE}timeout is no length of time; 30 s are taken"]


def test_velero_s_other_annotations_without_a_command_are_nothing():
    assert not of_pod(pod(annotations={f"{PRE}container": "db", f"{PRE}timeout": "1s"})).hooks


def test_velero_s_init_containers_are_named_as_not_applied():
    annotated = of_pod(pod(annotations={"init.hook.restore.velero.io/container-image": "alpine"}))
    assert not annotated.hooks
    assert "not applied" in annotated.notes[0]


# Ours


def test_our_hook_before_a_backup():
    hook = only(
        said(
            **{
                "before-backup": "quiesce >/dev/null",
                "before-backup.container": "db",
                "before-backup.timeout": "5s",
                "before-backup.on-error": "continue",
                "before-backup.thaw": '["/bin/resume", "all"]',
                "before-backup.thaw-after": "2m",
            }
        ),
        When.BEFORE_BACKUP,
    )
    assert hook.command == ("/bin/sh", "-c", "quiesce >/dev/null")
    assert (hook.container, hook.timeout, hook.on_error) == ("db", 5.0, OnError.CONTINUE)
    assert (hook.thaw, hook.thaw_after, hook.unusable) == (("/bin/resume", "all"), 120.0, "")


def test_ours_win_over_velero_s():
    annotations = {f"{PRE}command": "theirs", f"{POST}command": "theirs", f"{PREFIX}before-backup": '["ours"]'}
    annotated = of_pod(pod(annotations=annotations))
    assert only(annotated, When.BEFORE_BACKUP).command == ("ours",)
    assert only(annotated, When.AFTER_BACKUP).command == ("theirs",)


@pytest.mark.parametrize(
    ("text", "recipe", "name", "command"),
    [
        ("auto", "auto", "", ()),
        ("pg_dump shop", "", "dump", ("/bin/sh", "-c", "pg_dump shop")),
    ],
)
def test_a_pod_asks_for_a_dump(text, recipe, name, command):
    hook = only(said(dump=text), When.DUMP)
    assert (hook.recipe, hook.name, hook.command) == (recipe, name, command)
    assert hook.timeout == 4 * 3600


def test_a_pod_that_wants_no_dump():
    assert said(dump="none").hooks == {When.DUMP: []}


def test_a_dump_has_a_name_and_a_way_back():
    hook = only(said(**{"dump": "d", "dump.name": "all.sql", "dump.load": "l", "dump.container": "db"}), When.DUMP)
    assert (hook.name, hook.load, hook.container) == ("all.sql", ("/bin/sh", "-c", "l"), "db")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("before-backup.timeout", "soon"),
        ("before-backup.timeout", "-1s"),
        ("before-backup.thaw-after", "0"),
        ("before-backup.on-error", "perhaps"),
        ("after-restore.wait-for-ready", "yes"),
        ("after-restore.wait-timeout", "later"),
        ("dump.name", "../../etc/passwd"),
    ],
)
def test_what_of_ours_cannot_be_read_makes_a_hook_that_fails(name, value):
    when = name.partition(".")[0]
    (hook,) = said(**{when: "command", name: value}).hooks[When(when)]
    assert name in hook.unusable
    assert hook.on_error is OnError.FAIL


def test_an_annotation_of_ours_that_does_not_exist_fails_by_name():
    hook = only(said(**{"befor-backup": "quiesce"}), When.BEFORE_BACKUP)
    assert hook.unusable == f"there is no annotation {PREFIX}befor-backup"
    assert hook.on_error is OnError.CONTINUE


NAMES = st.one_of(
    st.sampled_from(sorted(KNOWN)).map(lambda name: f"{PREFIX}{name}"),
    st.sampled_from((PRE, POST, RESTORE)).flatmap(
        lambda prefix: st.sampled_from(("command", "container", "on-error", "timeout")).map(lambda name: prefix + name)
    ),
    st.text(),
)


@given(st.dictionaries(NAMES, st.one_of(st.text(), st.none(), st.integers())))
def test_whatever_stands_in_annotations_raises_nothing(annotations):
    for hooks in of_pod(pod(annotations=annotations)).hooks.values():
        for hook in hooks:
            assert hook.command or hook.unusable or hook.recipe
            assert hook.timeout > 0
