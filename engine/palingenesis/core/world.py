"""Everything the core remembers: frozen, and a fold over the journal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from palingenesis.core.effects import Effect, Notify
from palingenesis.core.ledger import Quota
from palingenesis.core.plans import Step
from palingenesis.core.savings import Savings
from palingenesis.core.tally import Tally
from palingenesis.core.values import (
    AgentId,
    Block,
    DownCause,
    FactValue,
    SessionId,
    Source,
    Status,
    Stop,
    StopReason,
    Way,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One running (or gone) instance of an assistant."""

    id: AgentId
    assistant: str
    way: Way
    version: str
    supported: bool
    up: bool
    since: datetime
    """When it came up, or went down."""
    started_at: datetime
    pid: int | None = None
    down: DownCause | None = None
    detail: str = ""
    ends_itself: bool = False
    """It has one prompt to run, and ends with that: its end is nobody's word."""
    restarts: tuple[datetime, ...] = ()
    """When we restarted it since it last made progress; the newest 50."""
    tripped: bool = False
    """Too many restarts came too fast: the breaker is open until there is progress."""
    stopped: bool = False
    """A rule ended its server on purpose: no rule starts it again."""
    revive_at: datetime | None = None
    """It died while nobody worked there: it may be started again then, if anything is done then."""
    let_in_until: datetime | None = None
    """When a program that is only observed now let us in last; None: it never did."""

    @property
    def is_gone(self) -> bool:
        """Whether it was a program of the person's own that has ended, not one out of reach."""
        return self.way.is_hers and not self.up and self.down is not DownCause.UNREACHABLE

    @property
    def is_live(self) -> bool:
        """Whether it works, or may work where we do not see it."""
        return self.up or (self.way.is_hers and self.down is DownCause.UNREACHABLE)

    def goes_with(self, cause: DownCause) -> bool:
        """Whether an end that is told is one, and not once more the one that is known.

        To refuse us is news each time, and no end: one that refuses us may be at work.
        """
        return self.is_live or DownCause.REFUSED in {cause, self.down}


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One stretch of trouble, from the first stop until progress has held."""

    started_at: datetime
    first_reason: StopReason
    attempts: int = 0
    """Prompts we sent since the last progress; counted before sending."""
    tries: Mapping[str, int] = field(default_factory=dict)
    """Plans made since the last progress, by rule: the rungs of its backoff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A decision being carried out, step by step."""

    decision: int
    rule: str
    event: str
    steps: tuple[Step, ...]
    index: int
    started_at: datetime
    """When the decision was made."""
    seed: str
    tries: int
    stop: str
    """Key of the stop it answers."""
    facts: Mapping[str, FactValue]
    wait_from: datetime | None = None
    """When the pending wait began; it counts from here, also after a pause and a reload."""
    waited_from: datetime | None = None
    """When a wait began that a new policy put other steps before: the next one counts from here."""
    deadline: datetime | None = None
    """When the pending wait, or the time for an answer, ends."""
    source: Source | None = None
    """Where that instant comes from; None: it counts elapsed time."""
    dated: datetime | None = None
    """The date that it goes by, while the longest wait ends before that; None: `deadline` is it."""
    boot: str = ""
    """During which boot of the machine it was worked out; "" in a journal of an older version."""
    because: str = ""
    """What the pending wait is for, or what is asked; for people."""
    awaits: str = ""
    """The condition that has to come true for the pending wait to end early."""
    look_at: datetime | None = None
    """When to look at that condition again, if time alone may make it true."""
    question: str = ""
    """The short name of the pending question."""
    capped: str = ""
    """What the policy's limit was reached of, when these steps are its `then:`."""
    line: str = ""
    """Key of the quota in whose line its next prompt waits for its turn."""
    effect: str | None = None
    """Id of the effect under way."""
    vain: int = 0
    """How often this step was ordered and came too early; each time has its own id."""
    snapshot: str = ""
    acted: bool = False
    """Something was done that a sign of life has to prove."""
    acted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A rule that has to stay true until `deadline` before it decides (`for:`)."""

    rule: str
    event: str
    deadline: datetime
    anchor: str = ""
    """What it is about: key of the stop, id of the block; only for a rule that observes."""
    began: datetime | None = None
    """When it began to be true; its clock goes on when a reload changes `for:`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What the provider said of when to try again, since it answered last."""

    since: datetime
    """When it first said "not now"."""
    until: datetime
    """Before this it said that trying is useless."""
    model: str = ""
    """The model that it said so of; "" when it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One supervised (or only listed) conversation: one life, one decision owner."""

    id: SessionId
    agent: AgentId
    title: str = ""
    directory: str = ""
    parent: SessionId | None = None
    status: Status = Status.DISCOVERING
    since: datetime
    """When it came into this status."""
    outlook: str = ""
    """Why it is in this status, for people."""
    supervised: bool = False
    at_work: tuple[AgentId, ...] = ()
    """Agents that work on it, by what they told; beside its owner only if the person drives it
    from two places at once."""
    seen_at: datetime | None = None
    """When it was seen first."""
    created: datetime | None = None
    """When it was begun, as its assistant says."""
    facts: Mapping[str, FactValue] = field(default_factory=dict)

    stop: Stop | None = None
    stopped_at: datetime | None = None
    only_watched: str = ""
    """Key of the stop that was decided about while its program was only observed."""
    earlier: tuple[str, ...] = ()
    """Keys of the stops before the newest one, newest last."""
    block: Block | None = None
    failure: tuple[str, str] | None = None
    """The action that failed last, and how."""
    episode: Episode | None = None
    plan: Plan | None = None
    holds: tuple[Hold, ...] = ()
    watches: tuple[Hold, ...] = ()
    """The same for rules that only observe, or are in shadow: no status and no plan ends these."""
    verify_until: datetime | None = None
    reopen_at: datetime | None = None
    reopen_after: timedelta | None = None
    """How long its timer waits before it is reopened, this time and after every try in vain."""
    half_open: bool = False
    """Reopened by its timer: one try, then attention again."""
    paused_from: Status | None = None
    paused_by: str = ""
    """Who paused this one."""

    alive_at: datetime | None = None
    answered_at: datetime | None = None
    """When its model was first seen to answer our newest prompt; by text, a tool, a turn's end.

    None: it was not yet.
    """
    progressed_at: datetime | None = None
    healthy_since: datetime | None = None
    stall_told_at: datetime | None = None
    person_at: datetime | None = None
    latched: bool = False
    """The person said stop. Nothing is done until the person prompts again."""
    reopened: bool = False
    """A prompt ended that, and nothing shows yet that it is younger than her stop."""
    aborting: bool = False
    """We asked for an abort; the stop it causes is not the person's."""

    model: str | None = None
    """A model chosen by the policy, for the prompts to come."""
    model_until: datetime | None = None
    went_to: str = ""
    """Where its newest turn went, `provider/model`, as the newest stop that tells it says."""

    happened: tuple[tuple[str, datetime], ...] = ()
    """Events and stop reasons, newest last; the newest 200."""
    decided: tuple[tuple[str, datetime], ...] = ()
    """Rules that decided, newest last; the newest 200."""
    prompts: tuple[datetime, ...] = ()
    """When we prompted it; the newest 50."""
    driven: tuple[str, ...] = ()
    """Keys of the newest stops in a row that somebody else went on after within seconds."""
    driver_told_at: datetime | None = None
    """When people were told that another program drives it."""
    repeats: int = 0
    """Stops since the last real progress."""
    spent_before: float = 0.0
    """What the sessions that it continues had cost when it took over, in US dollars."""
    floor: Floor | None = None
    """Until when the provider has asked to wait; None: it has not since it answered last."""
    unproductive: int = 0
    """Our prompts in a row after which nothing was achieved."""
    unjudged: bool = False
    """No stop has told yet what the newest of them came to."""
    rails: tuple[str, ...] = ()
    """Rails that are touched now, in words."""
    predecessor: SessionId | None = None
    successor: SessionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A notice that waits until `calendar`'s window has ended."""

    notice: Notify
    rule: str
    calendar: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A candidate that decides beside the policy in force and never acts, and how it does."""

    name: str
    digest: str
    path: str
    since: datetime
    decided: Mapping[SessionId, tuple[tuple[str, datetime], ...]] = field(default_factory=dict)
    """Its own decisions, by session, newest last; the newest 200."""
    parted: Mapping[SessionId, datetime] = field(default_factory=dict)
    """When the episode began in which it first decided differently."""
    same: int = 0
    different: int = 0
    uncertain: int = 0
    """Decisions after the first different one of their episode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeHold:
    """We made a mistake that we noticed, so we only watch until a person has looked.

    Not a pause: nobody asked for it. It ends by the person's command, or with another version.
    """

    since: datetime
    what: str
    where: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All agents, all sessions, and what concerns them together."""

    seed: str = ""
    started_at: datetime | None = None
    boot_id: str = ""
    """Which boot of the machine this is; "" where the system does not tell."""
    booted_at: datetime | None = None
    """When the time since boot was zero, by the wall clock: it moves when that is set."""
    decisions: int = 0
    """The number of the last decision."""
    policy: str = ""
    """Digest of the policy in force."""
    policy_name: str = ""
    policy_file: str = ""
    """Where it was read from; "" where that was not written down."""
    policy_problems: tuple[str, ...] = ()
    """Why the newest policy file was refused; empty: it is in force."""
    shadow: Shadow | None = None
    """The candidate beside it."""
    paused: bool = False
    paused_by: str = ""
    """Who asked for that."""
    safe_hold: SafeHold | None = None
    """Why we only watch; None: all is well."""
    unseen: Mapping[str, str] = field(default_factory=dict)
    """What cannot be watched now because its sensor broke, by the sensor's name, and why."""
    mended: tuple[str, ...] = ()
    """Names of damaged journals that people were told of; the newest 20."""
    caught_up: datetime | None = None
    """When the journal could be written again last; None: it always could."""
    agents: Mapping[AgentId, Agent] = field(default_factory=dict)
    sessions: Mapping[SessionId, Session] = field(default_factory=dict)
    host: Mapping[str, FactValue] = field(default_factory=dict)
    open: Mapping[str, Effect] = field(default_factory=dict)
    """Effects that were ordered and have no outcome yet."""
    prompted: tuple[datetime, ...] = ()
    """When we prompted any session, also one that is gone by now; the newest 100."""
    begun: tuple[datetime, ...] = ()
    """When we began a new session; the newest 50."""
    restarted: tuple[datetime, ...] = ()
    """When we restarted any server; the newest 50."""
    questions: Mapping[str, str] = field(default_factory=dict)
    """What became of the questions that are settled, by their short names; the newest 50."""
    used: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    """When a policy's rules did what its `limits:` count (`actions`, `prompts`, …), oldest first.

    At most 30 days, and the newest 1,000 of each, or as many as a limit allows.
    """
    held: tuple[Held, ...] = ()
    """Notices that wait for the end of a calendar's window; at most 200."""
    spent: Mapping[str, float] = field(default_factory=dict)
    """By how much the costs of all sessions rose, in US dollars, by the day; the newest 8 days."""
    told: Mapping[str, datetime] = field(default_factory=dict)
    """When a notice with `dedupe:` was told, by its rule, session and text; the newest 500."""
    quota: Mapping[str, Quota] = field(default_factory=dict)
    """The ledger of limits that sessions share, by key; at most 64."""
    savings: Savings = field(default_factory=Savings)
    tally: Tally = field(default_factory=Tally)
    """What all of it was worth so far, and what else was counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided about a session, and on which grounds.

    `kind`: `decided` a rule won · `kept` the pending wait stays as it is · `revised` a new policy
    changed the plan · `cancelled` reality moved on · `refused` a rail said no · `commanded` the
    operator asked · `told` the kernel itself tells people · `verified` the session works again ·
    `answered` a question was answered, or nobody did in time · `observed` a rule with
    `continue: true` took its steps beside the one that decides · `shadowed` what a rule, or the
    whole policy, in shadow would have done · `hushed` a notice was held, left out or not repeated ·
    `moved` the clock was set while this was pending ·
    `candidate` what a candidate beside the policy makes of the decision with the same number.
    """

    id: int
    at: datetime
    kind: str
    event: str
    rule: str
    why: str
    session: SessionId | None = None
    policy: str = ""
    seed: str = ""
    limited: bool = False
    """The rule's limit was reached, so its `then:` was taken."""
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    plan: tuple[Step, ...] = ()
    tries: int = 0
