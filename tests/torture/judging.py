"""A judge of a night that is over: what people, provider, journal and OpenCode say of it.

Nothing here trusts the daemon's own view: prompts are counted in OpenCode's transcripts, requests
in the provider's ledger, notices where they arrived. The journal has to explain all of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from palingenesis.assistants.opencode.freshness import keys_of
from palingenesis.assistants.opencode.ids import is_ours
from palingenesis.core import effects, events
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Policy
from palingenesis.core.step import step
from palingenesis.core.values import Result
from palingenesis.core.world import World
from palingenesis.runtime.ports import Recorded
from palingenesis.runtime.recovery import NOTHING_YET
from palingenesis.simulation.invariants import Invariants

Prompt = effects.Resume | effects.Retry | effects.NewSession
_TAKEN: Final = frozenset({Result.OK, Result.UNKNOWN, Result.FAILED})
_AT_REST: Final = frozenset({"completed", "stood_down", "attention", "waiting", "paused"})
ABORT_GRACE: Final = timedelta(seconds=2)
"""A request that was under way at the person's stop may still arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that reached the provider."""

    at: datetime
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that the person did to a session, and OpenCode or the daemon took."""

    at: datetime
    what: str
    """`prompt`, `abort`, …"""
    session: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notice as it arrived."""

    key: str
    session: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message in OpenCode's transcript."""

    id: str
    session: str
    role: str
    parent: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Everything that is known about a night."""

    entries: Sequence[Recorded]
    asked: Sequence[Asked] = ()
    acts: Sequence[Act] = ()
    told: Sequence[Told] = ()
    said: Sequence[Said] = ()
    sessions: Sequence[Mapping[str, Any]] = ()
    """As the daemon tells them at the end."""
    our_deaths: int = 0


@dataclass(slots=True)
class Folded:
    """The journal, read as one story."""

    decisions: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    ordered: dict[str, tuple[Effect, datetime]] = field(default_factory=dict)
    ended: dict[str, events.EffectEnded] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    """Invariants that did not hold."""
    differing: int = 0
    """Turns that come out differently when they are decided again."""

    def prompts(self) -> list[Prompt]:
        """Every prompt that was ordered, in order."""
        return [it for it, _ in self.ordered.values() if isinstance(it, Prompt)]


def judge(past: Past) -> list[str]:
    """Everything that went wrong; empty: the night was as promised."""
    folded = fold(past.entries)
    wrong = list(folded.broken)
    if folded.differing:
        wrong.append(f"{folded.differing} turns come out differently when decided again")
    wrong += _numbers(past.entries)
    wrong += _twice(past, folded)
    wrong += _unexplained(past, folded)
    wrong += _after_a_stop(past)
    wrong += _notices(past, folded)
    wrong += _ends(past, folded)
    return wrong


def fold(entries: Iterable[Recorded]) -> Folded:
    """Decide every turn again, watched by the invariants of the simulation."""
    folded, world = Folded(), World()
    policy: Policy = build(NOTHING_YET)
    watch = Invariants(policy)
    for entry in entries:
        event: Event = entry.event
        if isinstance(event, events.PolicyAdopted):
            policy = watch.policy = build(event.resolved)
        turn = step(world, event, policy)
        watch.take(event, turn)
        folded.differing += [it.rule for it in turn.decisions] != [
            it.get("rule") for it in entry.decisions
        ]
        world = turn.world
        folded.decisions |= {int(it["id"]): it for it in entry.decisions}
        folded.ordered |= {it.id: (it, event.at) for it in entry.effects}
        if isinstance(event, events.EffectEnded):
            folded.ended[event.effect] = event
    folded.broken = [f"{it.at:%H:%M:%S} {it.name}: {it.text}" for it in watch.broken]
    return folded


def _numbers(entries: Sequence[Recorded]) -> list[str]:
    numbers = [entry.seq for entry in entries]
    expected = list(range(1, len(numbers) + 1))
    return [] if numbers == expected else ["the journal's numbers have gaps"]


def _twice(past: Past, folded: Folded) -> list[str]:
    """A key names one message; a stop is answered by one of our prompts; a prompt is not lost."""
    wrong = []
    count: dict[str, int] = defaultdict(int)
    for one in past.said:
        count[one.id] += one.role == "user"
    wrong += [f"the message {id_} is there {n} times" for id_, n in count.items() if n > 1]
    answered = {one.parent for one in past.said if one.role == "assistant"}
    by_stop: dict[tuple[str, str], list[str]] = defaultdict(list)
    for prompt in folded.prompts():
        key = keys_of(prompt.id, prompt.stop)[0]
        ended = folded.ended.get(prompt.id)
        if key in answered:
            by_stop[prompt.session, prompt.stop].append(prompt.id)
        elif ended is not None and ended.result is Result.OK and key not in count and past.said:
            wrong.append(f"the prompt {prompt.id} to {prompt.session} is in no transcript")
    for (session, stop), ids in by_stop.items():
        if len(ids) > 1 and not _is_by_right(ids, folded):
            wrong.append(f"{session}: {len(ids)} prompts {ids} answered the stop {stop}")
    return wrong


def _is_by_right(ids: Sequence[str], folded: Folded) -> bool:
    """A further prompt for one stop is right when the person asked for it, or it stalled since."""
    for id_ in ids[1:]:
        effect, _ = folded.ordered[id_]
        decision = folded.decisions.get(effect.decision, {})
        if decision.get("kind") != "commanded" and decision.get("event") not in {
            "stalled",
            "action_failed",
        }:
            return False
    return True


def _unexplained(past: Past, folded: Folded) -> list[str]:
    """Event, facts, rule, intent, outcome: the whole chain for each prompt."""
    wrong = []
    keys = {keys_of(it.id, it.stop)[0]: it for it in folded.prompts()}
    hers = {act.text for act in past.acts if act.what == "prompt"}
    repeated = _repeated_by_opencode(past.said)
    for one in past.said:
        if one.role != "user":
            continue
        if is_ours(one.id):
            prompt = keys.get(one.id)
            if prompt is None:
                wrong.append(f"{one.session}: the message {one.id} has our mark and no intent")
            elif (ended := folded.ended.get(prompt.id)) is not None and ended.result not in _TAKEN:
                wrong.append(f"{one.session}: {prompt.id} was {ended.result} and reached it")
        elif one.text and one.text not in hers and one.id not in repeated:
            wrong.append(f"{one.session}: nobody said {one.text[:60]!r}")
    for effect, at in folded.ordered.values():
        decision = folded.decisions.get(effect.decision)
        if decision is None:
            wrong.append(f"the effect {effect.id} has no decision")
        elif isinstance(effect, Prompt) and decision["kind"] == "decided":
            missing = [
                name for name in ("rule", "event", "facts", "policy") if not decision.get(name)
            ]
            if missing:
                wrong.append(f"the decision {effect.decision} does not say {missing}")
        ended = folded.ended.get(effect.id)
        if ended is not None and ended.at < at - timedelta(seconds=1):
            wrong.append(f"the effect {effect.id} ended before it was ordered")
    return wrong


def _repeated_by_opencode(said: Sequence[Said]) -> set[str]:
    """Our prompts that OpenCode says again by itself, after a summary that it needed for them.

    The summary is asked for by a message of a user without a text.
    """
    found = set()
    ours: dict[str, str] = {}
    is_summarised: set[str] = set()
    for one in said:
        if one.role != "user":
            continue
        if is_ours(one.id):
            ours[one.session] = one.text
        elif not one.text:
            is_summarised.add(one.session)
        elif one.session in is_summarised and one.text == ours.get(one.session):
            found.add(one.id)
        if one.text:
            is_summarised.discard(one.session)
    return found


def _after_a_stop(past: Past) -> list[str]:
    """From the person's stop on nothing is asked in that session until she speaks again."""
    wrong = []
    for act in past.acts:
        if act.what != "abort":
            continue
        again = min(
            (
                it.at
                for it in past.acts
                if it.session == act.session and it.at > act.at and it.what in {"prompt", "resume"}
            ),
            default=None,
        )
        for asked in past.asked:
            late = asked.at > act.at + ABORT_GRACE
            if asked.session == act.session and late and (again is None or asked.at < again):
                wrong.append(
                    f"{act.session}: asked at {asked.at:%H:%M:%S}, stopped at {act.at:%H:%M:%S}"
                )
    return wrong


