"""Comparing trees, beside a comparison that reads everything."""

import os
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import Cancelled, DamagedData
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.operations.tree_diff import METADATA, Change, Totals, TreeComparison, changed_metadata
from holdfast.repository import go_json
from holdfast.repository.tree import ExtendedAttribute, Node, NodeType, decode_nodes, encode_tree, go_mode

PARTS = {BlobId.of(b"x").hex(): 1, BlobId.of(b"y").hex(): 10, BlobId.of(b"z").hex(): 100}
TIME = "2026-11-22T10:20:30.123456789Z"


class File(NamedTuple):
    parts: tuple[str, ...]
    mode: int = 0o644


class Link(NamedTuple):
    target: str


class Trees:
    """Stands for a reader: trees made of nested dictionaries, and how often each was read."""

    def __init__(self):
        self._contents = {}
        self.read = Counter()

    def store(self, directory):
        """{name: File, Link or such a dictionary} → tree id."""
        return self.put(self._node(name, entry) for name, entry in directory.items())

    def put(self, nodes):
        content = encode_tree(nodes)
        tree = BlobId.of(content)
        self._contents[tree] = content
        return tree.hex()

    def _node(self, name, entry):
        if isinstance(entry, File):
            size = sum(map(PARTS.get, entry.parts))
            return node(NodeType.FILE, name, mode=go_mode(0o100000 | entry.mode), content=[*entry.parts], size=size)
        if isinstance(entry, Link):
            return node(NodeType.SYMLINK, name, linktarget=entry.target)
        return node(NodeType.DIRECTORY, name, subtree=self.store(entry))

    def lose(self, tree):
        del self._contents[BlobId.parse(tree)]

    def iter_tree(self, tree):
        self.read[tree.hex()] += 1
        if tree not in self._contents:
            raise DamagedData(f"blob {tree.short} is lost")
        return decode_nodes(self._contents[tree])

    def content_size(self, _, blob_id):
        if blob_id.hex() not in PARTS:
            raise DamagedData(f"blob {blob_id.short} is lost")
        return PARTS[blob_id.hex()]


def node(node_type, name="x", **fields):
    given_fields = {"mode": 0, "mtime": TIME, "atime": TIME, "ctime": TIME, "uid": 0, "gid": 0}
    fields = {**given_fields, "content": None, "subtree": None, **fields}
    return Node(name=go_json.quote_name(os.fsencode(name)), type=node_type, **fields)


def compare(before, after, *, metadata=True):
    """(what was found, the trees)."""
    trees = Trees()
    comparison = TreeComparison(trees, Cancel(), metadata=metadata)
    return list(comparison.compare_trees(trees.store(before), trees.store(after))), trees


def brief(found):
    return [(one.path, one.change.value) for one in found]


# A comparison that reads everything


def flat(directory, above=""):
    """{path: entry}"""
    paths = {}
    for name, entry in directory.items():
        paths[f"{above}/{name}"] = entry
        if isinstance(entry, dict):
            paths |= flat(entry, f"{above}/{name}")
    return paths


def naive(before, after):
    """{path: change}"""
    old, new = flat(before), flat(after)
    changes = dict.fromkeys(new.keys() - old.keys(), "added") | dict.fromkeys(old.keys() - new.keys(), "removed")
    for path in old.keys() & new.keys():
        left, right = old[path], new[path]
        if type(left) is not type(right):
            changes[path] = "type"
        elif isinstance(left, File) and left.parts != right.parts:
            changes[path] = "modified"
        elif not isinstance(left, dict) and left != right:
            changes[path] = "metadata"
    return changes


def content_size(directory):
    return sum(sum(map(PARTS.get, entry.parts)) for entry in flat(directory).values() if isinstance(entry, File))


def trees_to_read(before, after, trees):
    """Tree ids of directories that differ, each as often as it is at such a place."""
    if before == after:
        return Counter()
    wanted = Counter(trees.store(side) for side in (before, after) if side is not None)
    for name in {*(before or ()), *(after or ())}:
        below = [side.get(name) if side else None for side in (before, after)]
        wanted += trees_to_read(*(one if isinstance(one, dict) else None for one in below), trees)
    return wanted


NAMES = st.sampled_from(["a", "a.txt", "a-b", "b", "B", "\u00e9", "\udcff"])
LEAVES = st.one_of(
    st.builds(File, st.lists(st.sampled_from(sorted(PARTS)), max_size=3).map(tuple), st.sampled_from([0o644, 0o600])),
    st.builds(Link, st.sampled_from(["a", "../b"])),
)
DIRECTORIES = st.dictionaries(
    NAMES, st.recursive(LEAVES, lambda below: st.dictionaries(NAMES, below, max_size=4), max_leaves=12), max_size=5
)


@st.composite
def pairs(draw):
    """Two trees that often have parts in common."""
    before, after, shared = draw(DIRECTORIES), draw(DIRECTORIES), draw(DIRECTORIES)
    return before | shared, after | shared


@given(pairs())
def test_the_differences_are_those_that_a_naive_comparison_finds(pair):
    found, _ = compare(*pair)
    assert dict(brief(found)) == naive(*pair)
    in_order = sorted((one.path for one in found), key=lambda path: os.fsencode(path).split(b"/"))
    assert [one.path for one in found] == in_order


@given(pairs())
def test_without_metadata_they_are_the_same_but_for_these(pair):
    found, _ = compare(*pair, metadata=False)
    assert dict(brief(found)) == {path: change for path, change in naive(*pair).items() if change != "metadata"}


