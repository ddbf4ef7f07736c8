"""A mounted file system that fails here and there, as a dying disk or a lost network share does.

from tests.files.faulty_mount import faulty      # a fixture; `faulty.path` is the mount, CONTENT what is in it

The server is a process of its own, so that a test cannot wait for itself; it ends when its standard input ends. By hand:

python -m tests.files.faulty_mount DIRECTORY     # Ctrl-D ends it; a line `heal` takes all faults away
"""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.files.fuse_server import Faulty, Server

KIB = 1 << 10
MIB = 1 << 20


def _bytes(size):
    return bytes(range(256)) * (size // 256)


CONTENT = {
    "good": Faulty(b"good"),
    "good and long": Faulty(_bytes(3 * MIB)),
    "good directory": Faulty(below={"file": Faulty(b"inside")}),
    "cannot be looked at": Faulty(b"x", {"lookup": errno.EIO}),
    "cannot be opened": Faulty(b"x", {"open": errno.EIO}),
    "denied": Faulty(b"x", {"open": errno.EACCES}),
    "cannot be read": Faulty(_bytes(KIB), {"read": errno.EIO}),
    "cannot be read to its end": Faulty(_bytes(400 * KIB), {"read": errno.EIO}, after=200 * KIB),
    "long, cannot be opened": Faulty(_bytes(2 * MIB), {"open": errno.EIO}),
    "long, cannot be read to its end": Faulty(_bytes(4 * MIB), {"read": errno.EIO}, after=3 * MIB),
    "without its attribute": Faulty(b"content", {"getxattr": errno.EIO}),
    "without its attributes": Faulty(b"content", {"listxattr": errno.EIO}),
    "long, without its attributes": Faulty(_bytes(MIB), {"listxattr": errno.EIO}),
    "grows": Faulty(_bytes(KIB), grows=True),
    "long, grows": Faulty(_bytes(MIB), grows=True),
    "slow": Faulty(_bytes(MIB), seconds=0.01),
    "directory that cannot be opened": Faulty(fails={"open": errno.EIO}, below={"file": Faulty(b"x")}),
    "directory that cannot be listed": Faulty(fails={"read": errno.EIO}, below={"file": Faulty(b"x")}),
    "directory that is denied": Faulty(fails={"open": errno.EACCES}, below={"file": Faulty(b"x")}),
    "directory without its attribute": Faulty(fails={"getxattr": errno.EIO}, below={"file": Faulty(b"inside")}),
}


class Mounted:
    def __init__(self, path):
        self.path = path
        path.mkdir()
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.files.faulty_mount", path],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect("mounted")

    def heal(self):
        """From now on nothing fails."""
        self._server.stdin.write("heal\n")
        self._server.stdin.flush()
        self._expect("healed")

    def close(self):
        subprocess.run(["umount", "--lazy", self.path], check=False)
        self._server.communicate()

    def _expect(self, line):
        heard = self._server.stdout.readline()
        if heard != f"{line}\n":
            self.close()
            raise AssertionError(f"the server said {heard!r}, not {line!r}")


@pytest.fixture
def faulty(tmp_path):
    lacks = "root is missing" if os.geteuid() != 0 else "" if Path("/dev/fuse").exists() else "/dev/fuse is missing"
    if lacks and os.environ.get("CI"):
        pytest.fail(lacks, pytrace=False)
    if lacks:
        pytest.skip(f"testbed: {lacks} (a file system with faults cannot be mounted)")
    mounted = Mounted(tmp_path / "faulty")
    yield mounted
    mounted.close()


def _main(directory):
    server = Server(Faulty(below=CONTENT), directory)
    threading.Thread(target=server.serve, daemon=True).start()
    print("mounted", flush=True)  # noqa: T201 - the fixture waits for it
    for _ in sys.stdin:
        server.healed = True
        print("healed", flush=True)  # noqa: T201 - as above
    subprocess.run(["umount", "--lazy", directory], capture_output=True, check=False)


if __name__ == "__main__":
    _main(sys.argv[1])
