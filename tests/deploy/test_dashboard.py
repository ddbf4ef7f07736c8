"""The dashboard, judged by Grafana's schema and by Prometheus."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from tests.deploy.monitoring_files import DASHBOARD, dashboard, exported, metrics_in, panels, queries, read_strictly

UNITS = {"none", "s", "bytes", "ops"}


def test_grafanas_schema_takes_it(dashboard_check):
    assert read_strictly(dashboard_check, DASHBOARD) == (0, "")


@pytest.mark.parametrize(
    ("panel", "change", "complaint"),
    [
        (1, {"gridPos": {"h": 4, "x": 0, "y": 1}}, "gridPos.w: required field is missing"),
        (1, {"colour": "red"}, "unexpected field 'colour'"),
        (1, {"options": {"graphMode": "none"}}, "required field is missing"),
        (1, {"targets": [{"datasource": {"type": "prometheus"}, "expr": 1, "refId": "A"}]}, "cannot unmarshal"),
    ],
)
def test_grafanas_schema_complains_about_mistakes(dashboard_check, tmp_path, panel, change, complaint):
    broken = dashboard()
    broken["panels"][panel] |= change
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken))
    code, said = read_strictly(dashboard_check, path)
    assert code == 1
    assert complaint in said


def test_prometheus_understands_every_query(promtool, tmp_path):
    rules = [{"record": f"query_{number}", "expr": expression} for number, (_, expression) in enumerate(queries())]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


@pytest.mark.parametrize(("title", "expression"), queries())
def test_every_query_asks_for_what_there_is(title, expression):
    assert metrics_in(expression), title
    assert metrics_in(expression) <= exported()


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_in_which_unit_and_from_the_chosen_source(panel):
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    for target in panel["targets"]:
        if "holdfast_plan" in target["expr"] or "holdfast_location" in target["expr"]:
            assert 'namespace=~"$namespace"' in target["expr"]
        if "rate(" in target["expr"] or "increase(" in target["expr"]:
            assert "[$__rate_interval]" in target["expr"]


def test_titles_and_ids_are_given_once_and_panels_do_not_overlap():
    every = dashboard()["panels"]
    assert len({panel["title"] for panel in every}) == len(every)
    assert len({panel["id"] for panel in every}) == len(every)
    taken = set()
    for panel in every:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_variables_choose_the_source_namespaces_and_plans():
    variables = {one["name"]: one for one in dashboard()["templating"]["list"]}
    assert list(variables) == ["datasource", "namespace", "plan"]
    assert variables["datasource"]["query"] == "prometheus"
    for name in ("namespace", "plan"):
        assert variables[name]["includeAll"]
        assert metrics_in(variables[name]["query"]) <= exported()
