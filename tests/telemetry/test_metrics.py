"""The metrics: what they are in a world, how they are written, and that none ever falls."""

import os
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core import commands
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.step import step
from palingenesis.core.tally import BOUNDS_S, OTHER, RULES_MAX
from palingenesis.core.values import StopReason
from palingenesis.core.world import World
from palingenesis.journal import Retention, SqliteJournal, plan_sweep
from palingenesis.runtime.recovery import recover
from palingenesis.telemetry.catalogue import families, metrics
from palingenesis.telemetry.exposition import as_json, as_prometheus
from palingenesis.telemetry.live import Latency, Live
from palingenesis.telemetry.metric import Distribution, Family, Kind, Metric, Sample
from tests.core.life import (
    Life,
    alive,
    died,
    ended,
    passed,
    person_prompts,
    stopped,
    told_to,
)
from tests.core.policies import NIGHT, policy, rule
from tests.journal import released
from tests.telemetry.exposed import Told, lint, parse

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
WHOSE = {"host": "vm", "user": "ada"}


def live(**changes) -> Live:
    latency = Latency()
    latency.took(timedelta(milliseconds=3))
    known = {
        "version": "1.2.3",
        "latency": latency.distribution,
        "journal_bytes": 4096,
        "journal_is_written": True,
        "waiting": 0,
        "exported": {("traces", "sent"): 7},
    }
    return Live(**{**known, **changes})


def text_of(world: World, now: Life, told: Live | None = None) -> str:
    return as_prometheus(families(world, seq=9, at=now.now, live=told), WHOSE)


def told_of(life: Life, told: Live | None = None) -> dict[str, Told]:
    return parse(text_of(life.world, life, told))


def a_night() -> Life:
    """Two stops that were answered, one of them by a restart; then a person speaks."""
    life = Life(NIGHT)
    for act in (
        stopped("rate_limit", retry_after=90),
        passed(90),
        ended("resume"),
        alive,
        died(),
        passed(2),
        ended("restart"),
        passed(1),
        person_prompts,
        told_to(commands.Hold()),
    ):
        life >> act
    return life


# ── what they are ─────────────────────────────────────────────────────────────────────────────


def test_a_stop_that_is_waited_for_and_saved_is_counted():
    life = Life(NIGHT)

    life >> stopped("rate_limit", retry_after=90) >> passed(90) >> ended("resume") >> alive

    told = told_of(life)
    assert told["palingenesis_stops_total"].value(reason="rate_limit") == 1
    assert told["palingenesis_saves_total"].value(reason="rate_limit") == 1
    assert told["palingenesis_effects_total"].value(effect="resume", result="ok") == 1
    assert told["palingenesis_rule_decisions_total"].value(rule="rate") == 1
    assert told["palingenesis_decisions_total"].value(kind="verified") == 1
    assert told["palingenesis_wait_seconds"].value("_sum") == 90
    assert told["palingenesis_wait_seconds"].value("_bucket", le="60") == 0
    assert told["palingenesis_wait_seconds"].value("_bucket", le="120") == 1
    assert told["palingenesis_recovery_seconds"].value("_sum") == 90
    assert told["palingenesis_recovery_seconds"].value("_count") == 1


def test_a_wait_before_a_restart_is_counted_once_for_all_sessions_of_the_server():
    life = Life(NIGHT)

    life >> died() >> passed(2)

    assert life.names()[-1] == "restart"
    assert told_of(life)["palingenesis_wait_seconds"].value("_count") == 1
    assert told_of(life)["palingenesis_agent_downs_total"].value(cause="exited") == 1


def test_what_people_ask_for_is_counted():
    life = Life(NIGHT)

    life >> told_to(commands.Hold()) >> told_to(commands.Release()) >> told_to(commands.Hold())

    told = told_of(life)["palingenesis_commands_total"]
    assert told.value(command="hold") == 2
    assert told.value(command="release") == 1


def test_every_reason_is_told_before_it_happens_so_that_its_first_time_is_an_increase():
    told = told_of(Life(NIGHT))

    for reason in StopReason:
        assert told["palingenesis_stops_total"].value(reason=reason) == 0


