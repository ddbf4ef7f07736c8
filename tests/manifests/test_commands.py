"""The command lines of pods: what an object says arrives as flags, whatever characters are in it."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest

from holdfast.api.backup import BackupSpec
from holdfast.api.restore import RestoreSpec
from holdfast.cli.backup import create
from holdfast.cli.restore import run
from holdfast.errors import UsageError
from holdfast.manifests import commands
from holdfast.manifests.naming import Role
from holdfast.manifests.run_pod import Installation, Work, pod_template

POLICY = {
    "version": "v1",
    "volumePolicies": [
        {"conditions": {"storageClass": ["fast"], "capacity": "0,1Gi"}, "action": {"type": "skip"}},
        {"conditions": {"nfs": {}}, "action": {"type": "fs-backup", "parameters": {"a": 1}}},
    ],
}
MOVERS = {"parallel": 8, "parallelPerNode": 3, "cpu": "500m", "memory": "2Gi"}
MOVER_FLAGS = {"--parallel-volumes=8", "--parallel-per-node=3", "--mover-cpu=500m", "--mover-memory=2Gi"}


def backup_command(**fields):
    return commands.back_up("x", msgspec.convert({"location": "main", "namespaces": ["shop"], **fields}, BackupSpec))


def restore_command(**fields):
    return commands.restore("latest", msgspec.convert({"location": "main", "backup": "latest", **fields}, RestoreSpec))


def value(command, flag):
    [found] = [argument.partition("=")[2] for argument in command if argument.startswith(f"{flag}=")]
    return found


def test_a_volume_policy_arrives_as_it_was_written():
    assert json.loads(value(backup_command(volumePolicy=POLICY), "--volume-policy")) == POLICY


def test_what_else_a_backup_says_of_volumes_arrives():
    command = backup_command(excludePaths=["shop/data:cache/*", "*.tmp"], movers=MOVERS)
    assert {"--exclude-path=shop/data:cache/*", "--exclude-path=*.tmp", *MOVER_FLAGS} <= set(command)


def test_what_a_restore_says_of_volumes_arrives():
    command = restore_command(
        volumes="overwrite", volumeClaims=["shop/data"], volumeSizes={"shop/data": "20Gi"}, movers=MOVERS
    )
    expected = {"--volumes=overwrite", "--volume=shop/data", "--volume-size=shop/data=20Gi", *MOVER_FLAGS}
    assert expected <= set(command)


HOOKS = [
    {"when": "before-backup", "command": ["sh", "-c", "echo $(date) $$"], "selector": "app in (a,b)", "timeout": "1m"},
    {"name": "all.sql", "when": "dump", "recipe": "mysql", "load": ["mariadb", "--force"]},
]


@pytest.mark.parametrize("made", [backup_command, restore_command])
def test_hooks_arrive_as_they_were_written(made):
    command = made(hooks=HOOKS, dumps="auto")
    text = value(command, "--hooks")
    assert json.loads(text) == HOOKS
    assert text.startswith("[")  # by which the command line knows that it is no file
    assert "--dumps=auto" in command
    assert "--no-hooks" in made(noHooks=True)


@pytest.mark.parametrize(
    ("verb", "made"), [(create, backup_command), (run, restore_command)], ids=["backup", "restore"]
)
def test_the_command_line_knows_every_flag(verb, made):
    """Its own parser reads what the pod is given, for an object that says all that one can say."""
    movers = {"movers": MOVERS, "hooks": HOOKS, "dumps": "none", "noHooks": True, "volumes": "none"}
    more = {
        create: {"volumePolicy": POLICY, "excludePaths": ["a"], "keepFor": "1d", "labels": {"a": "b"}, "type": "full"},
        run: {
            "volumeClaims": ["shop/data"],
            "volumeSizes": {"shop/data": "2Gi"},
            "mapImages": {"a": "b"},
            "restoreStatus": ["x"],
            "quarantine": True,
        },
    }[verb]
    flags = made(**movers, **more)[2:]
    context = verb.make_context(verb.name, flags)
    assert [json.loads(text) for text in context.params["hook_documents"]] == [HOOKS]
    assert context.params["mover_cpu"] == "500m"


def test_what_is_not_said_is_left_to_the_command_line():
    for command in (backup_command(), restore_command()):
        assert not [
            argument for argument in command if any(word in argument for word in ("volume", "mover", "hook", "dump"))
        ]


def test_a_document_that_no_command_line_holds_is_refused_before_there_is_a_pod():
    conditions = {"pvcLabels": {f"label-{number}": "x" * 60 for number in range(2000)}}
    long = {"version": "v1", "volumePolicies": [{"conditions": conditions, "action": {"type": "skip"}}]}
    with pytest.raises(UsageError, match="--volume-policy is too long"):
        backup_command(volumePolicy=long)


def test_the_longest_document_fits_into_a_command_line():
    """The limit is Linux's, so Linux is asked."""
    argument = "x" * (commands._LONGEST + len("--volume-policy="))
    subprocess.run([sys.executable, "-c", "", argument], check=True)
    with pytest.raises(OSError, match="too long"):
        subprocess.run([sys.executable, "-c", "", argument + "x" * 2**15], check=True)


def test_kubernetes_does_not_replace_anything_in_arguments():
    """`$(HOLDFAST_SECRET)` in a hook means a command of the hook's shell, and `$$` its process."""
    work = Work(
        kind="Backup",
        name="a",
        namespace="shop",
        role=Role.BACKUP,
        command=["--hooks=echo $(HOLDFAST_SECRET) $$ $HOME"],
        url="/srv",
        secret="login",
    )
    template = pod_template(work, Installation(namespace="holdfast", image="i", cluster="c"))
    [container] = template["spec"]["containers"]
    assert replaced(container["args"][0], {"HOLDFAST_SECRET": "login"}) == work.command[0]


def replaced(argument, variables):
    """As `third_party/forked/golang/expansion` of Kubernetes does it."""
    out, at = "", 0
    while at < len(argument):
        if argument[at] != "$" or at + 1 == len(argument):
            out, at = out + argument[at], at + 1
        elif argument[at + 1] == "$":
            out, at = out + "$", at + 2
        elif argument[at + 1] == "(" and ")" in argument[at:]:
            end = argument.index(")", at)
            name = argument[at + 2 : end]
            out, at = out + variables.get(name, f"$({name})"), end + 1
        else:
            out, at = out + argument[at : at + 2], at + 2
    return out


@pytest.mark.parametrize("role", Role)
def test_only_who_moves_volumes_is_told_how(role):
    work = Work(kind="Backup", name="a", namespace="shop", role=role, command=[], url="/srv", secret="login")
    template = pod_template(work, Installation(namespace="holdfast", image="holdfast:9", cluster="c"))
    variables = {one["name"]: one for one in template["spec"]["containers"][0]["env"]}
    told = {"HOLDFAST_IMAGE", "HOLDFAST_NAMESPACE", "HOLDFAST_SECRET", "HOLDFAST_ACCOUNT"} & variables.keys()
    if role not in (Role.BACKUP, Role.RESTORE):
        assert not told
        return
    assert variables["HOLDFAST_IMAGE"]["value"] == "holdfast:9"
    assert variables["HOLDFAST_SECRET"]["value"] == "login"
    assert variables["HOLDFAST_NAMESPACE"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert variables["HOLDFAST_ACCOUNT"]["valueFrom"] == {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}
