"""`holdfast mover` on directories that stand in for volumes, as a pod would run it."""

import json
import os
from typing import NamedTuple

from tests.cli.holdfast import PASSWORD, Holdfast
from tests.sample_repository import reopen

from holdfast.api.run_status import LIMIT
from holdfast.model.run import Outcome
from holdfast.operations.movers.contract import Moved, Told, Warned, decode_line
from holdfast.store.local import LocalStore

CLAIM = "shop/data"
PLACE = "/volumes/shop/data"
CLUSTER = "cluster-a"


class Ended(NamedTuple):
    code: int
    moved: Moved
    told: list[Told]
    warnings: list[str]

    @property
    def names(self):
        """What its errors are about."""
        return [problem.what for problem in self.moved.errors]


class Mover:
    """`mover.read(volume)` and `mover.write(part, target)`; whatever the end is, it must be told on both ways."""

    def __init__(self, scratch, repository, *wrapper, **environment):
        self.scratch = scratch
        self.repository = repository
        self._wrapper = wrapper
        self._message = scratch / "termination-log"
        self._holdfast = Holdfast(
            scratch,
            **{
                "HOLDFAST_REPOSITORY": repository,
                "HOLDFAST_PASSWORD": PASSWORD,
                "HOLDFAST_CLUSTER_NAME": CLUSTER,
                "HOLDFAST_RESULT_FILE": self._message,
                "HOLDFAST_CACHE_DIR": scratch / "cache",
                **environment,
            },
        )

    def but(self, *wrapper, **environment):
        """The same behind another program, or with other variables."""
        other = Mover(self.scratch, self.repository)
        other._wrapper = wrapper
        other._holdfast = self._holdfast.but(**environment)
        return other

    def read(self, root, *arguments, volume=CLAIM, run="run-1", code=0):
        return self("read", "--run", run, "--volume", volume, "--root", root, *arguments, code=code)

    def write(self, snapshot, root, *arguments, volume=CLAIM, run="run-2", code=0):
        given = "--run", run, "--backup", snapshot, "--volume", volume, "--root", root
        return self("write", *given, *arguments, code=code)

    def __call__(self, *arguments, code=0):
        ended = self.end(self.start(*arguments))
        assert code is None or ended.code == code, ended
        return ended

    def start(self, *arguments):
        self._message.unlink(missing_ok=True)
        return self._holdfast.start("mover", *arguments, wrapper=self._wrapper)

    def end(self, running):
        done = running.end()
        messages = [decode_line(line.encode()) for line in done.out.splitlines()]
        assert None not in messages, done.out  # nothing else is on standard output
        *before, moved = messages
        assert isinstance(moved, Moved), done.out
        assert not [one for one in before if isinstance(one, Moved)]
        assert done.code == moved.outcome.exit_code or moved.outcome is Outcome.FAILED, done
        self._assert_same(moved)
        told = [one for one in before if isinstance(one, Told)]
        return Ended(done.code, moved, told, [one.text for one in before if isinstance(one, Warned)])

    def _assert_same(self, moved):
        text = self._message.read_bytes()
        assert len(text) <= LIMIT
        left = decode_line(text)
        assert (left.outcome, left.part, left.reason) == (moved.outcome, moved.part, moved.reason)
        assert (left.error_count, left.files, left.peak_memory) == (moved.error_count, moved.files, moved.peak_memory)


def make_volume(root):
    root.mkdir()
    (root / "lost+found").mkdir(mode=0o700)
    (root / "pgdata").mkdir()
    (root / "pgdata" / "base").write_bytes(b"base " * 1000)
    (root / "pgdata" / "wal").write_bytes(os.urandom(3 << 20))
    (root / "pgdata" / "same as wal").hardlink_to(root / "pgdata" / "wal")
    (root / "notes.txt").write_bytes(b"notes\n")
    (root / "empty").touch()
    (root / "link").symlink_to("notes.txt")
    os.chown(root / "pgdata", 999, 998)
    os.chown(root / "notes.txt", 1001, 1002)
    (root / "notes.txt").chmod(0o4640)
    (root / "pgdata").chmod(0o700)
    os.chown(root, 999, 997)
    root.chmod(0o2775)
    os.setxattr(root, "user.purpose", b"database")
    os.utime(root, ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))
    return root


def opened(directory):
    return reopen(LocalStore(directory), PASSWORD)


def without(picture, *names):
    """A picture of a tree without some names in its root, and all below them."""
    left_out = [b"/" + name.encode() for name in names]
    return {
        path: seen
        for path, seen in picture.items()
        if not any(path == one or path.startswith(one + b"/") for one in left_out)
    }


def listed(restic, repository, snapshot):
    """What restic says of a snapshot."""
    [found] = json.loads(restic.run(repository, "--no-lock", "snapshots", "--json", snapshot, password=PASSWORD))
    return found
