"""Files that are damaged, or whole and sealed with the right key but full of nonsense.

Whatever they hold: an error of ours, no hang, no allocation that the file's size does not explain. Each case is repeatable.
"""

import json
import random
import stat
import tracemalloc
from collections import Counter

import pytest
from tests.sample_repository import CHEAP, check_all, init, nodes, reopen, write_files

from holdfast.codec import compression
from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, HoldfastError, UnsupportedRepository, WrongPassword
from holdfast.ids import BlobId, IndexId, KeyId, LockId, PackId, SnapshotId
from holdfast.model.clock import SystemClock
from holdfast.operations.nodes import entry_of, link_target
from holdfast.repository import keys
from holdfast.repository.blob import Opener, compress_blob, open_blob, open_blobs
from holdfast.repository.config import Config, open_config, seal_config
from holdfast.repository.index_loader import load_index
from holdfast.repository.layout import file_name
from holdfast.repository.lock_file import LockFile, list_locks, own_hostname
from holdfast.repository.pack import BlobType, PackedBlob, encode_header, read_header
from holdfast.repository.repository import Repository
from holdfast.repository.sealed import encode
from holdfast.repository.snapshot import Snapshot, Summary
from holdfast.repository.tree import (
    EPOCH,
    ExtendedAttribute,
    Node,
    NodeType,
    content_ids,
    decode_known,
    decode_node,
    decode_tree,
    encode_node,
    encode_tree,
    go_mode,
    subtree_id,
)
from holdfast.store.memory import MemoryStore

CASES = 400
KEY = SealingKey.random()
CONFIG = Config.random()
ID = "0123456789abcdef" * 4
JUNK = [
    None, True, -1, 0, 1, 1.5, 1 << 31, 1 << 32, 1 << 64, 10**400, "", " ", "x" * 1000, ID, ID[:-1], ID.upper(), "\ufffd", "\0",
    "../x", "a/b", "..", "\\", "\\xff", "\\Uffffffff", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", [], {}, [[]],
    [None], {"": None}, [ID] * 3, {"id": ID},
]  # fmt: skip
TEXTS = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b"9" * 50_000,
    b'{"packs":[],"packs":[]}',
]


def corrupted(content, chance):
    """`content` with a few bytes changed, lost, doubled or cut off."""
    content = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        position = chance.randrange(len(content) + 1)
        match chance.randrange(5):
            case 0 if position < len(content):
                content[position] ^= 1 << chance.randrange(8)
            case 1:
                del content[position : position + chance.choice([1, 4, 100])]
            case 2:
                content[position:position] = chance.randbytes(chance.choice([1, 4, 32]))
            case 3:
                content[position:position] = content[position : position + 50]
            case 4:
                del content[position:]
    return bytes(content)


def altered(text, chance):
    """A JSON text with one of its values replaced by junk, removed, or doubled; or nonsense altogether."""
    document = json.loads(text)
    places = []

    def visit(value):
        if isinstance(value, dict | list):
            for at in value if isinstance(value, dict) else range(len(value)):
                places.append((value, at))
                visit(value[at])

    visit(document)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        container, at = chance.choice(places)
        try:
            if chance.random() < 0.2:
                del container[at]
            elif isinstance(container, list) and chance.random() < 0.2:
                container.append(container[at])
            else:
                container[at] = chance.choice(JUNK)
        except (IndexError, KeyError):
            pass  # went with an earlier change
    return json.dumps(document).encode()


def hostile_texts(text):
    """CASES variants of a JSON text and the texts that break parsers."""
    for number in range(CASES):
        chance = random.Random(number)
        yield corrupted(text, chance) if number % 3 == 0 else altered(text, chance)
    yield from TEXTS


