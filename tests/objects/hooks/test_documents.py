"""Documents and flags that hold hooks."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api.hooks import HookFields
from holdfast.errors import UsageError
from holdfast.model.hooks import DumpMode, OnError, Origin, PodSelection, When
from holdfast.objects.hooks.flags import FLAGS, hooks_of_flags, parse_flag
from holdfast.objects.hooks.parsing import FIELDS, parse_hooks

BACKUP = """
apiVersion: velero.io/v1
kind: Backup
metadata: {name: b, namespace: velero}
spec:
  includedNamespaces: ['*']
  hooks:
    resources:
    - name: my-hook
      includedNamespaces: ['shop*']
      excludedNamespaces: [shop-test]
      includedResources: [pods]
      labelSelector:
        matchLabels: {app: db}
        matchExpressions: [{key: tier, operator: In, values: [a, b]}]
      pre:
      - exec: {container: db, command: [/bin/uname, -a], onError: Continue, timeout: 10s}
      - exec: {command: [second]}
      post:
      - exec: {command: [/bin/thaw]}
"""
RESTORE = """
spec:
  hooks:
    resources:
    - name: restored
      includedNamespaces: [app]
      postHooks:
      - init: {initContainers: [{name: x, image: alpine}]}
      - exec: {container: postgres, command: [/bin/bash, -c, 'psql < /b'], waitTimeout: 5m, execTimeout: 1m, onError: Fail}
      - exec: {command: [date], waitForReady: true}
