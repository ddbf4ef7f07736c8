"""Trees without what is lost: each read once, whatever shares it, and nothing cut short."""

import os

import pytest
from tests.repository.test_check import node

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.repository import go_json
from holdfast.repository.tree import NodeType, decode_tree, encode_tree
from holdfast.repository.tree_mender import TreeMender

HERE, GONE = BlobId.of(b"here"), BlobId.of(b"gone")


class Trees(dict):
    """Trees by their ids, and how often each was read."""

    def __init__(self):
        self.reads = []

    def put(self, *nodes):
        return self.save(encode_tree(nodes))

    def save(self, content):
        tree_id = BlobId.of(content)
        self[tree_id] = content
        return tree_id

    def load(self, tree_id):
        self.reads.append(tree_id)
        if tree_id not in self:
            raise DamagedData("tree is lost", why="a test")
        return self[tree_id]

    def mender(self):
        return TreeMender(self.load, lambda blob_id: "" if blob_id == HERE else f"{blob_id.short} is lost", self.save)


@pytest.fixture
def trees():
    return Trees()


def file(name, *blobs):
    return node(name, NodeType.FILE, content=[blob.hex() for blob in blobs])


def directory(name, tree):
    return node(name, NodeType.DIRECTORY, subtree=tree.hex())


def mended(trees, root):
    mender = trees.mender()
    return mender.mend(root), [loss.path for loss in mender.losses(root)]


def test_a_whole_tree_stays_as_it_is(trees):
    root = trees.put(directory("a", trees.put(file("b", HERE), file("empty"))), file("c", HERE, HERE))
    assert mended(trees, root) == (root, [])


def test_a_file_that_lacks_any_blob_is_left_out(trees):
    root = trees.put(file("a", HERE, GONE), file("b", HERE), file("c", GONE), node("d", NodeType.SYMLINK))
    assert mended(trees, root) == (trees.put(file("b", HERE), node("d", NodeType.SYMLINK)), ["/a", "/c"])


def test_a_directory_that_cannot_be_read_is_left_out_and_others_are_mended(trees):
    inner = trees.put(file("x", GONE), file("y", HERE))
    root = trees.put(directory("a", GONE), directory("b", inner), directory("c", trees.put(file("z", HERE))))
    after, lost = mended(trees, root)
    assert lost == ["/a", "/b/x"]
    assert [one.name for one in decode_tree(trees[after])] == ["b", "c"]
    assert decode_tree(trees[BlobId.parse(decode_tree(trees[after])[0].subtree)]) == [file("y", HERE)]


def test_of_a_root_that_cannot_be_read_nothing_is_left(trees):
    mender = trees.mender()
    assert mender.mend(GONE) is None
    assert list(mender.losses(GONE)) == [("/", "tree is lost: a test", False)]


def test_a_directory_stays_although_all_in_it_is_lost(trees):
    root = trees.put(directory("a", trees.put(file("b", GONE))))
    assert mended(trees, root) == (trees.put(directory("a", trees.put())), ["/a/b"])


def test_each_tree_is_read_once_however_many_roots_share_it(trees):
    broken = trees.put(directory("deep", trees.put(file("lost", GONE), file("kept", HERE))))
    whole = trees.put(file("same", HERE))
    roots = [trees.put(directory("a", broken), directory("b", whole), file(str(n), HERE)) for n in range(50)]
    mender = trees.mender()
    after = [mender.mend(root) for root in roots]
    assert len(trees.reads) == len(set(trees.reads)) == mender.trees == 53
    assert len(set(after)) == 50
    assert {loss.path for root in roots for loss in mender.losses(root)} == {"/a/deep/lost"}


def test_trees_may_be_deeper_than_a_stack_of_calls(trees):
    root = trees.put(file("lost", GONE), file("kept", HERE))
    for _ in range(3000):
        root = trees.put(directory("d", root))
    after, (lost,) = mended(trees, root)
    assert lost == "/d" * 3000 + "/lost"
    assert mended(trees, after) == (after, [])


def test_names_are_bytes(trees):
    name = go_json.quote_name(b"\xff")
    after, (lost,) = mended(trees, trees.put(directory(name, trees.put(file(name, GONE)))))
    assert os.fsencode(lost) == b"/\xff/\xff"
    assert decode_tree(trees[after])[0].raw_name() == b"\xff"


@pytest.mark.parametrize("broken", [b"no tree", b'{"nodes":[{}]}\n'])
def test_a_tree_that_is_no_tree_is_lost(trees, broken):
    root = trees.put(directory("a", trees.save(broken)), file("b", HERE))
    assert mended(trees, root) == (trees.put(file("b", HERE)), ["/a"])


def test_a_tree_that_is_stored_but_not_understood_is_told_from_a_lost_one(trees):
    root = trees.put(directory("lost", GONE), directory("strange", trees.save(b"no tree")))
    mender = trees.mender()
    for one in (root, BlobId.of(b"no tree")):
        mender.mend(one)
    assert {loss.path: loss.is_stored for loss in mender.losses(root)} == {"/lost": False, "/strange": True}
    assert [loss.is_stored for loss in mender.losses(BlobId.of(b"no tree"))] == [True]


def test_nodes_with_ids_that_are_none_are_lost(trees):
    nodes = [node("a", NodeType.FILE, content=["nonsense"]), node("b", NodeType.DIRECTORY, subtree="nonsense")]
    assert mended(trees, trees.put(*nodes, file("c", HERE))) == (trees.put(file("c", HERE)), ["/a", "/b"])
