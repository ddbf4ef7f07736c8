"""docs/python-api.md carried out: its Python from top to bottom, then its shell, on the repository that the Python made."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.restic_oracle import restic_agrees, restics  # noqa: F401 - fixtures

import holdfast.repository

PAGE = (Path(__file__).parents[2] / "docs" / "python-api.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def program():
    """All examples as one program; a failure shows its line in it."""
    return "\n\n".join(BLOCKS)


@pytest.fixture(scope="module")
def workplace(program, tmp_path_factory):
    """Where the examples ran."""
    directory = tmp_path_factory.mktemp("workplace")
    (directory / "page.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "error", "page.py"], cwd=directory, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    (directory / "output").write_text(done.stdout)
    return directory


def test_the_page_has_examples():
    assert len(BLOCKS) > 8


def test_the_examples_run_and_print_what_they_found(workplace):
    output = (workplace / "output").read_text()
    assert "damaged" not in output
    assert "the password is wrong; " in output
    assert "the backup has no /notes/tomorrow.txt" in output
    assert "3 snapshots, " in output
    assert "stopped at a safe point" in output
    assert (workplace / "database.sql").read_bytes() == b"CREATE TABLE weather;\n" * 1000


def test_restic_agrees_with_the_repository_of_the_examples(workplace, restic_agrees):  # noqa: F811
    restic_agrees(workplace / "backups", PASSWORD)


def test_the_shell_examples_print_what_is_shown(workplace, restic_new):
    [block] = re.findall(r"^```console\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(commands)],
        cwd=workplace,
        env={"PATH": f"{restic_new.parent}:/usr/bin:/bin", "HOME": str(workplace), "LANG": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = [line for line in block.splitlines() if not line.startswith("$ ") and line != "…"]
    assert shown
    for line in shown:
        assert re.search(re.escape(line).replace("…", ".*"), done.stdout), line


def test_the_example_of_the_readme_runs(tmp_path, restic_agrees):  # noqa: F811
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    [block] = re.findall(r"^```python\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-c", block.replace("/srv/backups", str(tmp_path / "backups"))], check=True)
    restic_agrees(tmp_path / "backups", PASSWORD)


def test_the_examples_are_well_typed(program, tmp_path):
    """As for a user of the installed package: this fails without its py.typed."""
    (tmp_path / "page.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "page.py"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_names_that_are_shown_are_public(program):
    names = re.findall(r"^from holdfast\.repository import (.+)$", program, flags=re.MULTILINE)
    used = {name for line in names for name in line.split(", ")}
    assert used <= set(holdfast.repository.__all__)
    assert not re.search(r"^from holdfast\.(?!repository |errors )", program, flags=re.MULTILINE)
