"""Custom kinds in a version that is not served: whether their CustomResourceDefinition makes another version the same."""

from __future__ import annotations

from holdfast.objects.fields import Object, at, items


def why_not_same(definition: Object, old: str, new: str) -> str | None:
    """None if an object of version `old` is one of version `new` by its apiVersion alone; else why not, as a clause.

    It is if the definition knows both, converts nothing (strategy `None`), and both have the same schema. Then the API server
    itself would change nothing but apiVersion.
    """
    schemas = {
        str(version.get("name")): at(version, "schema", "openAPIV3Schema")
        for version in items(definition, "spec", "versions")
    }
    missing = [version for version in (old, new) if version not in schemas]
    if missing:
        return f"it does not know {missing[0]}"
    strategy = at(definition, "spec", "conversion").get("strategy", "None")
    if strategy != "None":
        return f"only its conversion webhook knows how {old} becomes {new}"
    if schemas[old] != schemas[new]:
        return f"the schemas of {old} and {new} differ, and it has no conversion"
    return None


def knows(definition: Object, version: str) -> bool:
    return any(entry.get("name") == version for entry in items(definition, "spec", "versions"))
