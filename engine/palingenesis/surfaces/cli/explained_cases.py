"""Which case a person wants explained: a decision of the journal, a supposed stop, or a file."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import EVENTS, FACTS, STOP_REASONS, Kind, did_you_mean, parse
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import FactValue
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.policy_in_use import usable_or_in_use
from palingenesis.surfaces.cli.wording import say_refused

if TYPE_CHECKING:
    from palingenesis.core.policy.read import Node

_COUNT = re.compile(r"count\((\w+), ?([0-9a-z.]+)\)")
_WITHIN = re.compile(r"within\('?([\w-]+)'?\)")
_UNKNOWN = "unknown"
_FILE_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is to be explained: facts, the policy, and how the decision stood otherwise."""

    policy: Policy
    facts: Mapping[str, FactValue]
    at: datetime
    tries: int = 0
    seed: str = ""
    used: int = 0
    """How often the rule that decides had decided before, for its limit."""
    decision: int | None = None
    session: str = ""
    title: str = ""
    kind: str = "decided"

    @property
    def begins_here(self) -> bool:
        """Whether its waits began with it; those of a revised plan began with an earlier one."""
        return self.kind != "revised"


def case_of(
    desk: Desk,
    *,
    decision: str | None,
    reason: str | None,
    event_file: Path | None,
    policy_file: Path | None,
    given: Sequence[str],
) -> Case:
    """The case that is meant.

    Raises:
        UsageError: not one of the four ways to name it was used, or it makes no sense.
        PalingenesisError: the decision, the policy or the file cannot be had.
    """
    ways = [way for way in (decision, reason, event_file) if way is not None]
    facts = read_facts(given)
    if len(ways) > 1 or not (ways or "event" in facts):
        raise click.UsageError(
            "give one of --decision NUMBER, --reason REASON, --event FILE, or event=… as a fact"
        )
    if decision is not None:
        case = _past(desk, decision, policy_file)
    elif event_file is not None:
        case = _from_file(desk, event_file, policy_file)
    else:
        case = _supposed(desk, reason, policy_file, facts)
    return _with(case, facts)


def changed_case(case: Case, what_if: Sequence[str]) -> Case:
    """The case with other facts."""
    return _with(case, read_facts(what_if))


def _with(case: Case, facts: Mapping[str, FactValue | None]) -> Case:
    merged = {**case.facts, **facts}
    tries = merged.pop("rule.tries", None)
    known = {name: value for name, value in merged.items() if value is not None}
    if isinstance(tries, int):
        case = replace(case, tries=tries, used=tries)
    return replace(case, facts=known)


# ── the past ──────────────────────────────────────────────────────────────────────────────────

_ALWAYS = 10**9
"""So often a rule has decided whose limit was reached."""


def _past(desk: Desk, asked: str, policy_file: Path | None) -> Case:
    from palingenesis.surfaces.cli.journal_reading import find_decision

    digits = asked.removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):  # noqa: PLR2004  64 bits
        raise click.UsageError(f"'{plain(asked, 40)}' is no number of a decision")
    told = find_decision(desk.paths, int(digits))
    decision = told.decision
    if not decision.facts:
        raise click.UsageError(
            f"decision {decision.id} ('{decision.kind}') was not made by a rule: "
            f"palingenesis explain {decision.id}"
        )
    policy = told.policy if policy_file is None else usable_or_in_use(desk, policy_file)
    if policy is None:
        raise InvalidConfigError(
            f"the journal no longer holds the policy {decision.policy[:6]}", hint="give --policy"
        )
    return Case(
        policy=policy,
        facts=decision.facts,
        at=decision.at,
        tries=decision.tries,
        seed=decision.seed,
        used=_ALWAYS if decision.limited else 0,
        decision=decision.id,
        session=decision.session or "",
        kind=decision.kind,
    )


# ── what is supposed ──────────────────────────────────────────────────────────────────────────


def _supposed(
    desk: Desk,
    reason: str | None,
    policy_file: Path | None,
    given: Mapping[str, FactValue | None],
) -> Case:
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.simulation.supposing import facts_supposed

    if reason is not None and reason not in STOP_REASONS:
        advice = did_you_mean(reason, STOP_REASONS) or f"one of: {', '.join(STOP_REASONS)}"
        raise click.UsageError(f"'{plain(reason, 40)}' is no stop reason; {advice}")
    policy, at = usable_or_in_use(desk, policy_file), SystemClock().now()
    facts = facts_supposed(policy, at, reason=reason, given=given)
    return Case(policy=policy, facts=facts, at=at)


