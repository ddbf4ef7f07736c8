"""Small file systems that tests mount: `mount(path, size="2m")`, and options as mount(8) has them."""

import os
import subprocess

import pytest


@pytest.fixture
def mount():
    """`mount(directory, *options)`: a tmpfs there, until the test ends."""
    mounted = []

    def mount(directory, *options):
        _needs(os.geteuid() == 0, "root is missing (only root can mount a file system)")
        directory.mkdir(parents=True, exist_ok=True)
        given = ["-o", ",".join(options)] if options else []
        done = subprocess.run(
            ["mount", "-t", "tmpfs", *given, "holdfast-test", directory], capture_output=True, text=True, check=False
        )
        _needs(done.returncode == 0, f"mounting is not allowed here ({done.stderr.strip()})")
        mounted.append(directory)
        return directory

    yield mount
    for directory in reversed(mounted):
        subprocess.run(["umount", "--lazy", directory], check=True)


def _needs(there, lacks):
    if not there and os.environ.get("CI"):
        pytest.fail(lacks, pytrace=False)
    if not there:
        pytest.skip(f"testbed: {lacks}")
