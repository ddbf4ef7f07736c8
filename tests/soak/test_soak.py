"""That the soak runs, and that it finds what is lost."""

import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from soak import __main__ as program
from soak import life
from tests.sample_repository import reopen

from holdfast.ids import BlobId
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType

CHECKOUT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("restic_old", "restic_new")


def started(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "soak", *arguments],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("s3_server")
@pytest.mark.parametrize("arguments", [("--seed", "7", "--no-s3"), ("--seed", "2")], ids=["directory", "s3"])
def test_a_short_run_loses_nothing(arguments, say):
    child = started("--rounds", "3", *arguments)
    output, errors = child.communicate(timeout=300)
    assert child.returncode == 0, output + errors
    assert output.startswith(f"seed {arguments[1]}\n")
    counts = output.strip().splitlines()[-1]
    assert "1 repositories, 3 rounds" in counts
    assert counts.endswith("0 lost blobs")
    say(f"soak, {' '.join(arguments)}: {counts}")


def test_a_lost_pack_is_found(monkeypatch, capsys, tmp_path):
    looks = []

    def sabotaged(place, *arguments):
        looks.append(place)
        if len(looks) == 2:
            repository = reopen(place.store)
            [(_, snapshot), *_] = repository.snapshots()
            place.store.delete(file_name(repository.index.find(BlobType.TREE, BlobId.parse(snapshot.tree)).pack))
        return true(place, *arguments)

    true = life.judge
    monkeypatch.setattr(life, "judge", sabotaged)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert program.main(["--seed", "7", "--no-s3", "--minutes", "5"]) == 1

    output, errors = capsys.readouterr()
    assert re.search(r"[1-9]\d* lost blobs", output)
    assert "check finds damage" in errors
    assert "round 2 of repository 1 of seed 7" in errors
    assert '--seed 7 --first 1"' in errors
    [kept] = re.findall(r"is kept in (\S+)", errors)
    assert (Path(kept) / "repository" / "config").exists()
    assert "backup files" in (Path(kept) / "errands.log").read_text()


def test_an_interrupt_ends_it_with_the_counts():
    child = started("--no-s3", "--seed", "1")
    assert child.stdout.readline() == "seed 1\n"
    child.send_signal(signal.SIGINT)
    output, errors = child.communicate(timeout=120)
    assert (child.returncode, errors) == (0, "")
    assert output.strip().endswith("0 lost blobs")
