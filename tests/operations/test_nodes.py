"""The quick way to a file's node gives the same bytes as the general one."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.ids import BlobId
from holdfast.operations.nodes import encode_content, encode_file, is_unchanged, node_of, update_file
from holdfast.repository import go_json
from holdfast.repository.tree import decode_known, encode_node, encode_tree
from holdfast.volumes.entry import Entry, EntryType

NANOSECONDS = st.integers(-(1 << 62), 1 << 62) | st.just(0)
NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")
) | st.from_regex(r"[a-z]{1,8}\.txt", fullmatch=True).map(str.encode)
ENTRIES = st.builds(
    Entry,
    name=NAMES,
    type=st.just(EntryType.FILE),
    mode=st.integers(0, 0o7777).map(lambda mode: 0o100000 | mode),
    uid=st.sampled_from([0, 1, 12345, 1 << 31]),
    gid=st.sampled_from([0, 1, 54321]),
    size=st.integers(0, 1 << 40),
    mtime=NANOSECONDS,
    ctime=NANOSECONDS,
    inode=st.integers(0, 1 << 63),
    device=st.integers(0, 1 << 32),
    links=st.integers(0, 3),
    rdev=st.just(0),
    target=st.just(b""),
    xattrs=st.lists(st.tuples(st.sampled_from(["user.a", "security.b"]), st.binary(max_size=9)), max_size=2).map(tuple),
)
CONTENTS = st.lists(st.binary(min_size=32, max_size=32).map(BlobId), max_size=3)


@given(ENTRIES, CONTENTS)
def test_a_quickly_encoded_file_is_what_the_general_way_makes(entry, content):
    node = node_of(entry, content=[blob_id.hex() for blob_id in content])
    assert encode_file(entry, encode_content(content)) == encode_node(node)


@given(ENTRIES, CONTENTS)
def test_a_known_file_gives_the_same_node_again(entry, content):
    node = node_of(entry, content=[blob_id.hex() for blob_id in content])
    known = decode_known(encode_tree([node]))[entry.name]
    assert is_unchanged(entry, known.node)
    # Attributes come from the known node: a walk does not open files to read them.
    assert bytes(update_file(entry._replace(xattrs=()), known)) == encode_node(node)


@given(ENTRIES, CONTENTS, st.sampled_from(["uid", "gid", "links", "device", "mode"]))
def test_what_changed_without_a_trace_in_the_times_is_in_the_node(entry, content, field):
    node = node_of(entry, content=[blob_id.hex() for blob_id in content])
    known = decode_known(encode_tree([node]))[entry.name]
    changed = entry._replace(**{field: getattr(entry, field) ^ 1})
    assert bytes(update_file(changed._replace(xattrs=()), known)) == encode_node(node_of(changed, content=node.content))


@given(ENTRIES, st.sampled_from(["size", "inode", "mtime", "ctime"]))
def test_a_file_that_differs_in_anything_that_counts_is_not_unchanged(entry, field):
    known = decode_known(encode_tree([node_of(entry, content=[])]))[entry.name]
    changed = entry._replace(**{field: getattr(entry, field) + 1})
    if field in ("size", "inode") or node_of(changed, content=[]) != node_of(entry, content=[]):  # years are clamped
        assert not is_unchanged(changed, known.node)


def test_content_is_a_list_of_ids():
    ids = [BlobId.of(b"a"), BlobId.of(b"b")]
    assert go_json.decode(encode_content(ids), list[str], "it") == [blob_id.hex() for blob_id in ids]
    assert encode_content([]) == b"[]"