def _from_file(desk: Desk, path: Path, policy_file: Path | None) -> Case:
    """Facts in a file: a mapping of facts, a recorded event, or an entry of the journal."""
    from palingenesis.core.record import event_from_plain, from_plain
    from palingenesis.core.world import Decision
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.simulation.supposing import facts_after, facts_supposed

    document = _document(path)
    policy = usable_or_in_use(desk, policy_file)
    data = document.get("data", document)
    entry = data if isinstance(data, dict) and "event" in data and "seq" in data else {}
    for recorded in entry.get("decisions", ()):
        decision = from_plain(Decision, recorded)
        if decision.facts:
            return Case(
                policy=policy, facts=decision.facts, at=decision.at, tries=decision.tries,
                seed=decision.seed, used=_ALWAYS if decision.limited else 0,
                session=decision.session or "", kind=decision.kind,
            )  # fmt: skip
    happened = entry.get("event", document)
    if isinstance(happened, dict) and "is" in happened:
        event = event_from_plain(happened)
        return Case(policy=policy, facts=facts_after(policy, event), at=event.at)
    facts = read_facts([f"{name}={_as_text(value)}" for name, value in document.items()])
    at = SystemClock().now()
    reason = facts.get("stop.reason")
    word = reason if isinstance(reason, str) else None
    known = facts_supposed(policy, at, reason=word, given={"event": "stopped", **facts})
    return Case(policy=policy, facts=known, at=at)


def _document(path: Path) -> dict[str, Any]:
    """JSON or YAML: JSON is YAML, and the policy's own reader fears no file."""
    from palingenesis.core.policy.read import read
    from palingenesis.surfaces.cli.given_file import read_given
    from palingenesis.surfaces.cli.policy_text import render

    hint = "give a mapping of facts, or a line of palingenesis events --json"
    raw = sys.stdin.buffer.read(_FILE_BYTES_MAX) if str(path) == "-" else read_given(path, hint)
    node, findings = read(raw)
    if node is None or findings.refused:
        click.echo(render(findings.in_order(), raw, str(path)), err=True, nl=False)
        raise InvalidConfigError(f"{path} cannot be read", hint=hint)
    document = _plain_of(node)
    if not isinstance(document, dict):
        raise InvalidConfigError(f"{path} is no mapping", hint=hint)
    return document


def _plain_of(node: "Node") -> Any:
    from palingenesis.core.policy.read import Listing, Scalar

    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Listing):
        return [_plain_of(item) for item in node.items]
    return {name.text: _plain_of(value) for name, value in node.entries}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _UNKNOWN if value is None else str(value)


# ── facts as a person types them ──────────────────────────────────────────────────────────────


def read_facts(given: Sequence[str]) -> dict[str, FactValue | None]:
    """`fact=value` pairs, also `count(crash, 15m)=3` and `within('quiet')=true`.

    Raises:
        UsageError: one of them is none.
    """
    return dict(_read_fact(pair) for pair in given)


def _read_fact(pair: str) -> tuple[str, FactValue | None]:
    name, equals, text = pair.partition("=")
    name, text = name.strip(), text.strip()
    if not equals:
        raise click.UsageError(f"'{plain(pair, 60)}' is no FACT=VALUE")
    key, kind = _key(name)
    if text == _UNKNOWN and not (name in FACTS and _UNKNOWN in FACTS[name].values):
        return key, None
    try:
        if kind is None:
            return key, parse(key, text)
        from palingenesis.core.facts import parse_kind

        return key, parse_kind(kind, text, what=name)
    except InvalidConfigError as error:
        raise click.UsageError(say_refused(error)) from None


def _key(name: str) -> tuple[str, Kind | None]:
    """The name under which facts hold it; a kind where the registry has none."""
    from palingenesis.core.facts import parse_duration
    from palingenesis.core.policy.calendars import within_key
    from palingenesis.core.policy.terms import count_key

    if name in FACTS:
        return name, None
    if (counted := _COUNT.fullmatch(name)) is not None and counted[1] in {*EVENTS, *STOP_REASONS}:
        return count_key(counted[1], parse_duration(counted[2])), Kind.INT
    if (open_in := _WITHIN.fullmatch(name)) is not None:
        return within_key(open_in[1]), Kind.BOOL
    advice = did_you_mean(name, FACTS) or "palingenesis policy facts lists them"
    raise click.UsageError(f"unknown fact '{plain(name, 60)}'; {advice}")
