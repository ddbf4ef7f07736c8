import tracemalloc

import pytest

from holdfast.codec import compression
from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, FileMissing
from holdfast.ids import LockId, SnapshotId
from holdfast.repository import sealed
from holdfast.repository.layout import Directory, file_name, is_prefix, parse_name
from holdfast.repository.snapshot import Snapshot, parse_time

KEY = SealingKey.random()
SNAPSHOT = Snapshot(time="2026-01-02T03:04:05Z", tree="0" * 64, paths=["/a"])


def test_a_value_comes_back(store):
    snapshot_id = sealed.save(store, KEY, SNAPSHOT, SnapshotId)
    assert sealed.load(store, KEY, snapshot_id, Snapshot) == SNAPSHOT


def test_a_file_is_named_by_the_digest_of_its_stored_bytes(store):
    snapshot_id = sealed.save(store, KEY, SNAPSHOT, SnapshotId)
    (stored,) = store.list("")
    assert stored.name == f"snapshots/{SnapshotId.of(store.get(stored.name))}" == file_name(snapshot_id)


def test_the_plain_text_is_a_two_and_a_zstd_frame():
    plain = KEY.open(sealed.encode(KEY, {"a": 1}))
    assert plain[0] == 2
    assert compression.decompress(plain[1:], limit=100) == b'{"a":1}'


@pytest.mark.parametrize("plain", [b'{"a":1}', b"[1]"])
def test_plain_json_as_version_1_wrote_it_is_read(plain):
    assert sealed.decode(KEY, KEY.seal(plain), object, "file")


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\x02",
        b"\x01{}",
        b"\x02{}",
        b"\x03" + compression.compress(b"{}"),
        b"\x02" + compression.compress(b"{}") + b"x",
        b"\x02" + compression.compress(b"nonsense"),
        b"\x02" + compression.compress(b""),
        b"{",
        b"[" * 100_000,
        b'{"time":"\xff"}',
    ],
    ids=lambda plain: repr(plain[:6]),
)
def test_any_other_plain_text_is_damaged(plain):
    with pytest.raises(DamagedData, match="the file is damaged"):
        sealed.decode(KEY, KEY.seal(plain), Snapshot, "the file")


def test_a_small_file_that_becomes_huge_is_damaged():
    bomb = KEY.seal(b"\x02" + compression.compress(b" " * (256 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(DamagedData, match="the file is damaged: a compressed block is too large"):
            sealed.decode(KEY, bomb, Snapshot, "the file")
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("path", ["/srv/data/2026/the same long name again and again", "/"])
def test_many_paths_that_are_alike_are_no_bomb(path):
    snapshot = Snapshot(
        time="2026-01-02T03:04:05Z", tree="0" * 64, paths=[f"{path}{number}" for number in range(200_000)]
    )
    assert sealed.decode(KEY, sealed.encode(KEY, snapshot), Snapshot, "the file") == snapshot


def test_a_file_under_another_name_is_damaged(store):
    stored = sealed.encode(KEY, SNAPSHOT)
    other = SnapshotId.of(b"other")
    store.put(file_name(other), [stored])
    with pytest.raises(DamagedData, match="does not match its name"):
        sealed.load(store, KEY, other, Snapshot)


def test_a_missing_file_is_missing(store):
    with pytest.raises(FileMissing):
        sealed.load(store, KEY, SnapshotId.of(b""), Snapshot)


@pytest.mark.parametrize("directory", Directory)
def test_names_lead_back_to_their_ids(directory):
    file_id = directory.id_type.of(b"x")
    name = file_name(file_id)
    assert name.startswith(directory.value + "/")
    assert parse_name(name, directory.id_type) == file_id
    assert type(parse_name(name, directory.id_type)) is directory.id_type


def test_packs_are_spread_over_directories():
    pack_id = Directory.PACKS.id_type.of(b"x")
    assert file_name(pack_id) == f"data/{pack_id.hex()[:2]}/{pack_id.hex()}"


@pytest.mark.parametrize(
    "name", ["locks/README", "locks/", "locks/" + "0" * 63, "locks/" + "g" * 64, "locks/" + "0" * 65]
)
def test_other_names_are_nobodys(name):
    assert parse_name(name, LockId) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", True), ("0" * 64, True), ("", False), ("0" * 65, False), ("A", False), ("latest", False), ("0 ", False)],
)
def test_a_prefix_is_known_by_its_digits(text, expected):
    assert is_prefix(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04:05.123456789+01:00", "2026-01-02T03:04:05.123456+01:00"),
        ("2026-01-02T03:04:05.1-07:30", "2026-01-02T03:04:05.100000-07:30"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
    ],
)
def test_times_are_read_as_go_writes_them(text, expected):
    assert parse_time(text).isoformat() == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-01-02T03:04:05",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        ".",
    ],
)
def test_what_is_no_time_is_damaged(text):
    with pytest.raises(DamagedData, match="is not a time"):
        parse_time(text)
