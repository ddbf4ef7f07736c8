"""The tests that every store passes: one for each sentence of `holdfast.store.base.Store`.

    class TestMyStore(StoreSuite):
        def make_store(self) -> Store:
            return MyStore(...)

Needs pytest. A store that needs a server takes it from a fixture of its own, used by an `autouse` fixture of the subclass
which keeps it on `self`. What a store does when its disk or network fails is not tested here: no suite can break them.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.errors import FileExists, FileMissing, StoreRefused
from holdfast.store.base import Store, StoredFile

_THREADS = 8
_BIG = 20 * 1024 * 1024
_MANY = 1_100  # one more page than most servers give at once


class StoreSuite:
    def make_store(self) -> Store:
        """A new store with no files in it; called once for each test."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = self.make_store()
        yield store
        store.close()

    # url

    def test_the_url_is_one_line_of_text(self, store: Store) -> None:
        assert store.url
        assert len(store.url.splitlines()) == 1

    # put, get

    def test_put_joins_its_parts(self, store: Store) -> None:
        store.put("config", [b"one ", bytearray(b"two "), memoryview(b"three and more")[:5]])
        assert store.get("config") == b"one two three"

    def test_get_gives_bytes(self, store: Store) -> None:
        store.put("config", [b"content"])
        assert type(store.get("config")) is bytes

    @pytest.mark.parametrize("parts", [(), [b""], [b"", b""]], ids=["no parts", "an empty part", "empty parts"])
    def test_a_file_may_be_empty(self, store: Store, parts: list[bytes]) -> None:
        store.put("locks/empty", parts)
        assert store.get("locks/empty") == b""
        assert store.size("locks/empty") == 0
        assert list(store.list("locks")) == [StoredFile("locks/empty", 0)]

    def test_a_file_may_have_many_parts(self, store: Store) -> None:
        parts = [b"%d," % number for number in range(3_000)]
        store.put("index/parts", parts)
        assert store.get("index/parts") == b"".join(parts)

    def test_every_byte_comes_back(self, store: Store) -> None:
        content = bytes(range(256)) * 3 + b"\r\n\0\x1a"
        store.put("data/00/bytes", [content])
        assert store.get("data/00/bytes") == content

    def test_put_replaces(self, store: Store) -> None:
        store.put("config", [b"a long first content"])
        store.put("config", [b"second"])
        assert store.get("config") == b"second"
        assert store.size("config") == len(b"second")
        assert list(store.list("")) == [StoredFile("config", 6)]

    def test_put_may_be_repeated(self, store: Store) -> None:
        for _ in range(3):
            store.put("keys/a", [b"the same"])
        assert store.get("keys/a") == b"the same"
        assert list(store.list("")) == [StoredFile("keys/a", 8)]

    def test_a_big_file_comes_back(self, store: Store) -> None:
        block = hashlib.sha512(b"seed").digest() * 16384
        parts = [block] * (_BIG // len(block))
        store.put("data/ff/big", parts)
        assert store.size("data/ff/big") == _BIG
        expected = hashlib.sha256(b"".join(parts)).digest()
        assert hashlib.sha256(store.get("data/ff/big")).digest() == expected
        assert store.get_range("data/ff/big", -len(block), len(block)) == block

    @pytest.mark.parametrize(
        "name",
        ["config", "a/b/c/d/e", "data/0a/" + "0123456789abcdef" * 4, "with-dash_under.dot", ".hidden", "A", "a/A.a/-"],
    )
    def test_every_allowed_name_works(self, store: Store, name: str) -> None:
        store.put(name, [name.encode()])
        assert store.get(name) == name.encode()
        assert list(store.list("")) == [StoredFile(name, len(name))]
        store.delete(name)
        assert list(store.list("")) == []

    def test_names_differ_by_case_and_by_directory(self, store: Store) -> None:
        names = ["a/x", "b/x", "x", "x.x", "a/xx"]
        for name in names:
            store.put(name, [name.encode()])
        assert [store.get(name).decode() for name in names] == names

    @pytest.mark.parametrize(
        "name",
        ["", "/", "/etc/passwd", "../up", "a/../b", "a/./b", ".", "..", "a//b", "a/", "a b", "ä", "a\n", "a\\b", "a~"],
    )
    def test_other_names_are_refused(self, store: Store, name: str) -> None:
        attempts: list[Callable[[], object]] = [
            lambda: store.put(name, [b"x"]),
            lambda: store.create(name, [b"x"]),
            lambda: store.get(name),
            lambda: store.get_range(name, 0, 1),
            lambda: store.size(name),
            lambda: store.delete(name),
        ]
        if name:
            attempts.append(lambda: list(store.list(name)))
        for attempt in attempts:
            with pytest.raises(StoreRefused):
                attempt()

    def test_names_of_unfinished_files_are_refused(self, store: Store) -> None:
        with pytest.raises(StoreRefused):
            store.put("data/00/abc-tmp-123", [b"x"])

    # create

    def test_create_stores_a_new_file(self, store: Store) -> None:
        store.create("locks/new", [b"mi", b"ne"])
        assert store.get("locks/new") == b"mine"

    def test_create_refuses_a_taken_name_and_changes_nothing(self, store: Store) -> None:
        store.put("locks/taken", [b"first"])
        with pytest.raises(FileExists):
            store.create("locks/taken", [b"second"])
        assert store.get("locks/taken") == b"first"
        assert list(store.list("")) == [StoredFile("locks/taken", 5)]

    def test_create_refuses_a_taken_name_for_the_same_content_too(self, store: Store) -> None:
        store.create("locks/taken", [b"same"])
        with pytest.raises(FileExists):
            store.create("locks/taken", [b"same"])

    def test_create_works_again_after_delete(self, store: Store) -> None:
        store.create("locks/again", [b"first"])
        store.delete("locks/again")
        store.create("locks/again", [b"second"])
        assert store.get("locks/again") == b"second"

    def test_exactly_one_of_many_creators_wins(self, store: Store) -> None:
        for name in ("locks/race-1", "locks/race-2", "locks/race-3"):
            start = threading.Barrier(_THREADS)

            def won(number: int, name: str = name, start: threading.Barrier = start) -> bytes | None:
                content = b"writer %d" % number
                start.wait()
                try:
                    store.create(name, [content])
                except FileExists:
                    return None
                return content

            with ThreadPoolExecutor(_THREADS) as pool:
                winners = [content for content in pool.map(won, range(_THREADS)) if content]
            assert winners == [store.get(name)]

    # get_range, size

    @pytest.mark.parametrize(
        ("offset", "length", "expected"),
        [
            (0, 10, b"0123456789"),
            (0, 1, b"0"),
            (3, 4, b"3456"),
            (9, 1, b"9"),
            (-1, 1, b"9"),
            (-10, 10, b"0123456789"),
            (-4, 4, b"6789"),
            (-4, 2, b"67"),
            (0, 0, b""),
            (10, 0, b""),
            (-1, 0, b""),
        ],
    )
    def test_a_range_inside_the_file(self, store: Store, offset: int, length: int, expected: bytes) -> None:
        store.put("data/aa/digits", [b"0123456789"])
        assert store.get_range("data/aa/digits", offset, length) == expected

    @pytest.mark.parametrize(
        ("offset", "length"), [(0, 11), (5, 6), (10, 1), (11, 0), (100, 1), (-11, 1), (-11, 11), (-2, 3), (-100, 0)]
    )
    def test_a_range_that_the_file_does_not_hold_is_refused(self, store: Store, offset: int, length: int) -> None:
        store.put("data/aa/digits", [b"0123456789"])
        with pytest.raises(StoreRefused):
            store.get_range("data/aa/digits", offset, length)

    @pytest.mark.parametrize(("offset", "length"), [(0, 1), (-1, 1)])
    def test_an_empty_file_holds_no_bytes(self, store: Store, offset: int, length: int) -> None:
        store.put("data/aa/empty", [])
        with pytest.raises(StoreRefused):
            store.get_range("data/aa/empty", offset, length)

    def test_size_counts_bytes(self, store: Store) -> None:
        store.put("keys/k", [b"12345", b"678"])
        assert store.size("keys/k") == 8

    # missing files

    @pytest.mark.parametrize("name", ["config", "data/00/none"])
    def test_reading_a_missing_file_says_so(self, store: Store, name: str) -> None:
        attempts: list[Callable[[], object]] = [
            lambda: store.get(name),
            lambda: store.get_range(name, 0, 1),
            lambda: store.get_range(name, -1, 1),
            lambda: store.get_range(name, 0, 0),
            lambda: store.size(name),
        ]
        for attempt in attempts:
            with pytest.raises(FileMissing):
                attempt()

    def test_a_directory_is_not_a_file(self, store: Store) -> None:
        store.put("data/00/file", [b"x"])
        with pytest.raises(FileMissing):
            store.get("data/00")
        with pytest.raises(FileMissing):
            store.size("data")

    # list

    def test_a_new_store_has_no_files(self, store: Store) -> None:
        assert list(store.list("")) == []
        assert list(store.list("data")) == []

    def test_list_gives_names_from_the_root_and_sizes(self, store: Store) -> None:
        store.put("data/00/one", [b"1"])
        store.put("data/00/deep/er", [b"22"])
        store.put("data/ff/three", [b"333"])
        store.put("config", [b"4444"])
        everything = {
            StoredFile("data/00/one", 1),
            StoredFile("data/00/deep/er", 2),
            StoredFile("data/ff/three", 3),
            StoredFile("config", 4),
        }
        assert sorted(store.list("")) == sorted(everything)
        assert sorted(store.list("data")) == sorted(file for file in everything if file.name.startswith("data/"))
        assert list(store.list("data/ff")) == [StoredFile("data/ff/three", 3)]

    def test_list_takes_whole_directory_names(self, store: Store) -> None:
        store.put("data/x", [b"1"])
        store.put("data2/x", [b"2"])
        store.put("da/x", [b"3"])
        assert [file.name for file in store.list("data")] == ["data/x"]
        assert [file.name for file in store.list("da")] == ["da/x"]

    def test_a_file_is_not_a_directory(self, store: Store) -> None:
        store.put("config", [b"1"])
        assert list(store.list("config")) == []

    def test_many_files_are_each_listed_once(self, store: Store) -> None:
        names = [f"data/{number % 16:02x}/{number:05d}" for number in range(_MANY)]
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(lambda name: store.put(name, [name.encode()]), names))
        assert sorted(file.name for file in store.list("data")) == sorted(names)

    def test_files_put_before_are_listed_once_while_others_come_and_go(self, store: Store) -> None:
        kept = [f"data/{number % 4}/kept-{number:03d}" for number in range(60)]
        for name in kept:
            store.put(name, [b"kept"])
        stop = threading.Event()

        def disturb(who: int) -> None:
            for number in itertools.count():
                name = f"data/{number % 4}/guest-{who}-{number:03d}"
                store.put(name, [b"guest"])
                store.delete(name)
                if stop.is_set():
                    return

        with ThreadPoolExecutor(2) as pool:
            disturbers = [pool.submit(disturb, who) for who in range(2)]
            try:
                for _ in range(10):
                    listed = sorted(file.name for file in store.list("data") if "/kept-" in file.name)
                    assert listed == sorted(kept)
            finally:
                stop.set()
            for disturber in disturbers:
                disturber.result()

    def test_files_may_be_deleted_while_they_are_listed(self, store: Store) -> None:
        names = [f"index/{number:02d}" for number in range(40)]
        for name in names:
            store.put(name, [b"x"])
        listed = []
        for file in store.list("index"):
            listed.append(file.name)
            store.delete(file.name)
        assert sorted(listed) == names
        assert list(store.list("index")) == []

    def test_a_listing_may_be_left_unfinished(self, store: Store) -> None:
        for number in range(5):
            store.put(f"keys/{number}", [b"x"])
        assert next(iter(store.list("keys"))).size == 1
        assert len(list(store.list("keys"))) == 5

    # delete

    def test_a_deleted_file_is_gone(self, store: Store) -> None:
        store.put("locks/gone", [b"x"])
        store.put("locks/kept", [b"y"])
        store.delete("locks/gone")
        with pytest.raises(FileMissing):
            store.get("locks/gone")
        assert list(store.list("")) == [StoredFile("locks/kept", 1)]

    def test_deleting_a_missing_file_is_no_error(self, store: Store) -> None:
        store.put("locks/a", [b"x"])
        store.delete("locks/a")
        store.delete("locks/a")
        store.delete("never/was")
        store.delete("locks")

    # concurrency

    def test_no_reader_sees_a_part_of_a_file(self, store: Store) -> None:
        contents = [bytes([letter]) * 300_000 for letter in b"ab"]
        store.put("config", [contents[0]])
        stop = threading.Event()

        def replace() -> None:
            for content in itertools.cycle(contents):
                store.put("config", [content[:1000], content[1000:]])
                if stop.is_set():
                    return

        with ThreadPoolExecutor(1) as pool:
            writer = pool.submit(replace)
            try:
                for _ in range(20):
                    assert store.get("config") in contents
                    listed = list(store.list(""))
                    assert StoredFile("config", 300_000) in listed
                    # A server may also list the name it writes a replacement under, whole too.
                    assert {file.size for file in listed} == {300_000}
            finally:
                stop.set()
            writer.result()

    def test_all_methods_may_be_called_from_several_threads(self, store: Store) -> None:
        def work(number: int) -> bool:
            name, content = f"data/{number % 3}/{number}", b"content %d" % number
            store.put(name, [content])
            store.create(f"locks/{number}", [content])
            same = (store.get(name), store.get_range(name, 0, 7), store.size(name))
            listed = StoredFile(name, len(content)) in set(store.list("data"))
            store.delete(name)
            return same == (content, b"content", len(content)) and listed

        with ThreadPoolExecutor(_THREADS) as pool:
            assert all(pool.map(work, range(3 * _THREADS)))
        assert len(list(store.list("locks"))) == 3 * _THREADS
        assert list(store.list("data")) == []

    # close

    def test_close_keeps_what_was_stored_and_may_be_repeated(self, store: Store) -> None:
        store.put("config", [b"x"])
        store.close()
        store.close()
