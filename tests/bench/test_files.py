"""That file trees are measured beside peers, on small trees; what it measures is no matter of tests."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bench import files, fresh, movers, programs, scale, trees, trials
from bench import s3 as s3_rows
from bench.command import CommandFailed, clean_environment, measured
from bench.trials import RestoredWrong, Step, Trials

RATIOS = {f"files-{tree}-{what}" for tree in ("big", "small") for what in (*Step, "size")}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    directory = tmp_path_factory.mktemp("trees")
    return trees.big(directory / "big", size=3_000_000), trees.small(directory / "small", count=60, directories=6)


@pytest.fixture
def alone(tmp_path):
    """Holdfast without peers, one run."""
    return Trials(
        ours=programs.holdfast(),
        peers=(),
        place=trials.local(tmp_path),
        runs=1,
        say=lambda _: None,
        restore_to=tmp_path,
    )


@pytest.fixture
def beside_restic(alone, restic_new):
    return replace(alone, peers=[programs.Restic(restic_new)])


def peer(tmp_path, kind, script):
    """A program of that name, with a script for content."""
    path = tmp_path / kind.name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return kind(path)


def copying(tmp_path, kind):
    """A program whose repositories are copies: quick, and right."""
    script = """
        repository="$HOLDFAST_REPOSITORY$RESTIC_REPOSITORY"
        for last; do :; done
        case "$*" in
            *init) mkdir "$repository";;
            *check*) ;;
            *restore*) cp -a "$repository/." "$last";;
            *) mkdir -p "$repository$(dirname "$last")" && cp -a "$last" "$repository$(dirname "$last")";;
        esac
    """
    return peer(tmp_path, kind, script)


@pytest.fixture
def copiers(alone, tmp_path):
    """Two quick programs that are called Holdfast and restic."""
    return replace(alone, ours=copying(tmp_path, programs.Holdfast), peers=[copying(tmp_path, programs.Restic)])


# Trees


@pytest.mark.parametrize("make", [trees.big, trees.small, trees.many])
def test_a_tree_is_the_same_in_every_run(make, tmp_path):
    size = {"size": 500_000} if make is trees.big else {"count": 400}
    one, other = make(tmp_path / "one", **size), make(tmp_path / "other", **size)
    assert (one.files, one.bytes) == (other.files, other.bytes)
    contents = [
        {path.relative_to(tree.path): path.read_bytes() for path in tree.path.rglob("*") if path.is_file()}
        for tree in (one, other)
    ]
    assert contents[0] == contents[1]
    assert len(contents[0]) == one.files
    assert len(set(contents[0].values())) == one.files, "equal files would be stored only once"
    assert sum(map(len, contents[0].values())) == one.bytes


def test_small_files_are_of_the_sizes_that_they_should_have(tmp_path):
    small = trees.small(tmp_path / "small", count=300, directories=10)
    sizes = [path.stat().st_size for path in small.path.rglob("*.dat")]
    assert min(sizes) >= 200
    assert max(sizes) <= 8000
    many = trees.many(tmp_path / "many", count=2500)
    leaves = [len(list(path.iterdir())) for path in many.path.glob("*/*")]
    assert sum(leaves) == 2500
    assert all(100 <= files <= 1000 for files in leaves[:-1])


def spoil_content(tree):
    path = next(tree.glob("*/*"))
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


SPOILED = {
    "another content": spoil_content,
    "is not restored": lambda tree: next(tree.glob("*/*")).unlink(),
    "is not in the source": lambda tree: (tree / "more").touch(),
    "another type, mode": lambda tree: next(tree.glob("*/*")).chmod(0o600),
    "modification time": lambda tree: os.utime(next(tree.glob("*/*")), (1, 1)),
}


@pytest.mark.parametrize("said", SPOILED)
def test_what_was_restored_wrong_is_found(said, tmp_path):
    one, other = (trees.small(tmp_path / name, count=6, directories=2).path for name in ("one", "other"))
    for path in (*one.rglob("*"), *other.rglob("*")):
        os.utime(path, (5, 5))
    assert not trees.first_of(trees.differences(one, other))
    SPOILED[said](other)
    assert said in trees.first_of(trees.differences(one, other))


# The launcher


def test_memory_is_that_of_all_processes_together():
    holding = "import time; held = b'x' * (40 << 20); time.sleep(0.3)"
    two = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {holding!r}]); {holding}; child.wait()"
    one_used, two_used = (measured([sys.executable, "-c", code], clean_environment())[0] for code in (holding, two))
    assert 40 << 20 < one_used.peak < 75 << 20
    assert 80 << 20 < two_used.peak < 150 << 20


def test_memory_that_forked_processes_share_counts_once():
    forked = (
        "import os, time; held = b'x' * (60 << 20); child = os.fork(); time.sleep(0.3); child and os.waitpid(child, 0)"
    )
    used, _ = measured([sys.executable, "-c", forked], clean_environment())
    assert 60 << 20 < used.peak < 100 << 20


def test_a_program_that_fails_is_an_error_with_its_own_words():
    with pytest.raises(CommandFailed, match="ended with 3: no such luck"):
        measured(["/bin/sh", "-c", "echo no such luck >&2; exit 3"], clean_environment())


# Fresh file systems


@pytest.mark.parametrize("kind", fresh.Kind)
def test_a_fresh_file_system_is_empty_and_leaves_nothing(kind, tmp_path):
    if kind is fresh.Kind.EXT4 and os.geteuid() != 0:
        with pytest.raises(Exception, match="mount"), fresh.file_system(kind, tmp_path):
            pass
    else:
        with fresh.file_system(kind, tmp_path) as target:
            assert not list(target.iterdir())
            assert target.stat().st_dev != tmp_path.stat().st_dev
            (target / "file").touch()
        assert not target.exists()
    assert not list(tmp_path.iterdir())


# Rows


def test_holdfast_and_restic_back_up_and_restore_what_restic_then_checks(beside_restic, made):
    rows = {row.id: row for row in files.rows(beside_restic, made[1:])}
    assert all(0.01 < rows[f"files-small-{what}"].value < 100 for what in (*Step, "size"))
    assert 20 < rows["files-memory"].value < 500


def test_every_step_of_every_tree_is_a_row(copiers, made, tmp_path):
    rows = {row.id: row for row in files.rows(replace(copiers, runs=2), made)}
    assert set(rows) == RATIOS | {"files-memory"} | {
        f"files-{name}-kopia" for name in ("big-first", "small-first", "small-again")
    }
    for row_id in RATIOS:
        assert len(rows[row_id].values) == len(rows[row_id].peer_values) == 2
        assert rows[row_id].value > 0
        assert "kopia, rustic: peer not run" in rows[row_id].peer
        assert rows[row_id].document()["values"]
    assert rows["files-big-first-kopia"].verdict == "peer not run"
    assert rows["files-memory"].details["bigFirstPeakMB"] <= rows["files-memory"].value
    assert not list(tmp_path.glob("repositories-*")), "repositories are removed"


def test_who_goes_first_changes_from_run_to_run_and_sides_of_a_ratio_are_neighbours(copiers, made):
    said = []
    replace(copiers, runs=2, say=said.append).of(made[1], (Step.FIRST, Step.AGAIN))
    assert [line.split(": ")[1] for line in said if "run" in line] == [
        "holdfast, first",
        "restic, first",
        "holdfast, again",
        "restic, again",
        "restic, first",
        "holdfast, first",
        "restic, again",
        "holdfast, again",
    ]
    assert said[-1] == "restic check --read-data of Holdfast's repository"


def test_a_peer_that_fails_is_reported_and_left_out(copiers, made, tmp_path):
    said = []
    failing = peer(tmp_path, programs.Kopia, 'case "$1" in snapshot) echo broken pipe >&2; exit 1;; esac')
    rows = {row.id: row for row in files.rows(replace(copiers, peers=[failing], say=said.append), made[1:])}
    assert "kopia failed" in rows["files-small-first"].peer
    assert any("kopia is left out from now on" in line and "broken pipe" in line for line in said)
    assert rows["files-small-first-kopia"].verdict == "peer not run"
    assert not rows["files-small-first-kopia"].is_missed, "it has no floor"
    assert rows["files-small-first"].is_missed, "restic did not run, so nobody knows whether its floor holds"


def test_a_peer_that_restores_wrong_is_a_failure(copiers, made, tmp_path):
    wrong = peer(tmp_path, programs.Rustic, "exit 0")
    wrong.restored = lambda _, target: target
    measure = replace(copiers, peers=[wrong]).of(made[1], tuple(Step))
    assert "restored small wrong" in measure["rustic"].failure
    assert len(measure["rustic"].used[Step.FIRST]) == 1
    assert not measure["rustic"].used[Step.RESTORE]


def test_a_failure_of_our_own_ends_the_bench(alone, made, tmp_path):
    with pytest.raises(CommandFailed):
        replace(alone, ours=peer(tmp_path, programs.Holdfast, "exit 1")).of(made[1], (Step.FIRST,))
    with pytest.raises(RestoredWrong, match="holdfast restored small wrong"):
        replace(alone, ours=peer(tmp_path, programs.Holdfast, "exit 0")).of(made[1], tuple(Step))


def test_a_repository_that_restic_finds_damaged_ends_the_bench(copiers, made, tmp_path):
    damaging = peer(tmp_path, programs.Restic, 'case "$*" in *check*) echo damaged >&2; exit 1;; esac')
    with pytest.raises(CommandFailed, match="damaged"):
        replace(copiers, peers=[damaging]).of(made[1], (Step.FIRST,))


def test_backups_to_s3_are_measured_beside_restic(beside_restic, made, s3_server, tmp_path):
    class Server:
        """The tests' own server, with buckets of another name."""

        environment = s3_server.environment
        stop = staticmethod(lambda: None)
        create_bucket = staticmethod(lambda name: s3_server.create_bucket(f"bench-{name}"))
        repository = staticmethod(lambda name: s3_server.repository(f"bench-{name}"))

    on_s3 = replace(beside_restic, place=trials.on_s3(Server, tmp_path))
    first, memory = s3_rows.rows(on_s3, made[1:], "versitygw")
    assert first.verdict == memory.verdict == "recorded"
    assert first.value > 0
    assert len(memory.peer_values) == 1


def test_time_per_file_is_measured_over_the_number_of_files(copiers, tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "COUNTS", (100, 300, 1000))
    monkeypatch.setattr(scale, "_LONG", 200)
    rows = {row.id: row for row in scale.rows(copiers, tmp_path, largest=300, full=False)}
    assert set(rows) == {f"scale-{step}-100" for step in Step} | {"scale-first-300", "scale-again-300"}
    assert rows["scale-first-100"].details["files"] == 100
    assert rows["scale-first-100"].peer_values
    assert not rows["scale-first-300"].peer_values, "restic runs on many files only when asked for"
    assert not Path(tmp_path, "many").exists()


def test_a_mover_is_measured_beside_the_direct_way(alone, made):
    *speeds, memory = movers.rows(alone, made)
    assert [row.id for row in speeds] == [f"movers-{tree}-{step}" for tree in ("big", "small") for step in Step]
    assert [row.floor for row in speeds] == [0.8, None, None] * 2
    assert all(row.value > 0 and "directly" in row.peer for row in speeds)
    assert (memory.id, memory.floor) == ("movers-memory", 250)
    assert 30 < memory.value < 250
