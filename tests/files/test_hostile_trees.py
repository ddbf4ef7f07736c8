"""Backups that somebody forged, with the right key: nothing is written outside of the target, and what is wrong is named."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from tests.cli.holdfast import PROGRAM
from tests.operations.file_trees import contents, picture
from tests.operations.files_harness import whats
from tests.restic_oracle import PASSWORD
from tests.sample_repository import TIME, init, reopen

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.operations.catalog import read_catalog
from holdfast.operations.restore_files import RestoreFilesOptions, restore_files, stream_files
from holdfast.repository.pack import BlobType
from holdfast.repository.snapshot import Snapshot
from holdfast.store.local import LocalStore

BAD_NAMES = [
    "..", ".", "", "/etc/holdfast-test", "a/b", "../outside/file", "x\\x00y", "x\\x2fy", "\\x2e\\x2e", "\\u002e.", "a\\/b", "\\",
]  # fmt: skip
LINK = 1 << 27 | 0o777
CHARACTER_DEVICE = 1 << 26 | 1 << 21 | 0o666
BLOCK_DEVICE = 1 << 26 | 0o660
HUGE = 1 << 62


@pytest.fixture
def forged(directory):
    """An open repository and its writer, for trees that no tree builder makes."""
    init(LocalStore(directory))
    return Forger(reopen(LocalStore(directory)))


class Forger:
    def __init__(self, repository):
        self.repository = repository
        self._cancel = Cancel()

    def publish(self, make):
        """`make(self)` gives the root tree's id; the snapshot becomes the newest backup."""
        with self.repository.lock(self._cancel) as lock:
            self._writer = self.repository.writer(lock, self._cancel)
            try:
                tree = make(self)
                self._writer.flush()
            finally:
                self._writer.close()
            snapshot = Snapshot(tree=tree, time=TIME, paths=["/forged"], hostname="host")
            self.repository.save_snapshot(snapshot, lock)
        return read_catalog(self.repository).find_backup("latest")

    def tree(self, *nodes):
        text = json.dumps({"nodes": sorted(nodes, key=lambda node: node["name"])}).encode()
        return self._writer.save(BlobType.TREE, text).hex()

    def file(self, name, content=b"x", **fields):
        blobs = [self._writer.save(BlobType.DATA, content).hex()]
        return node(name, "file", size=len(content), **({"content": blobs} | fields))

    def directory(self, name, *nodes, **fields):
        return node(name, "dir", **({"mode": 1 << 31 | 0o755, "subtree": self.tree(*nodes)} | fields))


def node(name, kind, **fields):
    own = {"uid": os.geteuid(), "gid": os.getegid(), "mtime": TIME, "atime": TIME, "ctime": TIME, "mode": 0o644}
    return {"name": name, "type": kind, **own, "content": None, **fields}


def restore(repository, entry, target):
    options = RestoreFilesOptions(target=os.fsencode(target))
    return restore_files(repository, entry, options, Cancel(), Silent())


@pytest.fixture
def outside(tmp_path):
    """What a hostile backup would like to change; it is the same after the test."""
    root = tmp_path / "outside"
    root.mkdir()
    (root / "file").write_bytes(b"untouched")
    before = picture(root)
    yield root
    assert picture(root) == before
    assert not Path("/etc/holdfast-test").exists()


