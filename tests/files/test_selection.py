"""Parts of trees that are backed up, and parts of backups that are restored, by pattern."""

import tarfile

import pytest
from tests.operations.file_trees import contents
from tests.operations.files_harness import back_up, below, restore, stream

from holdfast.errors import UsageError
from holdfast.volumes.selection import CACHE_TAG


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    for name in ("a.sql", "b.txt", "db/c.sql", "db/d.txt", "logs/e.txt", "dump.sql/f.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def saved(repository, run, source, tmp_path):
    """(contents of all files in the backup, names of all its directories)"""
    target = tmp_path / run.id
    assert restore(repository, run, target).errors == []
    place = below(target, source)
    return set(contents(place)), {str(path.relative_to(place)) for path in place.rglob("*") if path.is_dir()}


def test_only_what_fits_is_backed_up(repository, source, tmp_path):
    run = back_up(repository, source, includes=("*.sql", "/no/where"))
    assert (run.outcome, run.counts["files"], run.notes) == ("done", 3, [])
    files, directories = saved(repository, run, source, tmp_path)
    assert files == {"a.sql", "db/c.sql", "dump.sql/f.txt"}
    assert directories == {"db", "logs", "dump.sql"}  # `logs` may have held such


def test_only_directories_on_the_way_are_read(repository, source, tmp_path):
    (source / "links").mkdir()
    (source / "links" / "to sql").symlink_to("a.sql")
    run = back_up(repository, source, includes=(f"{source}/db/*.sql", f"{source}/links"))
    files, directories = saved(repository, run, source, tmp_path)
    assert (files, directories) == ({"db/c.sql"}, {"db", "links"})
    assert (below(tmp_path / run.id, source) / "links" / "to sql").is_symlink()


def test_exclusions_are_on_top_of_inclusions(repository, source, tmp_path):
    excludes = ["c.sql", "dump.sql", "!f.txt"]
    run = back_up(repository, source, includes=("*.sql",), excludes=excludes)
    assert saved(repository, run, source, tmp_path)[0] == {"a.sql"}


def test_a_cache_is_known_by_its_tag_even_if_that_is_not_included(repository, source, tmp_path):
    (source / "db" / "CACHEDIR.TAG").write_bytes(CACHE_TAG)
    run = back_up(repository, source, includes=("*.sql",), exclude_caches=True)
    assert saved(repository, run, source, tmp_path)[0] == {"a.sql", "dump.sql/f.txt"}


def test_a_backup_with_other_inclusions_is_a_parent(repository, source):
    first = back_up(repository, source, includes=("*.sql",))
    assert first.type == "full"
    second = back_up(repository, source)
    assert (second.type, second.counts["unmodified"], second.counts["new"]) == ("incremental", 3, 3)
    third = back_up(repository, source, includes=("*.txt",), excludes=["logs"])
    assert (third.counts["unmodified"], third.counts["new"]) == (3, 0)


def test_where_nothing_fits_the_run_says_so(repository, source):
    run = back_up(repository, source, includes=("*.nothing",))
    assert (run.outcome, run.counts["files"]) == ("done", 0)
    assert run.notes == ["No file was saved, because none fits --include."]


def test_a_path_that_is_named_needs_no_inclusion(repository, source, tmp_path):
    run = back_up(repository, source / "b.txt", source / "db", includes=("*.sql",))
    assert saved(repository, run, source, tmp_path)[0] == {"b.txt", "db/c.sql"}


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
