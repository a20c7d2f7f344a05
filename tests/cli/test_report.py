"""The morning report: a night that was lived, told as text, as JSON and as a page."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from palingenesis.journal import Retention, SqliteJournal, plan_sweep
from palingenesis.surfaces.cli.report_reading import night_before, week_before
from tests.cli.test_commands import Say, say  # noqa: F401 - a fixture
from tests.lived import live, scenario

NIGHT = """\
version: 1
world:
  seed: a-night
  at: {at}
  until: 8h
  sessions:
    - {{id: parser, turns: 40, turn: {{takes: 5m..8m, tokens: 1k..2k}}}}
    - {{id: docs, turns: 30, turn: {{takes: 5m..8m, tokens: 1k..2k}}}}
  failures:
    - {{what: server_error, per-hour: 0.5, lasts: 5s..40s}}
    - {{what: crash, per-hour: 0.3}}
    - {{what: question, per-hour: 1, text: "<script>alert(1)</script> & which?"}}
"""
VOID = frozenset({"meta", "br"})


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory that a night which has just ended left behind."""
    folder = tmp_path_factory.mktemp("night")
    begun = datetime.now(UTC) - timedelta(hours=8, minutes=1)
    live(folder / "journal.db", scenario(NIGHT.format(at=f"{begun:%Y-%m-%dT%H:%M:%SZ}")))
    return folder


