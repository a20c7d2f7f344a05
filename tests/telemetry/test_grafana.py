"""The dashboard asks for what there is: every name, every label, in words that Prometheus reads."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from palingenesis.telemetry.catalogue import metrics
from palingenesis.telemetry.metric import Kind
from tests.telemetry.promtool import promtool

DASHBOARD = Path(__file__).parents[2] / "examples" / "grafana" / "palingenesis.json"
EVERYWHERE = {"host", "user"}
_NAME = re.compile(r"\b((?:palingenesis|process)_[a-z_]+)")
_SELECTED = re.compile(r"\b(?:palingenesis|process)_[a-z_]+\{([^}]*)\}")
_GROUPED = re.compile(r"\bby \(([^)]*)\)")


def dashboard() -> dict[str, Any]:
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str, str]]:
    """Each query, with its panel and what its lines are called."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]


def exposed() -> dict[str, set[str]]:
    """Every name that can be asked for, with its labels."""
    found = {}
    for metric in metrics():
        labels = EVERYWHERE | set(metric.labels)
        if metric.kind is Kind.HISTOGRAM:
            found[f"{metric.name}_bucket"] = labels | {"le"}
            found[f"{metric.name}_sum"] = found[f"{metric.name}_count"] = labels
        else:
            found[metric.name] = labels
    return found


@pytest.mark.parametrize(("title", "query", "legend"), list(queries()))
def test_a_query_asks_for_names_and_labels_that_are_told(title: str, query: str, legend: str):
    known = exposed()
    names = set(_NAME.findall(query))

    assert names
    assert names <= known.keys()
    labels = set.union(*(known[name] for name in names))
    selected = {
        word.partition("=")[0].strip().rstrip("!")
        for held in _SELECTED.findall(query)
        for word in held.split(",")
    }
    grouped = {word.strip() for held in _GROUPED.findall(query) for word in held.split(",")}
    assert selected >= EVERYWHERE
    assert selected <= labels
    assert grouped <= labels
    assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= (grouped or labels)


def test_a_counter_is_asked_for_its_increase_and_a_gauge_is_not():
    kinds = {metric.name: metric.kind for metric in metrics()}

    for title, query, _ in queries():
        for name in _NAME.findall(query):
            if kinds.get(name) is Kind.GAUGE:
                assert f"increase({name}" not in query, title
                assert f"rate({name}" not in query, title


@pytest.mark.parametrize(
    "wanted",
    [
        "palingenesis_stops_total",
        "palingenesis_saves_total",
        "palingenesis_saved_seconds_total",
        "palingenesis_wait_seconds_bucket",
        "palingenesis_restarts_total",
        "palingenesis_rail_refusals_total",
        "palingenesis_decision_latency_seconds_bucket",
        "palingenesis_policy_reloads_total",
    ],
)
def test_what_a_team_wants_to_see_is_there(wanted: str):
    assert any(wanted in query for _, query, _ in queries())


def test_every_panel_has_its_place_and_its_number():
    found = dashboard()["panels"]

    assert len({panel["id"] for panel in found}) == len(found)
    taken: set[tuple[int, int]] = set()
    for panel in found:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


def test_nothing_in_it_names_a_machine_or_a_data_source():
    text = DASHBOARD.read_text(encoding="utf-8")

    assert set(re.findall(r'"uid": "([^"]*)"', text)) == {"palingenesis", "${datasource}"}
    assert not re.search(r"https?://", text)


def test_prometheus_reads_every_query(tmp_path: Path):
    program = promtool()
    rules = [
        {"record": f"asked:n{number}", "expr": plain(query)}
        for number, (_, query, _) in enumerate(queries())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))

    done = subprocess.run(
        [program, "check", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_of_the_page_ask_for_what_there_is(tmp_path: Path):
    page = (DASHBOARD.parents[2] / "docs" / "how-to" / "see-it-in-grafana.md").read_text()
    (rules,) = [
        text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "alert" in text
    ]
    names = set(_NAME.findall("\n".join(re.findall(r"expr: (.*)", rules))))

    assert len(names) > 3
    assert names <= exposed().keys()
    file = tmp_path / "alerts.yml"
    file.write_text(rules)
    done = subprocess.run(
        [promtool(), "check", "rules", str(file)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout


def plain(query: str) -> str:
    """The query as Grafana sends it."""
    values = {"__range": "1d", "__rate_interval": "5m", "host": ".*", "user": ".*"}
    for name, value in values.items():
        query = query.replace(f"${name}", value)
    return query
