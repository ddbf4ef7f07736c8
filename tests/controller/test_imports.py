"""The controller lives for months in little memory: what only runs or notifications need stays out of its process."""

import subprocess
import sys


def test_the_process_loads_nothing_of_repositories_and_notifications():
    script = "import holdfast.cli.main, holdfast.cli.controller, holdfast.controller.serve, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "holdfast.controller.runner" in loaded
    foreign = {"apprise", "cryptography", "jinja2", "obstore", "requests", "yaml", "zstandard", "holdfast.repository"}
    assert not foreign & set(loaded)
