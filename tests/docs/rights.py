"""The generated part of docs/rights.md: every role with its rights and why, made from the tables of rights.

python -m tests.docs.rights        # writes it into the page
"""

from pathlib import Path

from holdfast.manifests.rights import TABLES

PAGE = Path(__file__).parents[2] / "docs" / "rights.md"
BEGIN = "<!-- generated from holdfast.manifests.rights by `python -m tests.docs.rights` -->\n"
END = "<!-- end of the generated part -->\n"


def render():
    return "\n".join(_section(table) for table in TABLES)


def _section(table):
    title = f"{table.name} (Role)" if table.in_namespace else table.name
    text = f"### {title}\n{table.who}\n"
    if not table.rights:
        return text
    rows = [f"| {_what(right)} | {_listed(right.verbs)} | {right.why} |" for right in table.rights]
    return "\n".join([f"{text}", "| objects | verbs | why |", "|---|---|---|", *rows, ""])


def _what(right):
    groups = [group or "core" for group in right.groups]
    named = f" named {_listed(right.names)}" if right.names else ""
    if right.groups == ("*",):
        return f"all kinds of all groups{named}"
    if right.resources == ("*",):
        return f"all kinds of {_listed(groups)}{named}"
    return f"{_listed(right.resources)} of {', '.join(groups)}{named}"


def _listed(words):
    return ", ".join(f"`{word}`" for word in words)


def generated(page):
    """What stands between the two marks."""
    return page.partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + render() + END + rest.partition(END)[2])
