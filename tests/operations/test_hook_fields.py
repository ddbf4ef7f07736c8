"""Hooks as fields of custom resources are read as the hooks that they were."""

import dataclasses

import msgspec
import pytest

from holdfast.errors import UsageError
from holdfast.model.hooks import Hook, Origin, When
from holdfast.objects.hooks.flags import parse_flag
from holdfast.objects.hooks.parsing import parse_hooks
from holdfast.operations.hooks.as_fields import hook_fields

OURS = """
- {name: quiesce, when: before-backup, namespaces: [shop], excludeNamespaces: [x], selector: "app in (db,web)", pods: [db-*],
   container: db, command: [fsfreeze, --freeze, /data], timeout: 90s, onError: continue, thaw: [fsfreeze, --unfreeze, /data],
   thawAfter: 250ms}
- {when: after-backup, command: "echo $(date) $$"}
- {name: all.sql, when: dump, recipe: mysql, load: [mariadb, --force]}
- {when: dump, recipe: auto, timeout: 1h30m}
- {when: after-restore, command: [psql], waitTimeout: 5m, waitForReady: true}
"""
VELERO = """
resources:
- name: mysql
  includedNamespaces: [shop]
  labelSelector: {matchLabels: {app: mysql}}
  pre: [{exec: {container: mysql, command: [sync], onError: Continue, timeout: 10s}}]
  postHooks: [{exec: {command: [/bin/true], waitTimeout: 2m}}]
"""


@pytest.mark.parametrize("text", [OURS, VELERO], ids=["ours", "Velero's"])
def test_documents(text):
    hooks = parse_hooks(text, "a file").hooks
    assert again(hooks) == [dataclasses.replace(hook, origin=Origin.GIVEN) for hook in hooks]


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--hook-before", "shop/db-0:db=sync"),
        ("--hook-after-restore", 'shop/*=["a", "b c"]'),
        ("--hook-dump", "shop/db-0/all.sql=mariadb-dump --all-databases"),
        ("--hook-load", "shop/db-0/all.sql=mariadb"),
    ],
)
def test_flags(flag, text):
    hook = parse_flag(flag, text)
    assert again([hook]) == [hook]


def again(hooks):
    """By way of the JSON in which a pod gets them."""
    return list(parse_hooks(msgspec.json.encode([hook_fields(hook) for hook in hooks]), "the object").hooks)


def test_a_hook_that_is_too_long_is_refused():
    with pytest.raises(UsageError, match="fits into no custom resource"):
        hook_fields(Hook(name="long", when=When.BEFORE_BACKUP, command=("x" * 20_000,)))
