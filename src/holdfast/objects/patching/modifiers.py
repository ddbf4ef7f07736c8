"""Velero's resource modifiers, read as they are: the ConfigMap, or what is in it.

What works in Velero works the same here: groups and namespaces are globs, names are searched for by a regular expression,
namespaces are those of the backup, all rules look at the object before any of them has changed it, a `test` that fails leaves
the object alone, values are texts that stand for JSON. Two things are stricter: a rule that Velero would find wrong only at
an object is refused when the file is read, and an object to which a rule cannot be applied is not restored without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from re import Pattern
from typing import Any

import msgspec

from holdfast.objects.fields import at
from holdfast.objects.label_selector import Expression, LabelSelector
from holdfast.objects.patching.failures import PathMissing, TestFailed
from holdfast.objects.patching.globs import compile_glob, compile_regex
from holdfast.objects.patching.json_patch import OPERATIONS, WITH_FROM, WITH_VALUE, Operation, apply_json_patch
from holdfast.objects.patching.patch import Change, Patch, Subject, json_patch, merge_patch, strategic_patch
from holdfast.objects.patching.reading import Fields, invalid, read_yaml

_PATCHES = ("patches", "mergePatches", "strategicPatches")
_OPERATORS = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}  # whether it has values


def parse_modifiers(data: bytes | str, name: str) -> tuple[Patch, ...]:
    """The rules of a file called `name`, each as one patch. Raises UsageError that says in which rule something is wrong."""
    documents = read_yaml(data, name)
    if len(documents) != 1:
        raise invalid(name, "it is not one document")
    content = documents[0]
    if isinstance(content, dict) and content.get("kind") == "ConfigMap":
        texts = list(at(content, "data").values())
        if len(texts) != 1 or not isinstance(texts[0], str):
            raise invalid(name, "the ConfigMap's data is not exactly one text")
        (content,) = read_yaml(texts[0], name) or [None]
    fields = Fields(content, name)
    version, rules = fields.text("version"), fields.items("resourceModifierRules")
    fields.done()
    if version.lower() != "v1":
        raise invalid(name, f"its version is {version!r}, and v1 is the only one there is")
    if not rules:
        raise invalid(name, "resourceModifierRules is empty")
    return tuple(_rule(Fields(rule, f"{name}, rule {number}")) for number, rule in enumerate(rules, 1))


def _rule(rule: Fields) -> Patch:
    place = rule.place
    is_for = _conditions(Fields(rule.value("conditions"), f"{place}, conditions"))
    lists = {name: rule.items(name) for name in _PATCHES}
    rule.done()
    given = [name for name, patches in lists.items() if patches]
    if len(given) != 1:
        raise invalid(place, f"it must have one of {', '.join(_PATCHES)}, and no other")
    (name,) = given
    if name == "patches":
        steps = [_operation(Fields(step, f"{place}, patch {number}")) for number, step in enumerate(lists[name], 1)]
        return Patch(place, is_for, json_patch(steps, skip_when_test_fails=True))
    make = merge_patch if name == "mergePatches" else strategic_patch
    bodies = [make(_body(Fields(entry, f"{place}, patch {number}"))) for number, entry in enumerate(lists[name], 1)]
    return Patch(place, is_for, _one_after_the_other(bodies))


def _one_after_the_other(changes: list[Change]) -> Change:
    def change(obj: Any, resource: Any) -> Any:
        for each in changes:
            obj = each(obj, resource)
        return obj

    return change


def _body(entry: Fields) -> Any:
    text = entry.text("patchData")
    entry.done()
    documents = read_yaml(text, entry.place)
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise invalid(entry.place, "patchData is not a text that holds one map, in YAML or JSON")
    return documents[0]


# Conditions


def _conditions(conditions: Fields) -> Callable[[Subject], bool]:
    place = conditions.place
    group_resource = conditions.text("groupResource")
    if not group_resource:
        raise invalid(place, "groupResource is missing")
    kinds = compile_glob(group_resource, place, separator=".")
    name = compile_regex(text, place) if (text := conditions.text("resourceNameRegex")) else None
    namespaces = _namespaces(conditions.items("namespaces"), place)
    labels = _selector(conditions.value("labelSelector"), f"{place}, labelSelector")
    matches = [
        _match(Fields(match, f"{place}, match {number}")) for number, match in enumerate(conditions.items("matches"), 1)
    ]
    conditions.done()

    def is_for(subject: Subject) -> bool:
        return (
            (not (subject.namespace and namespaces) or any(known.fullmatch(subject.namespace) for known in namespaces))
            and kinds.fullmatch(subject.resource.group_resource) is not None
            and (name is None or name.search(subject.name) is not None)
            and (labels is None or labels.matches(subject.labels))
            and _holds(subject, matches)
        )

    return is_for


def _holds(subject: Subject, matches: list[Operation]) -> bool:
    try:
        apply_json_patch(subject.object, matches) if matches else None
    except (TestFailed, PathMissing):
        return False
    return True


def _namespaces(values: list[Any], place: str) -> list[Pattern[str]]:
    if not all(isinstance(value, str) for value in values):
        raise invalid(place, "namespaces is not a list of texts")
    return [compile_glob(value, place) for value in values]


def _selector(value: Any, place: str) -> LabelSelector | None:
    if value is None:
        return None
    fields = Fields(value, place)
    labels = fields.value("matchLabels") or {}
    if not isinstance(labels, dict) or not all(isinstance(text, str) for text in labels.values()):
        raise invalid(place, "matchLabels is not a map of texts")
    expressions = [_expression(Fields(entry, place)) for entry in fields.items("matchExpressions")]
    fields.done()
    return LabelSelector.from_object(labels, expressions)


def _expression(entry: Fields) -> Expression:
    key, operator, values = entry.text("key"), entry.text("operator"), entry.items("values")
    entry.done()
    if not key or operator not in _OPERATORS or bool(values) != _OPERATORS[operator]:
        raise invalid(entry.place, f"an expression needs a key, one of {', '.join(_OPERATORS)}, and the values for it")
    if not all(isinstance(value, str) for value in values):
        raise invalid(entry.place, "the values of an expression are texts")
    return Expression(key, operator, values)


def _match(match: Fields) -> Operation:
    path, value = match.text("path"), _value(match)
    match.done()
    if not path:
        raise invalid(match.place, "path is missing")
    return Operation("test", path, value)


# Steps of JSON patches


def _operation(step: Fields) -> Operation:
    op, path, source, value = step.text("operation"), step.text("path"), step.text("from"), _value(step)
    step.done()
    if op not in OPERATIONS:
        raise invalid(step.place, f"operation {op!r} is none of {', '.join(sorted(OPERATIONS))}")
    for text in (path, *((source,) if op in WITH_FROM else ())):
        if not text.startswith("/"):
            raise invalid(step.place, f"the path {text!r} does not begin with /")
    return Operation(op, path, value if op in WITH_VALUE else None, source)


def _value(step: Fields) -> Any:
    """Velero's values are texts: what reads as JSON is JSON, anything else is the text itself; `"1"` is the text 1."""
    text = _as_text(step.value("value"), step.place)
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return _decode(text, step.place)
    if text == "null" or text.lower() in ("true", "false") or text.startswith(("{", "[")) or _is_number(text):
        return _decode(text, step.place)
    return _decode(f'"{text}"', step.place)


def _as_text(value: Any, place: str) -> str:
    """YAML's own scalars become texts in the way Velero's parser makes them."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case str():
            return value
        case _:
            raise invalid(place, "value is a map or a list; put it in quotes, as JSON")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and text.strip() == text and "_" not in text
    except ValueError:
        return False


def _decode(text: str, place: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise invalid(place, f"the value {text:.60} is not JSON: {error}") from None
