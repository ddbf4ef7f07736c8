"""Looking into a snapshot by path."""

import random

import pytest
from tests.sample_repository import init, write_files

from holdfast.errors import DamagedData, NotFound
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import subtree_id
from holdfast.store.memory import MemoryStore

FILES = {"a/b/one.txt": b"one", "a/b/two.txt": b"two", "a/three": b"", "backup.json": b"{}"}


@pytest.fixture
def repository():
    return init(MemoryStore())


@pytest.fixture
def contents(repository):
    return repository.contents(repository.load_snapshot(write_files(repository, FILES)))


def paths(found):
    return [one.path for one in found]


@pytest.mark.parametrize("path", ["/", "", "//"])
def test_the_root_lists_its_entries(contents, path):
    assert paths(contents.entries(path)) == ["/a", "/backup.json"]


@pytest.mark.parametrize("path", ["/a/b", "a/b", "/a/b/", "//a//b"])
def test_a_directory_lists_its_entries_however_it_is_written(contents, path):
    assert paths(contents.entries(path)) == ["/a/b/one.txt", "/a/b/two.txt"]


def test_a_file_is_its_own_entry(contents):
    assert paths(contents.entries("/a/three")) == ["/a/three"]


def test_walking_gives_parents_before_children(contents):
    assert paths(contents.walk()) == ["/a", "/a/b", "/a/b/one.txt", "/a/b/two.txt", "/a/three", "/backup.json"]
    assert paths(contents.walk("/a/b")) == ["/a/b/one.txt", "/a/b/two.txt"]


def test_a_file_is_read(contents):
    assert contents.read("/a/b/one.txt") == b"one"
    assert contents.read("/a/three") == b""


@pytest.mark.parametrize("path", ["/a", "/nothing", "/a/b/one.txt/deeper"])
def test_what_is_no_file_cannot_be_read(contents, path):
    with pytest.raises(NotFound):
        contents.read(path)
    with pytest.raises(NotFound):
        contents.pieces(path)  # at once, not when the first piece is asked for


def test_a_long_file_comes_in_pieces_in_order(repository):
    content = random.Random(7).randbytes(9 << 20)
    snapshot = repository.load_snapshot(write_files(repository, {"long": content}))
    pieces = list(repository.contents(snapshot).pieces("long"))
    assert len(pieces) > 1
    assert b"".join(pieces) == content


def test_a_path_that_does_not_exist_has_no_entries(contents):
    assert contents.find("/a/x") is None
    with pytest.raises(NotFound):
        contents.entries("/a/x")


def test_a_damaged_directory_costs_only_what_is_below_it(repository, contents):
    location = repository.index.find(BlobType.TREE, subtree_id(contents.find("/a/b").node))
    name = file_name(location.pack)
    content = bytearray(repository.store.get(name))
    content[location.blob.offset] ^= 1
    repository.store.put(name, [content])
    found = list(contents.walk())
    assert next(one for one in found if isinstance(one, DamagedData)).what == "directory /a/b cannot be read"
    assert paths(one for one in found if not isinstance(one, DamagedData)) == ["/a", "/a/b", "/a/three", "/backup.json"]
