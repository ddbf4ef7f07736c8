"""Looking into a snapshot by path."""

import io
import itertools
import random

import pytest
from tests.sample_repository import init, write_files

from holdfast.errors import DamagedData, NotFound
from holdfast.repository import go_json
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import content_ids, subtree_id
from holdfast.store.memory import MemoryStore

FILES = {"a/b/one.txt": b"one", "a/b/two.txt": b"two", "a/three": b"", "backup.json": b"{}"}


@pytest.fixture
def repository():
    return init(MemoryStore())


@pytest.fixture
def contents(repository):
    return look_into(repository, FILES)


def look_into(repository, files):
    return repository.contents(repository.load_snapshot(write_files(repository, files)))


def damage(repository, blob_type, blob_id):
    location = repository.index.find(blob_type, blob_id)
    content = bytearray(repository.store.get(file_name(location.pack)))
    content[location.blob.offset] ^= 1
    repository.store.put(file_name(location.pack), [content])


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


@pytest.mark.parametrize(
    ("path", "what", "why"),
    [
        ("/a", "/a is not a file", "it is a directory"),
        ("/", "/ is not a file", "it is a directory"),
        ("/nothing", "the backup has no /nothing", "nothing in it has this path"),
        ("/a/b/one.txt/deeper", "the backup has no /a/b/one.txt/deeper", "nothing in it has this path"),
    ],
)
def test_what_is_no_file_cannot_be_read(contents, path, what, why):
    with pytest.raises(NotFound) as error:
        contents.pieces(path)
    assert (error.value.what, error.value.why) == (what, why)
    assert "holdfast backup browse" in error.value.next


def test_a_long_file_comes_in_pieces_in_order(repository):
    content = random.Random(7).randbytes(9 << 20)
    pieces = list(look_into(repository, {"long": content}).pieces("long"))
    assert len(pieces) > 1
    assert b"".join(pieces) == content


def test_a_file_that_is_damaged_in_the_middle_is_named_after_what_comes_before(repository):
    long = random.Random(5).randbytes(8 << 20)
    contents = look_into(repository, {"long": long})
    ids = content_ids(contents.find("/long").node)
    damage(repository, BlobType.DATA, ids[-1])
    read = io.BytesIO()
    with pytest.raises(DamagedData) as error:
        read.writelines(contents.pieces("/long"))
    assert error.value.what == "/long cannot be read whole"
    assert read.getvalue()
    assert long.startswith(read.getvalue())


@pytest.fixture
def decoded(monkeypatch):
    """Names of the nodes that are decoded."""
    names = []
    unquote = go_json.unquote_name

    def counted(quoted):
        names.append(quoted)
        return unquote(quoted)

    monkeypatch.setattr(go_json, "unquote_name", counted)
    return names


CROWD = {f"crowd/{number:03}": b"" for number in range(100)}


def test_finding_a_name_decodes_only_the_names_before_it(repository, decoded):
    contents = look_into(repository, CROWD)
    decoded.clear()
    assert contents.find("/crowd/001") is not None
    assert contents.find("/crowd/0005") is None
    assert set(decoded) == {"crowd", "000", "001"}


@pytest.mark.parametrize("method", ["iter_entries", "walk"])
def test_a_listing_decodes_no_more_than_was_asked_for(repository, decoded, method):
    contents = look_into(repository, CROWD)
    decoded.clear()
    assert paths(itertools.islice(getattr(contents, method)("/crowd"), 3)) == ["/crowd/000", "/crowd/001", "/crowd/002"]
    assert set(decoded) == {"crowd", "000", "001", "002"}


def test_a_path_that_does_not_exist_has_no_entries(contents):
    assert contents.find("/a/x") is None
    with pytest.raises(NotFound):
        contents.entries("/a/x")


def test_a_damaged_directory_costs_only_what_is_below_it(repository, contents):
    damage(repository, BlobType.TREE, subtree_id(contents.find("/a/b").node))
    found = list(contents.walk())
    assert next(one for one in found if isinstance(one, DamagedData)).what == "directory /a/b cannot be read"
    assert paths(one for one in found if not isinstance(one, DamagedData)) == ["/a", "/a/b", "/a/three", "/backup.json"]
