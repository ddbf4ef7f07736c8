"""Hooks as the fields of custom resources, whatever they were written as."""

from __future__ import annotations

import msgspec

from holdfast.api.hooks import HookFields
from holdfast.errors import UsageError
from holdfast.model.hooks import Hook, When


def hook_fields(hook: Hook) -> HookFields:
    """`parse_hooks` reads the same hook from it. Raises UsageError for one that is longer than an object may hold."""
    pods = hook.pods
    fields = {
        "name": hook.name,
        "when": hook.when,
        "namespaces": pods.namespaces,
        "excludeNamespaces": pods.exclude_namespaces,
        "selector": pods.selector,
        "pods": pods.pods,
        "container": hook.container,
        "command": hook.command,
        "timeout": _duration(hook.timeout),
        "onError": hook.on_error,
        "thaw": hook.thaw,
        "thawAfter": _duration(hook.thaw_after) if hook.thaw else "",
        "load": hook.load,
        "recipe": hook.recipe if hook.when is When.DUMP else "",
        "waitTimeout": _duration(hook.wait) if hook.when is When.AFTER_RESTORE else "",
        "waitForReady": hook.wait_for_ready,
    }
    try:
        return msgspec.convert(fields, HookFields)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the hook {hook.name} fits into no custom resource", why=str(error), next="Make it shorter."
        ) from error


def _duration(seconds: float) -> str:
    return f"{seconds:g}s"
