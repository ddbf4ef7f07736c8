import pytest

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.repository import tree_links
from holdfast.repository.tree import EPOCH, Node, NodeType, decode_tree, encode_tree
from holdfast.repository.tree_links import decode_links, joined_ids

ID = BlobId.of(b"something").hex()
HEAD = '"mtime":"","atime":"","ctime":"","uid":0,"gid":0'
FILE = f'"type":"file",{HEAD},"content":[]'


def tree(*nodes):
    return f'{{"nodes":[{",".join(nodes)}]}}\n'.encode()


def links(content):
    return [link for some in decode_links(content) for link in some]


def a_tree(count):
    common = {"mtime": EPOCH, "atime": EPOCH, "ctime": EPOCH, "uid": 0, "gid": 0}
    files = [Node(name=f"f{n:05}", type=NodeType.FILE, content=[ID, ID], **common) for n in range(count)]
    return encode_tree([*files, Node(name="z", type=NodeType.DIRECTORY, content=None, subtree=ID, **common)])


@pytest.mark.parametrize("at_once", [1 << 20, 10])
def test_links_are_what_the_nodes_say(at_once, monkeypatch):
    monkeypatch.setattr(tree_links, "_AT_ONCE", at_once)
    monkeypatch.setattr(tree_links, "_NODES_AT_ONCE", 7)
    found = links(a_tree(30))
    assert [(link.name, link.type, link.content, link.subtree) for link in found] == [
        (node.name, node.type, node.content, node.subtree) for node in decode_tree(a_tree(30))
    ]


def test_a_large_directory_comes_in_parts(monkeypatch):
    monkeypatch.setattr(tree_links, "_AT_ONCE", 10)
    monkeypatch.setattr(tree_links, "_NODES_AT_ONCE", 7)
    assert [len(some) for some in decode_links(a_tree(30))] == [7, 7, 7, 7, 3]


WRONG = {
    "no tree": b"no tree",
    "no nodes": b"{}",
    "an unknown type": tree('{"name":"a","type":"thing",' + HEAD + "}"),
    "a name twice": tree('{"name":"a",' + FILE + "}", '{"name":"a",' + FILE + "}"),
    "names out of order": tree('{"name":"b",' + FILE + "}", '{"name":"a",' + FILE + "}"),
    "no name": tree('{"name":"",' + FILE + "}"),
    "a dot": tree('{"name":".",' + FILE + "}"),
    "a path": tree('{"name":"a/b",' + FILE + "}"),
    "two paths": tree('{"name":"a/b",' + FILE + "}", '{"name":"c",' + FILE + "}"),
    "a bad escape": tree('{"name":"\\\\q",' + FILE + "}"),
    "an escaped name out of order": tree('{"name":"b",' + FILE + "}", '{"name":"\\\\x61",' + FILE + "}"),
    "an escaped slash": tree('{"name":"\\\\x2f",' + FILE + "}"),
    "a zero byte": tree('{"name":"a\\u0000",' + FILE + "}"),
    "a file without content": tree('{"name":"a","type":"file",' + HEAD + ',"content":null}'),
    "a directory without tree": tree('{"name":"a","type":"dir",' + HEAD + ',"content":null}'),
    "a fifo with content": tree('{"name":"a","type":"fifo",' + HEAD + ',"content":[]}'),
    "a file with a tree": tree('{"name":"a",' + FILE + ',"subtree":"' + ID + '"}'),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("at_once", [1 << 20, 1])
def test_what_is_wrong_is_refused_as_by_who_reads_it_all(content, at_once, monkeypatch):
    monkeypatch.setattr(tree_links, "_AT_ONCE", at_once)
    monkeypatch.setattr(tree_links, "_NODES_AT_ONCE", 1)
    for decode in (decode_tree, links):
        with pytest.raises(DamagedData):
            decode(content)


def test_an_empty_tree_has_no_links():
    assert links(tree()) == decode_tree(tree()) == []


def test_ids_are_joined_and_what_is_none_is_left_out():
    digest = BlobId.of(b"something")
    assert joined_ids([]) == b""
    assert joined_ids([ID, ID]) == digest + digest
    assert joined_ids([ID, "", "x" * 64, ID[:-1], ID + "00", ID[:32] + " " + ID[33:], ID]) == digest + digest
    assert joined_ids([ID[:-2], ID + "00"]) == b""
