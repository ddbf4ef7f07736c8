"""A model → the structural schema that an API server takes: types, limits, texts, defaults, and rules in CEL.

Defaults are written where they say something: an object then shows in the cluster what it means. Empty texts, lists and switches
that are off stay out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import inspect

from holdfast.api.rules import Rule

Schema = dict[str, Any]


def schema_of(model: type[msgspec.Struct]) -> Schema:
    """Raises TypeError for a type that no custom resource can have."""
    return _schema(inspect.type_info(model))


def _schema(kind: inspect.Type) -> Schema:  # noqa: C901 - a table of types
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            return _schema(inner) | (extra or {})  # what a field says of itself goes before what its type says
        case inspect.UnionType(types=types):
            # A field that may be None is one that may be left out; API servers drop the nulls of others.
            [inner] = [one for one in types if not isinstance(one, inspect.NoneType)]
            return _schema(inner)
        case inspect.StructType():
            return _object(kind)
        case inspect.StrType(min_length=shortest, max_length=longest, pattern=pattern):
            return {"type": "string", **_limits(minLength=shortest, maxLength=longest, pattern=pattern)}
        case inspect.IntType(ge=least, le=most):
            return {"type": "integer", "format": "int64", **_limits(minimum=least, maximum=most)}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.LiteralType(values=values):
            return {"type": "string", "enum": list(values)}
        case inspect.ListType(item_type=item, min_length=fewest, max_length=most):
            return {"type": "array", "items": _schema(item), **_limits(minItems=fewest, maxItems=most)}
        case inspect.DictType(value_type=inspect.AnyType()):
            return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        case inspect.DictType(value_type=value, max_length=most):
            return {"type": "object", "additionalProperties": _schema(value), **_limits(maxProperties=most)}
    raise TypeError(f"no custom resource can have a {kind}")


def _limits(**limits: Any) -> Schema:
    return {name: value for name, value in limits.items() if value is not None}


def _object(kind: inspect.StructType) -> Schema:
    properties = {field.encode_name: _property(field) for field in kind.fields}
    schema: Schema = {"type": "object"}
    if kind.cls.__doc__:
        schema["description"] = " ".join(kind.cls.__doc__.split())
    if required := [field.encode_name for field in kind.fields if field.required]:
        schema["required"] = required
    schema["properties"] = properties
    if rules := [*getattr(kind.cls, "RULES", ()), *_unchangeable(kind, properties)]:
        schema["x-kubernetes-validations"] = [{"rule": rule.cel, "message": rule.message} for rule in rules]
    return schema


def _property(field: inspect.Field) -> Schema:
    schema = _schema(field.type)
    default = _default(field)
    return schema if default is None else {**schema, "default": default}


def _default(field: inspect.Field) -> Any:
    """None where it is not worth showing."""
    if field.default is not msgspec.NODEFAULT:
        return field.default or None
    if field.default_factory is msgspec.NODEFAULT:
        return None
    value = field.default_factory()
    # {} lets the API server fill in the defaults of the fields inside, if there are any.
    return {} if isinstance(value, msgspec.Struct) and any(map(_default, _fields(type(value)))) else None


def _fields(model: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(model)
    assert isinstance(info, inspect.StructType)
    return info.fields


def _unchangeable(kind: inspect.StructType, properties: Iterable[str]) -> Iterator[Rule]:
    """For a model that says which fields may change after creation: the others may not."""
    may_change: tuple[str, ...] | None = getattr(kind.cls, "MAY_CHANGE", None)
    if may_change is None:
        return
    but = f"; only {', '.join(may_change)} may change" if may_change else ""
    message = f"This object is a request that is carried out once, so its spec stays{but}. Create another object."
    for name in properties:
        if name not in may_change:
            yield Rule(
                f"has(self.{name}) ? has(oldSelf.{name}) && self.{name} == oldSelf.{name} : !has(oldSelf.{name})",
                message,
            )
