"""Hooks on the command line: `--hook-before shop/db-0=COMMAND`, and documents of `--hooks`.

    NAMESPACE/POD[:CONTAINER]=COMMAND            before and after a backup, after a restore
    NAMESPACE/POD[:CONTAINER]/NAME=COMMAND       of a dump: the last part is the name of its file

NAMESPACE and POD may be globs. A COMMAND that begins with `[` is a JSON list, any other is for the container's shell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from holdfast.errors import UsageError
from holdfast.model.hooks import DEFAULT_DUMP_TIMEOUT, DEFAULT_TIMEOUT, DumpMode, Hook, HookSet, PodSelection, When
from holdfast.objects.hooks.commands import command_of_text
from holdfast.objects.hooks.file_names import why_no_file_name
from holdfast.objects.hooks.parsing import parse_hooks

BEFORE, AFTER, AFTER_RESTORE = "--hook-before", "--hook-after", "--hook-after-restore"
DUMP, LOAD = "--hook-dump", "--hook-load"
FLAGS = {
    BEFORE: When.BEFORE_BACKUP,
    AFTER: When.AFTER_BACKUP,
    AFTER_RESTORE: When.AFTER_RESTORE,
    DUMP: When.DUMP,
    LOAD: When.DUMP,
}


def hooks_of_flags(
    texts: Mapping[str, Iterable[str]],
    documents: Iterable[tuple[str, bytes | str]] = (),
    *,
    enabled: bool = True,
    dumps: DumpMode = DumpMode.GIVEN,
) -> HookSet:
    """`texts` are the values of each flag of FLAGS, `documents` the names and contents of what --hooks gave, in order.

    Raises UsageError, which names the flag or the document.
    """
    hooks: list[Hook] = []
    notes: list[str] = []
    for name, data in documents:
        parsed = parse_hooks(data, name)
        hooks += parsed.hooks
        notes += parsed.notes
    hooks += [parse_flag(flag, text) for flag, values in texts.items() for text in values]
    return HookSet(hooks=tuple(hooks), enabled=enabled, dumps=dumps, notes=tuple(notes))


def parse_flag(flag: str, text: str) -> Hook:
    """One value of a flag of FLAGS. Raises UsageError."""
    when = FLAGS[flag]
    is_dump = when is When.DUMP
    target, equals, command = text.partition("=")
    parts = target.split("/")
    if not equals or not command.strip() or not all(parts) or len(parts) != (3 if is_dump else 2):
        form = f"NAMESPACE/POD[:CONTAINER]{'/NAME' if is_dump else ''}=COMMAND"
        raise UsageError(
            f"{flag} {target!r:.80} is no hook",
            why=f"one is written {form}",
            next=f"For example: {flag} 'shop/db-0:db{'/all.sql' if is_dump else ''}=…'. docs/hooks.md has more.",
        )
    if is_dump and (why := why_no_file_name(parts[2])):
        raise UsageError(f"{flag} {target!r:.80} is no dump", why=why, next="Choose another name.")
    pod, _, container = parts[1].partition(":")
    words = command_of_text(command.strip())
    return Hook(
        name=parts[2] if is_dump else str(when),
        when=when,
        pods=PodSelection(namespaces=(parts[0],), pods=(pod or "*",)),
        container=container,
        command=() if flag == LOAD else words,
        load=words if flag == LOAD else (),
        timeout=DEFAULT_DUMP_TIMEOUT if is_dump else DEFAULT_TIMEOUT,
    )
