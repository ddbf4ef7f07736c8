"""That large indexes and single stages are measured, on small ones."""

import pytest
from bench import kernels, programs, synthetic
from bench.index import IndexBench

from holdfast.ids import PackId
from holdfast.model.clock import SystemClock
from holdfast.repository.layout import Directory, parse_name
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import open_repository
from holdfast.store.local import LocalStore

BLOBS = 60_000  # two index files


def test_a_synthetic_repository_has_the_blobs_that_it_should_and_no_lost_packs(tmp_path):
    packs = synthetic.make(tmp_path, "bench", blobs=BLOBS, say=lambda _: None)
    repository = open_repository(LocalStore(tmp_path), "bench", SystemClock())
    assert len(repository.index) == BLOBS
    assert not repository.index.has(BlobType.DATA, synthetic.blob_id(BLOBS))
    assert len([name for name, _ in repository.store.list(Directory.INDEX.value)]) == 2
    stored = [name for name, _ in repository.store.list(Directory.PACKS.value) if parse_name(name, PackId)]
    assert len(stored) == packs
    assert repository.forget_lost_packs() == 0


def test_an_index_is_measured_with_an_empty_and_a_warm_cache(tmp_path, restic_new):
    bench = IndexBench(tmp_path, programs.holdfast(), programs.Restic(restic_new), say=lambda _: None, size=2_000_000)
    rows = {row.id.removesuffix(f"-{BLOBS}"): row for row in bench.of(BLOBS)}
    assert list(rows) == [
        "index-open-empty",
        "index-open-warm",
        "index-lookups",
        "index-backup-empty",
        "index-backup-warm",
    ]
    assert all(row.value > 0 and row.details["blobs"] == BLOBS for row in rows.values())
    assert rows["index-backup-empty"].details["resticPeakMB"] > 10
    assert not list(tmp_path.iterdir())


def test_every_stage_of_a_backup_has_its_share_of_the_ceiling(tmp_path):
    *stages, ceiling = kernels.rows(tmp_path, runs=1, sample=2 << 20)
    assert all(row.value > 0 for row in stages)
    needed = sum(row.details["cpuSecondsOfBig"] for row in stages)
    assert ceiling.details["cpuSeconds"] == pytest.approx(needed)
    assert ceiling.value >= needed / ceiling.details["cores"]
    assert ceiling.verdict == "recorded"