def test_what_is_now_is_told_of_a_daemon_that_runs_and_of_no_other():
    life = Life(NIGHT)
    life >> stopped("rate_limit", retry_after=90)

    running, down = told_of(life, live()), told_of(life)

    assert running["palingenesis_up"].value() == 1
    assert running["palingenesis_supervised_sessions"].value(status="waiting") == 1
    assert running["palingenesis_build_info"].value(version="1.2.3") == 1
    assert running["palingenesis_decision_latency_seconds"].value("_bucket", le="0.005") == 1
    assert running["process_resident_memory_bytes"].value() > 1_000_000
    assert down["palingenesis_up"].value() == 0
    assert "palingenesis_supervised_sessions" not in down
    assert down["palingenesis_stops_total"].value(reason="rate_limit") == 1


def test_a_policy_with_any_number_of_rules_makes_only_so_many_labels():
    life = Life(NIGHT)
    world = life.world
    for number in range(RULES_MAX + 50):
        rules = policy(rule(f"r{number}", "", {"wait": {"for": "1s"}}, {"resume": {}}))
        world = step(world, stopped("crash", key=f"k{number}")(life), rules).world

    assert len(world.tally.rules) == RULES_MAX + 1
    assert world.tally.rules[OTHER] == 50


# ── that none ever falls ──────────────────────────────────────────────────────────────────────


def counters(world: World, at: Life) -> dict[str, float]:
    found = parse(text_of(world, at))
    return {
        f"{name} {labels}": value
        for family in found.values()
        if family.kind in {"counter", "histogram"}
        for (name, labels), value in family.samples.items()
    }


def test_a_snapshot_keeps_the_count():
    life = a_night()

    again = from_plain(World, to_plain(life.world))

    assert again.tally == life.world.tally
    assert counters(again, life) == counters(life.world, life)
    assert sum(counters(life.world, life).values()) > 0


def test_what_the_journal_removes_stays_counted(tmp_path: Path):
    life = Life(NIGHT)
    with SqliteJournal.open(tmp_path / "journal.db") as journal:
        world = World()
        for entry in released.night():
            world = step(world, entry.event, NIGHT).world
            journal.remember(to_plain(world), journal.append(entry))
        kept = Retention(keep=timedelta(days=1))
        at = life.now + timedelta(days=1_000)
        sweep = plan_sweep(journal.path, kept, alive=(), at=at)
        while sweep is not None:
            sweep = journal.remove_some(sweep, at)

        assert journal.removed() is not None
        assert counters(recover(journal).world, life) == counters(world, life)


@given(st.lists(st.sampled_from([stopped("rate_limit", retry_after=9), stopped("quota"), passed(9),
                                 passed(0), died(), person_prompts, alive,
                                 told_to(commands.Hold()), told_to(commands.Release())]),
                max_size=25))  # fmt: skip
def test_whatever_happens_no_counter_falls(acts):
    life = Life(NIGHT)
    before = counters(life.world, life)
    for act in acts:
        life >> act
        now = counters(life.world, life)
        fallen = {name for name in before if now.get(name, 0) < before[name]}
        assert not fallen
        before = now


def test_a_tick_that_is_not_written_down_is_not_counted():
    life = Life(NIGHT)
    before = life.world.tally

    life >> passed(1) >> passed(100)

    assert life.world.tally is before


# ── how they are written ──────────────────────────────────────────────────────────────────────


def test_names_follow_prometheus_conventions():
    names = [metric.name for metric in metrics()]

    assert max(Counter(names).values()) == 1
    for metric in metrics():
        assert re.fullmatch(r"(palingenesis|process)(_[a-z]+)+", metric.name), metric.name
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER), metric.name
        assert metric.help.endswith("."), metric.name
        assert "\n" not in metric.help
        assert not {"host", "user", "le", "instance", "job"} & metric.labels.keys()
        assert not re.search(r"_(hours|minutes|ms|milliseconds|kib|percent)\b", metric.name)


def test_every_metric_that_is_told_is_in_the_catalogue_with_its_labels():
    life = a_night()
    known = {metric.name: metric for metric in metrics()}

    for name, family in told_of(life, live()).items():
        metric = known.pop(name)
        assert (family.kind, family.help) == (metric.kind, metric.help)
        for _, labels in family.samples:
            assert dict(labels).keys() - {"host", "user", "le"} == metric.labels.keys(), name
    assert known == {}


