"""The morning: what the ledgers of others and the journal say about a night.

The ledgers are the stand-in's sessions, the provider's requests, the notices that arrived and the
lines of the hook: none of them is written by the daemon.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from palingenesis.assistants.opencode.freshness import keys_of
from palingenesis.core.effects import Effect, NewSession, Resume, Retry
from palingenesis.core.errors import JournalError
from palingenesis.core.record import effect_from_plain
from palingenesis.demo.provider import ModelRequest
from palingenesis.journal.readonly import ReadOnlyJournal
from tests.torture.killing.night import Night
from tests.torture.killing.record import Journaled, Json

MARK = "PALIN"
_HEAD = len("msg_") + 12
_ALARM = "unwritable-"
"""How the key of a notice begins that cannot be written down: that nothing can be."""
_ANSWERS_LOST = 3
"""So many tries fall into one fault: a notice whose answer is lost is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that a night left behind."""

    journal: Journaled
    asked: list[ModelRequest]
    told: list[Json]
    conversations: list[Json]
    sessions: list[str]
    """Those that the person opened."""
    hooked: int
    servers: int
    kills: int
    faults: int = 0
    """Calls of the daemon that failed."""


def problems_of(night: Night, seen: Evidence) -> list[str]:
    """Everything that is not as it should be; empty: nothing twice, nothing lost."""
    return [
        *_journal(seen),
        *_prompts(seen),
        *_asked(night, seen),
        *([] if seen.faults else _rules(night, seen)),  # how often a rule is asked, depends
        *_notices(night, seen),
        *_counts(night, seen),
    ]


def _journal(seen: Evidence) -> Iterator[str]:
    """I5, I6, I10: readable, gap-free, every outcome has its intent, every intent its outcome."""
    try:
        with ReadOnlyJournal.open(seen.journal.path) as journal:
            yield from (f"journal: {problem}" for problem in journal.problems())
            numbers = [entry.seq for entry in journal.entries()]
    except JournalError as error:
        yield f"journal: {error}"
        return
    if numbers != list(range(1, len(numbers) + 1)):
        yield "journal: its numbers have gaps"
    for id_ in seen.journal.open:
        yield f"the effect {id_} never had an outcome"
    for id_ in seen.journal.ended:
        if id_ not in seen.journal.ordered:
            yield f"the outcome of {id_} has no intent"


def _prompts(seen: Evidence) -> Iterator[str]:
    """I1, I5: at most one prompt of ours for a stop, and none that was not ordered before."""
    sent = Counter(
        message["info"]["id"]
        for conversation in seen.conversations
        for message in conversation["messages"]
        if message["info"]["id"][_HEAD : _HEAD + len(MARK)] == MARK
    )
    orders = [effect_from_plain(effect) for effect in seen.journal.ordered.values()]
    yield from doubled(sent, orders)


def doubled(sent: "Counter[str]", orders: list[Effect]) -> Iterator[str]:
    """What is wrong with these prompts of ours (by message id), given all that was ordered."""
    keys = {
        keys_of(effect.id, effect.stop)[0]: (effect.session, effect.stop)
        for effect in orders
        if isinstance(effect, Resume | Retry | NewSession)
    }
    for key, count in sent.items():
        if key not in keys:
            yield f"the prompt {key} was never ordered"
        if count > 1:
            yield f"twice: the prompt {key} is there {count} times"
    for stop, count in Counter(keys[key] for key in sent if key in keys).items():
        if count > 1:
            yield f"twice: {count} prompts for the stop {stop}"


def _asked(night: Night, seen: Evidence) -> Iterator[str]:
    """I1, I2, I3: the provider was asked what it is asked in this night, and nothing more."""
    asked = [(one.last_user_text, one.ended) for one in seen.asked]
    expected = list(night.asked)
    if night.in_any_order:
        asked, expected = sorted(asked), sorted(expected)
    if len(asked) < len(expected):
        yield f"lost: asked only {asked} instead of {expected}"
    elif len(asked) > len(expected):
        kind = "after exit" if night.person_ends_it else "twice"
        yield f"{kind}: asked {asked} instead of {expected}"
    elif not all(_fits(*pair) for pair in zip(asked, expected, strict=True)):
        yield f"asked {asked} instead of {expected}"


def _fits(asked: tuple[str, str], expected: tuple[str, str]) -> bool:
    return asked[1] == expected[1] and _says(asked[0], expected[0])


def _says(text: str, words: str) -> bool:
    return any(one in text for one in words.split("|"))


def _rules(night: Night, seen: Evidence) -> Iterator[str]:
    if night.rules is None:
        return
    rules = sorted(seen.journal.rules) if night.in_any_order else seen.journal.rules
    if rules != (sorted(night.rules) if night.in_any_order else list(night.rules)):
        yield f"decided {seen.journal.rules} instead of {list(night.rules)}"


def _notices(night: Night, seen: Evidence) -> Iterator[str]:
    """I9: every notice at least once, and at most once more for each kill."""
    keys = Counter(str(notice["key"]) for notice in seen.told)
    texts = {str(notice["key"]): str(notice["message"]) for notice in seen.told}
    for key, count in keys.items():
        if count > 1 + seen.kills + min(seen.faults, _ANSWERS_LOST):
            yield f"twice: the notice {texts[key]!r} came {count} times"
        if key not in seen.journal.ordered and not key.startswith(_ALARM):
            yield f"the notice {texts[key]!r} was never ordered"
    told, expected = sorted(texts.values()), sorted(night.told)
    if seen.faults:
        yield from _told_of_a_fault(told, expected)
        return
    if len(told) < len(expected):
        yield f"lost: told only {told} instead of {expected}"
    elif len(told) > len(expected) or not all(map(_says, told, expected)):
        yield f"told {told} instead of {expected}"


def _told_of_a_fault(told: list[str], expected: list[str]) -> Iterator[str]:
    """Everything that is told in such a night, and of the fault itself at most once."""
    rest = list(told)
    for words in expected:
        found = next((text for text in rest if _says(text, words)), None)
        if found is None:
            yield f"lost: told only {told} instead of {expected}"
            return
        rest.remove(found)
    if len(rest) > 1:
        yield f"told {rest} of one fault"


def _counts(night: Night, seen: Evidence) -> Iterator[str]:
    """I8 and the effect contract's other numbers."""
    # A server that a rule ended is started again by our own next start.
    disturbed = seen.kills or seen.faults
    most = 1 if disturbed else night.servers
    if not night.servers <= seen.servers <= most:
        yield f"{seen.servers} servers live instead of {night.servers}"
    if len(seen.conversations) != len(seen.sessions) + night.new_sessions:
        yield f"{len(seen.conversations)} sessions, of which the person opened {len(seen.sessions)}"
    # A hook is run at most once: when we die beside it, nobody can know whether it ran.
    least = 0 if disturbed else night.hooked
    if not least <= seen.hooked <= night.hooked:
        yield f"the hook ran {seen.hooked} times instead of {night.hooked}"
