"""A world that is read back from the journal is the world that was lived."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core import events
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event, PolicyAdopted
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import effect_from_plain, event_from_plain, to_plain
from palingenesis.core.values import SessionId
from palingenesis.runtime.ports import Recorded
from palingenesis.runtime.recovery import recover
from tests.core.life import Life, passed, stopped
from tests.core.policies import CONTEXT, CRASH, RATE, STUBBORN, policy
from tests.core.test_laws import ACTS, DELEGATING

RESOLVED = [
    {"version": 1, "name": "test", "rules": list(rules), "default": {"do": [{"attention": {}}]}}
    for rules in ((RATE, CRASH, CONTEXT), (CRASH, RATE))
]
OTHERS = [SessionId("ses_9"), SessionId("ses_0")]
"""They are known in another order than their names sort."""


@dataclass
class JsonJournal:
    """Keeps every turn and every snapshot as JSON, as the real one does."""

    rows: list[str] = field(default_factory=list)
    snapshot: tuple[int, str] | None = None
    policies: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def latest_snapshot(self) -> tuple[int, Any] | None:
        return (self.snapshot[0], json.loads(self.snapshot[1])) if self.snapshot else None

    def entries(self, after: int = 0) -> Iterable[Recorded]:
        for seq, text in enumerate(self.rows[after:], after + 1):
            plain = json.loads(text)
            yield Recorded(
                seq=seq,
                event=event_from_plain(plain["event"]),
                decisions=tuple(plain["decisions"]),
                effects=tuple(effect_from_plain(one) for one in plain["effects"]),
            )

    def policy(self, digest: str) -> tuple[str, Mapping[str, Any]] | None:
        found = self.policies.get(digest)
        return ("test", found) if found is not None else None


@dataclass
class Written(Life):
    """A life that is written down, as the loop does it."""

    journal: JsonJournal = field(default_factory=JsonJournal)
    ordered: list[Effect] = field(default_factory=list)

    def take(self, event: Event) -> Any:
        if isinstance(event, PolicyAdopted):
            self.policy = _built(event.resolved)
            self.journal.policies[event.digest] = event.resolved
        before = self.world
        turn = super().take(event)
        self.ordered += turn.effects
        quiet = not turn.decisions and not turn.effects and before.sessions == turn.world.sessions
        if not (isinstance(event, events.Ticked) and quiet):
            row = {
                "event": to_plain(event),
                "decisions": [to_plain(one) for one in turn.decisions],
                "effects": [to_plain(one) for one in turn.effects],
            }
            self.journal.rows.append(json.dumps(row))
        return turn

    def remember(self) -> None:
        self.journal.snapshot = (len(self.journal.rows), json.dumps(to_plain(self.world)))


def _built(resolved: Mapping[str, Any]) -> Policy:
    return policy(*resolved["rules"], default=resolved["default"]["do"])


def adopt(life: Written, which: int) -> None:
    resolved = RESOLVED[which]
    digest = _built(resolved).digest
    life.take(PolicyAdopted(at=life.now, name="test", digest=digest, resolved=resolved))


def shadow(life: Written, which: int) -> None:
    resolved = RESOLVED[which]
    life.candidate = _built(resolved)
    digest = life.candidate.digest
    life.journal.policies[digest] = resolved
    life.take(
        events.ShadowStarted(
            at=life.now, name="next", digest=digest, resolved=resolved, path="/next.yaml"
        )
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            ACTS,
            st.sampled_from(
                ["snapshot", "policy 0", "policy 1", "work", "shadow 0", "shadow 1", "no shadow"]
            ),
        ),
        max_size=40,
    )
)
def test_a_world_read_back_is_the_world_that_was_lived(acts):
    life = Written(STUBBORN)
    adopt(life, 0)
    for act in acts:
        if act == "snapshot":
            life.remember()
        elif act == "work":
            for session in OTHERS:
                life.work(session)
        elif act == "no shadow":
            life.take(events.ShadowStopped(at=life.now, why="stopped"))
        elif isinstance(act, str) and act.startswith("shadow"):
            shadow(life, int(act[-1]))
        elif isinstance(act, str):
            adopt(life, int(act[-1]))
        else:
            life >> act

    recovered = recover(life.journal)

    assert recovered.world == life.world
    assert recovered.differing == 0
    assert list(recovered.world.sessions) == list(life.world.sessions)
    assert list(recovered.world.open) == list(life.world.open)
    ids = [effect.id for effect in life.ordered]
    assert len(ids) == len(set(ids)), "an effect's id is used once"


@settings(max_examples=50, deadline=None)
@given(st.lists(ACTS, max_size=40))
def test_no_two_effects_have_one_id(acts):
    life = Written(DELEGATING)
    for session in OTHERS:
        life.work(session)
    for act in acts:
        life >> act

    ids = [effect.id for effect in life.ordered]
    assert len(ids) == len(set(ids))


def test_a_snapshot_of_a_thousand_sessions_stays_below_a_megabyte():
    life = Life(STUBBORN)
    for n in range(1000):
        life.work(SessionId(f"ses_{n:04}"))

    kept = json.dumps(to_plain(life.world), separators=(",", ":"))  # as the journal keeps it
    assert len(kept) < 1_000_000


def test_what_only_a_changed_kernel_would_have_ordered_is_told_apart():
    life = Written(STUBBORN)
    adopt(life, 0)
    life >> stopped("rate_limit", retry_after=1) >> passed(1)
    plain = json.loads(life.journal.rows[-1])
    assert recover(life.journal).unordered == frozenset()

    life.journal.rows[-1] = json.dumps(plain | {"effects": []})

    assert recover(life.journal).unordered == {effect.id for effect in life.ordered[-1:]}
