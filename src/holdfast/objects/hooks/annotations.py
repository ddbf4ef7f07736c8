"""Hooks that a pod asks for itself, in its annotations: Holdfast's and Velero's.

An annotation of ours that cannot be read makes a hook that cannot be run: it fails by name, and nobody takes the pod for quiet.
What Velero reads past, with its default in the place of the value, is read past here too, with a note.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from holdfast.model.hooks import DEFAULT_DUMP_TIMEOUT, DEFAULT_TIMEOUT, DEFAULT_WAIT, Hook, OnError, Origin, When
from holdfast.objects.fields import Object, at
from holdfast.objects.hooks.commands import command_of_text, command_of_velero
from holdfast.objects.hooks.durations import parse_duration
from holdfast.objects.hooks.file_names import why_no_file_name

PREFIX = "hooks.holdfast.dev/"
_VELERO_BACKUP = "hook.backup.velero.io/"
_VELERO_RESTORE = "post.hook.restore.velero.io/"
_VELERO_INIT = "init.hook.restore.velero.io/"
_DUMP_NAME = "dump"
_COMMON = ("container", "timeout", "on-error")
_DETAILS = {
    When.BEFORE_BACKUP: (*_COMMON, "thaw", "thaw-after"),
    When.AFTER_BACKUP: _COMMON,
    When.AFTER_RESTORE: (*_COMMON, "wait-timeout", "wait-for-ready"),
    When.DUMP: ("container", "timeout", "name", "load"),
}
KNOWN = frozenset(
    f"{when}{detail}" for when, details in _DETAILS.items() for detail in ("", *(f".{one}" for one in details))
)
"""All of our annotations, without the prefix."""


@dataclass(slots=True)
class Annotated:
    """What a pod says."""

    hooks: dict[When, list[Hook]] = field(default_factory=dict)  # a time that is not here is left to others
    notes: list[str] = field(default_factory=list)


def of_pod(pod: Object) -> Annotated:
    """Raises nothing."""
    texts = {key: value for key, value in at(pod, "metadata", "annotations").items() if isinstance(value, str)}
    said = Annotated()
    _velero(texts, said)
    for when in _DETAILS:
        if command := texts.get(f"{PREFIX}{when}", "").strip():
            said.hooks[when] = _own(when, command, texts)
    unknown = sorted(key for key in texts if key.startswith(PREFIX) and key.removeprefix(PREFIX) not in KNOWN)
    for key in unknown:
        broken = Hook(
            name=key.removeprefix(PREFIX),
            when=When.BEFORE_BACKUP,
            origin=Origin.ANNOTATION,
            on_error=OnError.CONTINUE,
            unusable=f"there is no annotation {key}",
        )
        said.hooks.setdefault(When.BEFORE_BACKUP, []).append(broken)
    return said


def _own(when: When, command: str, texts: Mapping[str, str]) -> list[Hook]:
    """Empty for a dump that the pod does not want."""
    details = {name: texts.get(f"{PREFIX}{when}.{name}", "").strip() for name in _DETAILS[when]}
    if when is When.DUMP and command == "none":
        return []
    is_dump = when is When.DUMP
    hook = Hook(
        name=details["name"] or _DUMP_NAME if is_dump else str(when),
        when=when,
        origin=Origin.ANNOTATION,
        container=details["container"],
        timeout=DEFAULT_DUMP_TIMEOUT if is_dump else DEFAULT_TIMEOUT,
    )
    if is_dump and command == "auto":
        hook = replace(hook, recipe="auto", name=details["name"])
    else:
        hook = replace(hook, command=command_of_text(command))
    return [_with_details(hook, details)]


def _with_details(hook: Hook, details: Mapping[str, str]) -> Hook:
    problems: list[str] = []

    def seconds(name: str, default: float) -> float:
        text = details.get(name, "")
        found = parse_duration(text) if text else default
        if found is None or found <= 0:
            problems.append(f"{PREFIX}{hook.when}.{name} is {text!r:.60}, and no length of time as 30s or 5m")
            return default
        return found

    on_error = details.get("on-error", "").lower() or OnError.FAIL.value
    if on_error not in tuple(OnError):
        problems.append(f"{PREFIX}{hook.when}.on-error is {on_error!r:.60}, and neither fail nor continue")
        on_error = OnError.FAIL.value
    ready = details.get("wait-for-ready", "") or "false"
    if ready not in ("true", "false"):
        problems.append(f"{PREFIX}{hook.when}.wait-for-ready is {ready!r:.60}, and neither true nor false")
    if hook.when is When.DUMP and hook.name and (why := why_no_file_name(hook.name)):
        problems.append(f"{PREFIX}dump.name: {why}")
    thaw, load = details.get("thaw", ""), details.get("load", "")
    return replace(
        hook,
        timeout=seconds("timeout", hook.timeout),
        on_error=OnError(on_error),
        thaw=command_of_text(thaw) if thaw else (),
        thaw_after=seconds("thaw-after", hook.thaw_after),
        load=command_of_text(load) if load else (),
        wait=seconds("wait-timeout", hook.wait),
        wait_for_ready=ready == "true",
        unusable="; ".join(problems),
    )


def _velero(texts: Mapping[str, str], said: Annotated) -> None:
    before = _velero_hook(texts, f"pre.{_VELERO_BACKUP}", When.BEFORE_BACKUP, said) or _velero_hook(
        texts, _VELERO_BACKUP, When.BEFORE_BACKUP, said
    )
    after = _velero_hook(texts, f"post.{_VELERO_BACKUP}", When.AFTER_BACKUP, said)
    restored = _velero_hook(texts, _VELERO_RESTORE, When.AFTER_RESTORE, said)
    said.hooks.update({hook.when: [hook] for hook in (before, after, restored) if hook})
    if any(key.startswith(_VELERO_INIT) for key in texts):
        said.notes.append(f"the annotations {_VELERO_INIT}… are not applied: no containers are added to restored pods")


def _velero_hook(texts: Mapping[str, str], prefix: str, when: When, said: Annotated) -> Hook | None:
    """None if there is no command, as in Velero."""
    command = texts.get(f"{prefix}command", "")
    if not command:
        return None
    of_restore = when is When.AFTER_RESTORE

    def seconds(name: str, default: float) -> float:
        text = texts.get(f"{prefix}{name}", "")
        found = parse_duration(text) if text else 0.0
        if found is None:
            said.notes.append(f"the annotation {prefix}{name} is no length of time; {default:g} s are taken")
        return found if found and found > 0 else default

    default = OnError.CONTINUE if of_restore else OnError.FAIL
    wanted = texts.get(f"{prefix}on-error", "")
    return Hook(
        name=prefix.rstrip("/"),
        when=when,
        origin=Origin.VELERO,
        container=texts.get(f"{prefix}container", ""),
        command=command_of_velero(command),
        timeout=seconds("exec-timeout" if of_restore else "timeout", DEFAULT_TIMEOUT),
        on_error={"Fail": OnError.FAIL, "Continue": OnError.CONTINUE}.get(wanted, default),
        wait=seconds("wait-timeout", DEFAULT_WAIT),
        wait_for_ready=of_restore and texts.get(f"{prefix}wait-for-ready", "").lower() in ("true", "1", "t"),
    )
