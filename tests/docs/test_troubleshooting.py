"""docs/troubleshooting.md beside holdfast.errors, and its recipe for damaged repositories carried out."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import click
import pytest
from tests.cli.holdfast import PROGRAM
from tests.restic_oracle import PASSWORD, restic_agrees, restics  # noqa: F401 - fixtures
from tests.sample_repository import FILES, check_all, init, read_files, reopen, write_files

from holdfast import errors
from holdfast.cli.main import cli
from holdfast.errors import DamagedData, HoldfastError
from holdfast.model.run import Outcome
from holdfast.repository.layout import Directory
from holdfast.repository.pack import BlobType
from holdfast.store.local import LocalStore

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "troubleshooting.md").read_text()
REPAIR = (DOCS / "repair.md").read_text()
CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, HoldfastError)
]  # in the order in which errors.py defines them
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def flat(text):
    return " ".join(text.split())


def test_each_class_has_a_section_in_the_order_of_the_tree():
    assert list(SECTIONS) == [one.__name__ for one in CLASSES]


@pytest.mark.parametrize("one", CLASSES, ids=lambda one: one.__name__)
def test_a_section_says_the_exit_code_what_it_looks_like_why_and_what_to_do(one):
    section = SECTIONS[one.__name__]
    assert re.match(r"Exit code (\d+)", section)[1] == str(one.exit_code)
    assert re.findall(r"^- \*\*(.+?):\*\*", section, re.MULTILINE) == ["Looks like", "Why", "What to do"]


@pytest.mark.parametrize("one", CLASSES, ids=lambda one: one.__name__)
def test_a_section_says_whether_trying_again_may_help(one):
    assert ("may work when tried again" in SECTIONS[one.__name__]) == one.retryable


@pytest.mark.parametrize("one", [one for one in CLASSES if "default_next" in vars(one)], ids=lambda one: one.__name__)
def test_a_section_gives_the_next_step_that_the_error_itself_gives(one):
    to_do = flat(SECTIONS[one.__name__].partition("**What to do:**")[2]).replace("`", "")
    assert one.default_next.replace("`", "") in to_do


def test_the_table_has_every_exit_code():
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert table == {one.exit_code for one in CLASSES} | {outcome.exit_code for outcome in Outcome}


def test_each_command_on_the_page_exists():
    for words in re.findall(r"(?:`|\$ )holdfast ((?:[a-z-]+ ?)+)", PAGE):
        command, context = cli, click.Context(cli)
        for word in words.split():
            if not isinstance(command, click.Group):
                break
            command = command.get_command(context, word)
            assert command is not None, f"holdfast {words}"


MORE = {"objects/core/v1/configmaps/shop/other.json": b'{"kind":"ConfigMap","data":{}}'}


def damage(directory):
    """Deletes one data pack and changes a byte in the other."""
    lost, changed = (path for path in (directory / Directory.PACKS.value).rglob("*") if is_data_pack(directory, path))
    lost.unlink()
    content = bytearray(changed.read_bytes())
    content[20] ^= 1
    changed.chmod(0o600)
    changed.write_bytes(content)


def is_data_pack(directory, path):
    if not path.is_file():
        return False
    index = reopen(LocalStore(directory)).index
    return any(place.pack.hex() == path.name and place.blob.type is BlobType.DATA for place in index.blobs())


def test_a_backup_after_the_loss_of_a_pack_lacks_what_was_in_it(tmp_path):
    repository = init(LocalStore(tmp_path))
    write_files(repository)
    write_files(repository, MORE)
    damage(tmp_path)
    later = reopen(LocalStore(tmp_path))
    with pytest.raises(DamagedData):
        read_files(later, write_files(later, FILES | MORE))


def repair(directory, *arguments, code):
    """The command as a person types it."""
    command = [PROGRAM, "repository", "repair", *arguments, "-r", directory, "-q"]
    done = subprocess.run(command, env={**os.environ, "HOLDFAST_PASSWORD": PASSWORD}, check=False, capture_output=True)
    assert done.returncode == code, done.stderr.decode()


def test_the_recipe_for_a_damaged_repository_heals_what_can_be_backed_up_again(tmp_path, restic_agrees):  # noqa: F811 - the fixture
    directory = tmp_path / "repository"
    repository = init(LocalStore(directory))
    old = write_files(repository)
    gone_for_good = write_files(repository, MORE)
    damage(directory)
    assert check_all(reopen(LocalStore(directory))).errors

    repair(directory, "packs", code=3)
    repair(directory, "index", code=0)
    new = write_files(reopen(LocalStore(directory)))
    assert read_files(reopen(LocalStore(directory)), new) == FILES
    assert read_files(reopen(LocalStore(directory)), old) == FILES
    assert check_all(reopen(LocalStore(directory))).errors

    repair(directory, "snapshots", "--forget", code=0)
    assert check_all(reopen(LocalStore(directory))).errors == []
    assert gone_for_good not in reopen(LocalStore(directory)).snapshot_ids()
    assert {old, new} <= set(reopen(LocalStore(directory)).snapshot_ids())
    restic_agrees(directory)


def test_the_recipe_on_the_page_has_these_steps_in_this_order():
    recipe = PAGE.partition("## A damaged repository")[2]
    steps = re.findall(r"\$ holdfast repository repair (\w+)", recipe)
    assert steps == ["packs", "index", "snapshots"]
    assert re.findall(r"`holdfast repository repair (\w+)", REPAIR)[:3] == steps
