"""Comparing real backups: as restic does it, at chosen paths, and without reading what is equal."""

import json
import os
import shutil
import subprocess

import pytest
from tests.operations.file_trees import make_everything
from tests.operations.files_harness import back_up
from tests.restic_oracle import PASSWORD
from tests.sample_repository import init, nodes, reopen

from holdfast.errors import DamagedData, NotFound
from holdfast.ids import BlobId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.operations.catalog import read_catalog
from holdfast.operations.contents import Contents
from holdfast.operations.diff_files import diff_files
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.reader import BlobReader
from holdfast.store.local import LocalStore

SIGNS = {"added": "+", "removed": "-", "type": "T", "modified": "M", "metadata": "U"}


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "repository"


@pytest.fixture
def repository(directory):
    init(LocalStore(directory))
    return reopen(LocalStore(directory))


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    for name in ("changing", "same/one", "same/two"):
        (root / name).mkdir(parents=True)
        (root / name / "file").write_bytes(name.encode())
    (root / "long").write_bytes(os.urandom(6 << 20))
    return root


@pytest.fixture
def loaded(monkeypatch):
    """(type, id) of each blob that is read."""
    blobs = []
    load = BlobReader.load

    def counted(reader, blob_type, blob_id):
        blobs.append((blob_type, blob_id))
        return load(reader, blob_type, blob_id)

    monkeypatch.setattr(BlobReader, "load", counted)
    return blobs


def diff(repository, before, after, *paths, metadata=False):
    """{path: sign}; `before` and `after` are runs or ids. Fails for damage."""
    found = list(found_in(repository, before, after, *paths, metadata=metadata))
    assert not [one for one in found if isinstance(one, DamagedData)]
    return {one.path: SIGNS[one.change] for one in found}


def found_in(repository, before, after, *paths, metadata=False):
    catalog = read_catalog(repository)
    first, second = (catalog.find_backup(getattr(one, "id", one)) for one in (before, after))
    return diff_files(repository, first, second, paths, Cancel(), metadata=metadata)


def trees_on_the_way(repository, run, *paths):
    found = nodes(repository, SnapshotId.parse(run.id))
    wanted = [os.fsencode(path).lstrip(b"/") for path in paths]
    root = BlobId.parse(read_catalog(repository).find_backup(run.id).snapshot.tree)
    return [root, *(BlobId.parse(node.subtree) for path, node in found.items() if path in wanted)]


def above(path):
    return [path, *path.parents][:-1]


# As restic does it


def disturb(root):
    """A change of each sort in the tree that `make_everything` makes."""
    (root / "new").mkdir()
    (root / "new" / "file").write_bytes(b"new")
    (root / "new" / "link").symlink_to("file")
    shutil.rmtree(root / "crowd")
    (root / "empty").write_bytes(b"no longer")
    with (root / "long").open("r+b") as file:
        file.seek(1 << 20)
        file.write(b"in the middle")
    (root / "small").chmod(0o600)
    os.utime(root / "sparse", ns=(1, 1))
    os.setxattr(root / "read only", "user.note", b"changed")
    (root / "broken").unlink()
    (root / "broken").symlink_to("elsewhere")
    (root / os.fsdecode(b"\xff\xfe not UTF-8")).write_bytes(b"one")
    (root / "fifo").unlink()
    (root / "fifo").write_bytes(b"a file now")
    (root / "set user").unlink()
    (root / "set user").mkdir()
    (root / "set user" / "inside").write_bytes(b"")
    shutil.rmtree(root / "sticky")
    (root / "sticky").write_bytes(b"")


def restics_diff(restic, directory, before, after, *flags):
    """({path: sign} with restic's own spelling of paths made ours, its statistics)."""
    lines = restic.run(directory, "diff", "--json", "--no-lock", *flags, before, after).splitlines()
    *changes, statistics = map(json.loads, lines)
    return {one["path"].rstrip("/"): one["modifier"] for one in changes}, statistics


def ours_as_restic_says_it(found):
    """Without what is below a path that changed its type, of which restic says nothing; bad bytes as restic prints them."""
    types = tuple(f"{path}/" for path, sign in found.items() if sign == "T")
    return {
        os.fsencode(path).decode(errors="replace"): sign
        for path, sign in found.items()
        if not path.startswith(types or ("\0",))
    }


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory, restics):
    """A repository with two backups by Holdfast and two by restic, of a tree before and after."""
    home = tmp_path_factory.mktemp("disturbed")
    init(LocalStore(home / "repository"))
    repository = reopen(LocalStore(home / "repository"))
    root = make_everything(home / "tree")
    subprocess.run(["rm", "-rf", root / "deep"], check=True)  # Python, by which pytest removes trees, cannot
    made = []
    for change in (lambda _: None, disturb):
        change(root)
        ours = back_up(repository, root).id
        output = restics[1].run(home / "repository", "backup", "--json", root)
        theirs = json.loads(output.splitlines()[-1])["snapshot_id"]
        made.append((ours, theirs))
    yield home / "repository", list(zip(*made, strict=True))
    for restic in restics:
        restic.check(home / "repository", PASSWORD)


@pytest.mark.parametrize("maker", ["holdfast", "restic"])
def test_added_removed_modified_and_types_are_those_that_restic_finds(disturbed, restics, maker):
    directory, made = disturbed
    before, after = made[maker == "restic"]
    for restic in restics:
        theirs, _ = restics_diff(restic, directory, before, after)
        ours = ours_as_restic_says_it(diff(reopen(LocalStore(directory)), before, after))
        assert set(ours.values()) == {"+", "-", "M", "T"}
        assert ours == {path: sign.rstrip("?") for path, sign in theirs.items()}


