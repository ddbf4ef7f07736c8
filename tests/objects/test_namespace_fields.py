"""Each field of the table is mapped, in an object that is made from its path."""

import pytest

from holdfast.objects.mapping import NameMap, ObjectMapping
from holdfast.objects.transforms import TRANSFORMS, Context, apply
from holdfast.objects.transforms.namespace_fields import NAMESPACE_FIELDS

MAPPED = Context(mapping=ObjectMapping(namespaces=NameMap({"shop": "test"})))
ROWS = tuple(row for row in TRANSFORMS if row.id == "namespace-fields")
FIELDS = [(kind, path) for kind, paths in NAMESPACE_FIELDS.items() for path in paths]


def made_of(path, value):
    """{"spec": {"items": [{"namespace": value}, {}]}} for `spec.items[].namespace`."""
    step, _, rest = path.partition(".")
    inner = made_of(rest, value) if rest else value
    name = step.removesuffix("[]").replace("*", "some")
    return {name: [inner, {} if rest else "other"] if step.endswith("[]") else inner}


@pytest.mark.parametrize(("kind", "path"), FIELDS)
def test_field_is_mapped(kind, path):
    name, _, group = kind.partition(".")
    head = {"apiVersion": f"{group}/v1" if group else "v1", "kind": name, "metadata": {"name": "x"}}

    mapped = apply(ROWS, "any", head | made_of(path, "shop"), MAPPED).object
    other = apply(ROWS, "any", head | made_of(path, "else"), MAPPED).object

    assert mapped == head | made_of(path, "test")
    assert other == head | made_of(path, "else")


def test_kind_of_another_group_is_left_alone():
    thing = {"apiVersion": "example.com/v1", "kind": "HTTPRoute", "spec": {"parentRefs": [{"namespace": "shop"}]}}

    assert apply(ROWS, "httproutes.example.com", thing, MAPPED).object == thing


@pytest.mark.cluster
def test_fields_of_built_in_kinds_exist(cluster):
    """A path with a typing error would map nothing."""
    document = cluster.api.request("GET", "/openapi/v2")
    definitions = document["definitions"]
    kinds = {
        (kind["group"], kind["kind"]): definition
        for definition in definitions.values()
        for kind in definition.get("x-kubernetes-group-version-kind", ())
    }
    checked = 0
    for kind, path in FIELDS:
        name, _, group = kind.partition(".")
        if (group, name) not in kinds:
            continue
        schema = kinds[group, name]
        for step in path.split("."):
            if step.startswith("*"):
                break
            assert step.removesuffix("[]") in schema["properties"], (kind, path)
            schema = schema["properties"][step.removesuffix("[]")]
            schema = schema["items"] if step.endswith("[]") else schema
            schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        checked += 1
    assert checked > 15
