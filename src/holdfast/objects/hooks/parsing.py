"""Documents with hooks: Holdfast's own list, or Velero's, in YAML or JSON.

- name: quiesce
  when: before-backup             # after-backup, after-restore, dump
  namespaces: [shop]
  selector: app=db
  command: [fsfreeze, --freeze, /data]
  thaw: [fsfreeze, --unfreeze, /data]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from holdfast.errors import UsageError
from holdfast.model.hooks import (
    DEFAULT_DUMP_TIMEOUT,
    DEFAULT_THAW_AFTER,
    DEFAULT_TIMEOUT,
    DEFAULT_WAIT,
    Hook,
    OnError,
    Origin,
    PodSelection,
    When,
)
from holdfast.objects.hooks.commands import shell
from holdfast.objects.hooks.durations import parse_duration
from holdfast.objects.hooks.file_names import why_no_file_name
from holdfast.objects.hooks.recipes import ANY_RECIPE, RECIPES
from holdfast.objects.hooks.velero_yaml import Parsed, is_velero, parse_velero
from holdfast.objects.label_selector import LabelSelector
from holdfast.objects.patching.reading import Fields, invalid, read_yaml

_Choice = TypeVar("_Choice", bound=str)
TIMES = (When.BEFORE_BACKUP, When.AFTER_BACKUP, When.AFTER_RESTORE, When.DUMP)
_ONLY_FOR = {
    "thaw": (When.BEFORE_BACKUP,),
    "thawAfter": (When.BEFORE_BACKUP,),
    "load": (When.DUMP,),
    "recipe": (When.DUMP,),
    "waitTimeout": (When.AFTER_RESTORE,),
    "waitForReady": (When.AFTER_RESTORE,),
}
FIELDS = frozenset(
    (
        "name",
        "when",
        "namespaces",
        "excludeNamespaces",
        "selector",
        "pods",
        "container",
        "command",
        "timeout",
        "onError",
    )
) | frozenset(_ONLY_FOR)
"""Of one hook of ours."""


def parse_hooks(data: bytes | str, name: str) -> Parsed:
    """The hooks of a document called `name`. Raises UsageError that says where something is wrong."""
    try:
        return _parse(data, name)
    except UsageError as error:
        raise UsageError(error.what, why=error.why, next="Correct it; docs/hooks.md has examples.") from None


def _parse(data: bytes | str, name: str) -> Parsed:
    hooks: list[Hook] = []
    notes: list[str] = []
    for document in read_yaml(data, name):
        if is_velero(document):
            parsed = parse_velero(document, name)
            hooks += parsed.hooks
            notes += parsed.notes
        else:
            hooks += _own(document, name, len(hooks))
    if not hooks and not notes:
        raise invalid(name, "it holds no hook")
    return Parsed(tuple(hooks), tuple(notes))


def _own(document: Any, name: str, before: int) -> list[Hook]:
    entries = document
    if isinstance(document, dict):
        fields = Fields(document, name)
        entries = fields.items("hooks")
        fields.done()
    if not isinstance(entries, list):
        raise invalid(name, "it is neither a list of hooks nor a map with the field hooks")
    return [_hook(Fields(entry, f"{name}, hook {number}")) for number, entry in enumerate(entries, before + 1)]


def _hook(fields: Fields) -> Hook:
    place = fields.place
    when = _one_of(fields.text("when"), TIMES, f"{place}: when")
    for field, times in _ONLY_FOR.items():
        if field in fields and when not in times:
            raise invalid(place, f"{field} is for hooks with when: {' or '.join(times)} only")
    name = fields.text("name")
    recipe = fields.text("recipe")
    if recipe and recipe not in (ANY_RECIPE, *RECIPES):
        raise invalid(place, f"the recipe {recipe!r:.60} is none of {', '.join((ANY_RECIPE, *RECIPES))}")
    is_dump = when is When.DUMP
    if is_dump and not (recipe and not name) and (why := why_no_file_name(name)):
        raise invalid(place, f"name: {why}")
    command, load = _command(fields, "command"), _command(fields, "load")
    if bool(command) == bool(recipe) and not (load and not command):
        raise invalid(place, "it has a command and a recipe" if command else "it has no command")
    hook = Hook(
        name=name or ("" if is_dump else str(when)),
        when=when,
        origin=Origin.GIVEN,
        pods=_pods(fields),
        container=fields.text("container"),
        command=command,
        timeout=_seconds(fields, "timeout", DEFAULT_DUMP_TIMEOUT if is_dump else DEFAULT_TIMEOUT),
        on_error=_one_of(fields.text("onError") or OnError.FAIL.value, tuple(OnError), f"{place}: onError"),
        thaw=_command(fields, "thaw"),
        thaw_after=_seconds(fields, "thawAfter", DEFAULT_THAW_AFTER),
        load=load,
        recipe=recipe,
        wait=_seconds(fields, "waitTimeout", DEFAULT_WAIT),
        wait_for_ready=_flag(fields, "waitForReady"),
    )
    fields.done()
    return hook


def _pods(fields: Fields) -> PodSelection:
    selector = fields.text("selector")
    return PodSelection(
        namespaces=_texts(fields, "namespaces"),
        exclude_namespaces=_texts(fields, "excludeNamespaces"),
        selector=str(LabelSelector.parse(selector)) if selector else "",
        pods=_texts(fields, "pods"),
    )


def _command(fields: Fields, name: str) -> tuple[str, ...]:
    """A list as it is; a text is for the container's shell. Empty if there is none."""
    value = fields.value(name)
    match value:
        case None | "":
            return ()
        case str():
            return shell(value)
        case [str(program), *rest] if program and all(isinstance(part, str) for part in rest):
            return (program, *rest)
        case _:
            raise invalid(fields.place, f"{name} is neither a text nor a list of texts that begins with a program")


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    values = fields.items(name)
    if not all(isinstance(value, str) and value for value in values):
        raise invalid(fields.place, f"{name} is not a list of texts")
    return tuple(values)


def _seconds(fields: Fields, name: str, default: float) -> float:
    text = fields.text(name)
    seconds = parse_duration(text) if text else default
    if seconds is None or seconds <= 0:
        raise invalid(fields.place, f"{name} is {text!r:.60}, and no length of time as 30s or 5m")
    return seconds


def _flag(fields: Fields, name: str) -> bool:
    value = fields.value(name)
    if value not in (None, True, False):
        raise invalid(fields.place, f"{name} is neither true nor false")
    return bool(value)


def _one_of(text: str, choices: Sequence[_Choice], place: str) -> _Choice:
    for choice in choices:
        if choice == text:
            return choice
    raise invalid(place, f"{text!r:.60} is none of {', '.join(choices)}")