@pytest.mark.usefixtures("outside")
def test_bad_names_cost_their_directory_and_lead_nowhere(forged, tmp_path):
    def make(forger):
        bad = [forger.directory(f"bad {number:02}", forger.file(name)) for number, name in enumerate(BAD_NAMES)]
        below_bad = [
            forger.directory(f"deep {number:02}", forger.directory(name, forger.file("file")))
            for number, name in enumerate(BAD_NAMES)
        ]
        return forger.tree(*bad, *below_bad, forger.directory("good", forger.file("file", b"good")))

    entry = forged.publish(make)
    run = restore(forged.repository, entry, tmp_path / "target")
    assert (run.outcome, run.outcome.exit_code) == ("partial", 3)
    assert [what.partition(":")[0] for what in whats(run)] == [
        f"/{kind} {number:02}" for kind in ("bad", "deep") for number in range(len(BAD_NAMES))
    ]
    assert contents(tmp_path / "target") == {"good/file": b"good"}
    assert {path.name for path in tmp_path.iterdir()} == {"outside", "repository", "target"}
    with (tmp_path / "tar").open("wb") as file:
        asked = RestoreFilesOptions(target=b"-")
        assert len(stream_files(forged.repository, entry, asked, file, Cancel(), Silent()).errors) == 2 * len(BAD_NAMES)
    listed = subprocess.run(["tar", "-tf", tmp_path / "tar"], capture_output=True, text=True, check=True)
    assert [name for name in listed.stdout.splitlines() if not name.endswith("/")] == ["good/file"]


@pytest.mark.usefixtures("outside")
def test_bad_names_at_the_top_end_the_run(forged, tmp_path):
    for name in BAD_NAMES:
        entry = forged.publish(lambda forger, name=name: forger.tree(forger.file(name)))
        with pytest.raises(Exception, match="bad name"):
            restore(forged.repository, entry, tmp_path / "target")
    assert contents(tmp_path / "target") == {}


@pytest.mark.usefixtures("outside")
def test_values_that_no_system_takes_are_named(forged, tmp_path):
    attributes = [{"name": "user.a\0b", "value": ""}, {"name": "", "value": ""}, {"name": "x" * 300, "value": ""}]

    def make(forger):
        return forger.tree(
            forger.file("good", b"good"),
            forger.file("huge owner", uid=HUGE, gid=HUGE),
            forger.file("bad attributes", extended_attributes=attributes),
            forger.file("bad time", mtime="yesterday"),
            forger.file("short name" + "x" * 250),
            node("bad link", "symlink", mode=LINK, linktarget="a\0b"),
            node("empty link", "symlink", mode=LINK, linktarget=""),
            node("long link", "symlink", mode=LINK, linktarget="x" * 5000),
            node("huge device", "dev", mode=BLOCK_DEVICE, device=HUGE),
            node("irregular", "irregular"),
            forger.directory("huge directory", forger.file("inside", b"inside"), uid=HUGE, mtime=TIME),
        )

    run = restore(forged.repository, forged.publish(make), tmp_path / "target")
    assert run.outcome == "partial"
    named = " ".join(whats(run))
    for name in (
        "huge owner", "bad attributes", "bad time", "short name", "bad link", "empty link", "long link", "irregular",
        "huge directory",
    ):  # fmt: skip
        assert f"/{name}" in named
    assert "good" not in named
    assert contents(tmp_path / "target").items() >= {"good": b"good", "huge directory/inside": b"inside"}.items()
    assert not [path for path in (tmp_path / "target").iterdir() if path.name.startswith(".holdfast")]


LOST = "0" * 64


def test_a_file_whose_parts_are_not_its_size_is_damaged(forged, tmp_path):
    def make(forger):
        parts = [forger.file("part", bytes([number]) * 1000)["content"][0] for number in (1, 2)]
        return forger.tree(
            forger.file("good", b"good"),
            forger.file("too long") | {"size": 2},
            forger.file("too short") | {"size": 0},
            node("without parts", "file", size=7, content=[]),
            node("long", "file", size=2000, content=parts),
            node("long, too long", "file", size=1999, content=parts),
            node("name of one that is too short", "file", size=2001, content=parts, links=2, inode=5, device_id=1),
            node(
                "other name of one that is too short", "file", size=2001, content=parts, links=2, inode=5, device_id=1
            ),
            node(
                "name of one that is lost", "file", size=2000, content=[parts[0], LOST], links=2, inode=6, device_id=1
            ),
        )

    entry = forged.publish(make)
    run = restore(forged.repository, entry, tmp_path / "target")
    good = {"good": b"good", "long": b"\1" * 1000 + b"\2" * 1000}
    assert contents(tmp_path / "target") == good
    assert len(run.errors) == 7
    assert "its size is 1,999 bytes, and there are 2,000" in str(run.errors)
    assert "its size is 2 bytes, and there are 1" in str(run.errors)
    with (tmp_path / "tar").open("wb") as file:
        asked = RestoreFilesOptions(target=b"-")
        assert len(stream_files(forged.repository, entry, asked, file, Cancel(), Silent()).errors) == 7


