"""`backup diff` as a user runs it."""

import shutil

import pytest
from tests.cli.documented import assert_documented, assert_is
from tests.cli.holdfast import PASSWORD
from tests.sample_repository import nodes, reopen

from holdfast.ids import BlobId, SnapshotId
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.store.local import LocalStore


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    for name in ("changing", "going", "same"):
        (root / name).mkdir(parents=True)
        (root / name / "file").write_bytes(name.encode())
    (root / "link").symlink_to("same")
    (root / "other").write_bytes(b"other")
    return root


def take_two(program, source):
    """Backups named `before` and `after`; their ids."""
    before = program("backup", "files", source, "--name", "before", "-o", "json").document["id"]
    (source / "changing" / "file").write_bytes(b"changed")
    shutil.rmtree(source / "going")
    (source / "new").mkdir()
    (source / "new" / "file\x1b[31m").write_bytes(b"123")
    (source / "same" / "file").chmod(0o600)
    (source / "link").unlink()
    (source / "link").write_bytes(b"4567")
    return before, program("backup", "files", source, "--name", "after", "-o", "json").document["id"]


@pytest.fixture
def two(stocked, source):
    take_two(stocked, source)
    return stocked


LINES = [
    "M    {source}/changing/file",
    "-    {source}/going/",
    "-    {source}/going/file",
    "T    {source}/link",
    "+    {source}/new/",
    "+    {source}/new/file\\x1b[31m",
]


def test_people_read_a_line_for_each_path_and_a_summary(two, source):
    lines = two("backup", "diff", "before", "after").out.splitlines()
    assert lines[:6] == [line.format(source=source) for line in LINES]
    assert [line.split() for line in lines[6:]] == [
        [],
        ["ADDED", "REMOVED", "TYPE", "MODIFIED"],
        ["Files", "1", "1", "1", "1"],
        ["Directories", "1", "1", "0", "0"],
        ["Others", "0", "0", "0", "0"],
        ["Content", "14", "B", "13", "B"],
    ]


def test_metadata_is_compared_if_asked_for(two, source):
    lines = two("backup", "diff", "before", "after", source / "same", "--metadata").out.splitlines()
    assert lines[0] == f"U    {source}/same/file"
    assert lines[3].split() == ["Files", "0", "0", "0", "0", "1"]
    assert two("backup", "diff", "before", "after", source / "same").out.splitlines()[0] == ""


def test_the_document_says_all_of_it(stocked, source):
    before, after = take_two(stocked, source)
    done = stocked("backup", "diff", "before", "after", source, "--metadata", "-o", "json")
    assert_documented("backup diff", done.document)
    assert done.document == stocked("backup", "diff", "before", "after", source, "--metadata", "-o", "yaml").yaml
    found = done.document
    assert (found["before"], found["after"], found["outcome"], found["errors"]) == (before, after, "done", [])
    changes = {one["path"].removeprefix(str(source)): one["change"] for one in found["differences"]}
    assert changes == {
        "": "metadata",
        "/changing/file": "modified",
        "/going": "removed",
        "/going/file": "removed",
        "/link": "type",
        "/new": "added",
        "/new/file\x1b[31m": "added",
        "/same/file": "metadata",
    }
    by_path = {one["path"]: one for one in found["differences"]}
    assert by_path[f"{source}/link"] == {
        "path": f"{source}/link",
        "change": "type",
        "typeBefore": "symlink",
        "typeAfter": "file",
        "sizeBefore": 0,
        "sizeAfter": 4,
        "metadata": [],
    }
    assert by_path[f"{source}/same/file"]["metadata"] == ["mode"]
    assert by_path[f"{source}/changing/file"]["metadata"] == ["time"]
    assert found["files"] == {"added": 1, "removed": 1, "type": 1, "modified": 1, "metadata": 1}
    assert found["directories"]["removed"] == 1
    assert found["bytes"] == {"added": 7 + 3 + 4, "removed": 8 + 5}


