"""What the pages say of `holdfast mover`, which no list of commands has."""

import re
from pathlib import Path

import click
import msgspec
from tests.docs.reference import verbs

from holdfast.cli.context import GLOBAL_OPTIONS
from holdfast.cli.main import cli
from holdfast.operations.movers.contract import Moved, Told, Warned

DOCS = Path(__file__).parents[2] / "docs"


def section(page, title):
    return (DOCS / page).read_text().partition(f"# {title}\n")[2].partition("\n# ")[0].partition("\n## ")[0]


def mover():
    return cli.get_command(click.Context(cli), "mover")


def test_the_page_has_every_flag_and_no_other():
    shared = {flag for option in GLOBAL_OPTIONS for flag in option.opts}
    flags = {flag for verb in mover().commands.values() for param in verb.params for flag in param.opts} - shared
    assert (
        set(re.findall(r"^\| `(--[\w-]+)", section("command-line.md", "What movers run"), flags=re.MULTILINE)) == flags
    )
    assert len(flags) > 10


def test_flags_of_one_verb_are_told_to_be_of_it():
    page = section("command-line.md", "What movers run")
    of = {name: {flag for param in verb.params for flag in param.opts} for name, verb in mover().commands.items()}
    for name, other in (("read", "write"), ("write", "read")):
        assert set(re.findall(rf"^\| `(--[\w-]+)[^|]*\| {name}:", page, flags=re.MULTILINE)) == of[name] - of[other]


def test_it_is_in_no_list():
    assert "mover" not in {words[0] for words, _ in verbs()}
    assert "mover" not in cli.get_help(click.Context(cli))


def test_every_field_of_a_message_is_described():
    page = section("json-output.md", "What a mover prints")
    for message in (Told, Warned, Moved):
        [row] = re.findall(rf"^\| `{message.__struct_config__.tag}` \|.*", page, flags=re.MULTILINE)
        told = set(re.findall(r"`(\w+)`", row)) - {message.__struct_config__.tag}
        assert told == {field.encode_name for field in msgspec.structs.fields(message)}
