"""The command tree explains itself."""

import click
import pytest

from holdfast.cli.context import GLOBAL_OPTIONS
from holdfast.cli.main import NOUNS, cli


def commands(group, *path):
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield pytest.param((*path, name), command, id=" ".join((*path, name)))


ALL = list(commands(cli))


def help_of(words, command):
    context = click.Context(command, info_name="holdfast " + " ".join(words), max_content_width=110)
    return command.get_help(context)


@pytest.mark.parametrize(("words", "command"), ALL)
def test_help_mentions_every_flag_with_an_explanation(words, command):
    text = help_of(words, command)
    for option in (param for param in command.params if isinstance(param, click.Option)):
        assert all(flag in text for flag in option.opts), option.opts
        assert option.help or isinstance(option.type, click.Choice), option.opts


@pytest.mark.parametrize(("words", "command"), ALL)
def test_help_begins_with_a_sentence(words, command):
    assert command.help
    first = command.help.strip().splitlines()[0]
    assert first.endswith(".") or len(first) > 60
    assert first in help_of(words, command).replace("\n ", "") or first[:20] in help_of(words, command)


@pytest.mark.parametrize(("words", "command"), [param for param in ALL if param.id != "completion bash"])
def test_every_verb_takes_the_global_options(words, command):
    if words == ("completion",):
        return
    assert {option.name for option in GLOBAL_OPTIONS} <= {param.name for param in command.params}


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_says_the_same_in_its_own_help_and_in_the_list(noun):
    command = cli.get_command(click.Context(cli), noun)
    assert command.short_help == NOUNS[noun]


def test_no_two_flags_of_a_verb_share_a_letter():
    for param in ALL:
        _, command = param.values
        flags = [flag for option in command.params if isinstance(option, click.Option) for flag in option.opts]
        assert len(flags) == len(set(flags)), param.id


def test_the_program_explains_itself_at_any_depth(holdfast):
    for words in ((), ("repository",), ("repository", "key"), ("backup", "create")):
        assert f"Usage: holdfast {' '.join(words)}".rstrip() in holdfast(*words, "--help").out