@pytest.mark.parametrize("maker", ["holdfast", "restic"])
def test_metadata_is_what_restic_finds_less_what_no_restore_brings_back(disturbed, restics, maker):
    directory, made = disturbed
    before, after = made[maker == "restic"]
    theirs, _ = restics_diff(restics[1], directory, before, after, "--metadata")
    found = ours_as_restic_says_it(diff(reopen(LocalStore(directory)), before, after, metadata=True))
    ours = {path.rpartition("/")[2] for path, sign in found.items() if sign == "U"}
    assert ours >= {"small", "sparse", "read only", "broken", "tree"}
    assert ours <= {path.rpartition("/")[2] for path, sign in theirs.items() if sign == "U"}


def test_a_backup_does_not_differ_from_what_restic_made_of_the_same_tree(disturbed):
    directory, ((ours, _), (theirs, _)) = disturbed
    found = diff(reopen(LocalStore(directory)), ours, theirs)
    assert [(path.rpartition("/")[2], sign) for path, sign in found.items()] == [("socket", "-")]  # restic keeps none


# Without reading what is equal


def test_equal_backups_are_compared_without_reading_any_tree(repository, source, loaded):
    run = back_up(repository, source)
    loaded.clear()
    assert diff(repository, run, run) == {}
    assert loaded == []


def test_directories_that_are_equal_are_not_read(repository, source, loaded):
    first = back_up(repository, source)
    (source / "changing" / "file").write_bytes(b"changed")
    second = back_up(repository, source)
    loaded.clear()
    assert diff(repository, first, second) == {f"{source}/changing/file": "M"}
    read = list(loaded)
    on_the_way = [
        tree for run in (first, second) for tree in trees_on_the_way(repository, run, *above(source / "changing"))
    ]
    assert sorted(read) == sorted((BlobType.TREE, tree) for tree in on_the_way)


def test_a_path_is_all_that_is_read(repository, source, loaded):
    first = back_up(repository, source)
    (source / "changing" / "file").write_bytes(b"changed")
    (source / "same" / "one" / "file").write_bytes(b"changed")
    second = back_up(repository, source)
    loaded.clear()
    assert diff(repository, first, second, f"{source}/changing") == {f"{source}/changing/file": "M"}
    read = {tree for _, tree in loaded}
    for run in (first, second):
        root, same = trees_on_the_way(repository, run, source / "same")
        assert root in read
        assert same not in read


def test_listing_a_directory_reads_those_on_the_way_and_itself(repository, source, loaded):
    run = back_up(repository, source)
    way = trees_on_the_way(repository, run, *above(source / "same"))
    contents = Contents(repository, way[0])
    loaded.clear()
    assert [one.path for one in contents.iter_entries(f"{source}/same")] == [f"{source}/same/one", f"{source}/same/two"]
    assert sorted(loaded) == sorted((BlobType.TREE, tree) for tree in way)


def test_printing_a_file_reads_the_directories_on_the_way_and_its_blobs(repository, source, loaded):
    run = back_up(repository, source)
    way = trees_on_the_way(repository, run, *above(source))
    content = nodes(repository, SnapshotId.parse(run.id))[os.fsencode(f"{source}/long").lstrip(b"/")].content
    contents = Contents(repository, way[0])
    loaded.clear()
    assert b"".join(contents.pieces(f"{source}/long")) == (source / "long").read_bytes()
    wanted = [(BlobType.TREE, tree) for tree in way] + [(BlobType.DATA, BlobId.parse(blob)) for blob in content]
    assert sorted(loaded) == sorted(wanted)


# Chosen paths


@pytest.fixture
def two(repository, source):
    """Two backups."""
    first = back_up(repository, source)
    (source / "changing" / "file").write_bytes(b"changed")
    (source / "new").mkdir()
    (source / "new" / "file").write_bytes(b"new")
    shutil.rmtree(source / "same" / "two")
    return first, back_up(repository, source)


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (("changing/file",), {"changing/file": "M"}),
        (("changing//", "changing/file", "same/one"), {"changing/file": "M"}),
        (("new",), {"new": "+", "new/file": "+"}),
        (("new/file",), {"new/file": "+"}),
        (("same",), {"same/two": "-", "same/two/file": "-"}),
        (("same/two",), {"same/two": "-", "same/two/file": "-"}),
        (("long",), {}),
    ],
)
def test_paths_limit_what_is_compared(repository, source, two, paths, found):
    chosen = [f"{source}/{path}" for path in paths]
    assert diff(repository, *two, *chosen) == {f"{source}/{path}": sign for path, sign in found.items()}


def test_the_root_is_all(repository, two):
    assert diff(repository, *two, "/") == diff(repository, *two)


@pytest.mark.parametrize("path", ["/nothing", "{source}/changing/nothing", "{source}/long/below"])
def test_a_path_that_is_in_neither_backup_is_an_error_before_anything_is_found(repository, source, two, path):
    with pytest.raises(NotFound, match="neither backup has"):
        found_in(repository, *two, f"{source}/new", path.format(source=source))


def test_a_damaged_directory_on_the_way_is_named_and_other_paths_go_on(repository, source, two):
    (tree,) = trees_on_the_way(repository, two[0], source / "same")[1:]
    location = repository.index.find(BlobType.TREE, tree)
    pack = bytearray(repository.store.get(file_name(location.pack)))
    pack[location.blob.offset] ^= 1
    repository.store.put(file_name(location.pack), [pack])
    other, error = found_in(repository, *two, f"{source}/changing", f"{source}/same/one")
    assert (other.path, other.change) == (f"{source}/changing/file", "modified")
    assert error.what == f"a directory on the way to {source}/same/one cannot be read"
