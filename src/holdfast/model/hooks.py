"""Commands in containers around a backup and after a restore: what is asked for, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

DEFAULT_TIMEOUT = 30.0  # seconds; Velero's
DEFAULT_DUMP_TIMEOUT = 4 * 3600.0
DEFAULT_THAW_AFTER = 600.0
DEFAULT_WAIT = 600.0


class When(StrEnum):
    BEFORE_BACKUP = "before-backup"
    AFTER_BACKUP = "after-backup"
    AFTER_RESTORE = "after-restore"
    DUMP = "dump"  # its output becomes a file of the backup
    LOAD = "load"  # the other way: the file becomes a command's input


class OnError(StrEnum):
    FAIL = "fail"  # what depends on the hook is not done: the pod's volumes are not read, its later hooks are not run
    CONTINUE = "continue"  # the run becomes partial, and all goes on


class Origin(StrEnum):
    """Who asked for a hook."""

    GIVEN = "given"  # a flag or a document, in Holdfast's spelling
    ANNOTATION = "annotation"  # of the pod, Holdfast's
    VELERO = "velero"  # an annotation or a document of Velero's
    RECIPE = "recipe"


class DumpMode(StrEnum):
    """Which dumps are taken, and loaded."""

    GIVEN = "given"  # those that hooks and annotations ask for
    AUTO = "auto"  # also one of each database that a recipe recognises
    NONE = "none"


class HookOutcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    LEFT_OUT = "left-out"  # not run, because there was nothing to do or one before it failed


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSelection:
    """Which pods a hook is for; all conditions must hold, and none at all are met by every pod."""

    namespaces: tuple[str, ...] = ()  # names or globs
    exclude_namespaces: tuple[str, ...] = ()
    selector: str = ""  # labels, as kubectl writes them
    pods: tuple[str, ...] = ()  # names or globs


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One command, and for which pods it is meant."""

    name: str  # for people; of a dump also the name of its file
    when: When
    pods: PodSelection = PodSelection()
    container: str = ""  # "": the pod's default one; of Velero's hooks the first
    command: tuple[str, ...] = ()
    timeout: float = DEFAULT_TIMEOUT
    on_error: OnError = OnError.FAIL
    origin: Origin = Origin.GIVEN
    thaw: tuple[str, ...] = ()  # undoes what the command froze; run after the backup, and by a timer in the container
    thaw_after: float = DEFAULT_THAW_AFTER  # seconds until the timer runs it
    thaw_is_spare: bool = False  # hooks after the backup are expected to thaw; `thaw` is run if they did not
    load: tuple[str, ...] = ()  # of a dump: the command that takes it in again
    recipe: str = ""  # that the commands are from
    wait: float = DEFAULT_WAIT  # after a restore: seconds until the container must run
    wait_for_ready: bool = False  # and be ready
    unusable: str = ""  # why the hook cannot be run, whatever the pod is like; it fails then

    @property
    def program(self) -> str:
        """What may be shown of the command: arguments can hold secrets."""
        return self.command[0].rpartition("/")[2][:64] if self.command else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSet:
    """What a run was asked for."""

    hooks: tuple[Hook, ...] = ()
    enabled: bool = True  # false: no hook at all is run, whatever pods say
    dumps: DumpMode = DumpMode.GIVEN
    notes: tuple[str, ...] = ()  # what of a document is not applied


class HookRecord(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """What became of a hook in one container."""

    namespace: str
    pod: str
    container: str
    name: str
    when: When
    outcome: HookOutcome
    origin: Origin = Origin.GIVEN
    program: str = ""  # the command without its arguments
    on_error: OnError = OnError.FAIL
    exit_code: int | None = None  # None: it did not end, or never began
    why: str = ""  # of a hook that was not done
    next: str = ""
    started_at: str = ""  # RFC 3339; "" if it never began
    seconds: float = 0.0
    path: str = ""  # of a dump: where it is in the backup
    bytes: int = 0  # its length
    recipe: str = ""
    workload: str = ""  # that the pod belonged to, "statefulset/db"; "" for a pod of its own

    @property
    def stops(self) -> bool:
        """Whether what depends on the hook must not be done."""
        return self.outcome is HookOutcome.FAILED and self.on_error is OnError.FAIL


def dump_path(namespace: str, pod: str, container: str, name: str) -> str:
    """Where a dump is in a backup."""
    return f"/dumps/{namespace}/{pod}/{container}/{name}"
