"""The generated part of docs/command-line.md: every verb with its flags, made from the command tree.

python -m tests.docs.reference        # writes it into the page
"""

from pathlib import Path

import click

from holdfast.cli.context import GLOBAL_OPTIONS
from holdfast.cli.main import cli

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
BEGIN = "<!-- generated from the command tree by `python -m tests.docs.reference` -->\n"
END = "<!-- end of the generated part -->\n"
_SHARED = {option.name for option in GLOBAL_OPTIONS}


def verbs(group=cli, *path):
    """(words, command) of every verb."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from verbs(command, *path, name)
        else:
            yield (*path, name), command


def render():
    parts = [_options(GLOBAL_OPTIONS, "Global options")]
    for words, command in verbs():
        name = f"holdfast {' '.join(words)}"
        context = click.Context(command, info_name=name)
        usage = " ".join(piece for piece in command.collect_usage_pieces(context))
        text, _, examples = command.help.partition("\b\n")
        parts.append(f"### {name}\n```\n{name} {usage}\n```\n{' '.join(text.split())}")
        if examples.strip():
            parts.append("```\n" + "\n".join(line.strip() for line in examples.strip().splitlines()) + "\n```")
        own = [param for param in command.params if isinstance(param, click.Option) and param.name not in _SHARED]
        if own:
            parts.append(_options(own))
    return "\n\n".join(parts) + "\n"


def _options(options, title=""):
    rows = [f"### {title}"] if title else []
    rows += ["| flag | meaning |", "|---|---|"]
    context = click.Context(cli)
    for option in options:
        spelling, meaning = option.get_help_record(context)
        if option.envvar:
            meaning = f"{meaning} [env: {option.envvar}]".strip()
        rows.append(f"| `{spelling.replace('|', chr(92) + '|')}` | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def generated(page):
    """What stands between the two marks."""
    return page.partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + render() + END + rest.partition(END)[2])
