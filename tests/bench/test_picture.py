"""Pictures of results."""

import json
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from bench import picture
from bench.chart import Line, Panel, draw

SVG = "{http://www.w3.org/2000/svg}"


def row(row_id, value, peer_values=(), **details):
    return {"id": row_id, "value": value, "peerValues": list(peer_values), "details": details}


ROWS = [
    row("scale-first-10000", 120, [150], files=10_000, peakMB=70, resticPeakMB=90),
    row("scale-first-1000000", 50, files=1_000_000, peakMB=150),
    row("scale-again-10000", 40, [80], files=10_000, peakMB=60, resticPeakMB=95),
    row("index-open-empty-1000000", 3, blobs=1_000_000),
    row("index-open-warm-1000000", 0.4, blobs=1_000_000),
    row("index-backup-empty-1000000", 180, [260], blobs=1_000_000, peakMB=180, resticPeakMB=260),
    row("index-backup-warm-1000000", 150, blobs=1_000_000, peakMB=150),
]


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]


def circles(svg, colour):
    found = ET.fromstring(svg).iter(f"{SVG}circle")
    return [(float(one.get("cx")), float(one.get("cy"))) for one in found if one.get("class") == f"fill{colour}"]


def test_a_line_goes_right_with_the_logarithm_and_up_with_the_value():
    svg = draw("it", [Panel("it", "MB", "files", [Line("one", [(10, 5), (100, 10), (1000, 30)], 0)])], columns=1)
    (x1, y1), (x2, y2), (x3, y3) = circles(svg, 0)
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y1 - y2 == pytest.approx((y2 - y3) / 4, abs=0.2)
    assert {"0", "10", "20", "30", "100", "1,000", "MB", "files", "one 30"} <= set(texts(svg))


def test_names_of_lines_that_end_together_do_not_cover_each_other():
    lines = [Line(name, [(10, 50), (100, 50 + place)], place) for place, name in enumerate(("a", "b", "c"))]
    svg = draw("it", [Panel("it", "MB", "files", lines)], columns=1)
    named = [element for element in ET.fromstring(svg).iter(f"{SVG}text") if "name" in element.get("class", "")]
    assert [element.text for element in named] == ["c 52", "b 51", "a 50"]
    heights = [float(element.get("y")) for element in named]
    assert all(lower - upper >= 15 for upper, lower in pairwise(heights))


def test_results_become_pictures_that_fit_both_modes(tmp_path):
    results = [tmp_path / "scale.json", tmp_path / "index.json"]
    for path, rows in zip(results, (ROWS[:3], ROWS[3:]), strict=True):
        path.write_text(json.dumps({"rows": rows}))
    picture.main([str(path) for path in results], tmp_path)
    scale, index = ((tmp_path / f"{name}.svg").read_text() for name in ("scale", "index"))
    for svg in (scale, index):
        assert "prefers-color-scheme: dark" in svg
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", svg), "nothing is fetched"
        width, height = map(float, ET.fromstring(svg).get("viewBox").split()[2:])
        assert (width, height) in {(900, 540), (900, 270)}
    assert {"Holdfast 50", "restic 150", "10,000", "1 million"} <= set(texts(scale))
    assert {"Holdfast 180", "with its cache 150", "restic 260"} <= set(texts(index))


def test_memory_is_the_largest_of_all_steps():
    svg = picture.scale(ROWS)
    assert "restic 95" in texts(svg)
    assert "Holdfast 150" in texts(svg)


def test_of_a_row_that_was_measured_twice_the_last_one_counts(tmp_path):
    for name, value in (("old", 70), ("new", 60)):
        (tmp_path / name).write_text(json.dumps({"rows": [row("scale-first-1000", value, files=1000, peakMB=1)]}))
    picture.main([str(tmp_path / "old"), str(tmp_path / "new")], tmp_path)
    named = texts((tmp_path / "scale.svg").read_text())
    assert "Holdfast 60" in named
    assert "Holdfast 70" not in named


def test_nothing_is_drawn_of_what_was_not_measured(tmp_path):
    result = tmp_path / "result.json"
    result.write_text(json.dumps({"rows": [row("help", 0.1)]}))
    picture.main([str(result)], tmp_path)
    assert list(tmp_path.iterdir()) == [result]


def test_a_line_that_ends_before_the_others_is_named_above_its_end():
    lines = [Line("long", [(10, 5), (1000, 5)], 0), Line("short", [(10, 50), (100, 40)], 1)]
    svg = draw("it", [Panel("it", "MB", "files", lines)], columns=1)
    [short] = (one for one in ET.fromstring(svg).iter(f"{SVG}text") if one.text == "short 40")
    _, (end, height) = circles(svg, 1)
    assert end < float(short.get("x")) < end + 20
    assert float(short.get("y")) < height
