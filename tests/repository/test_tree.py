import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.repository.go_json import quote_name
from holdfast.repository.tree import (
    EPOCH,
    ExtendedAttribute,
    Node,
    NodeType,
    content_ids,
    decode_tree,
    encode_tree,
    format_time,
    go_mode,
    join_nodes,
    subtree_id,
)

ID = BlobId.of(b"content").hex()
NAMES = st.binary(min_size=1, max_size=20).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")
)


def node(name="name", node_type=NodeType.FILE, **fields):
    given = {"mtime": EPOCH, "atime": EPOCH, "ctime": EPOCH, "uid": 0, "gid": 0, "content": None}
    if node_type is NodeType.FILE:
        given["content"] = [ID]
    if node_type is NodeType.DIRECTORY:
        given["subtree"] = ID
    return Node(name=name, type=node_type, **{**given, **fields})


def tree_of(**changes):
    """A tree of one node as JSON, some fields changed; Ellipsis takes one away."""
    plain = json.loads(encode_tree([node()]))["nodes"][0] | changes
    return json.dumps({"nodes": [{key: value for key, value in plain.items() if value is not ...}]}).encode()


@given(
    st.lists(st.tuples(NAMES, st.sampled_from(NodeType), st.integers(0, 2**63), st.text()), unique_by=lambda t: t[0])
)
def test_a_tree_comes_back_in_order(rows):
    nodes = [
        node(quote_name(name), node_type, size=size, user=user.encode("utf-8", "replace").decode())
        for name, node_type, size, user in rows
    ]
    decoded = decode_tree(encode_tree(nodes))
    assert decoded == sorted(nodes, key=Node.raw_name)
    assert encode_tree(reversed(decoded)) == encode_tree(nodes)


def test_the_bytes_are_those_of_restic():
    nodes = [
        node("b", NodeType.DIRECTORY, mode=go_mode(0o040755), mtime="2026-01-02T03:04:05.6+01:00", inode=7, links=2),
        node("a", size=5, user="us<er", extended_attributes=[ExtendedAttribute("user.x", b"\0\xff")]),
        node("c", NodeType.SYMLINK, linktarget="a&b"),
        node("d", content=[]),
    ]
    zero = '"1970-01-01T00:00:00Z"'
    assert encode_tree(nodes).decode() == (
        f'{{"nodes":[{{"name":"a","type":"file","mtime":{zero},"atime":{zero},"ctime":{zero},"uid":0,"gid":0,'
        f'"user":"us\\u003cer","size":5,"extended_attributes":[{{"name":"user.x","value":"AP8="}}],"content":["{ID}"]}},'
        f'{{"name":"b","type":"dir","mode":2147484141,"mtime":"2026-01-02T03:04:05.6+01:00","atime":{zero},'
        f'"ctime":{zero},"uid":0,"gid":0,"inode":7,"links":2,"content":null,"subtree":"{ID}"}},'
        f'{{"name":"c","type":"symlink","mtime":{zero},"atime":{zero},"ctime":{zero},"uid":0,"gid":0,'
        f'"linktarget":"a\\u0026b","content":null}},'
        f'{{"name":"d","type":"file","mtime":{zero},"atime":{zero},"ctime":{zero},"uid":0,"gid":0,"content":[]}}]}}\n'
    )


def test_an_empty_directory_is_an_empty_list():
    assert encode_tree([]) == join_nodes([]) == b'{"nodes":[]}\n'
    assert decode_tree(b'{"nodes":[]}\n') == []


def test_nodes_are_ordered_by_the_bytes_of_their_real_names():
    names = [b"a", b"a\tb", b"a b", b"a-b", "aé".encode(), b"a\xff", b'a"', b"B"]
    decoded = decode_tree(encode_tree(node(quote_name(name)) for name in names))
    assert [one.raw_name() for one in decoded] == sorted(names)


def test_two_nodes_of_one_name_are_not_encoded():
    with pytest.raises(ValueError, match="two nodes"):
        encode_tree([node("a"), node("b"), node("\\x61")])


@pytest.mark.parametrize(
    "nodes", [["b", "a"], ["a", "a"], ["a", "b", "\\x61"]], ids=["unsorted", "twice", "twice, spelled differently"]
)
def test_a_tree_out_of_order_is_damaged(nodes):
    content = b'{"nodes":[' + b",".join(encode_tree([node(name)])[10:-3] for name in nodes) + b"]}\n"
    with pytest.raises(DamagedData, match="out of order or there twice"):
        decode_tree(content)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/", "a\\x2fb", "a\\x00", "\\u0000", "\\q", "\\", 'a"', "\n"], ids=ascii
)
def test_a_name_that_no_directory_can_hold_is_damaged(name):
    with pytest.raises(DamagedData, match="bad name"):
        decode_tree(tree_of(name=name))


@pytest.mark.parametrize(
    "changes",
    [
        {"content": None},
        {"content": ...},
        {"subtree": ID},
        {"type": "dir"},
        {"type": "dir", "content": None},
        {"type": "dir", "subtree": ID},
        {"type": "symlink"},
        {"type": "symlink", "content": None, "subtree": ID},
        {"type": "door"},
        {"uid": "0"},
        {"size": -1.5},
        {"name": 7},
        {"extended_attributes": [{"name": "x", "value": "%"}]},
        {"linktarget_raw": "%%%"},
    ],
    ids=str,
)
def test_a_node_that_makes_no_sense_is_damaged(changes):
    with pytest.raises(DamagedData):
        decode_tree(tree_of(**changes))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"nodes":{}}', b'{"nodes":[1]}', b"\xff", b'{"nodes":' * 9999]
)
def test_what_is_no_tree_is_damaged(content):
    with pytest.raises(DamagedData, match="tree is damaged"):
        decode_tree(content)


def test_unknown_fields_are_ignored():
    (read,) = decode_tree(tree_of(new_field={"deep": [1, 2]}))
    assert read == node()


def test_the_ids_in_a_node_are_parsed_and_bad_ones_are_damaged():
    assert content_ids(node(content=[ID, ID])) == [BlobId.of(b"content")] * 2
    assert content_ids(node(node_type=NodeType.FIFO)) == []
    assert subtree_id(node(node_type=NodeType.DIRECTORY)) == BlobId.of(b"content")
    with pytest.raises(DamagedData):
        content_ids(node(content=["7" * 63]))
    with pytest.raises(DamagedData):
        subtree_id(node(node_type=NodeType.DIRECTORY, subtree="x"))


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_700_000_000_120_000_000, "2023-11-14T22:13:20.12Z"),
        (10**30, "9999-12-31T23:59:59Z"),
        (-(10**30), "0001-01-01T00:00:00Z"),
    ],
)
def test_times_are_written_as_go_writes_them(nanoseconds, text):
    assert format_time(nanoseconds) == text


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o100644, 0o644),
        (0o040755, 0o755 | 1 << 31),
        (0o120777, 0o777 | 1 << 27),
        (0o060660, 0o660 | 1 << 26),
        (0o020620, 0o620 | 1 << 26 | 1 << 21),
        (0o010600, 0o600 | 1 << 25),
        (0o140755, 0o755 | 1 << 24),
        (0o104755, 0o755 | 1 << 23),
        (0o102755, 0o755 | 1 << 22),
        (0o041777, 0o777 | 1 << 31 | 1 << 20),
    ],
    ids=oct,
)
def test_modes_are_gos(mode, expected):
    assert go_mode(mode) == expected