def sealed_variants(value):
    """Stored files that open with KEY: bad JSON in good frames, bad frames, good frames with bad marks."""
    plain = KEY.open(encode(KEY, value))
    text = compression.decompress(plain[1:], limit=1 << 20)
    for variant in hostile_texts(text):
        yield KEY.seal(b"\x02" + compression.compress(variant))
        yield KEY.seal(variant)  # as version 1 wrote it
    for number in range(CASES // 4):
        yield KEY.seal(corrupted(plain, random.Random(number)))
        yield corrupted(KEY.seal(plain), random.Random(number))


@pytest.fixture
def outcomes(say, request):
    """`outcomes(variants, read)` reads every variant; counts those taken and those refused with DamagedData, nothing else."""

    def count(variants, read):
        counts = Counter()
        for variant in variants:
            try:
                read(variant)
            except DamagedData:
                counts["refused"] += 1
            else:
                counts["taken"] += 1
        say(
            f"{request.node.name}: {counts.total()} hostile files, {counts['taken']} taken, {counts['refused']} refused"
        )
        assert counts["refused"] > CASES / 4
        return counts

    return count


def alone(file_id_type, content):
    """A store whose only file is this one, named rightly."""
    store = MemoryStore()
    store.put(file_name(file_id_type.of(content)), [content])
    return store


def repository(store):
    return Repository(store, KEY, CONFIG, SystemClock(), key_id=KeyId.of(b""))


def a_node(name, node_type, **fields):
    required = {"mtime": EPOCH, "atime": EPOCH, "ctime": EPOCH, "uid": 0, "gid": 0, "content": None}
    return Node(name=name, type=node_type, **{**required, **fields})


def test_indexes(outcomes):
    blob = {"id": ID, "type": "data", "offset": 0, "length": 100, "uncompressed_length": 200}
    value = {"packs": [{"id": ID, "blobs": [blob, {**blob, "type": "tree"}]}, {"id": ID[::-1], "blobs": []}]}

    def read(content):
        index = load_index(alone(IndexId, content), KEY)
        if index.faults:
            raise index.faults[0]
        assert len(list(index.blobs())) == len(index)
        assert len(list(index.packs())) == index.totals().packs

    outcomes(sealed_variants(value), read)


def test_snapshots(outcomes):
    summary = Summary(backup_start=EPOCH, backup_end=EPOCH, files_new=1)
    value = Snapshot(time=EPOCH, parent=ID, tree=ID, paths=["/a"], tags=["b"], hostname="c", uid=1, summary=summary)

    def read(content):
        found = repository(alone(SnapshotId, content))
        assert found.load_snapshot(SnapshotId.of(content)).moment()
        assert check_all(found).errors  # there is no such tree, at least

    outcomes(sealed_variants(value), read)


def test_locks(outcomes):
    value = LockFile(time=EPOCH, exclusive=True, hostname=own_hostname(), username="a", pid=1, uid=2, gid=3)
    now = SystemClock().now()

    def read(content):
        for found in list_locks(alone(LockId, content), KEY):
            assert found.describe()
            assert found.is_stale(now, own_hostname()) in (True, False)
            if found.file is None:
                raise DamagedData("as it is handled")

    outcomes(sealed_variants(value), read)


def test_trees(outcomes):
    attributes = [ExtendedAttribute("user.a", b"b")]
    text = encode_tree(
        [
            a_node("a", NodeType.FILE, content=[ID], size=5, extended_attributes=attributes),
            a_node("b", NodeType.DIRECTORY, subtree=ID, mode=1 << 31),
            a_node("c", NodeType.SYMLINK, linktarget="d", linktarget_raw=b"\xff"),
        ]
    )

    def read(content):
        for node in decode_tree(content):
            assert node.raw_name()
            content_ids(node)
            if node.type is NodeType.DIRECTORY:
                subtree_id(node)
        assert encode_tree(decode_tree(content))

    outcomes(hostile_texts(text), read)
    outcomes(hostile_texts(text), decode_known)


def test_nodes(outcomes):
    """What a restore and the next backup make of one."""
    text = encode_node(a_node("a", NodeType.FILE, content=[ID], size=5, mode=go_mode(stat.S_IFREG | 0o644), links=2))

    def read(content):
        node = decode_node(content)
        entry_of(node)
        link_target(node)

    outcomes(hostile_texts(text), read)


def test_blobs(outcomes):
    """Read in each of the three ways: alone, among others, in parts."""
    content = b"content of a blob " * 50
    blob = compress_blob(BlobId.of(content), content)
    opener = Opener(KEY, 1 << 16)

    def variants():
        for number in range(CASES):
            chance = random.Random(number)
            yield KEY.seal(corrupted(blob.body, chance)), len(content)
            yield corrupted(KEY.seal(blob.body), chance), len(content)
            yield KEY.seal(blob.body), chance.choice([0, 1, len(content) - 1, len(content) + 1, 1 << 31])

    def read(variant):
        body, length = variant
        (among_others,) = open_blobs(KEY, [(blob.id, body, length)])
        try:
            assert open_blob(KEY, blob.id, body, length) == content == among_others
            assert b"".join(map(bytes, opener.open(blob.id, body, length))) == content
        except DamagedData:
            assert isinstance(among_others, DamagedData) or among_others == content
            with pytest.raises(DamagedData):
                list(opener.open(blob.id, body, length))
            raise

    outcomes(variants(), read)


def test_configs(outcomes):
    text = KEY.open(seal_config(KEY, CONFIG))

    def read(content):
        try:
            open_config(KEY, content)
        except UnsupportedRepository as error:
            raise DamagedData("another version") from error

    outcomes((KEY.seal(variant) for variant in hostile_texts(text)), read)
    outcomes((corrupted(KEY.seal(text), random.Random(number)) for number in range(CASES)), read)


def test_key_files(outcomes):
    store = MemoryStore()
    keys.add_key(store, KEY, "test", username="a", hostname="b", now=SystemClock().now(), cost=CHEAP)
    store.put("config", [seal_config(KEY, CONFIG)])
    (name,) = [file.name for file in store.list("keys")]
    text = store.get(name)

    def read(content):
        only = alone(KeyId, content)
        only.put("config", [store.get("config")])
        try:
            reopen(only)
        except WrongPassword as error:
            raise DamagedData("as good as damaged") from error

    outcomes(hostile_texts(text), read)


def test_key_files_under_their_old_name(outcomes):
    store = MemoryStore()
    init(store)
    (name,) = [file.name for file in store.list("keys")]
    text = store.get(name)

    def read(content):
        store.put(name, [content])
        reopen(store)

    # Every change is known from the file's name, so that no one is sent to look for another password.
    assert outcomes((corrupted(text, random.Random(number)) for number in range(CASES)), read)["taken"] < CASES / 20


def test_pack_headers(outcomes):
    blobs = [PackedBlob(BlobType.DATA, BlobId.of(b"%d" % number), 0, 100, number % 2 * 70) for number in range(5)]
    tail = encode_header(KEY, blobs)
    plain = KEY.open(tail[:-4])

    def variants():
        for number in range(CASES):
            chance = random.Random(number)
            sealed = KEY.seal(corrupted(plain, chance))
            yield bytes(500) + sealed + len(sealed).to_bytes(4, "little")
            yield corrupted(bytes(500) + tail, chance)
            yield bytes(chance.randrange(50)) + chance.randbytes(4)

    def read(content):
        for blob in read_header(alone(PackId, content), KEY, PackId.of(content), len(content)):
            assert blob.content_size >= 0

    outcomes(variants(), read)


def test_whole_repositories(say):
    """Any file of a repository corrupted under its own name: check and reading report it, whichever it is."""
    store = MemoryStore()
    snapshot_id = write_files(init(store))
    names = sorted(file.name for file in store.list(""))
    counts = Counter()
    for number in range(CASES):
        chance = random.Random(number)
        name = chance.choice(names)
        before = store.get(name)
        changed = corrupted(before, chance)
        store.put(name, [changed])
        try:
            found = reopen(store)
            errors = check_all(found).errors
            counts["found by check" if errors else "missed" if changed != before else "unchanged"] += 1
            list(nodes(found, snapshot_id))
        except HoldfastError:
            counts["met at use"] += 1
        store.put(name, [before])
    say(f"whole repositories with a hostile file: {dict(counts)}")
    assert counts["missed"] == 0
    assert counts["found by check"] > CASES / 4
    assert check_all(reopen(store)).findings == []


@pytest.mark.parametrize("id_type", [IndexId, SnapshotId, LockId])
def test_a_frame_that_claims_a_huge_size_allocates_nothing(id_type):
    claim = bytes.fromhex("28b52ffd") + bytes([0b11000000, 0x50]) + (1 << 40).to_bytes(8, "little") + b"\x01\0\0"
    store = alone(id_type, KEY.seal(b"\x02" + claim))
    tracemalloc.start()
    try:
        if id_type is IndexId:
            assert load_index(store, KEY).faults
        elif id_type is SnapshotId:
            ((_, found),) = repository(store).snapshots()
            assert isinstance(found, DamagedData)
        else:
            assert [found.file for found in list_locks(store, KEY)] == [None]
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_an_index_that_claims_huge_blobs_does_not_make_reading_allocate_them():
    store = MemoryStore()
    content = KEY.seal(compression.compress(b"content"))
    blob = {"id": BlobId.of(b"content").hex(), "type": "data", "offset": 0, "length": len(content)}
    lies = [
        {**blob, "uncompressed_length": (1 << 32) - 1},
        {**blob, "length": (1 << 32) - 1, "uncompressed_length": (1 << 32) - 1},
        {**blob, "offset": (1 << 32) - 1, "uncompressed_length": 7},
    ]
    for lie in lies:
        packed = {"packs": [{"id": PackId.of(content).hex(), "blobs": [lie]}]}
        sealed = encode(KEY, packed)
        store = alone(IndexId, sealed)
        store.put(file_name(PackId.of(content)), [content])
        tracemalloc.start()
        try:
            reader = repository(store).reader
            outcome = dict(reader.load_many([(BlobId.of(b"content"), 0)]))[0]
            assert outcome == b"content" or isinstance(outcome, DamagedData)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()
