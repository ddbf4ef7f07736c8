"""What a BackupPlan's run asks for about data: the plan's words as `backup create` would understand them."""

import msgspec
import pytest
from tests.plan_lab import plan_object

from holdfast.api.backup_plan import BackupPlan
from holdfast.errors import UsageError
from holdfast.model.backup import VolumesMode
from holdfast.model.hooks import DumpMode, When
from holdfast.objects.storage.policy import VolumePolicy
from holdfast.operations.plans import back_up_options
from holdfast.operations.volumes_of_backup.exclude_paths import ExcludedPath

POLICY = {
    "version": "v1",
    "volumePolicies": [{"conditions": {"storageClass": ["scratch"]}, "action": {"type": "skip"}}],
}


def options(**backup):
    plan = msgspec.convert(plan_object("shop", backup=backup), BackupPlan)
    return back_up_options(plan, labels={}, cluster_name="here", job="")


def test_volumes_policy_and_left_out_files_are_the_plans():
    wanted = options(volumes="auto", volumePolicy=POLICY, excludePaths=["shop/data:cache", "*.tmp"])
    assert wanted.volumes is VolumesMode.AUTO
    assert [(rule.place, rule.action) for rule in wanted.volume_policy.rules] == [
        ("rule 1 of the plan's volumePolicy", "skip")
    ]
    assert wanted.exclude_paths == (ExcludedPath("shop/data", "cache"), ExcludedPath("", "*.tmp"))


def test_hooks_and_dumps_are_the_plans():
    hooks = [
        {"name": "quiesce", "when": "before-backup", "selector": "app=db", "command": ["sync"], "timeout": "1m"},
        {"name": "all.sql", "when": "dump", "recipe": "mysql"},
    ]
    wanted = options(hooks=hooks, dumps="auto").hooks
    assert [(hook.name, hook.when, hook.command) for hook in wanted.hooks] == [
        ("quiesce", When.BEFORE_BACKUP, ("sync",)),
        ("all.sql", When.DUMP, ()),
    ]
    assert wanted.hooks[0].timeout == 60.0
    assert wanted.dumps is DumpMode.AUTO
    assert wanted.enabled
    assert not options(noHooks=True).hooks.enabled


def test_a_plan_that_says_nothing_of_data_asks_for_nothing():
    wanted = options()
    assert (wanted.volume_policy, wanted.exclude_paths, wanted.hooks.hooks) == (VolumePolicy(), (), ())


@pytest.mark.parametrize(
    ("backup", "why"),
    [
        ({"volumePolicy": {**POLICY, "volumePolicies": [{"conditions": {"colour": 1}, "action": {"type": "skip"}}]}}, "rule 1"),
        ({"hooks": [{"when": "before-backup", "command": ["a"], "load": ["b"]}]}, "hook 1"),
    ],
)  # fmt: skip
def test_what_the_api_server_let_pass_and_makes_no_sense_is_named(backup, why):
    with pytest.raises(UsageError) as error:
        options(**backup)
    assert "the plan's" in error.value.what
    assert why in f"{error.value.what} {error.value.why}"
