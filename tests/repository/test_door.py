"""What `holdfast.repository` gives to other programs, and what it costs those who only pass through."""

import ast
import inspect
import subprocess
import sys
from importlib import resources

import pytest

import holdfast.repository as door


def typed_names():
    """What type checkers are told: name → (module, name there)."""
    block = next(node for node in ast.parse(inspect.getsource(door)).body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name: (statement.module, alias.name)
        for statement in block.body
        for alias in statement.names
    }


def test_type_checkers_and_programs_are_told_the_same():
    assert typed_names() == door._PLACES


def test_the_list_of_names_is_sorted_and_whole():
    assert sorted(door._PLACES, key=lambda name: (not name[0].isupper(), name)) == door.__all__ == dir(door)


@pytest.mark.parametrize("name", door.__all__)
def test_every_name_is_what_its_module_has(name):
    module, attribute = typed_names()[name]
    assert getattr(door, name) is getattr(sys.modules[module], attribute)


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = door.nonsense


def loaded_by(statement):
    script = f"{statement}; import sys; print(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", script], text=True).split())


@pytest.mark.parametrize("statement", ["import holdfast.repository", "from holdfast.repository.layout import CONFIG"])
def test_passing_through_the_door_loads_nothing_else(statement):
    assert not loaded_by(statement) & {"holdfast.repository.repository", "msgspec", "cryptography", "pyfastcdc"}


def test_help_does_not_wait_for_the_library():
    program = "from holdfast.cli.main import cli; cli(['--help'], standalone_mode=False)"
    loaded = loaded_by(f"import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()): {program}\npass")
    assert "holdfast.cli.main" in loaded
    assert not {name for name in loaded if name.startswith("holdfast.repository")}


def test_a_repository_asks_for_what_it_needs_and_no_object_store():
    loaded = loaded_by("from holdfast.repository import open_repository")
    assert "holdfast.repository.repository" in loaded
    assert not loaded & {"obstore", "click", "urllib3", "rich"}


def test_type_checkers_are_told_that_there_are_types():
    assert (resources.files("holdfast") / "py.typed").is_file()
