"""restic as the judge: every repository that a test writes must satisfy two versions of it.

from tests.restic_oracle import restic_agrees, restics      # fixtures, for a conftest.py

def test_something(tmp_path, restic_agrees):
    ...                                                     # writes a repository into tmp_path / "repository"
    restic_agrees(tmp_path / "repository", "password")      # or a Store, which is exported first
"""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

PASSWORD = "test"


class Restic:
    """One binary of restic, used without cache and with nothing from the user's environment."""

    def __init__(self, binary, home, **environment):
        self.binary = binary
        self._home = home  # where it works too: `repair packs` leaves copies in the current directory
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), **environment}

    def run(self, repository, *arguments, password=PASSWORD, code=0):
        """Runs one command and returns its standard output; fails unless it ends with `code` (None: any)."""
        command = [self.binary, "--no-cache", "--repo", repository, *arguments]
        environment = {**self._environment, "RESTIC_PASSWORD": password}
        done = subprocess.run(command, env=environment, cwd=self._home, capture_output=True, check=False)
        output = f"{' '.join(map(str, arguments))}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        assert code is None or done.returncode == code, output
        return done.stdout.decode() if code == 0 else output

    def check(self, repository, password=PASSWORD):
        # Without lock, so that both versions may check at once.
        output = self.run(repository, "check", "--read-data", "--no-lock", password=password)
        assert "no errors were found" in output

    def __repr__(self):
        return f"Restic({self.binary})"


def export(store, directory):
    """Writes all files of any store below `directory`."""
    for name, _ in store.list(""):
        path = Path(directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.get(name))
    return directory


@pytest.fixture(scope="session")
def restics(restic_old, restic_new, tmp_path_factory):
    """restic 0.14 and the newest one."""
    home = tmp_path_factory.mktemp("restic-home")
    return [Restic(restic_old, home), Restic(restic_new, home)]


@pytest.fixture(params=["restic_old", "restic_new"])
def restic(request, tmp_path):
    """Each of the two in turn."""
    return Restic(request.getfixturevalue(request.param), tmp_path)


@pytest.fixture
def restic_agrees(restics, tmp_path_factory):
    """`restic_agrees(directory or store, password)`: both versions read every byte of the repository without complaint."""

    def agrees(repository, password=PASSWORD):
        if hasattr(repository, "get"):
            repository = export(repository, tmp_path_factory.mktemp("exported"))
        with ThreadPoolExecutor(len(restics)) as pool:
            list(pool.map(lambda one: one.check(repository, password), restics))

    return agrees
