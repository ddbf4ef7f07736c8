"""Files of `--patch`: a list of patches, or the `patches` of a Kustomization.

    - target: {kind: Deployment, name: web-*, namespace: shop, labelSelector: app=web}
      type: merge                       # json, merge or strategic; without it as in Kustomize
      patch: {spec: {replicas: 1}}      # or a text that holds YAML or JSON

In a list, `name` and `namespace` are globs and `nameRegex` is searched for; in a Kustomization `name` and `namespace` are
regular expressions that must fit the whole name, as Kustomize reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from re import Pattern
from typing import Any

from holdfast.errors import UsageError
from holdfast.model.kubernetes import Resource
from holdfast.objects.fields import at
from holdfast.objects.label_selector import LabelSelector
from holdfast.objects.patching.globs import compile_glob, compile_regex
from holdfast.objects.patching.json_patch import OPERATIONS, WITH_FROM, WITH_VALUE, Operation
from holdfast.objects.patching.patch import (
    Change,
    Patch,
    Subject,
    json_patch,
    merge_patch,
    strategic_or_merge_patch,
    strategic_patch,
)
from holdfast.objects.patching.reading import Fields, invalid, read_yaml

_TYPES = ("json", "merge", "strategic")
_KUSTOMIZATION = frozenset({"apiVersion", "kind", "metadata", "patches"})


def parse_patches(data: bytes | str, name: str) -> tuple[Patch, ...]:
    """The patches of a file called `name`. Raises UsageError that says in which patch something is wrong."""
    patches: list[Patch] = []
    for document in read_yaml(data, name):
        is_kustomization = isinstance(document, dict)
        entries = _of_kustomization(document, name) if is_kustomization else document
        if not isinstance(entries, list):
            raise invalid(name, "it is neither a list of patches nor a map with the field patches")
        for entry in entries:
            place = f"{name}, patch {len(patches) + 1}"
            patches.append(_patch(Fields(entry, place), is_kustomization=is_kustomization))
    if not patches:
        raise invalid(name, "it holds no patch")
    return tuple(patches)


def _of_kustomization(document: Any, name: str) -> Any:
    others = sorted(document.keys() - _KUSTOMIZATION)
    if others:
        raise invalid(name, f"only the patches of a Kustomization can be used, and it has {others[0]!r} too")
    return document.get("patches")


def _patch(entry: Fields, *, is_kustomization: bool) -> Patch:
    place = entry.place
    if is_kustomization and "path" in entry:
        raise invalid(place, "a patch in another file is not read; write it here, in the field patch")
    body = entry.value("patch")
    if isinstance(body, str):
        documents = read_yaml(body, place)
        if len(documents) != 1:
            raise invalid(place, "the text in patch is not one document")
        body = documents[0]
    kind = entry.text("type")
    target = entry.value("target")
    if target is None and isinstance(body, dict) and is_kustomization:
        is_for = _target_of_body(body, place)
    else:
        is_for = _target(Fields(target, f"{place}, target"), is_kustomization=is_kustomization)
    if is_kustomization:
        entry.value("options")  # they allow changes of name and kind, which no patch can do here
        body = _without_identity(body)
    entry.done()
    return Patch(place, is_for, _change(body, kind, place))


def _change(body: Any, kind: str, place: str) -> Change:
    match kind, body:
        case (("json" | ""), list()):
            return json_patch([operation(step, f"{place}, step {number}") for number, step in enumerate(body, 1)])
        case "merge", dict():
            return merge_patch(body)
        case "strategic", dict():
            return strategic_patch(body)
        case "", dict():
            return strategic_or_merge_patch(body)
        case _ if kind and kind not in _TYPES:
            raise invalid(place, f"the type {kind!r} is none of {', '.join(_TYPES)}")
        case _:
            wanted = "a list of steps" if kind == "json" else "a map"
            raise invalid(place, f"the field patch is missing or not {wanted}")


def operation(step: Any, place: str) -> Operation:
    """One step of a JSON patch. Raises UsageError."""
    fields = Fields(step, place)
    op, path, source = fields.text("op"), fields.text("path"), fields.text("from")
    has_value = isinstance(step, dict) and "value" in step
    value = fields.value("value")
    fields.done()
    if op not in OPERATIONS:
        raise invalid(place, f"op {op!r} is none of {', '.join(sorted(OPERATIONS))}")
    if "path" not in step or (op in WITH_VALUE and not has_value) or (op in WITH_FROM and "from" not in step):
        raise invalid(place, f"{op} needs path{' and value' if op in WITH_VALUE else ' and from' * (op in WITH_FROM)}")
    for text in (path, source):
        if text and not text.startswith("/"):
            raise invalid(place, f"the path {text!r} does not begin with /")
    return Operation(op, path, value, source)


# Targets


def _target(target: Fields, *, is_kustomization: bool) -> Callable[[Subject], bool]:
    place = target.place
    group = target.text("group") if "group" in target else None
    version, kind = target.text("version"), target.text("kind")
    compiled: Callable[[str, str], Pattern[str]] = (compile_regex) if is_kustomization else compile_glob
    name, namespace = (
        compiled(text, place) if (text := target.text(field)) else None for field in ("name", "namespace")
    )
    searched = compile_regex(text, place) if (text := target.text("nameRegex")) else None
    labels = _selector(target.text("labelSelector"), place)
    kinds = compile_glob(kind.lower(), place) if kind else None
    target.done()
    if not (kinds or name or searched or namespace or labels or group is not None):
        raise invalid(place, "it names nothing, so it would be for every object; write kind: '*' if that is meant")

    def is_for(subject: Subject) -> bool:
        resource = subject.resource
        return (
            (group is None or group == resource.group)
            and (not version or version == resource.version)
            and (kinds is None or any(kinds.fullmatch(known) for known in _names(resource)))
            and (name is None or name.fullmatch(subject.name) is not None)
            and (searched is None or searched.search(subject.name) is not None)
            and (namespace is None or namespace.fullmatch(subject.namespace) is not None)
            and (labels is None or labels.matches(subject.labels))
        )

    return is_for


def _names(resource: Resource) -> tuple[str, ...]:
    return (resource.kind.lower(), resource.plural, resource.group_resource)


def _selector(text: str, place: str) -> LabelSelector | None:
    try:
        return LabelSelector.parse(text) if text else None
    except UsageError as error:
        raise invalid(place, str(error)) from None


def _target_of_body(body: Any, place: str) -> Callable[[Subject], bool]:
    """Kustomize's patches without a target name their object themselves."""
    metadata = at(body, "metadata")
    wanted = (body.get("apiVersion"), body.get("kind"), metadata.get("name"))
    if not all(isinstance(part, str) and part for part in wanted):
        raise invalid(place, "it has no target, and its patch does not name an object by apiVersion, kind and name")
    namespace = metadata.get("namespace")

    def is_for(subject: Subject) -> bool:
        resource = subject.resource
        found = (resource.api_version, resource.kind, subject.name)
        return found == wanted and namespace in (None, subject.namespace)

    return is_for


def _without_identity(body: Any) -> Any:
    """The body of a strategic merge patch of Kustomize names an object, which need not be the one it is for."""
    if not isinstance(body, dict):
        return body
    plain = {key: value for key, value in body.items() if key not in ("apiVersion", "kind")}
    if isinstance(plain.get("metadata"), dict):
        plain["metadata"] = {key: value for key, value in plain["metadata"].items() if key not in ("name", "namespace")}
    return plain
