"""The second look objects to what must never happen, and to nothing that the kernel really does."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core import effects
from palingenesis.core.copies import replace
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.policy.model import Mode
from palingenesis.core.safety import PROMPTS_PER_HOUR, RESTARTS_MAX, UNPRODUCTIVE_MAX, WAIT_MAX
from palingenesis.core.second_look import objection
from palingenesis.core.step import Turn
from palingenesis.core.values import Block, BlockKind, Status, Stop, StopReason, Way
from palingenesis.core.world import Agent, Session, World
from tests.core.any_policy import any_policy
from tests.core.life import AGENT, SES, START, Life, died, stopped
from tests.core.policies import NIGHT, policy, rule
from tests.core.test_laws import ACTS, NIGHTS


def looked_at(life: Life, before: World, event: Event, turn: Turn) -> str:
    return objection(
        before,
        turn.world,
        turn.effects,
        {decision.id for decision in turn.decisions},
        event.at,
        enforced=life.policy.mode is Mode.ENFORCE,
    )


class Watched(Life):
    """A life at whose every turn somebody looks twice."""

    def take(self, event: Event) -> Turn:
        before = self.world
        turn = super().take(event)
        assert looked_at(self, before, event, turn) == ""
        return turn


@settings(max_examples=300, deadline=None)
@given(NIGHTS)
def test_the_kernel_does_nothing_that_the_second_look_objects_to(night):
    chosen, acts = night
    life = Watched(chosen)

    for act in acts:
        life >> act


@settings(max_examples=200, deadline=None)
@given(any_policy() | any_policy(mode="shadow"), st.lists(ACTS, max_size=30))
def test_nor_does_it_under_any_policy_that_the_language_can_say(chosen, acts):
    life = Watched(chosen)

    for act in acts:
        life >> act


# ── planted mistakes ──────────────────────────────────────────────────────────────────────────


def a_prompt() -> tuple[Life, World, Turn, Effect]:
    """A turn that rightly prompts, to be spoilt in one way each."""
    life = Life(NIGHT)
    before = life.world
    event = stopped("rate_limit", retry_after=0)(life)
    assert event is not None
    turn = life.take(event)
    (effect,) = turn.effects
    assert isinstance(effect, effects.Resume)
    return life, before, turn, effect


def why(life: Life, before: World, turn: Turn) -> str:
    said = {decision.id for decision in turn.decisions}
    return objection(before, turn.world, turn.effects, said, life.now, enforced=True)


def with_session(turn: Turn, **changes: object) -> Turn:
    session: Session = replace(turn.world.sessions[SES], **changes)
    return turn._replace(world=replace(turn.world, sessions={SES: session}))


def test_a_turn_that_is_right_meets_no_objection():
    life, before, turn, _ = a_prompt()

    assert why(life, before, turn) == ""


def test_an_effect_that_was_ordered_before_is_objected_to():
    life, before, turn, effect = a_prompt()

    assert "ordered before" in why(life, replace(before, open={effect.id: effect}), turn)
    assert "ordered before" in why(life, before, turn._replace(effects=(effect, effect)))


def test_an_effect_that_nobody_decided_is_objected_to():
    life, before, turn, effect = a_prompt()
    bare = with_session(turn, plan=None)._replace(decisions=())

    assert "nobody decided it" in why(life, before, bare)
    renamed = turn._replace(effects=(replace(effect, id="5eed5eed-99.0"),))
    assert "does not name decision" in why(life, before, renamed)


def on(reason: StopReason) -> Stop:
    return Stop(key="k", reason=reason)


FRUITLESS = {"unproductive": UNPRODUCTIVE_MAX + 1, "prompts": (START, START)}
BEYOND_A_RAIL = [
    ({"latched": True}, "the person stopped this session"),
    ({"plan": None}, "no plan of the session waits for it"),
    ({"status": Status.PAUSED}, "the operator holds the session"),
    ({"prompts": (START,) * (PROMPTS_PER_HOUR + 1)}, "prompts within an hour"),
    ({**FRUITLESS, "stop": on(StopReason.AUTH)}, "achieved nothing"),
    ({**FRUITLESS, "stop": on(StopReason.NETWORK)}, "achieved nothing"),
    ({"block": Block(id="b", kind=BlockKind.QUESTION, since=START)}, "a question waits"),
]


@pytest.mark.parametrize(("changes", "said"), BEYOND_A_RAIL)
def test_a_prompt_beyond_a_rail_is_objected_to(changes: dict[str, object], said: str):
    life, before, turn, _ = a_prompt()

    assert said in why(life, before, with_session(turn, **changes))


def test_refusals_for_lack_of_quota_may_be_tried_without_end():
    life, before, turn, _ = a_prompt()
    tried = with_session(turn, **FRUITLESS, stop=on(StopReason.QUOTA))

    assert why(life, before, tried) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"way": Way.OBSERVED}, "only watched"),
        ({"supported": False}, "only watched"),
        ({"up": False}, "does not run"),
    ],
)
def test_an_agent_that_is_only_watched_or_down_is_not_acted_on(
    changes: dict[str, object], said: str
):
    life, before, turn, _ = a_prompt()
    agent: Agent = replace(turn.world.agents[AGENT], **changes)  # type: ignore[arg-type]
    spoilt = turn._replace(world=replace(turn.world, agents={AGENT: agent}))

    assert said in why(life, before, spoilt)


def test_nothing_is_sent_through_another_agent_than_the_session_s_own():
    life, before, turn, _ = a_prompt()

    assert "another agent's" in why(life, before, with_session(turn, agent="opencode-7"))


def test_nothing_is_done_in_a_pause_or_in_shadow_but_what_the_person_asks_for():
    life, before, turn, _ = a_prompt()
    said = {decision.id for decision in turn.decisions}

    paused = turn._replace(world=replace(turn.world, paused=True))
    assert "paused everything" in why(life, before, paused)
    shadow = objection(before, turn.world, turn.effects, said, life.now, enforced=False)
    assert "does not act" in shadow
    hers = replace(turn.world.sessions[SES].plan, event="operator")  # type: ignore[type-var]
    asked_for = with_session(paused, plan=hers)
    assert objection(before, asked_for.world, turn.effects, said, life.now, enforced=False) == ""


def test_a_wait_beyond_the_cap_is_objected_to():
    life = Life(NIGHT)
    before = life.world
    event = stopped("quota", retry_after=3600)(life)
    assert event is not None
    turn = life.take(event)
    plan = turn.world.sessions[SES].plan
    assert plan is not None

    assert why(life, before, turn) == ""
    for_ever = replace(plan, deadline=life.now + WAIT_MAX + timedelta(minutes=1))
    assert "would wait until" in why(life, before, with_session(turn, plan=for_ever))


# ── servers ───────────────────────────────────────────────────────────────────────────────────


def a_restart() -> tuple[Life, World, Turn]:
    life = Life(policy(rule("again", "", "restart", event=["stopped"])))
    before = life.world
    event = died()(life)
    assert event is not None
    turn = life.take(event)
    (effect,) = turn.effects
    assert isinstance(effect, effects.Restart)
    return life, before, turn


def with_agent(world: World, **changes: object) -> World:
    agent: Agent = replace(world.agents[AGENT], **changes)  # type: ignore[arg-type]
    return replace(world, agents={AGENT: agent})


def test_a_restart_that_is_right_meets_no_objection():
    assert why(*a_restart()) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"restarts": (START,) * RESTARTS_MAX}, "its breaker is open"),
        ({"restarts": (START,), "tripped": True}, "its breaker is open"),
        ({"stopped": True}, "a rule stopped that server"),
    ],
)
def test_a_restart_beyond_a_rail_is_objected_to(changes: dict[str, object], said: str):
    life, before, turn = a_restart()

    assert said in why(life, with_agent(before, **changes), turn)


def test_a_restart_of_a_foreign_server_is_objected_to():
    life, before, turn = a_restart()
    foreign = turn._replace(world=with_agent(turn.world, way=Way.ATTACHED))

    assert "not ours to end" in why(life, before, foreign)


def test_a_second_restart_while_one_is_under_way_is_objected_to():
    life, before, turn = a_restart()
    other = replace(turn.effects[0], id="5eed5eed-0.9")
    twice = turn._replace(world=replace(turn.world, open={**turn.world.open, other.id: other}))

    assert "under way" in why(life, before, twice)