@given(pairs())
def test_applied_to_the_first_tree_they_give_the_paths_of_the_second(pair):
    before, after = pair
    paths = set(flat(before))
    for one in compare(before, after)[0]:
        if one.change is Change.REMOVED:
            paths.remove(one.path)
        elif one.change is Change.ADDED:
            assert one.path not in paths
            paths.add(one.path)
    assert paths == set(flat(after))


@given(pairs())
def test_only_directories_that_differ_are_read(pair):
    _, trees = compare(*pair)
    read = Counter(trees.read)
    assert read == trees_to_read(*pair, trees)


@given(pairs())
def test_totals_count_each_difference_once_and_every_byte(pair):
    before, after = pair
    totals = Totals()
    found, _ = compare(before, after)
    for one in found:
        totals.count(one)
    assert totals.files + totals.directories + totals.others == Counter(one.change for one in found)
    assert totals.gained - totals.lost == content_size(after) - content_size(before)


# Cases


def test_a_directory_that_became_a_file_loses_what_was_in_it():
    found, _ = compare({"a": {"b": File(())}}, {"a": File(())})
    assert brief(found) == [("/a", "type"), ("/a/b", "removed")]
    totals = Totals()
    for one in found:
        totals.count(one)
    assert (totals.files, totals.directories) == ({"type": 1, "removed": 1}, {})


def test_bytes_are_those_of_the_parts_that_changed():
    x, y, z = PARTS
    (one,), _ = compare({"a": File((x, x, y))}, {"a": File((x, z, x, x))})
    assert (one.gained, one.lost) == (PARTS[z] + PARTS[x], PARTS[y])


def test_parts_that_the_index_has_lost_count_with_the_whole_file():
    lost = node(NodeType.FILE, content=["f" * 64], size=7)
    comparison = TreeComparison(Trees(), Cancel())
    (one,) = comparison.compare_nodes("/x", lost, node(NodeType.FILE, content=[], size=5))
    assert (one.change, one.gained, one.lost) == ("modified", 5, 7)


def test_a_damaged_directory_is_named_with_its_backup_and_the_rest_goes_on():
    x, y, _ = PARTS
    trees = Trees()
    before = trees.store({"a": {"f": File((x,))}, "b": {"f": File((x,))}})
    after = trees.store({"a": {"f": File((y,))}, "b": {"f": File((x, x))}})
    trees.lose(trees.store({"f": File((y,))}))
    error, other = TreeComparison(trees, Cancel()).compare_trees(before, after)
    assert error.what == "directory /a of the second backup cannot be read"
    assert (other.path, other.change) == ("/b/f", "modified")


def test_what_was_in_a_removed_directory_that_is_damaged_is_not_known():
    trees = Trees()
    before, after = trees.store({"a": {"f": File(())}}), trees.store({})
    trees.lose(trees.store({"f": File(())}))
    removed, error = TreeComparison(trees, Cancel()).compare_trees(before, after)
    assert (removed.path, removed.change) == ("/a", "removed")
    assert error.what == "directory /a of the first backup cannot be read"


def test_a_damaged_root_is_named_too():
    trees = Trees()
    before, after = trees.store({}), trees.store({"a": File(())})
    trees.lose(before)
    (error,) = TreeComparison(trees, Cancel()).compare_trees(before, after)
    assert error.what == "directory / of the first backup cannot be read"


def test_trees_may_be_deeper_than_python_calls():
    trees = Trees()
    empty = root = trees.store({})
    for _ in range(3000):
        root = trees.put([node(NodeType.DIRECTORY, "d", subtree=root)])
    found = list(TreeComparison(trees, Cancel()).compare_trees(empty, root))
    assert len(found) == 3000


def test_it_stops_when_it_is_asked_to():
    trees, cancel = Trees(), Cancel()
    found = TreeComparison(trees, cancel).compare_trees(trees.store({}), trees.store({"a": File(()), "b": File(())}))
    next(found)
    cancel.request()
    with pytest.raises(Cancelled):
        next(found)


CHANGED = {
    "mode": {"mode": 1},
    "owner": {"gid": 1},
    "time": {"mtime": "2026-11-22T10:20:30.123456788Z"},
    "xattrs": {"extended_attributes": [ExtendedAttribute("user.colour", b"green")]},
    "target": {"linktarget": "elsewhere"},
    "device": {"device": 1},
}


@pytest.mark.parametrize("attribute", METADATA)
def test_each_attribute_is_compared(attribute):
    assert changed_metadata(node(NodeType.FILE), node(NodeType.FILE, **CHANGED[attribute])) == (attribute,)


@pytest.mark.parametrize(
    "same",
    [
        {"mtime": "2026-11-22T12:20:30.123456789+02:00"},
        {"atime": "2020-01-01T00:00:00Z", "ctime": "2020-01-01T00:00:00Z", "inode": 5, "device_id": 6, "links": 2},
        {"user": "somebody", "group": "some"},
    ],
)
def test_what_no_restore_brings_back_is_no_difference(same):
    assert changed_metadata(node(NodeType.FILE), node(NodeType.FILE, **same)) == ()


def test_times_that_are_none_are_compared_as_text():
    nonsense = node(NodeType.FILE, mtime="nonsense")
    assert changed_metadata(nonsense, nonsense) == ()
    assert changed_metadata(nonsense, node(NodeType.FILE)) == ("time",)
