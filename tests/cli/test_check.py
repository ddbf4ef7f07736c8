"""`repository check` as people and scripts see it."""

import random

import pytest
from tests.cli.documented import assert_documented


@pytest.fixture
def filled(stocked, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for number in range(25):
        (source / f"{number:02}").write_bytes(random.Random(number).randbytes(3000))
    stocked("backup", "files", source)
    return stocked


@pytest.fixture
def damaged(holdfast, repository, tmp_path):
    """Not with `stocked`: restic would find the damage too."""
    ready = holdfast.but(HOLDFAST_REPOSITORY=repository)
    ready("repository", "init")
    source = tmp_path / "source"
    source.mkdir()
    for number in range(25):
        (source / f"{number:02}").write_bytes(random.Random(number).randbytes(3000))
    ready("backup", "files", source)
    largest = max((repository / "data").rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    largest.unlink()
    return ready, largest.name, source


def test_a_whole_repository(filled):
    done = filled("repository", "check")
    assert done.out.splitlines()[-1] == "no errors were found"
    assert "packs read" not in done.out
    assert "packs read" in filled("repository", "check", "--read-data").out


def test_parts_follow_each_other(filled):
    first = filled("repository", "check", "--read-data=30%", "-o", "json").document
    second = filled("repository", "check", "--read-data=30%", "-o", "json").document
    assert second["sample"]["from"] == first["sample"]["to"]
    assert second["level"] == "sample"
    assert_documented("repository check", second)
    assert " of them)" in filled("repository", "check", "--read-data=30%").out
    shown = filled("repository", "show", "-o", "json").document
    assert_documented("repository show", shown)
    assert (shown["lastCheck"]["level"], shown["lastCheck"]["outcome"]) == ("sample", "done")
    assert "a sample: no errors were found" in filled("repository", "show").out


def test_damage_is_named_with_the_first_of_the_files_that_it_costs(damaged):
    holdfast, pack, source = damaged
    done = holdfast("repository", "check", code=1)
    assert f"Damage: pack {pack[:8]} is missing" in done.err
    assert "25 files and directories are damaged" in done.err
    assert done.err.count(f"    {source}/") == 10
    assert "    … and 15 more" in done.err
    assert "errors were found" in done.out
    assert "no errors were found" not in done.out


def test_damage_as_json(damaged):
    holdfast, pack, source = damaged
    document = holdfast("repository", "check", "--read-data", "-o", "json", code=1).document
    assert_documented("repository check", document)
    by_pack, *by_snapshots = document["findings"]
    by_snapshot, report = sorted(by_snapshots, key=lambda finding: -finding["pathCount"])
    assert (by_pack["pack"], by_pack["severity"], by_pack["snapshot"]) == (pack, "error", "")
    assert by_snapshot["pathCount"] == 25
    assert by_snapshot["paths"] == [f"{source}/{number:02}" for number in range(10)]
    assert report["paths"] == ["/log.txt", "/report.json"]
    assert document["counts"]["errors"] == len(document["errors"]) == 3
    shown = holdfast("repository", "show")
    assert "all of it: errors were found" in shown.out
