"""Segments of the index cache with bytes changed, lost, doubled: SegmentDamaged or the right answer, whatever is asked."""

import random
from collections import Counter

import pytest
from tests.faults.test_hostile_files import corrupted
from tests.repository.index_files import KEY, REPOSITORY, Truth, blob_id, cache_in, some_packs, store_index

from holdfast.ids import PackId
from holdfast.repository import index_loader
from holdfast.repository.index_loader import load_index
from holdfast.repository.index_segment import HEADER, PREFIXES, Segment, SegmentDamaged, SegmentKey, Table
from holdfast.repository.pack import BlobType
from holdfast.store.memory import MemoryStore

CASES = 600


@pytest.fixture
def segment(tmp_path, monkeypatch):
    """(the bytes of a whole one, what it says)."""
    monkeypatch.setattr(index_loader, "_WORTH_A_SEGMENT", 1)
    store = MemoryStore()
    packs = [*some_packs(*range(90)), *some_packs(*range(200, 230), blob_type=BlobType.TREE)]
    store_index(store, packs)
    load_index(store, KEY, cache_in(tmp_path))
    (path,) = tmp_path.glob("*/*.segment")
    return path.read_bytes(), Truth.of(packs)


def answers(segment, truth):
    """Everything that can be asked, one question at a time: (what, answer)."""
    for blob_type, one in truth.places():
        yield ("has", one), lambda blob_type=blob_type, one=one: segment.has(blob_type, one)
        yield (
            ("places", one),
            lambda blob_type=blob_type, one=one: [
                (segment.pack_id(pack), *rest) for _, pack, *rest in segment.places(blob_type, one)
            ],
        )
    for number in range(1000, 1010):
        yield ("absent", number), lambda number=number: segment.has(BlobType.DATA, blob_id(number))
    for pack_id in truth.packs:
        yield ("pack", pack_id), lambda pack_id=pack_id: segment.find_pack(pack_id)
    for number in range(len(truth.packs) + 2):
        yield ("number", number), lambda number=number: PackId(segment.pack_id(number))
    for prefix in range(0, PREFIXES, 5):
        yield ("packs", prefix), lambda prefix=prefix: list(segment.packs(prefix))
        for table in Table:
            yield ("partition", table, prefix), lambda table=table, prefix=prefix: segment.partition(table, prefix)


def told(path, truth, counts):
    """{question: answer, None for SegmentDamaged}; None if the segment cannot be opened."""
    try:
        segment = Segment(path, SegmentKey(KEY, REPOSITORY))
    except SegmentDamaged:
        counts["not opened"] += 1
        return None
    found = {}
    for question, ask in answers(segment, truth):
        try:
            found[question] = ask()
        except SegmentDamaged:
            found[question] = None
            counts["refused answers"] += 1
        else:
            counts["right answers"] += 1
    return found


def variants(content):
    for number in range(CASES):
        chance = random.Random(number)
        changed = corrupted(content, chance)
        yield changed
        if len(changed) > HEADER.size:  # with the header of the whole one, which says how long the file is
            body = changed[HEADER.size + 64 :]
            yield (content[: HEADER.size + 64] + body + bytes(len(content)))[: len(content)]


def test_segments(segment, tmp_path, say):
    content, truth = segment
    whole = tmp_path / "whole"
    whole.write_bytes(content)
    right, counts, files = told(whole, truth, Counter()), Counter(), 0
    for number, changed in enumerate(variants(content)):
        path = tmp_path / str(number)
        path.write_bytes(changed)
        files += 1
        for question, answer in (told(path, truth, counts) or {}).items():
            assert answer is None or answer == right[question], (number, question)
        path.unlink()
    say(f"{files} hostile segments: {dict(counts)}, 0 wrong")
    assert counts["not opened"] > CASES / 4
    assert counts["refused answers"] > CASES
    assert counts["right answers"] > CASES