def _notices(past: Past, folded: Folded) -> list[str]:
    """Each notice that was to be told was told; again only after a death of ours."""
    wrong = []
    arrived: dict[str, int] = defaultdict(int)
    for one in past.told:
        arrived[one.key] += 1
    for effect, _ in folded.ordered.values():
        if not isinstance(effect, effects.Notify):
            continue
        ended = folded.ended.get(effect.id)
        count = arrived.pop(effect.id, 0)
        if ended is not None and ended.result is Result.OK and not count:
            wrong.append(f"the notice {effect.id} was never told: {effect.message[:60]!r}")
        if count > 1 + past.our_deaths:
            wrong.append(f"the notice {effect.id} was told {count} times")
    wrong += [f"the notice {key} was told, and nobody ordered it" for key in arrived]
    again = sum(count - 1 for count in arrived.values() if count > 1)
    if again > past.our_deaths:
        wrong.append(f"{again} notices were told again after {past.our_deaths} deaths of ours")
    return wrong


def _ends(past: Past, folded: Folded) -> list[str]:
    """Each session is over, waits with a deadline, or is a person's to look at, who knows it.

    Where a limit left the notice out, the journal has to say so.
    """
    wrong = []
    told = {one.session for one in past.told} | _left_out(folded)
    silent = unanswered(past)
    for session in past.sessions:
        if not session["supervised"]:
            continue
        id_, status = session["id"], session["status"]
        if status not in _AT_REST:
            wrong.append(f"{id_} is still {status}")
        elif status == "waiting" and not session["until"]:
            wrong.append(f"{id_} waits without a deadline")
        elif status == "attention" and id_ not in told:
            wrong.append(f"{id_} needs attention, and nobody was told")
        elif status == "completed" and is_ours(silent.get(id_, "")):
            wrong.append(f"{id_} is completed, and our last prompt was never answered")
    return wrong


def _left_out(folded: Folded) -> set[str]:
    """The sessions of which a notice was one too many."""
    return {
        str(it["session"])
        for it in folded.decisions.values()
        if it["kind"] == "hushed" and it["why"].startswith("left out: ")
    }


def unanswered(past: Past) -> dict[str, str]:
    """The last prompt of each session, where nothing was ever said to it."""
    answered = {one.parent for one in past.said if one.role == "assistant"}
    last = {one.session: one.id for one in past.said if one.role == "user"}
    return {session: id_ for session, id_ in last.items() if id_ not in answered}
