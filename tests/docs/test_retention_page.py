"""docs/retention.md: the table that it shows is what the rules say, and its times are those of the code."""

import datetime as dt
import re
import shlex
from pathlib import Path

from holdfast.ids import SnapshotId
from holdfast.model.retention import KEPT_FOR, Candidate, RetentionPolicy, decide

PAGE = (Path(__file__).parents[2] / "docs" / "retention.md").read_text()
ROW = re.compile(r"^\w{3} (\S+ \S+)  (\S+) +(\w{8})  (done|partial) +(keep|remove) +(.+)$", re.MULTILINE)
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def candidate(time, name, short, outcome, why):
    until = re.search(r"kept until (.+)", why)
    return Candidate(
        id=SnapshotId.of(short.encode()),
        time=dt.datetime.fromisoformat(f"{time}Z"),
        good=outcome == "done",
        tags=frozenset(["release=yes"] if name.startswith("release") else []),
        keep_until=dt.datetime.fromisoformat(f"{until[1]}Z") if until else None,
    )


def test_the_table_is_what_the_rules_say():
    words = shlex.split(re.search(r"^\$ holdfast backup forget (.+) --dry-run$", PAGE, re.MULTILINE)[1])
    flags = dict(zip(words[::2], words[1::2], strict=True))
    policy = RetentionPolicy(
        keep_daily=int(flags.pop("--keep-daily")),
        keep_weekly=int(flags.pop("--keep-weekly")),
        keep_tags=frozenset([flags.pop("--keep-tag")]),
    )
    assert not flags
    rows = ROW.findall(PAGE)
    decisions = decide([candidate(*row[:4], row[5]) for row in rows], policy, now=NOW, zone=dt.UTC)
    assert [("keep" if one.keep else "remove", "; ".join(one.why)) for one in decisions] == [row[4:] for row in rows]
    assert len(rows) > 10


def test_weekdays_are_those_of_the_calendar():
    for weekday, date in re.findall(r"^(\w{3}) (\d{4}-\d\d-\d\d) ", PAGE, re.MULTILINE):
        assert f"{dt.date.fromisoformat(date):%a}" == weekday


def test_times_of_byproducts_are_those_of_the_code():
    table = PAGE.partition("## Reports, parts and safety points")[2].partition("\n## ")[0]
    assert re.findall(r"\| (\d+) days \|", table) == [str(span.days) for span in KEPT_FOR.values()]