"""


def parsed(document):
    return parse_hooks(document if isinstance(document, str) else json.dumps(document), "hooks.yaml")


def refused(document):
    with pytest.raises(UsageError) as failure:
        parsed(document)
    assert failure.value.next == "Correct it; docs/hooks.md has examples."
    return f"{failure.value.what} {failure.value.why}"


# Velero's


def test_velero_s_backup_as_it_is():
    first, second, after = parsed(BACKUP).hooks
    pods = PodSelection(namespaces=("shop*",), exclude_namespaces=("shop-test",), selector="app=db,tier in (a,b)")
    assert (first.name, first.when, first.pods, first.container) == ("my-hook", When.BEFORE_BACKUP, pods, "db")
    assert (first.command, first.on_error, first.timeout) == (("/bin/uname", "-a"), OnError.CONTINUE, 10.0)
    assert (second.on_error, second.timeout, second.origin) == (OnError.FAIL, 30.0, Origin.VELERO)
    assert (after.when, after.command) == (When.AFTER_BACKUP, ("/bin/thaw",))


def test_velero_s_schedule_and_what_stands_below_hooks():
    backup = yaml.safe_load(BACKUP)
    schedule = {"apiVersion": "velero.io/v1", "kind": "Schedule", "spec": {"template": backup["spec"]}}
    assert parsed(schedule) == parsed(BACKUP)
    assert len(parsed(backup["spec"]["hooks"]).hooks) == 3


def test_velero_s_restore():
    found = parsed(f"apiVersion: velero.io/v1\nkind: Restore\n{RESTORE}")
    load, date = found.hooks
    assert (load.when, load.wait, load.timeout, load.on_error) == (When.AFTER_RESTORE, 300.0, 60.0, OnError.FAIL)
    assert (date.on_error, date.wait_for_ready) == (OnError.CONTINUE, True)
    assert found.notes == (
        "hooks.yaml, hooks.resources[0].postHooks[0].init is not applied: no containers are added to restored pods",
    )


@pytest.mark.parametrize("resources", [{"includedResources": ["secrets"]}, {"excludedResources": ["po"]}])
def test_velero_s_hooks_that_are_for_no_pods_are_named(resources):
    found = parsed({"resources": [{"name": "x", **resources, "pre": [{"exec": {"command": ["a"]}}]}]})
    assert not found.hooks
    assert "is for no pods" in found.notes[0]


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        ({"pre": [{"exec": {"command": "date"}}]}, "pre[0].exec"),
        ({"pre": [{"exec": {}}]}, "pre[0].exec"),
        ({"pre": [{"exec": {"command": ["a"], "timeout": "soon"}}]}, "timeout"),
        ({"pre": [{"exec": {"command": ["a"], "onError": "Maybe"}}]}, "onError"),
        ({"pre": [{"exec": {"command": ["a"], "shell": True}}]}, "shell"),
        ({"before": []}, "before"),
        ({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}, "Near"),
        ({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, "needs values"),
        ({"labelSelector": {"matchLabels": {"a b": "c"}}}, "a b"),
        ({"labelSelector": {"matchLabels": ["a"]}}, "matchLabels"),
    ],
)
def test_velero_s_mistakes_are_named(resource, place):
    assert place in refused({"resources": [resource]})


# Ours

QUIESCE = {
    "name": "quiesce",
    "when": "before-backup",
    "namespaces": ["shop"],
    "excludeNamespaces": ["x*"],
    "selector": "app=db",
    "pods": ["db-*"],
    "container": "db",
    "command": ["fsfreeze", "-f", "/data"],
    "timeout": "10s",
    "onError": "continue",
    "thaw": "fsfreeze -u /data",
    "thawAfter": "1m",
}
DUMP = {"name": "all.sql", "when": "dump", "command": "mariadb-dump -A", "load": ["mariadb"]}


def test_our_hooks():
    quiesce, dump, restored = parsed(
        [QUIESCE, DUMP, {"when": "after-restore", "command": "x", "waitTimeout": "5s", "waitForReady": True}]
    ).hooks
    assert quiesce.pods == PodSelection(
        namespaces=("shop",), exclude_namespaces=("x*",), selector="app=db", pods=("db-*",)
    )
    assert (quiesce.timeout, quiesce.on_error, quiesce.thaw_after) == (10.0, OnError.CONTINUE, 60.0)
    assert quiesce.thaw == ("/bin/sh", "-c", "fsfreeze -u /data")
    assert (dump.command, dump.load) == (("/bin/sh", "-c", "mariadb-dump -A"), ("mariadb",))
    assert (restored.wait, restored.wait_for_ready, restored.name) == (5.0, True, "after-restore")


def test_a_map_with_hooks_and_several_documents():
    text = f"{json.dumps({'hooks': [QUIESCE]})}\n---\n{json.dumps([DUMP])}\n---\n{BACKUP}"
    assert [hook.name for hook in parsed(text).hooks] == ["quiesce", "all.sql", *["my-hook"] * 3]


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ({"when": "sometimes", "command": "x"}, "when"),
        ({"command": "x"}, "when"),
        ({"when": "before-backup"}, "no command"),
        ({"when": "before-backup", "command": []}, "command is neither"),
        ({"when": "before-backup", "command": [1]}, "command is neither"),
        ({"when": "after-backup", "command": "x", "thaw": "y"}, "thaw is for hooks with when: before-backup only"),
        ({"when": "before-backup", "command": "x", "load": "y"}, "load is for hooks"),
        ({"when": "dump", "command": "x"}, "no name of a dump"),
        ({"when": "dump", "name": "../x", "command": "x"}, "no name of a dump"),
        ({"when": "dump", "recipe": "oracle"}, "recipe 'oracle'"),
        ({"when": "dump", "recipe": "mysql", "command": "x", "name": "a"}, "a command and a recipe"),
        ({"when": "before-backup", "command": "x", "timeout": "30"}, "timeout"),
        ({"when": "before-backup", "command": "x", "timeout": "0s"}, "timeout"),
        ({"when": "before-backup", "command": "x", "timeout": 30}, "timeout is not a text"),
        ({"when": "before-backup", "command": "x", "onError": "Fail"}, "onError"),
        ({"when": "before-backup", "command": "x", "selector": "a b"}, "label selector"),
        ({"when": "before-backup", "command": "x", "namespaces": "shop"}, "namespaces is not a list"),
        ({"when": "after-restore", "command": "x", "waitForReady": "true"}, "waitForReady"),
        ({"when": "before-backup", "command": "x", "cmd": "x"}, "no field 'cmd'"),
    ],
)
def test_our_mistakes_are_named(hook, said):
    assert said in refused([DUMP, hook])


def test_the_place_of_a_mistake_is_named():
    assert "hooks.yaml, hook 2" in refused([DUMP, {"when": "dump"}])


@pytest.mark.parametrize("document", ["", "a: b", "[]", "text", "{hooks: {}}", "resources: 1", "- 1"])
def test_what_is_no_list_of_hooks(document):
    assert "hooks.yaml" in refused(document)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.sampled_from(sorted(FIELDS | {"hooks", "resources", "pre", "exec"})), st.text()), inner
        ),
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_document_is_read_or_refused(document):
    try:
        hooks = parsed(document).hooks
    except UsageError:
        return
    for hook in hooks:
        assert hook.command or hook.recipe or hook.load


def test_custom_resources_have_the_same_fields():
    assert set(HookFields.__struct_encode_fields__) == FIELDS


# Flags


def test_a_flag_names_pods_a_container_and_a_command():
    hook = parse_flag("--hook-before", "shop/db-*:db=mysql -e 'SET x=1'")
    assert hook.pods == PodSelection(namespaces=("shop",), pods=("db-*",))
    assert (hook.container, hook.command) == ("db", ("/bin/sh", "-c", "mysql -e 'SET x=1'"))
    assert hook.when is When.BEFORE_BACKUP


def test_a_dump_and_its_way_back():
    dump = parse_flag("--hook-dump", 'shop/db-0/all.sql=["pg_dumpall"]')
    load = parse_flag("--hook-load", "shop/db-0/all.sql=psql")
    assert (dump.name, dump.command, dump.load) == ("all.sql", ("pg_dumpall",), ())
    assert (load.name, load.command, load.load) == ("all.sql", (), ("/bin/sh", "-c", "psql"))


@pytest.mark.parametrize("flag", sorted(FLAGS))
@pytest.mark.parametrize("text", ["", "shop", "shop/db-0", "shop/db-0=", "/db-0=x", "a/b/c/d=x", "shop/=x"])
def test_what_is_no_hook_is_refused(flag, text):
    with pytest.raises(UsageError, match=flag):
        parse_flag(flag, text)


def test_documents_and_flags_together():
    hooks = hooks_of_flags(
        {"--hook-before": ["shop/db-0=x"], "--hook-after": ["shop/db-0=y"]},
        [("hooks.yaml", json.dumps([DUMP]))],
        enabled=False,
        dumps=DumpMode.AUTO,
    )
    assert [hook.when for hook in hooks.hooks] == [When.DUMP, When.BEFORE_BACKUP, When.AFTER_BACKUP]
    assert (hooks.enabled, hooks.dumps) == (False, DumpMode.AUTO)
