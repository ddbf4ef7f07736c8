"""Whether objects and programs of an older release go on with newer definitions: those may only take more than before. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_UPPER = ("maxLength", "maxItems", "maxProperties", "maximum")
_LOWER = ("minLength", "minItems", "minProperties", "minimum")
_SAME = (
    "type",
    "format",
    "pattern",
    "default",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
)
_NAMES = ("kind", "plural", "singular", "listKind")
_FIELD_OF_RULE = re.compile(r"\b(?:self|oldSelf)\.(\w+)")

Tree = Mapping[str, Any]


def breaks(old: Tree, new: Tree) -> list[str]:
    """What of a CustomResourceDefinition `old` the definition `new` would refuse, drop or mean otherwise; a line for each."""
    return list(_definition(old["spec"], new["spec"]))


def _definition(old: Tree, new: Tree) -> Iterator[str]:
    for name in ("group", "scope"):
        if old[name] != new[name]:
            yield f"{name} was {old[name]} and is {new[name]}"
    for name in _NAMES:
        if old["names"][name] != new["names"][name]:
            yield f"names.{name} was {old['names'][name]} and is {new['names'][name]}"
    for name in ("shortNames", "categories"):
        for gone in sorted(set(old["names"].get(name, ())) - set(new["names"].get(name, ()))):
            yield f"names.{name} has no {gone} any more"
    versions = {version["name"]: version for version in new["versions"]}
    for version in old["versions"]:
        now = versions.get(version["name"])
        if now is None or not now["served"]:
            yield f"version {version['name']} is not served any more"
            continue
        for subresource in sorted(version.get("subresources", {}).keys() - now.get("subresources", {}).keys()):
            yield f"subresource {subresource} is gone"
        yield from _schema(version["schema"]["openAPIV3Schema"], now["schema"]["openAPIV3Schema"], "")


def _schema(old: Tree, new: Tree, at: str) -> Iterator[str]:
    where = at or "the object"
    for name in _SAME:
        if old.get(name) != new.get(name):
            yield f"{where}: {name} was {old.get(name)} and is {new.get(name)}"
    yield from _limits(old, new, where)
    if old.get("nullable") and not new.get("nullable"):
        yield f"{where}: null is not taken any more"
    yield from _children(old, new, at)
    yield from _rules(old, new, where)


def _limits(old: Tree, new: Tree, where: str) -> Iterator[str]:
    for name in _UPPER:
        if name in new and new[name] < old.get(name, float("inf")):
            yield f"{where}: {name} was {old.get(name, 'unlimited')} and is {new[name]}"
    for name in _LOWER:
        if name in new and new[name] > old.get(name, float("-inf")):
            yield f"{where}: {name} was {old.get(name, 'unlimited')} and is {new[name]}"
    if "enum" in new:
        if "enum" not in old:
            yield f"{where}: only some values are taken now: {', '.join(new['enum'])}"
        for gone in sorted(set(old.get("enum", ())) - set(new["enum"])):
            yield f"{where}: the value {gone or 'empty'} is not taken any more"


def _children(old: Tree, new: Tree, at: str) -> Iterator[str]:
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{at}.{name}".lstrip(".") + ": is required now"
    for name, schema in old.get("properties", {}).items():
        path = f"{at}.{name}".lstrip(".")
        now = new.get("properties", {}).get(name)
        if now is None:
            yield f"{path}: is gone"
        else:
            yield from _schema(schema, now, path)
    for name, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if name in old and name not in new:
            yield f"{at}{mark}: is gone"
        elif name in old:
            yield from _schema(old[name], new[name], at + mark)


def _rules(old: Tree, new: Tree, where: str) -> Iterator[str]:
    """A rule that is about new fields only refuses nothing that was taken before."""
    known = {rule["rule"] for rule in old.get("x-kubernetes-validations", ())}
    fields = old.get("properties", {}).keys()
    for rule in new.get("x-kubernetes-validations", ()):
        about = set(_FIELD_OF_RULE.findall(rule["rule"]))
        if rule["rule"] not in known and (about & fields or not about):
            yield f"{where}: a new rule may refuse what was taken: {rule['message']}"
