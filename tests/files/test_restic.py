"""The same file tree through restic and through us, each restoring what the other backed up: every picture is the same."""

import os
import stat
import struct
import subprocess

import pytest
from tests.operations.file_trees import ROOT, make_everything, picture
from tests.operations.files_harness import back_up, below, restore

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.operations.catalog import read_catalog
from holdfast.operations.restore_files import RestoreFilesOptions, restore_files

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NOBODY = 0xFFFFFFFF


def acl(*rows):
    """The bytes of an attribute that holds an ACL; rows are (tag, permissions, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)


FOR_1234 = acl((USER_OBJ, 6, NOBODY), (USER, 4, 1234), (GROUP_OBJ, 4, NOBODY), (MASK, 4, NOBODY), (OTHER, 0, NOBODY))
INHERITED = acl(
    (USER_OBJ, 7, NOBODY), (USER, 7, 1234), (GROUP_OBJ, 5, NOBODY), (GROUP, 5, 4321), (MASK, 5, NOBODY), (OTHER, 0, NOBODY)
)  # fmt: skip


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """Every kind of entry, ACLs on files and directories, and a directory whose new files inherit one."""
    root = make_everything(tmp_path_factory.mktemp("everything") / "tree")
    (root / "with acl").write_bytes(b"for 1234 too")
    os.setxattr(root / "with acl", ACCESS, FOR_1234)
    (root / "long with acl").write_bytes(os.urandom(1 << 20))
    os.setxattr(root / "long with acl", ACCESS, FOR_1234)
    (root / "inherits").mkdir()
    os.setxattr(root / "inherits", ACCESS, INHERITED)
    os.setxattr(root / "inherits", DEFAULT, INHERITED)
    (root / "inherits" / "file").write_bytes(b"has one from its directory")
    (root / "inherits" / "directory").mkdir()
    (root / "inherits" / "without").write_bytes(b"has none, though its directory gives one")
    os.removexattr(root / "inherits" / "without", ACCESS)
    (root / "inherits" / "without").chmod(0o640)
    yield root
    subprocess.run(["rm", "-rf", root], check=True)


@pytest.fixture(autouse=True)
def cleared(tmp_path):
    """Trees so deep that Python's own way to remove them, which pytest takes, does not end."""
    yield
    subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True)


def for_restic(seen, restic):
    """What of a picture restic keeps: no sockets, and the old one no targets of symlinks that are not UTF-8."""
    lost = {b"/broken"} if "bookworm" in str(restic.binary) else set()
    return {path: one for path, one in seen.items() if not stat.S_ISSOCK(one.mode) and path not in lost}


def assert_diff_agrees(left, right):
    """What `diff -r` says too, of all that it can compare: no fifos, sockets and devices, and no paths that are too long."""
    beyond = ["fifo", "socket", "null", "disk", "deep", "broken"]
    command = ["diff", "-r", "--no-dereference", *(f"--exclude={name}" for name in beyond), left, right]
    compared = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    assert (compared.returncode, compared.stdout, compared.stderr) == (0, "", "")


def test_diff_tells_trees_apart(everything, tmp_path):
    subprocess.run(["cp", "-a", everything / "inherits", tmp_path / "copy"], check=True)
    assert_diff_agrees(everything / "inherits", tmp_path / "copy")
    (tmp_path / "copy" / "file").write_bytes(b"something else")
    with pytest.raises(AssertionError):
        assert_diff_agrees(everything / "inherits", tmp_path / "copy")


def test_the_tree_has_acls_of_all_sorts(everything):
    inherited = everything / "inherits"
    assert os.getxattr(inherited / "file", ACCESS)
    assert os.getxattr(inherited / "directory", DEFAULT) == INHERITED
    assert os.listxattr(inherited / "without") == []


def test_we_restore_what_we_backed_up(repository, everything, tmp_path):
    run = back_up(repository, everything)
    assert restore(repository, run, tmp_path / "target", verify=True).errors == []
    assert picture(below(tmp_path / "target", everything)) == picture(everything)


def test_files_do_not_inherit_acls_of_the_target(repository, everything, tmp_path):
    run = back_up(repository, everything / "inherits", everything / "fifo")
    place = below(tmp_path / "target", everything)
    (place / "inherits").mkdir(parents=True)
    for made in (place, place / "inherits"):
        os.setxattr(made, DEFAULT, FOR_1234)
    assert restore(repository, run, tmp_path / "target").errors == []
    assert picture(place / "inherits") == picture(everything / "inherits")
    assert (place / "fifo").stat().st_mode == (everything / "fifo").stat().st_mode
    assert os.listxattr(place / "fifo") == []


def test_a_restore_over_other_acls_takes_them_away(repository, everything, tmp_path):
    run = back_up(repository, everything / "inherits")
    place = below(tmp_path / "target", everything / "inherits")
    (place / "directory").mkdir(parents=True)
    os.setxattr(place, ACCESS, FOR_1234)
    os.setxattr(place / "directory", DEFAULT, FOR_1234)
    os.setxattr(place / "directory", "user.old", b"1")
    assert restore(repository, run, tmp_path / "target").errors == []
    assert picture(place) == picture(everything / "inherits")


@pytest.mark.skipif(not ROOT, reason="testbed: only root can give files away, as the tree has them")
def test_restic_restores_what_we_backed_up(repository, directory, restic, everything, tmp_path):
    back_up(repository, everything)
    restic.run(directory, "restore", "latest", "--tag", "kind=files", "--target", tmp_path / "target")
    restored = picture(below(tmp_path / "target", everything))
    assert for_restic(restored, restic) == for_restic(picture(everything), restic)
    assert_diff_agrees(everything, below(tmp_path / "target", everything))


@pytest.mark.skipif(not ROOT, reason="testbed: only root can give files away, as the tree has them")
def test_we_restore_what_restic_backed_up(repository, directory, restic, everything, tmp_path):
    restic.run(directory, "backup", everything)
    entry = read_catalog(repository).find_backup("latest")
    options = RestoreFilesOptions(target=os.fsencode(tmp_path / "target"), verify=True)
    run = restore_files(repository, entry, options, Cancel(), Silent())
    assert run.errors == []
    restored = picture(below(tmp_path / "target", everything))
    assert for_restic(restored, restic) == for_restic(picture(everything), restic)
    assert_diff_agrees(everything, below(tmp_path / "target", everything))