class Page(HTMLParser):
    """Reads a page and notes what is not closed, what runs, and what is fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [name for name, _ in attrs if name in {"src", "href"} or name[:2] == "on"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_report_begins_with_what_waits_and_says_what_it_was_worth(say: Say, night: Path):  # noqa: F811
    said = say("report", "--since", "9h", PALINGENESIS_STATE_DIR=str(night))

    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith("What happened · ")
    assert "! the daemon is not running: nobody watches now · palingenesis daemon start" in lines
    titles = [line for line in lines if line and not line.startswith((" ", "!"))]
    assert titles[1] in {"Waits for you", "Nothing waits for you."}
    assert titles[2:5] == ["Worth", "Saved", "Handed over to you"] or titles[2:4] == [
        "Worth",
        "Saved",
    ]
    assert re.search(
        r"^ +\d+  saves · of \d+ stops, finished turns among them$", said.out, re.MULTILINE
    )
    assert re.search(
        r"^  \d\d:\d\d  parser: \w+, works again after .* · rule \S+ #\d+$", said.out, re.MULTILINE
    )


def test_the_figures_as_json_are_those_of_the_list(say: Say, night: Path):  # noqa: F811
    document = json.loads(
        say("report", "--since", "9h", "--json", PALINGENESIS_STATE_DIR=str(night)).out
    )

    assert document["schema_version"] == 1
    assert set(document["labels"]) == {"host", "user"}
    assert document["figures"]["saves"] == len(document["saves"]) > 0
    assert document["figures"] == {**document["total"], "since": document["figures"]["since"]} | {
        key: document["figures"][key] for key in ("policies", "days_without")
    }
    assert sum(day["saves"] for day in document["days"]) == document["figures"]["saves"]
    assert sum(rule["times"] for rule in document["rules"]) >= document["figures"]["saves"]
    assert "save" in document["definitions"]


def test_the_lanes_of_a_session_follow_one_another_without_a_gap(say: Say, night: Path):  # noqa: F811
    document = json.loads(
        say("report", "--since", "9h", "--json", PALINGENESIS_STATE_DIR=str(night)).out
    )

    assert {lane["title"] for lane in document["sessions"]} == {"parser", "docs"}
    for lane in document["sessions"]:
        spans = lane["spans"]
        assert all(one["end"] == two["start"] for one, two in pairwise(spans))
        assert all(one["status"] != two["status"] for one, two in pairwise(spans))
        assert spans[-1]["end"] == document["until"]


def test_a_figure_of_a_part_is_no_more_than_of_the_whole(say: Say, night: Path):  # noqa: F811
    def saves(since: str) -> int:
        told = say("report", "--since", since, "--json", PALINGENESIS_STATE_DIR=str(night)).out
        return int(json.loads(told)["figures"]["saves"])

    counts = [saves(since) for since in ("9h", "6h", "3h", "1m")]

    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2]


def test_the_page_needs_nothing_runs_nothing_and_escapes_what_others_wrote(
    say: Say,  # noqa: F811
    night: Path,
    tmp_path: Path,
):
    target = tmp_path / "night.html"

    said = say("report", "--since", "9h", "--html", str(target), PALINGENESIS_STATE_DIR=str(night))

    assert (said.code, said.out) == (0, "")
    assert target.stat().st_mode & 0o777 == 0o600
    page = Page(target.read_text(encoding="utf-8"))
    assert (page.open, page.wrong, page.links) == ([], [], [])
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert any("<script>alert(1)</script> & which?" in word for word in page.words)


def test_every_plot_has_a_title_and_a_description(say: Say, night: Path):  # noqa: F811
    said = say("report", "--since", "9h", "--html", "-", PALINGENESIS_STATE_DIR=str(night))

    plots = re.findall(r'<svg class="plot".*?</svg>', said.out, re.DOTALL)
    assert len(plots) >= 2
    for plot in plots:
        assert 'role="img" aria-labelledby=' in plot
        assert re.search(r"<title id=[^>]+>[^<]+</title><desc id=[^>]+>[^<]+</desc>", plot)
    assert "parser ends " in plots[0]
    assert said.out.count("<caption>") >= 4


def test_without_a_journal_there_is_nothing_to_report(say: Say):  # noqa: F811
    said = say("report")

    assert said.code == 3
    assert said.err.startswith("error: there is no journal yet")


def test_mistakes_on_the_command_line_are_named(say: Say, night: Path):  # noqa: F811
    home = {"PALINGENESIS_STATE_DIR": str(night)}

    assert say("report", "--week", "--night", **home).code == 2
    assert say("report", "--json", "--html", "x", **home).code == 2
    assert "this is in the future" in say("report", "--since", "2999-01-01T00:00", **home).err
    refused = say("report", "--html", "/nowhere/at/all.html", **home)
    assert refused.code == 1
    assert "cannot write /nowhere/at/all.html: no such file or directory" in refused.err


def test_the_definitions_are_printed_without_a_journal(say: Say):  # noqa: F811
    said = say("report", "--definitions")

    assert said.code == 0
    assert "save\n  A stop that became verified work again without a person.\n" in said.out


def test_a_night_begins_at_six_in_the_evening_and_a_week_at_midnight():
    def here(text: str) -> datetime:
        return datetime.fromisoformat(text).astimezone()

    assert night_before(here("2026-11-27T07:41")) == here("2026-11-26T18:00")
    assert night_before(here("2026-11-27T20:00")) == here("2026-11-26T18:00")
    assert night_before(here("2026-11-28T00:30")) == here("2026-11-27T18:00")
    assert week_before(here("2026-11-27T07:41")) == here("2026-11-20T00:00")


def test_what_the_journal_removed_is_said_and_stays_counted_in_all(say: Say, tmp_path: Path):  # noqa: F811
    begun = datetime.now(UTC) - timedelta(hours=8, minutes=1)
    path = tmp_path / "s" / "journal.db"
    path.parent.mkdir(mode=0o700)
    live(path, scenario(NIGHT.format(at=f"{begun:%Y-%m-%dT%H:%M:%SZ}")), snapshot_every=15)
    ask = ("report", "--since", "9h")
    before = json.loads(say(*ask, "--json").out)

    with SqliteJournal.open(path) as journal:
        now = datetime.now(UTC) + timedelta(days=400)
        sweep = plan_sweep(path, Retention(keep=timedelta(days=1)), alive=(), at=now)
        while sweep is not None:
            sweep = journal.remove_some(sweep, now)
    after = json.loads(say(*ask, "--json").out)

    assert after["complete_since"] is not None
    assert after["figures"]["saves"] < before["figures"]["saves"]
    for key in ("saves", "saved_s", "stops", "interventions", "sessions"):
        assert after["total"][key] == before["total"][key]
    assert "! older entries were removed: what is before " in say(*ask).out
