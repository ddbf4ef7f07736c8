"""What the definitions say, before any server reads them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml

from holdfast.api.names import RESOURCES
from holdfast.manifests.crds.__main__ import files
from holdfast.manifests.crds.compatibility import breaks
from holdfast.manifests.crds.definitions import definitions
from holdfast.manifests.crds.schemas import schema_of

CHECKOUT = Path(__file__).parents[2]
DEPLOYED = CHECKOUT / "deploy" / "crds"
RELEASED = CHECKOUT / "tests" / "golden" / "crds"


def schema(definition):
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def walk(part, at=""):
    """(path, schema) of everything in a schema."""
    yield at, part
    for name, inner in part.get("properties", {}).items():
        yield from walk(inner, f"{at}.{name}")
    for name, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if name in part:
            yield from walk(part[name], at + mark)


BY_KIND = {definition["spec"]["names"]["kind"]: definition for definition in definitions()}


@pytest.fixture(params=BY_KIND)
def definition(request):
    return BY_KIND[request.param]


def test_every_kind_of_ours_is_defined():
    assert [definition["metadata"]["name"] for definition in definitions()] == [one.group_resource for one in RESOURCES]


def test_the_files_are_those_of_the_models():
    """If this fails: python -m holdfast.manifests.crds deploy/crds"""
    assert {path.name: path.read_text() for path in DEPLOYED.iterdir()} == files()


def test_every_field_says_what_it_is(definition):
    silent = [
        path for path, part in walk(schema(definition)) if path.split(".")[-1].isalnum() and not part.get("description")
    ]
    assert silent == [".metadata"]


def test_everything_that_people_write_has_a_limit(definition):
    """Without them the API server takes the rules for too costly, and one object could fill its memory."""
    limits = {"string": ("maxLength", "enum"), "array": ("maxItems",)}
    open_ended = [
        path
        for path, part in walk(schema(definition)["properties"]["spec"])
        for names in [limits.get(part["type"], ())]
        if names and not any(name in part for name in names)
    ]
    maps = [path for path, part in walk(schema(definition)["properties"]["spec"]) if "additionalProperties" in part]
    assert open_ended == []
    assert all("maxProperties" in part for path, part in walk(schema(definition)["properties"]["spec"]) if path in maps)


def test_every_list_says_how_managers_share_it(definition):
    assert [
        path
        for path, part in walk(schema(definition))
        if part["type"] == "array" and "x-kubernetes-list-type" not in part
    ] == []


def test_messages_of_rules_are_sentences_with_a_way_out(definition):
    for _, part in walk(schema(definition)):
        for rule in part.get("x-kubernetes-validations", ()):
            assert rule["message"].endswith(".")
            assert rule["message"].count(". ") >= 1
            assert "\n" not in rule["rule"] + rule["message"]


def test_a_type_that_no_resource_can_have_is_refused():
    class Odd(msgspec.Struct):
        values: set[bytes]

    with pytest.raises(TypeError):
        schema_of(Odd)


def test_fields_of_kubernetes_are_kept_as_they_are():
    assert [
        path for path, part in walk(schema(BY_KIND["Backup"])) if "x-kubernetes-preserve-unknown-fields" in part
    ] == [
        ".spec.volumePolicy.volumePolicies[].conditions",
        ".spec.volumePolicy.volumePolicies[].action.parameters",
        ".spec.pod.resources",
        ".spec.pod.tolerations[]",
    ]


# Compatibility


@pytest.mark.parametrize("path", sorted(RELEASED.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_objects_of_released_versions_are_taken_as_before(path):
    """tests/golden/crds/NAME is a copy of deploy/crds as it was in the release NAME."""
    released = yaml.safe_load(path.read_text())
    assert breaks(released, BY_KIND[released["spec"]["names"]["kind"]]) == []


def test_released_definitions_are_kept():
    assert len(list(RELEASED.glob("v1alpha1/*.yaml"))) == len(BY_KIND)


OLD = {
    "spec": {
        "group": "g",
        "scope": "Namespaced",
        "names": {"kind": "K", "plural": "ks", "singular": "k", "listKind": "KList", "shortNames": ["k1"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["a"],
                        "properties": {
                            "a": {"type": "string", "maxLength": 9, "minLength": 1, "default": "x"},
                            "b": {"type": "string", "enum": ["one", "two"]},
                            "c": {
                                "type": "array",
                                "items": {"type": "integer", "maximum": 5},
                                "x-kubernetes-list-type": "set",
                            },
                            "d": {"type": "object", "additionalProperties": {"type": "string"}},
                            "e": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "nullable": True},
                        },
                        "x-kubernetes-validations": [{"rule": "self.a != 'z'", "message": "Not z. Take another."}],
                    }
                },
            }
        ],
    }
}
TOP = "spec.versions.0.schema.openAPIV3Schema"
ABOUT = f"{TOP}.properties"


def changed(path, value):
    """OLD with something else at the path; None takes it away."""
    new = msgspec.json.decode(msgspec.json.encode(OLD))
    *way, last = path.split(".")
    at = new
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return new


def rule(cel):
    return [{"rule": "self.a != 'z'", "message": "Not z. Take another."}, {"rule": cel, "message": "No. Do."}]


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("spec.scope", "Cluster", "scope was Namespaced"),
        ("spec.group", "h", "group was g"),
        ("spec.names.plural", "kk", "names.plural was ks"),
        ("spec.names.shortNames", [], "names.shortNames has no k1"),
        ("spec.versions", [], "version v1 is not served"),
        ("spec.versions.0.served", False, "version v1 is not served"),
        ("spec.versions.0.subresources", {}, "subresource status is gone"),
        (f"{ABOUT}.b", None, "b: is gone"),
        (f"{ABOUT}.a.type", "integer", "a: type was string"),
        (f"{ABOUT}.a.maxLength", 8, "a: maxLength was 9 and is 8"),
        (f"{ABOUT}.b.maxLength", 8, "b: maxLength was unlimited"),
        (f"{ABOUT}.a.minLength", 2, "a: minLength was 1 and is 2"),
        (f"{ABOUT}.b.minLength", 2, "b: minLength was unlimited"),
        (f"{ABOUT}.a.pattern", "^x$", "a: pattern was None"),
        (f"{ABOUT}.a.format", "date", "a: format was None"),
        (f"{ABOUT}.a.default", "y", "a: default was x"),
        (f"{ABOUT}.a.default", None, "a: default was x and is None"),
        (f"{ABOUT}.b.enum", ["one"], "b: the value two is not taken"),
        (f"{ABOUT}.a.enum", ["x"], "a: only some values are taken now: x"),
        (f"{ABOUT}.c.items.maximum", 4, "c[]: maximum was 5 and is 4"),
        (f"{ABOUT}.c.items.minimum", 0, "c[]: minimum was unlimited"),
        (f"{ABOUT}.c.items", None, "c[]: is gone"),
        (f"{ABOUT}.c.maxItems", 3, "c: maxItems was unlimited"),
        (f"{ABOUT}.c.x-kubernetes-list-type", "atomic", "c: x-kubernetes-list-type was set"),
        (f"{ABOUT}.d.additionalProperties.type", "integer", "d{}: type was string"),
        (f"{ABOUT}.d.maxProperties", 3, "d: maxProperties was unlimited"),
        (f"{ABOUT}.d.x-kubernetes-map-type", "atomic", "d: x-kubernetes-map-type was None"),
        (f"{ABOUT}.e.x-kubernetes-preserve-unknown-fields", None, "e: x-kubernetes-preserve-unknown-fields"),
        (f"{ABOUT}.e.nullable", False, "e: null is not taken"),
        (f"{TOP}.required", ["a", "b"], "b: is required now"),
        (f"{TOP}.x-kubernetes-validations", rule("size(self.b) > 1"), "the object: a new rule may refuse what was taken: No."),
        (f"{ABOUT}.a.x-kubernetes-validations", rule("self != ''"), "a: a new rule may refuse"),
    ],
)  # fmt: skip
def test_what_would_break_is_found(path, value, told):
    [found, *_] = breaks(OLD, changed(path, value))
    assert found.startswith(told)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.names.shortNames", ["k1", "k2"]),
        (f"{ABOUT}.f", {"type": "string", "maxLength": 3}),
        (f"{ABOUT}.a.maxLength", 10),
        (f"{ABOUT}.a.maxLength", None),
        (f"{ABOUT}.a.minLength", 0),
        (f"{ABOUT}.a.description", "Other words."),
        (f"{ABOUT}.b.enum", ["one", "two", "three"]),
        (f"{ABOUT}.b.enum", None),
        (f"{TOP}.required", None),
        (f"{TOP}.x-kubernetes-validations", []),
        (f"{TOP}.x-kubernetes-validations", rule("!has(self.f) || size(self.f) > 1")),
    ],
)
def test_what_only_widens_is_no_break(path, value):
    assert breaks(OLD, changed(path, value)) == []


def test_nothing_breaks_without_a_change(definition):
    assert breaks(definition, definition) == []
