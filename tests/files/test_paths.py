"""Paths as people type them, names as file systems allow them, what changes its type between backups, and holes."""

import os
import stat

import pytest
from tests.operations.file_trees import contents, picture
from tests.operations.files_harness import back_up, below, restore

from holdfast.errors import NotFound, UsageError
from holdfast.ids import BlobId
from holdfast.operations.catalog import read_catalog
from holdfast.operations.contents import Contents

KIB = 1 << 10
MIB = 1 << 20


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    (root / "sub").mkdir(parents=True)
    (root / "one").write_bytes(b"one")
    (root / "sub" / "two").write_bytes(b"two")
    return root


def saved(repository, run, path):
    """{path: content} of what the backup has below `path`."""
    tree = BlobId.parse(read_catalog(repository).find_backup(run.id).snapshot.tree)
    found = Contents(repository, tree).walk(os.fspath(path))
    return {one.path.removeprefix(f"{path}/"): one.node.type.value for one in found}


ALL = {"one": "file", "sub": "dir", "sub/two": "file"}


@pytest.mark.parametrize(
    "paths",
    [
        ("{}",),
        ("{}/",),
        ("{}//.//sub/..",),
        ("{}", "{}"),
        ("{}/sub", "{}", "{}/one", "{}/sub/two"),
        ("{}/one", "{}/sub"),
        ("{}/../source",),
    ],
)
def test_paths_that_mean_the_same(repository, source, paths):
    run = back_up(repository, *(path.format(source) for path in paths))
    assert run.errors == []
    assert run.counts["files"] == 2
    assert saved(repository, run, source) == ALL


def test_a_path_from_the_current_directory(repository, source, monkeypatch):
    monkeypatch.chdir(source)
    assert saved(repository, back_up(repository, "sub"), source) == {"sub": "dir", "sub/two": "file"}
    run = back_up(repository, ".")
    assert saved(repository, run, source) == ALL
    assert run.name.startswith("source-")


def test_paths_that_begin_alike_are_not_nested(repository, source):
    (source / "su").mkdir()
    (source / "sub-").mkdir()
    run = back_up(repository, source / "sub", source / "su", source / "sub-")
    assert set(saved(repository, run, source)) == {"sub", "sub/two", "su", "sub-"}


def test_a_path_through_symlinks_and_a_symlink_itself(repository, source, tmp_path):
    (tmp_path / "link").symlink_to(source.name)
    (tmp_path / "link2").symlink_to("link")
    run = back_up(repository, tmp_path / "link2" / "sub", tmp_path / "link")
    assert saved(repository, run, tmp_path) == {
        "link": "symlink", "link2": "dir", "link2/sub": "dir", "link2/sub/two": "file",
    }  # fmt: skip


@pytest.mark.parametrize("paths", [("",), ("{}", "")])
def test_an_empty_path_is_refused_and_never_the_current_directory(repository, source, paths):
    with pytest.raises(UsageError, match="a path is empty"):
        back_up(repository, *(path.format(source) for path in paths))
    assert read_catalog(repository).backups == []


@pytest.mark.parametrize("path", ["{}/no", "{}/one/below", "{}/\0"])
def test_a_path_that_is_not_there(repository, source, path):
    with pytest.raises(NotFound, match="does not exist"):
        back_up(repository, source, path.format(source))
    assert read_catalog(repository).backups == []


def test_special_files_given_by_hand_are_not_opened(repository, source, tmp_path):
    os.mkfifo(source / "fifo", 0o640)  # whose opening would wait for a writer
    run = back_up(repository, source / "fifo")
    assert run.errors == []
    assert restore(repository, run, tmp_path / "target").errors == []
    mode = below(tmp_path / "target", source / "fifo").stat().st_mode
    assert (stat.S_ISFIFO(mode), stat.S_IMODE(mode)) == (True, 0o640)


def test_files_become_directories_and_directories_files(repository, source, tmp_path):
    first = back_up(repository, source)
    (source / "one").unlink()
    (source / "one").mkdir()
    (source / "one" / "inside").write_bytes(b"new")
    (source / "sub" / "two").unlink()
    (source / "sub").rmdir()
    (source / "sub").write_bytes(b"a file now")
    second = back_up(repository, source)
    assert (second.errors, second.counts["new"] + second.counts["changed"]) == ([], 2)
    (source / "sub").unlink()
    (source / "sub").symlink_to("one")
    third = back_up(repository, source)
    target = tmp_path / "target"
    for run, expected in (
        (first, {"one": b"one", "sub/two": b"two"}),
        (second, {"one/inside": b"new", "sub": b"a file now"}),
        (third, {"one/inside": b"new"}),
        (first, {"one": b"one", "sub/two": b"two"}),
    ):
        assert restore(repository, run, target, delete=True).errors == []
        assert contents(below(target, source)) == expected


def test_all_bytes_in_names_as_long_as_they_may_be(repository, source, directory, restics, tmp_path):
    codes = [code for code in range(1, 256) if code != ord("/")]
    names = [bytes(codes[start:] + codes[:start])[:255].ljust(255, b"x") for start in range(0, len(codes), 50)]
    for name in names:
        (source / os.fsdecode(name)).write_bytes(name)
    run = back_up(repository, source)
    assert run.errors == []
    assert restore(repository, run, tmp_path / "target").errors == []
    assert picture(below(tmp_path / "target", source)) == picture(source)
    restics[1].run(directory, "restore", "latest", "--tag", "kind=files", "--target", tmp_path / "by restic")
    assert picture(below(tmp_path / "by restic", source)) == picture(source)


@pytest.mark.parametrize(
    "layout",  # lengths, data and hole in turn
    [(100 * KIB, 3 * MIB, 100 * KIB), (1 * MIB + 17, 5 * MIB + 3, 700 * KIB, 200 * KIB, 9), (0, 20 * MIB, 5)],
)
def test_holes_take_no_more_room_than_before(repository, source, tmp_path, layout):
    with (source / "sparse").open("wb") as sparse:
        for turn, length in enumerate(layout):
            if turn % 2:
                sparse.seek(length, os.SEEK_CUR)
            else:
                sparse.write(os.urandom(length))
    run = back_up(repository, source)
    restore(repository, run, tmp_path / "target", verify=True)
    restored = below(tmp_path / "target", source / "sparse")
    assert picture(restored.parent) == picture(source)
    chunks = sum(layout) // (512 * KIB) + 1  # each may tear one block of zeros at both of its ends
    assert restored.stat().st_blocks <= (source / "sparse").stat().st_blocks + 16 * chunks
    assert restored.stat().st_blocks * 512 < sum(layout[::2]) + 16 * 512 * chunks + 64 * KIB
