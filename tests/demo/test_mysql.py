"""What the demonstration of MariaDB counts as proved. Its pods are at work in tests/movers."""

import io

import pytest
from demo.mysql.bookings import Found
from demo.mysql.proof import Proof
from demo.scenario import NotTheSame
from rich.console import Console

WHOLE = Found(rows=120, first=1, last=120, right=120)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Found(rows=119, first=1, last=120, right=119), "missing or wrong"),
        (Found(rows=119, first=2, last=120, right=119), "missing or wrong"),
        (Found(rows=120, first=1, last=120, right=119), "missing or wrong"),
        (Found(rows=0, first=0, last=0, right=0), "missing or wrong"),
        (Found(rows=99, first=1, last=99, right=99), "booking 100 was acknowledged, and 99 is the last one"),
    ],
    ids=["gap", "no first", "wrong row", "nothing", "one that was acknowledged is missing"],
)
def test_what_is_not_whole_proves_nothing(found, why):
    with pytest.raises(NotTheSame, match=why):
        Proof().add("a namespace", 100, found)


def test_what_was_proved_is_shown_with_its_figures():
    proof, shown = Proof(), io.StringIO()
    proof.add("a namespace, live", 100, WHOLE)
    proof.state("CHECKSUM TABLE", "4711")
    proof.show(Console(file=shown, width=100))
    lines = [line.split() for line in shown.getvalue().splitlines() if line]
    assert lines[1:] == [["a", "namespace,", "live", "100", "120", "0"], ["CHECKSUM", "TABLE", "4711"]]
