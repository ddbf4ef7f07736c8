"""What the pages say is so: links, commands, exit codes, names."""

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest
from tests.docs.reference import PAGE, generated, render, verbs

from holdfast import errors
from holdfast.cli.main import cli
from holdfast.model.run import Outcome
from holdfast.version import VERSION

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
_COMMAND = re.compile(r"""(?:^(?:[\w-]+: +)?(?:\$ )?|\$\()(holdfast (?:'[^']*'|"[^"]*"|[^|>#;&)'"])*)""")
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def named(paths):
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


TEXTS = [
    *(pytest.param(page.read_text(), id=str(page.relative_to(ROOT))) for page in PAGES),
    pytest.param("\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py"))), id="src"),
]


# Links


def anchors(page):
    """What GitHub makes of a page's headings."""
    text = FENCE.sub("", page.read_text())
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", named(PAGES))
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


@pytest.mark.parametrize("text", TEXTS)
def test_pages_that_are_named_exist(text):
    for name in re.findall(r"\bdocs/[\w./-]+\.md\b", text):
        assert (ROOT / name).exists(), name


# Commands


def commands_in_blocks(page):
    """`holdfast …` lines of code blocks, as words; what follows a pipe, a redirection or a comment is cut off."""
    for block in FENCE.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            for found in _COMMAND.finditer(line):
                yield found[1].strip()


def commands_in_text(text):
    """`holdfast …` between backticks."""
    yield from re.findall(r"`(holdfast [^`\n]+)`", text)


def find_command(words):
    """(command, the words after it); the command is a group if the words end before the verb. Fails for unknown words."""
    command, rest = cli, list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith(("-", "NOUN", "…")):
        found = command.get_command(click.Context(command), rest[0])
        assert found is not None, f"there is no {rest[0]!r} in {' '.join(words)!r}"
        command, rest = found, rest[1:]
    return command, rest


def flags_of(command):
    options = [param for param in command.get_params(click.Context(command)) if isinstance(param, click.Option)]
    return {flag for option in options for flag in (*option.opts, *option.secondary_opts)}


@pytest.mark.parametrize("page", named(PAGES))
def test_commands_in_code_blocks_are_understood(page):
    for line in commands_in_blocks(page):
        if "[OPTIONS]" in line or "…" in line:
            continue  # says how a command looks, and is none
        command, rest = find_command(shlex.split(line)[1:])
        try:
            command.make_context("holdfast", rest)
        except click.exceptions.Exit:
            pass  # --help, --version
        except click.ClickException as error:
            pytest.fail(f"{line}: {error.format_message()}")


@pytest.mark.parametrize("text", TEXTS)
def test_commands_in_texts_exist_with_their_flags(text):
    for line in commands_in_text(text):
        if "{" in line:
            continue  # made when the program runs
        command, rest = find_command(re.sub(r"[\[\]]", " ", line).split()[1:])
        for flag in (word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)):
            assert flag in flags_of(command), line


def test_the_search_for_commands_finds_some():
    found = [line for page in PAGES for line in commands_in_blocks(page)]
    assert "holdfast backup create -n shop" in found
    assert len(list(commands_in_text((ROOT / "src/holdfast/errors.py").read_text()))) > 3


# The reference


def test_the_reference_is_what_the_command_tree_says():
    message = "run `python -m tests.docs.reference`"
    assert generated(PAGE.read_text()) == render(), message


@pytest.mark.parametrize(("words", "command"), [pytest.param(*verb, id=" ".join(verb[0])) for verb in verbs()])
def test_every_verb_and_flag_is_in_the_reference(words, command):
    section = PAGE.read_text().partition(f"### holdfast {' '.join(words)}\n")[2].partition("\n### ")[0]
    shared = PAGE.read_text().partition("### Global options")[2].partition("\n### ")[0]
    assert section
    for flag in flags_of(command) - {"--help"}:
        assert f"{flag} " in section + shared or f"{flag}`" in section + shared or f"{flag}," in section + shared


# Exit codes


def documented_exit_codes():
    table = PAGE.read_text().partition("## Exit codes")[2].partition("##")[0]
    return {int(code) for code in re.findall(r"^\| (\d+) \|", table, flags=re.MULTILINE)}


def error_classes(base=errors.HoldfastError):
    yield base
    for child in base.__subclasses__():
        yield from error_classes(child)


def test_exit_codes_in_the_page_are_those_of_the_program():
    used = {one.exit_code for one in error_classes()} | {outcome.exit_code for outcome in Outcome}
    assert documented_exit_codes() == used


def test_the_tree_of_errors_is_drawn_as_it_is():
    drawn = dict(re.findall(r"^[ │├└─]*(\w+) +(\d+)\b", errors.__doc__, flags=re.MULTILINE))
    assert drawn == {one.__name__: str(one.exit_code) for one in error_classes() if one.__module__ == errors.__name__}


# Names


@pytest.mark.parametrize("page", named(PAGES))
def test_names_of_code_resolve(page):
    for name in re.findall(r"`(holdfast(?:\.\w+)+)(?:\(\))?`", page.read_text()):
        if name.startswith("holdfast.dev"):
            continue  # the group of our custom resources
        resolve(name)


def resolve(name):
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[end:]:
            found = getattr(found, attribute)
        return found
    raise AssertionError(name)


@pytest.mark.parametrize("page", named(PAGES))
def test_files_of_the_source_that_are_named_exist(page):
    for name in re.findall(r"`((?:src|tests|testbed|bench|examples)/[\w./-]+)`", page.read_text()):
        assert (ROOT / name).exists() or list(ROOT.glob(name)), name


def test_the_change_log_knows_this_version():
    first = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1]
    assert first in ("Unreleased", VERSION)
