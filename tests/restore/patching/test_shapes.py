"""The table of merge keys is that of real API servers: both are walked from each built-in kind."""

import pytest
from tests.restore_lab import Lab

from holdfast.objects.patching.shapes import BUILT_IN_GROUPS, PRIMITIVES, shape_of

STRATEGY, KEY = "x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key"


@pytest.fixture(params=["cluster", "old_cluster"])
def lab(request):
    lab = Lab(request.getfixturevalue(request.param))
    yield lab
    lab.close()


def special_fields(document, schema, path=(), above=()):
    """{path: merge key, or `replace`} of all fields below a schema that have a strategy; lists that are replaced end it."""
    name = schema.get("$ref", "")
    if name in above:
        return {}
    resolved = document["definitions"][name.rpartition("/")[2]] if name else schema
    found = {}
    for field, inner in resolved.get("properties", {}).items():
        here = (*path, field)
        if here[0] == "status":
            continue
        strategies = inner.get(STRATEGY, "").split(",")
        if "replace" in strategies:
            found[here] = "replace"
        elif "merge" in strategies:
            found[here] = inner.get(KEY, PRIMITIVES)
        if inner.get("type") == "array":
            if "merge" in strategies:
                found |= special_fields(document, inner["items"], here, (*above, name))
        else:
            found |= special_fields(document, inner, here, (*above, name))
    return found


def of_table(shape, path=()):
    found = {(*path, name): key for name, key in shape.lists.items()}
    found |= {(*path, name): "replace" for name in shape.replaced}
    for name, below in shape.below.items():
        found |= of_table(below, (*path, name))
    return found


def test_table_is_that_of_the_server(lab):
    document = lab.send("GET", "/openapi/v2")
    kinds = {
        (kind["group"], kind["version"], kind["kind"]): definition
        for definition in document["definitions"].values()
        for kind in definition.get("x-kubernetes-group-version-kind", ())
    }
    compared = 0
    for resource in lab.cluster.api_surface().resources:
        definition = kinds.get((resource.group, resource.version, resource.kind))
        if resource.group not in BUILT_IN_GROUPS or "patch" not in resource.verbs or definition is None:
            continue
        expected = special_fields(document, definition)
        table = of_table(shape_of(resource.group_resource))
        if lab.cluster.version().startswith("v1.30"):
            assert expected.items() <= table.items(), resource.group_resource
        else:
            assert expected == table, resource.group_resource
        compared += 1
    assert compared > 45


def test_groups_of_the_server_are_built_in(lab):
    served = {resource.group for resource in lab.cluster.api_surface().resources}

    custom = {group for group in served if group.endswith(("example.com", "holdfast.dev"))}
    assert served - custom - {"authentication.k8s.io", "authorization.k8s.io"} <= BUILT_IN_GROUPS