ORDINARY = 65534
AS_ORDINARY = [
    "setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups",
    # It may look into directories of root's, where the tests and the program are; no more than that.
    "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
]  # fmt: skip


@pytest.fixture
def ordinary(directory):
    """`ordinary(target)`: the newest backup restored by an account without rights; (exit code, standard error)."""
    if os.geteuid() != 0:
        pytest.skip("testbed: root is missing (only root can make what others may not restore)")

    def run(target):
        subprocess.run(["chown", "-R", f"{ORDINARY}:{ORDINARY}", directory], check=True)
        os.chown(target, ORDINARY, ORDINARY)  # and nothing that is in it
        command = [*AS_ORDINARY, PROGRAM, "restore", "files", "latest", "--target", target]
        environment = {
            "PATH": os.environ["PATH"],
            "HOLDFAST_REPOSITORY": str(directory),
            "HOLDFAST_PASSWORD": PASSWORD,
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    return run


def test_an_ordinary_account_is_told_what_it_may_not_make(forged, ordinary, outside, tmp_path):
    def make(forger):
        return forger.tree(
            forger.file("good", b"good"),
            forger.file("program of root", b"program", uid=0, gid=0, mode=1 << 23 | 1 << 22 | 0o755),
            node("null", "chardev", mode=CHARACTER_DEVICE, device=os.makedev(1, 3), uid=0, gid=0),
            node("disk", "dev", mode=BLOCK_DEVICE, device=os.makedev(7, 0), uid=0, gid=0),
            node("link", "symlink", mode=LINK, linktarget=str(outside)),
            forger.directory("taken", forger.file("file", b"inside")),
            forger.file("replaced", b"inside"),
        )

    forged.publish(make)
    target = tmp_path / "target"
    target.mkdir()
    (target / "taken").symlink_to(outside)
    (target / "replaced").symlink_to(outside / "file")
    code, said = ordinary(target)
    assert code == 3, said
    assert "Missing: /null was not restored" in said
    assert "Missing: /disk was not restored" in said
    assert "/program of root lacks some of its metadata" in said
    assert "Note: Owners were not restored" in said
    assert contents(target) == {
        "good": b"good", "program of root": b"program", "taken/file": b"inside", "replaced": b"inside",
    }  # fmt: skip
    assert (target / "link").readlink() == outside
    assert not (target / "taken").is_symlink()
    assert stat.S_IMODE((target / "program of root").stat().st_mode) == 0o755  # it would run as another
    assert (target / "good").stat().st_uid == ORDINARY


def test_an_ordinary_account_names_directories_it_may_not_write(forged, ordinary, tmp_path):
    def make(forger):
        return forger.tree(
            forger.directory("mine", forger.file("file", b"new")),
            forger.directory("of root", forger.file("file", b"new"), forger.directory("below", forger.file("file"))),
        )

    forged.publish(make)
    target = tmp_path / "target"
    (target / "of root").mkdir(parents=True)
    (target / "of root" / "file").write_bytes(b"old")
    code, said = ordinary(target)
    assert code == 3, said
    for name in ("of root/file", "of root/below"):
        assert f"Missing: /{name} was not restored\n  Why:  Permission denied" in said
    assert contents(target) == {"mine/file": b"new", "of root/file": b"old"}
