"""A command in containers around a backup or after a restore: one entry of the list `hooks`.

`holdfast.objects.hooks.parsing` reads the same fields from a file, and tells what does not go together.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from holdfast.api.rules import AS_A_WHOLE, Rule, given

Names = Annotated[list[Annotated[str, Meta(min_length=1, max_length=253)]], AS_A_WHOLE, Meta(max_length=64)]
Command = Annotated[list[Annotated[str, Meta(max_length=16384)]], AS_A_WHOLE, Meta(max_length=64)]
Duration = Annotated[str, Meta(max_length=32, pattern=r"^$|^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$")]
"""As Go writes it: `30s`, `1m30s`."""


class HookFields(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Conditions that are not given are met by every pod that the backup or restore has."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"self.when == 'dump' || {given('command')}",
            "A hook has no command. Only a dump can go without one, with a recipe or the command of its way back.",
        ),
        Rule(
            f"self.when != 'dump' || {given('command')} || {given('recipe')} || {given('load')}",
            "A dump has nothing to do. Give it a command, a recipe, or `load`, the command of its way back.",
        ),
    )

    name: Annotated[str, Meta(max_length=127, description="For people; of a dump the name of its file.")] = ""
    when: Annotated[
        Literal["before-backup", "after-backup", "after-restore", "dump"], Meta(description="When it is run.")
    ]
    namespaces: Annotated[Names, Meta(description="Names of the pods' namespaces, or globs.")] = []
    exclude_namespaces: Annotated[Names, Meta(description="Not these namespaces.")] = []
    selector: Annotated[str, Meta(max_length=1024, description="Pods with these labels, as `a=b,c in (d,e)`.")] = ""
    pods: Annotated[Names, Meta(description="Names of pods, or globs.")] = []
    container: Annotated[str, Meta(max_length=63, description="By default the pod's default container.")] = ""
    command: Annotated[Command, Meta(description="The program and its arguments; no shell is asked.")] = []
    timeout: Annotated[Duration, Meta(description="By default 30s, of a dump 4h.")] = ""
    on_error: Annotated[
        Literal["fail", "continue"],
        Meta(description="fail: what depends on the hook is not done. Either way the run is partial."),
    ] = "fail"
    thaw: Annotated[
        Command, Meta(description="Undoes what the command froze; a timer in the container sees to it.")
    ] = []
    thaw_after: Annotated[Duration, Meta(description="When that timer does, by default 10m.")] = ""
    load: Annotated[Command, Meta(description="Of a dump: the command that takes it in again.")] = []
    recipe: Annotated[
        Literal["", "auto", "mysql", "postgresql"], Meta(description="Of a dump: commands that Holdfast knows.")
    ] = ""
    wait_timeout: Annotated[
        Duration, Meta(description="After a restore: until the container must run, by default 10m.")
    ] = ""
    wait_for_ready: Annotated[bool, Meta(description="And until it is ready.")] = False


NoHooks = Annotated[bool, Meta(description="Run no hooks and no dumps, whatever pods say. --no-hooks")]
Hooks = Annotated[list[HookFields], AS_A_WHOLE, Meta(max_length=64)]
Dumps = Annotated[
    Literal["given", "auto", "none"],
    Meta(description="Databases: those that hooks and pods ask for, all that Holdfast recognises, or none. --dumps"),
]