def test_backups_that_are_equal_end_with_0_as_well(two):
    found = two("backup", "diff", "after", "after", "-o", "json").document
    assert_documented("backup diff", found)
    assert found["differences"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (("before",), 2, "the command line cannot be understood"),
        (("before", "live", "--files"), 2, "--files does not go with the live cluster"),
        (("before", "live", "/x"), 2, "PATH does not go with the live cluster"),
        (("live", "before"), 2, "the live cluster can only be the second side"),
        (("before", "after", "-n", "shop"), 2, "--namespace does not go with files"),
        (("before", "after", "--show-secrets"), 2, "--show-secrets does not go with files"),
        (("before", "after", "here"), 2, "here is not absolute"),
        (("before", "nothing"), 1, "there is no backup 'nothing'"),
        (("before", "after", "/nothing"), 1, "neither backup has /nothing"),
    ],
)
def test_failures_have_three_parts(two, arguments, code, what):
    done = two("backup", "diff", *arguments, code=code)
    assert done.problem[0].startswith(what)
    assert done.out == ""


def test_backups_of_applications_are_compared_as_files_only_when_asked(shared):
    assert shared("backup", "diff", "first", "first").out.startswith("No differences in ")
    assert shared("backup", "diff", "first", "first", "--files", "-o", "json").document["differences"] == []


def tree_of(repository, snapshot, path):
    return BlobId.parse(nodes(repository, SnapshotId.parse(snapshot))[str(path).lstrip("/").encode()].subtree)


@pytest.fixture
def unjudged(holdfast, repository, source):
    """(the program, the library's view of its repository, ids of the two backups); restic would find the damage too."""
    ready = holdfast.but(HOLDFAST_REPOSITORY=repository)
    ready("repository", "init")
    ids = take_two(ready, source)
    return ready, reopen(LocalStore(repository), PASSWORD), ids


def test_damaged_directories_are_named_and_the_rest_goes_on(unjudged, source):
    program, library, (_, after) = unjudged
    location = library.index.find(BlobType.TREE, tree_of(library, after, source / "changing"))
    content = bytearray(library.store.get(file_name(location.pack)))
    content[location.blob.offset] ^= 1
    library.store.put(file_name(location.pack), [content])
    done = program("backup", "diff", "before", "after", code=3)
    assert f"Damage: directory {source}/changing of the second backup cannot be read" in done.err
    assert done.out.splitlines()[:5] == [line.format(source=source) for line in LINES[1:]]
    found = program("backup", "diff", "before", "after", "-o", "json", code=3).document
    assert_documented("backup diff", found)
    assert found["outcome"] == "partial"
    assert [error["what"] for error in found["errors"]] == [
        f"directory {source}/changing of the second backup cannot be read"
    ]


def refuse(directory, library, tree):
    """Makes the tree's pack one that cannot be opened, which is no damage that can be passed by."""
    pack = directory / file_name(library.index.find(BlobType.TREE, tree).pack)
    pack.unlink()
    pack.symlink_to(pack)


def test_a_failure_in_the_middle_is_told_in_the_document(unjudged, repository, source):
    """A third backup: its root is in another pack than a directory that it shares with the second, and that pack refuses."""
    program, library, (_, second) = unjudged
    (source / "at first").touch()
    program("backup", "files", source, "--name", "third")
    refuse(repository, library, tree_of(library, second, source / "changing"))
    done = program("backup", "diff", "before", "third", "-o", "json", code=1)
    assert_documented("backup diff", done.document)
    assert done.document["outcome"] == "failed"
    assert [one["path"] for one in done.document["differences"]] == [f"{source}/at first"]
    assert [error["what"] for error in done.document["errors"]] == [done.problem[0]]


def test_a_failure_before_the_first_difference_is_an_error_document(unjudged, repository, source):
    program, library, (_, second) = unjudged
    refuse(repository, library, tree_of(library, second, source / "changing"))
    assert_is("Error", program("backup", "diff", "before", "after", "-o", "json", code=1).document)
