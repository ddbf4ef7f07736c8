"""The calendar in docs/retention.md."""

from collections import Counter
from xml.etree import ElementTree as ET

from demo import retention_picture

SVG = "{http://www.w3.org/2000/svg}"


def squares(svg):
    """{day: rule}"""
    found = ET.fromstring(svg).iter(f"{SVG}rect")
    return dict(title.text.split(": ") for one in found if (title := one.find(f"{SVG}title")) is not None)


def test_the_picture_in_the_docs_is_what_the_script_draws(tmp_path):
    retention_picture.main(tmp_path / "retention.svg")
    drawn = (tmp_path / "retention.svg").read_text()
    assert drawn == retention_picture.PICTURE.read_text(), "run `python -m demo.retention_picture`"


def test_every_day_of_the_year_is_a_square_of_the_rule_that_keeps_it():
    days = squares(retention_picture.draw())
    assert len(days) == 371
    # 24 hours reach into the day before. Of 7 days, 4 weeks and 12 months 2, 2 and 1 are of days that a finer rule keeps.
    assert Counter(days.values()) - Counter(removed=400) == Counter(hourly=2, daily=5, weekly=2, monthly=11)
    assert (days["Mon 2026-11-23"], days["Sat 2026-10-31"], days["Fri 2026-10-30"]) == ("hourly", "monthly", "removed")


def test_the_picture_fits_both_modes_and_fetches_nothing():
    svg = retention_picture.draw()
    assert "prefers-color-scheme: dark" in svg
    assert svg.count("http") == 1