def test_every_sample_says_whose_it_is():
    for family in told_of(a_night(), live()).values():
        for _, labels in family.samples:
            assert dict(labels)["host"] == "vm"
            assert dict(labels)["user"] == "ada"


@given(
    st.dictionaries(st.just("rule"), st.text()), st.floats(allow_nan=False, allow_infinity=False)
)
def test_whatever_a_label_holds_it_is_read_back(labels, value):
    metric = Metric(name="x", kind=Kind.GAUGE, help='a "help"\nwith \\ lines', labels={})
    family = Family(metric=metric, samples=(Sample(value=value, labels=labels),))

    told = parse(as_prometheus([family], {}))

    ((_, found),) = told["x"].samples
    expected = {name: text.encode("utf-8", "replace").decode() for name, text in labels.items()}
    assert dict(found) == expected
    assert told["x"].value() == value


def test_a_histogram_is_cumulative_and_ends_at_infinity():
    value = Distribution(bounds=(0.5, 1, 10), counts=(1, 2, 0, 4), total=99.5)
    metric = Metric(name="x_seconds", kind=Kind.HISTOGRAM, help="h")

    text = as_prometheus([Family(metric=metric, samples=(Sample(value=value),))], {})

    assert text.splitlines()[2:] == [
        'x_seconds_bucket{le="0.5"} 1',
        'x_seconds_bucket{le="1"} 3',
        'x_seconds_bucket{le="10"} 3',
        'x_seconds_bucket{le="+Inf"} 7',
        "x_seconds_sum 99.5",
        "x_seconds_count 7",
    ]


def test_the_document_says_the_same_as_the_text():
    life = a_night()
    found = list(families(life.world, seq=9, at=life.now, live=live()))

    document = as_json(found, WHOSE)

    told = parse(as_prometheus(found, WHOSE))
    assert document["labels"] == WHOSE
    assert [one["name"] for one in document["metrics"]] == list(told)
    for one in document["metrics"]:
        for sample in one["samples"]:
            suffix = "_count" if "count" in sample else ""
            value = sample["count"] if suffix else sample["value"]
            if not one["name"].startswith("process_"):
                assert told[one["name"]].value(suffix, **sample["labels"]) == value


@pytest.mark.parametrize("is_running", [True, False])
def test_promtool_finds_nothing_to_say(is_running: bool):

    life = a_night()

    assert lint(text_of(life.world, life, live() if is_running else None)) == ""


def test_the_classes_of_spans_are_those_that_journals_hold_counts_of():
    assert BOUNDS_S == (
        1, 5, 15, 30, 60, 120, 300, 900, 1800, 3600, 7200, 18_000, 43_200, 86_400, 172_800,
        345_600, 691_200,
    )  # fmt: skip
    assert BOUNDS_S[-1] == timedelta(days=8).total_seconds()


# ── the page ──────────────────────────────────────────────────────────────────────────────────


def page() -> str:
    """The tables of docs/reference/metrics.md."""

    def table(*, of_a_running_daemon: bool) -> str:
        rows = ["| metric | kind | what it is | labels |", "| --- | --- | --- | --- |"]
        for metric in metrics():
            if told_only_by_a_running_daemon(metric) is of_a_running_daemon:
                labels = "; ".join(f"`{name}`: {what}" for name, what in metric.labels.items())
                rows.append(f"| `{metric.name}` | {metric.kind} | {metric.help} | {labels} |")
        return "\n".join(rows)

    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    for mark, running in (("counted", False), ("now", True)):
        begin, end = f"<!-- {mark} -->\n", f"\n<!-- end of {mark} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}{table(of_a_running_daemon=running)}{end}{after}"
    return text


def told_only_by_a_running_daemon(metric: Metric) -> bool:
    life = a_night()
    down = {family.metric.name for family in families(life.world, seq=1, at=life.now)}
    return metric.name not in down


def test_the_page_says_what_there_is():
    told = page()
    if os.environ.get("REWRITE"):
        PAGE.write_text(told, encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == told, "REWRITE=1 pytest tests/telemetry"
