"""Reading entries and contents, and what is said of those that do not hold still."""

import os
from contextlib import closing

import pytest

from holdfast.volumes.entry import EntryType
from holdfast.volumes.reading import (
    FileStream,
    look_at,
    look_at_directory,
    open_directory,
    read_small_files,
)


@pytest.fixture
def opened(tmp_path):
    """`opened()`: the directory as it is now."""
    directories = []

    def look():
        directories.append(open_directory(os.fsencode(tmp_path)))
        return directories[-1]

    yield look
    for directory in directories:
        directory.close()


def read(directory):
    """All files of an open directory."""
    return list(read_small_files(directory.fd, [entry.name for entry in directory.entries]))


def read_all(stream, size=100_000):
    buffer = memoryview(bytearray(size))
    return b"".join(iter(lambda: bytes(buffer[: stream.readinto(buffer)]), b""))


def test_entries_are_sorted_by_the_bytes_of_their_names(tmp_path, opened):
    names = [b"\xff", b"a", b"a.b", b"a b", "\u00e9".encode(), b"\n", b"Z"]
    for name in names:
        os.close(os.open(os.fsencode(tmp_path) + b"/" + name, os.O_CREAT))
    assert [entry.name for entry in opened().entries] == sorted(names)


def test_types_are_told_without_opening(tmp_path, opened):
    os.mkfifo(tmp_path / "fifo")  # whose opening would wait
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(os.fsdecode(b"\xff"))
    directory, fifo, file, link = opened().entries
    assert [one.type for one in (directory, fifo, file, link)] == [
        EntryType.DIRECTORY, EntryType.FIFO, EntryType.FILE, EntryType.SYMLINK,
    ]  # fmt: skip
    assert (file.size, link.target, directory.size) == (5, b"\xff", 0)


def test_small_files_come_with_content_and_attributes(tmp_path, opened):
    (tmp_path / "file").write_bytes(b"content")
    os.setxattr(tmp_path / "file", "user.a", b"1")
    directory = opened()
    (file,) = read(directory)
    assert (file.content, file.entry.xattrs, file.why) == (b"content", (("user.a", b"1"),), "")


def test_a_file_that_grew_is_given_whole(tmp_path, opened):
    (tmp_path / "file").write_bytes(b"short")
    directory = opened()
    (tmp_path / "file").write_bytes(b"longer than before")
    (file,) = read(directory)
    assert (file.content, file.entry.size, file.why) == (b"longer than before", 18, "")


def test_files_that_vanished_or_became_something_else_are_named(tmp_path, opened):
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).write_bytes(b"x")
    directory = opened()
    for name in ("a", "b", "c"):
        (tmp_path / name).unlink()
    os.mkfifo(tmp_path / "b")
    (tmp_path / "c").symlink_to("d")
    files = read(directory)
    assert [file.entry is None for file in files] == [True, True, True, False]
    assert [file.why for file in files] == [
        "it vanished while the tree was read",
        "it was replaced while the tree was read",
        "Too many levels of symbolic links",
        "",
    ]


def test_holes_are_zeros_and_cost_no_reading(tmp_path, opened):
    with (tmp_path / "file").open("wb") as file:
        file.seek(5 << 20)
        file.write(b"data")
        file.truncate(9 << 20)
    directory = opened()
    with closing(FileStream(directory, directory.entries[0])) as stream:
        content = read_all(stream)
        entry, fault = stream.finish()
    assert content == (tmp_path / "file").read_bytes()
    assert (entry.size, fault) == (9 << 20, None)


def test_a_tree_of_holes_only(tmp_path, opened):
    with (tmp_path / "file").open("wb") as file:
        file.truncate(3 << 20)
    directory = opened()
    with closing(FileStream(directory, directory.entries[0])) as stream:
        assert read_all(stream) == bytes(3 << 20)
        assert stream.finish()[1] is None


@pytest.mark.parametrize("size", [10, 1 << 20, 2 << 20], ids=["shrunk", "written", "grown"])
def test_a_stream_that_changed_says_so(tmp_path, opened, size):
    (tmp_path / "file").write_bytes(b"x" * (1 << 20))
    directory = opened()
    with closing(FileStream(directory, directory.entries[0])) as stream:
        stream.readinto(memoryview(bytearray(1000)))
        os.truncate(tmp_path / "file", size)
        os.utime(tmp_path / "file", ns=(1, 1))
        length = 1000 + len(read_all(stream))
        entry, fault = stream.finish()
    assert entry.size == length == max(size, 1000)
    assert fault.why == "it changed while it was read"


def test_directories_are_looked_at_through_symlinks_and_others_are_not(tmp_path):
    (tmp_path / "directory").mkdir(mode=0o750)
    (tmp_path / "link").symlink_to("directory")
    link = os.fsencode(tmp_path / "link")
    assert look_at(link).type is EntryType.SYMLINK
    seen = look_at_directory(link)
    assert (seen.type, seen.name, seen.mode & 0o777) == (EntryType.DIRECTORY, b"link", 0o750)
