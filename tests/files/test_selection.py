"""Parts of a backup that are restored by pattern, and patterns in files."""

import tarfile

import pytest
from tests.operations.file_trees import contents
from tests.operations.files_harness import back_up, below, restore, stream

from holdfast.errors import UsageError


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    for name in ("a.sql", "b.txt", "db/c.sql", "db/d.txt", "logs/e.txt", "dump.sql/f.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def test_only_what_fits_is_restored(repository, source, tmp_path):
    run = back_up(repository, source)
    restored = restore(repository, run, tmp_path / "target", include=("*.sql",))
    assert (restored.outcome, restored.counts["files"]) == ("done", 3)
    place = below(tmp_path / "target", source)
    assert set(contents(place)) == {"a.sql", "db/c.sql", "dump.sql/f.txt"}
    assert (place / "logs").is_dir()  # may have held such


def test_a_pattern_from_the_root_passes_other_directories_by(repository, source, tmp_path):
    run = back_up(repository, source)
    restore(repository, run, tmp_path / "target", include=(f"{source}/db/*.txt", f"{source}/b*"))
    place = below(tmp_path / "target", source)
    assert set(contents(place)) == {"db/d.txt", "b.txt"}
    assert {path.name for path in place.iterdir()} == {"db", "b.txt"}


def test_patterns_within_chosen_paths(repository, source, tmp_path):
    run = back_up(repository, source)
    restore(repository, run, tmp_path / "target", source / "db", source / "b.txt", include=("*.sql",))
    assert set(contents(below(tmp_path / "target", source))) == {"db/c.sql"}


def test_nothing_fits(repository, source, tmp_path):
    run = back_up(repository, source)
    restored = restore(repository, run, tmp_path / "target", include=("*.nothing",))
    assert (restored.outcome, restored.counts["files"]) == ("done", 0)
    assert "nothing in the backup fits --include" in restored.notes[-1]
    with pytest.raises(UsageError):
        restore(repository, run, tmp_path / "target", include=("!x",))


def test_deleting_spares_what_is_not_included(repository, source, tmp_path):
    run = back_up(repository, source)
    place = below(tmp_path / "target", source)
    for name in ("mine.txt", "mine.sql", "db/mine.txt", "dump.sql/mine.txt"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(b"mine")
    restored = restore(repository, run, tmp_path / "target", include=("*.sql",), delete=True)
    assert restored.counts["deleted"] == 1
    assert {name for name in contents(place) if "mine" in name} == {"mine.txt", "mine.sql", "db/mine.txt"}


def test_a_stream_of_what_fits(repository, source, tmp_path):
    run = back_up(repository, source)
    with (tmp_path / "tar").open("wb") as file:
        assert stream(repository, run, file, include=(f"{source}/db/*.sql",)).counts["files"] == 1
    with tarfile.open(tmp_path / "tar") as archive:
        assert [one.name for one in archive if one.isfile()] == [f"{source}/db/c.sql".lstrip("/")]
