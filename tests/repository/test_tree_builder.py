"""Trees put together from paths: files of our own, and nodes of other trees grafted in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sample_repository import init, nodes, read_files, write_files

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.repository.pack import BlobType
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree import Node, NodeType, decode_with_text, encode_node, format_time, go_mode, subtree_id
from holdfast.repository.tree_builder import TreeBuilder, TreeFile
from holdfast.store.memory import MemoryStore

NEWER = "2026-11-25T00:00:00Z"
NAMES = st.sampled_from(["a", "b", "core", "data", "data-0", "\u00e9", "z.json"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(tuple)
TIMES = st.integers(0, 2**31).map(lambda second: format_time(second * 10**9))


def directory_node(name, time=NEWER, subtree=None, **fields):
    given = {"mode": go_mode(0o040750), "mtime": time, "atime": time, "ctime": time, "uid": 999, "gid": 999}
    subtree = subtree or BlobId.of(name.encode())
    return encode_node(Node(name=name, type=NodeType.DIRECTORY, content=None, subtree=subtree.hex(), **given | fields))


def publish(repository, fill):
    """A snapshot of what `fill` adds to a builder."""
    cancel, builder = Cancel(), TreeBuilder()
    with repository.lock(cancel) as lock:
        writer = repository.writer(lock, cancel)
        fill(builder, writer)
        tree = builder.save(writer)
        writer.flush()
        writer.close()
        return repository.save_snapshot(Snapshot(time=NEWER, tree=tree.hex(), paths=["/"]), lock)


def encoded_node(repository, snapshot_id, *path):
    """The text of a node in the tree that holds it."""
    tree = BlobId.parse(repository.load_snapshot(snapshot_id).tree)
    for name in path:
        found = {one.name: one for one in decode_with_text(repository.reader.load(BlobType.TREE, tree))}[name.encode()]
        tree = subtree_id(found.node)
    return bytes(found.text)


def test_a_grafted_node_brings_all_that_is_below_it(repository):
    part = write_files(repository, {"volumes/shop/data/a": b"one", "volumes/shop/data/deep/b": b"two"})
    node = encoded_node(repository, part, "volumes", "shop", "data")

    def fill(builder, writer):
        builder.graft(["volumes", "shop", "data"], node)
        builder.add(["backup.json"], TreeFile(writer.save(BlobType.DATA, b"{}"), 2, NEWER))

    backup = publish(repository, fill)
    assert read_files(repository, backup) == {
        "volumes/shop/data/a": b"one",
        "volumes/shop/data/deep/b": b"two",
        "backup.json": b"{}",
    }
    assert encoded_node(repository, backup, "volumes", "shop", "data") == node


def test_a_grafted_node_keeps_its_owner_and_mode_and_fields_that_nobody_knows(repository):
    part = write_files(repository, {"data/a": b"one"})
    subtree = subtree_id(nodes(repository, part)[b"data"])
    node = directory_node("data", subtree=subtree).replace(b'"content":null', b'"new_in_restic":[1.50],"content":null')
    backup = publish(repository, lambda builder, _: builder.graft(["volumes", "data"], node))
    assert encoded_node(repository, backup, "volumes", "data") == node
    found = nodes(repository, backup)
    assert (found[b"volumes/data"].uid, found[b"volumes/data"].mode) == (999, go_mode(0o040750))
    assert (found[b"volumes"].uid, found[b"volumes"].mtime) == (0, NEWER)


@given(st.lists(st.tuples(st.sampled_from(["add", "graft"]), PATHS, TIMES), max_size=12), st.randoms())
def test_what_is_saved_is_what_was_identified_and_order_does_not_matter(steps, random):
    repository, builder = init(MemoryStore()), TreeBuilder()
    done = {}

    def apply(builder, kind, path, time):
        if kind == "add":
            builder.add(path, TreeFile(b"", 0, time))
        else:
            builder.graft(path, directory_node(path[-1], time))

    for kind, path, time in steps:
        try:
            apply(builder, kind, path, time)
        except ValueError:
            continue
        done[path] = (kind, path, time)
    shuffled = TreeBuilder()
    for step in random.sample(list(done.values()), len(done)):
        apply(shuffled, *step)
    identified = builder.root.identify()
    assert identified == shuffled.root.identify()
    assert identified.time == max((time for *_, time in done.values()), default=format_time(0))
    cancel = Cancel()
    with repository.lock(cancel) as lock:
        writer = repository.writer(lock, cancel)
        assert shuffled.save(writer) == identified.id
        writer.close()


@pytest.mark.parametrize(
    ("first", "second"),
    [("add", "graft"), ("graft", "add"), ("below", "graft"), ("graft", "below")],
)
def test_nothing_is_a_graft_and_something_else(first, second):
    builder = TreeBuilder()
    steps = {
        "add": lambda: builder.add(["a", "b"], TreeFile(b"", 0, NEWER)),
        "below": lambda: builder.add(["a", "b", "c"], TreeFile(b"", 0, NEWER)),
        "graft": lambda: builder.graft(["a", "b"], directory_node("b")),
    }
    steps[first]()
    with pytest.raises(ValueError, match="already"):
        steps[second]()


def test_a_node_is_grafted_under_its_own_name_only():
    with pytest.raises(ValueError, match="cannot be grafted"):
        TreeBuilder().graft(["volumes", "other"], directory_node("data"))
    with pytest.raises(DamagedData):
        TreeBuilder().graft(["data"], b"{}")
