"""Holdfast's own image, filled by the recipe of the users' image (`deploy/image/recipe.py`).

The layer of dependencies lies in the cache; that of the source is made of the checkout as it is, in half a second.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from testbed import cache, debian
from testbed.cache import Say
from testbed.errors import SetupFailed
from testbed.images import Image, Layer
from testbed.workspace import CHECKOUT

_DIRECTORY = CHECKOUT / "deploy/image"
_RECIPE, _PACKAGES, _PINS = (_DIRECTORY / name for name in ("recipe.py", "packages.txt", "requirements.txt"))
_STRIP = [f"binutils-{platform.machine().replace('_', '-')}-linux-gnu", "libbinutils", "libzstd1", "zlib1g"]
# Libraries of its own for this one program, not for all that the recipe runs.
_STRIP_COMMAND = """\
#!/bin/sh
root=${0%/commands/strip}
LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu):$(echo "$root"/lib/*-linux-gnu) exec "$root"/usr/bin/*-strip "$@"
"""


def _fill_dependencies(root: Path, say: Say) -> None:
    say("building the dependencies of Holdfast's image, about 20 s")
    names = [line for line in _PACKAGES.read_text().splitlines() if not line.startswith("#")]
    with tempfile.TemporaryDirectory() as packages:
        debian.download(names, debian.BOOKWORM, Path(packages))
        _run("dependencies", Path(packages), root, say)


def _fill_source(root: Path, say: Say) -> None:
    _run("source", DEPENDENCIES.provide(say), root, say)


def _run(part: str, other: Path, root: Path, say: Say) -> None:
    command: list[str | Path] = [sys.executable, _RECIPE, part, other, root]
    path = f"{_strip(say)}:{os.environ.get('PATH', os.defpath)}"
    done = subprocess.run(command, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupFailed(f"the recipe of Holdfast's image failed at {part}", why=(done.stdout + done.stderr)[-2000:])


def _strip(say: Say) -> Path:
    """A directory with the command `strip`."""

    def fetch(directory: Path) -> None:
        debian.unpack(_STRIP, debian.BOOKWORM, directory)
        command = directory / "commands/strip"
        command.parent.mkdir()
        command.write_text(_STRIP_COMMAND)
        command.chmod(0o755)

    return cache.provide(f"strip-{cache.digest(debian.BOOKWORM, *_STRIP, _STRIP_COMMAND)}", fetch, say) / "commands"


DEPENDENCIES = Layer(
    "holdfast-dependencies",
    cache.digest(debian.BOOKWORM, *(path.read_text() for path in (_RECIPE, _PACKAGES, _PINS))),
    _fill_dependencies,
)
HOLDFAST = Image(
    "testbed/holdfast:checkout",
    [DEPENDENCIES, Layer("holdfast-source", None, _fill_source)],
    {
        "docker.io/testbed/holdfast:checkout": {
            "Entrypoint": ["holdfast"],
            "User": "65532:65532",
            "Env": ["PATH=/usr/bin", "HOME=/tmp"],
        }
    },
)
