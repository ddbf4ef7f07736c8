"""The generated part of docs/custom-resources.md: every field of our kinds, made from the definitions.

python -m tests.docs.custom_resources        # writes it into the page
"""

from pathlib import Path

from holdfast.api.conditions import Condition
from holdfast.api.pod_settings import PodSettings
from holdfast.api.run_status import RunStatus
from holdfast.api.selection import BackupFields
from holdfast.manifests.crds.definitions import definitions
from holdfast.manifests.crds.schemas import schema_of

PAGE = Path(__file__).parents[2] / "docs" / "custom-resources.md"
BEGIN = "<!-- generated from the models by `python -m tests.docs.custom_resources` -->\n"
END = "<!-- end of the generated part -->\n"
_SHARED = {
    "What is backed up": schema_of(BackupFields),
    "Settings of pods": schema_of(PodSettings),
    "A run": schema_of(RunStatus),
    "A condition": schema_of(Condition),
}
_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "up to {} characters",
    "maxItems": "up to {}",
    "maxProperties": "up to {}",
    "minimum": "from {}",
    "maximum": "to {}",
}
_UNTOLD = {("minLength", 1)}  # that a name is not empty goes without saying


def render():
    parts = []
    for definition in definitions():
        names = definition["spec"]["names"]
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        parts.append(f"### {names['kind']}\n{schema['description']} Short name: `{names['shortNames'][0]}`.")
        parts += [_table(f"{part} of a {names['kind']}", schema["properties"][part]) for part in ("spec", "status")]
    parts += [f"### {title}\n\n{_table('field', schema)}" for title, schema in _SHARED.items()]
    return "\n\n".join(parts) + "\n"


def _table(head, schema):
    rows = [f"| {head} | what it is | meaning |", "|---|---|---|", *_rows(schema, "")]
    refused = sorted({rule["message"] for rule in _rules(schema)})
    return "\n".join(rows) + ("\n\nRefused:\n" + "\n".join(f"- {message}" for message in refused) if refused else "")


def _rows(schema, above):
    required = schema.get("required", ())
    for name, part in schema["properties"].items():
        path = f"{above}{name}"
        inner = part.get("items", part)
        where = next(
            (title for title, shared in _SHARED.items() if shared["properties"] == inner.get("properties")), ""
        )
        meaning = part["description"] + (f" See [{where}](#{where.lower().replace(' ', '-')})." if where else "")
        yield f"| `{path}` | {_kind(part, name in required)} | {meaning.replace('|', chr(92) + '|')} |"
        if "properties" in inner and not where:
            yield from _rows(inner, f"{path}{'[]' if 'items' in part else ''}.")


def _kind(part, required):
    told = [_type(part), *_limits(part)]
    if "enum" in part:
        told = [" · ".join(f"`{value}`" for value in part["enum"] if value)]
    if part.get("default") not in (None, {}):
        default = part["default"]
        told.append(f"default `{str(default).lower() if isinstance(default, bool) else default}`")
    return ", ".join([*told, *(["required"] if required else [])])


def _type(part):
    match part["type"]:
        case "string":
            return "text"
        case "integer":
            return "number"
        case "boolean":
            return "true or false"
        case "array":
            return f"list of {_plural(part['items'])}"
        case "object" if "additionalProperties" in part:
            return f"names to {_plural(part['additionalProperties'])}"
    return "object"


def _plural(part):
    return {"string": "texts", "integer": "numbers"}.get(part["type"], "objects")


def _limits(part):
    for name, words in _LIMITS.items():
        if name in part and (name, part[name]) not in _UNTOLD:
            yield words.format(f"{part[name]:,}")


def _rules(schema):
    yield from schema.get("x-kubernetes-validations", ())
    for part in schema.get("properties", {}).values():
        yield from _rules(part)


def generated(page):
    """What stands between the two marks."""
    return page.partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{render()}{END}{rest.partition(END)[2]}")
