"""docs/repository-layout.md says what the code does."""

from pathlib import Path

import msgspec
import pytest

from holdfast.codec import chunker, compression
from holdfast.codec.crypto import DEFAULT_COST
from holdfast.model import tags
from holdfast.model.backup import RECORD_PATH, BackupRecord, BackupType, ClusterRecord, ResourceRecord
from holdfast.model.volume import VolumeRecord
from holdfast.repository import lock, lock_file, writer
from holdfast.repository.layout import CONFIG, Directory
from holdfast.repository.pack import BlobType

PAGES = Path(__file__).parents[2] / "docs"
PAGE = (PAGES / "repository-layout.md").read_text()
CHUNKING = (PAGES / "decisions" / "0005-keyed-two-stage-chunking.md").read_text()
MIB = 1 << 20


def fields(struct):
    return [field.encode_name for field in msgspec.structs.fields(struct)]


@pytest.mark.parametrize("name", [CONFIG, *(f"{directory.value}/" for directory in Directory), RECORD_PATH])
def test_every_file_is_named(name):
    assert name in PAGE


@pytest.mark.parametrize(
    "field", [*fields(BackupRecord), *fields(ClusterRecord), *fields(ResourceRecord), *fields(VolumeRecord)]
)
def test_every_field_of_a_backups_record_is_named(field):
    assert f"`{field}`" in PAGE


@pytest.mark.parametrize(
    "tag",
    [tags.KIND, tags.NAME, tags.TYPE, tags.RUN, tags.OUTCOME, tags.VERB, tags.PLAN, tags.SCHEDULED, tags.LABEL_PREFIX],
)
def test_every_tag_is_named(tag):
    assert f"`{tag}" in PAGE


def test_types_are_named_as_they_are_written():
    assert "type=" + "\\|".join(BackupType) in PAGE


@pytest.mark.parametrize(
    "figure",
    [
        f"zstd level {compression.LEVEL}",
        f"packs of {writer.PACK_SIZE[BlobType.DATA] // MIB} MiB for pieces, {writer.PACK_SIZE[BlobType.TREE] // MIB} MiB",
        f"N={DEFAULT_COST.n}, r={DEFAULT_COST.r}, p={DEFAULT_COST.p}",
        f"no refresh for {lock.LOST_AFTER / 60} minutes",
        f"every {lock.REFRESH_EVERY / 60:.0f} minutes, dead after {lock_file.STALE_AFTER.total_seconds() / 60:.0f}",
        f"over {chunker.MIN_SIZE >> 10} KiB",
    ],
)
def test_figures_are_those_of_the_code(figure):
    assert figure in PAGE


@pytest.mark.parametrize("figure", [f"{chunker.MIN_SIZE >> 10} KiB or more", f"at {chunker.MAX_SIZE // MIB} MiB a"])
def test_figures_of_the_chunker_are_those_of_the_code(figure):
    assert figure in CHUNKING
