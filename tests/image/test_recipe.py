"""What goes into the image is pinned, and what the recipe writes by itself behaves."""

import re
import runpy
import signal
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from testbed.holdfast_image import HOLDFAST

DEPLOY = Path(__file__).parents[2] / "deploy"
HINT = "run `make lock`"
BLOCKING = "import time; print('loading', flush=True); time.sleep(60)"


@pytest.fixture(scope="module")
def pins():
    """Versions of deploy/image/requirements.txt by name; on Linux only."""
    text = (DEPLOY / "image/requirements.txt").read_text().replace("\\\n", "")
    lines = [re.sub(r"\s+--hash=\S+", "", line) for line in text.splitlines() if line and not line.startswith("#")]
    found = [Requirement(line.strip()) for line in lines]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in found}


def needed(requirements):
    parsed = [Requirement(text) for text in requirements]
    return [one for one in parsed if one.marker is None or one.marker.evaluate({"extra": ""})]


def test_the_pins_are_what_the_project_asks_for(pins):
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]
    for requirement in needed(project["dependencies"]):
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{requirement} is not pinned: {HINT}"
        assert requirement.specifier.contains(pins[name]), f"{name} {pins[name]} is not {requirement}: {HINT}"


def test_the_pins_are_complete(pins):
    for name in pins:
        for requirement in needed(metadata.requires(name) or []):
            assert canonicalize_name(requirement.name) in pins, f"{name} needs {requirement}: {HINT}"


def test_every_pin_has_the_hashes_of_its_files(pins):
    assert (DEPLOY / "image/requirements.txt").read_text().count("==") == len(pins)
    entries = re.findall(r"==[^\n]*\\\n    --hash=sha256:", (DEPLOY / "image/requirements.txt").read_text())
    assert len(entries) == len(pins)


def test_a_program_that_is_still_loading_ends_at_once_when_it_is_stopped(tmp_path):
    program = tmp_path / "holdfast-program"
    program.write_text(runpy.run_path(str(DEPLOY / "image/recipe.py"))["PROGRAM"])
    package = tmp_path / "holdfast/cli"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "main.py").write_text(BLOCKING)
    loading = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    with loading:
        assert loading.stdout.readline() == "loading\n"
        loading.send_signal(signal.SIGTERM)
        assert loading.wait(30) == 130


def test_the_dockerfile_has_no_fault_that_a_linter_sees():
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_testbeds_image_runs_as_the_dockerfile_says():
    last_stage = (DEPLOY / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    said = dict(line.split(" ", 1) for line in last_stage.splitlines()[1:] if not line.startswith("COPY"))
    [configuration] = HOLDFAST.configurations.values()
    assert said == {
        "ENV": " ".join(configuration["Env"]),
        "USER": configuration["User"],
        "ENTRYPOINT": '["holdfast"]',
    }
    assert configuration["Entrypoint"] == ["holdfast"]
