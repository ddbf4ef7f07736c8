"""`python -m demo.retention_picture`: draws docs/pictures/retention.svg, a year of backups and which of them the rules keep.

Each day is a square, coloured by the finest rule that keeps a backup of it. The rules are the program's own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from html import escape
from pathlib import Path

from holdfast.ids import SnapshotId
from holdfast.model.retention import Candidate, Decision, RetentionPolicy, decide

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "retention.svg"
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
POLICY = RetentionPolicy(keep_hourly=24, keep_daily=7, keep_weekly=4, keep_monthly=12)
COMMAND = "--keep-hourly 24 --keep-daily 7 --keep-weekly 4 --keep-monthly 12"
RULES = ("hourly", "daily", "weekly", "monthly")
_DAYS = 371  # 53 whole weeks

_CELL, _GAP = 14, 3
_STEP = _CELL + _GAP
_LEFT, _TOP = 44, 62
_WIDTH = _LEFT + 54 * _STEP + 10
_HEIGHT = _TOP + 7 * _STEP + 46

_STYLE = """\
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #59636e }
.title { font-size: 14px; font-weight: 600; fill: #1f2328 }
.removed { fill: #eff2f5 } .hourly { fill: #0969da } .daily { fill: #1a7f37 } .weekly { fill: #bf8700 } .monthly { fill: #bc4c00 }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1 } .title { fill: #f0f6fc } .removed { fill: #262c36 }
  .hourly { fill: #4493f8 } .daily { fill: #3fb950 } .weekly { fill: #d29922 } .monthly { fill: #f0883e }
}"""


def main(picture: Path = PICTURE) -> None:
    picture.write_text(draw(), encoding="utf-8")


def backups() -> list[Candidate]:
    """One each hour of the last two days, and before that one each night."""
    hours = [NOW - dt.timedelta(hours=number) for number in range(48)]
    night = NOW.replace(hour=2)
    nights = [night - dt.timedelta(days=number) for number in range(2, _DAYS)]
    return [Candidate(id=SnapshotId.of(str(time).encode()), time=time) for time in (*hours, *nights)]


def rule_of(decision: Decision) -> str:
    """The finest rule that keeps a backup; "" for one that is removed."""
    return next((rule for rule in RULES for why in decision.why if why.startswith(rule)), "")


def draw() -> str:
    """The SVG."""
    decisions = decide(backups(), POLICY, now=NOW, zone=dt.UTC)
    by_day: dict[dt.date, str] = {}
    for decision in decisions:
        day, rule = decision.candidate.time.date(), rule_of(decision)
        by_day[day] = min(filter(None, (by_day.get(day, ""), rule)), key=RULES.index, default="")
    kept = sum(decision.keep for decision in decisions)
    title = f"{len(decisions)} backups of a year, {kept} kept"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img">',
            f"<title>{escape(title)} by {escape(COMMAND)}</title>",
            f"<style>\n{_STYLE}\n</style>",
            _text(_LEFT, 20, title, "title"),
            _text(_LEFT, 38, COMMAND),
            *_calendar(by_day),
            *_legend(decisions),
            "</svg>\n",
        ]
    )


def _calendar(by_day: dict[dt.date, str]) -> Iterator[str]:
    """Columns are weeks, rows are days from Monday to Sunday."""
    first = min(by_day)
    monday = first - dt.timedelta(days=first.weekday())
    for row, name in ((0, "Mon"), (3, "Thu"), (6, "Sun")):
        yield _text(_LEFT - 8, _TOP + row * _STEP + 11, name, anchor="end")
    for day, rule in sorted(by_day.items()):
        week = (day - monday).days // 7
        x, y = _LEFT + week * _STEP, _TOP + day.weekday() * _STEP
        if day.day == 1:
            yield _text(x, _TOP - 7, f"{day:%b}")
        shown = f"{day:%a %Y-%m-%d}: {rule or 'removed'}"
        yield _square(x, y, rule or "removed", shown)


def _legend(decisions: list[Decision]) -> Iterator[str]:
    y, x = _TOP + 7 * _STEP + 18, _LEFT
    for rule in (*RULES, ""):
        count = sum(rule_of(decision) == rule for decision in decisions)
        yield _square(x, y, rule or "removed")
        yield _text(x + _CELL + 6, y + 11, f"{rule or 'removed'}: {count}")
        x += 130


def _square(x: int, y: int, css: str, shown: str = "") -> str:
    inside = f"<title>{shown}</title>" if shown else ""
    return f'<rect class="{css}" x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" rx="2">{inside}</rect>'


def _text(x: int, y: int, text: str, css: str = "", *, anchor: str = "start") -> str:
    chosen = f' class="{css}"' if css else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{chosen}>{escape(text)}</text>'


if __name__ == "__main__":
    main()
