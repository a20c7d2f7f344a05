"""What the one door asks of the daemon, and the plain data that it gets.

`control` serves a `Door` over the local socket; the composition root implements it. Every answer
is JSON: instants are RFC 3339 in UTC (`2026-11-21T03:00:00Z`), spans are seconds, and what is not
known is null. Fields may be added; they are never renamed within one `schema_version`.
"""

from collections.abc import Awaitable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NotRequired, Protocol, TypedDict

from palingenesis.runtime.candidate import CandidateDoor
from palingenesis.runtime.savings_status import SavingsStatus

if TYPE_CHECKING:
    from palingenesis.runtime.linking import Caller, Join

SCHEMA_VERSION = 1

CommandName = Literal[
    "pause", "resume", "abort", "skip", "new-session", "enrol", "detach", "act-again", "greeted"
]
COMMANDS: tuple[CommandName, ...] = (
    "pause",
    "resume",
    "abort",
    "skip",
    "new-session",
    "enrol",
    "detach",
    "act-again",
    "greeted",
)
METRIC_FORMS: tuple[str, ...] = ("prometheus", "json")
"""How metrics may be told."""
FOR_ALL: tuple[CommandName, ...] = ("pause", "resume", "act-again", "greeted")
"""Commands that may be given without a session; then they concern all of them."""


class SafeHoldStatus(TypedDict):
    """Why palingenesis holds itself: a mistake of its own, that a person has to look at."""

    since: str
    what: str
    where: str
    version: str


class PolicyStatus(TypedDict):
    """The policy in force."""

    name: str
    digest: str
    path: str
    """The file it was read from, though what it says now may be something else."""
    origin: NotRequired[str]
    """Who says which file decides; a daemon of an older version does not tell."""
    refused: NotRequired[str | None]
    """The file that decides, where what it says was refused: then another policy is in force."""
    stale: Sequence[str]
    """Why the newest file was refused, one line each; empty: it is in force."""


class RailStatus(TypedDict):
    """A rail that is touched, in words, and when it lets go; null: not by time alone."""

    rail: str
    until: str | None


class AgentStatus(TypedDict):
    """One agent."""

    id: str
    assistant: str
    way: str
    version: str
    supported: bool
    up: bool
    """Whether it answers, as far as this run of the daemon has found out."""
    heard: NotRequired[bool]
    """Whether this run of the daemon has found out; one of an older version does not tell."""
    since: str
    pid: int | None
    detail: str
    rails: Sequence[RailStatus]


class WorkStatus(TypedDict):
    """How far the work is; nulls when the document does not say."""

    state: str
    step: str | None
    completed: int | None
    total: int | None


# "for" is no name that a class body can hold, hence the functional form.
SessionStatus = TypedDict(
    "SessionStatus",
    {
        "id": str,
        "title": str,
        "directory": str,
        "agent": str,
        "status": str,
        "supervised": bool,
        "since": str,
        "reason": str | None,  # the stop reason, or the kind of block
        "message": str | None,  # what the provider said, or the text of the question
        "for": str | None,  # what is waited for, in words: "the limit to clear"
        "until": str | None,  # when that ends
        "next": str | None,  # what comes then, in words: "resume"
        "rule": str | None,  # which rule said so
        "decision": int | None,  # its number, for `explain`
        "rails": Sequence[str],  # rails that are touched, in words
        "attempts": int,
        "context_used": float | None,  # 0 to 1
        "work": WorkStatus,
        "successor": str | None,  # the session that continues this one
        "question": str | None,  # the name by which its pending question is answered
    },
)
"""One session, as `status` and `sessions` show it."""


class LimitStatus(TypedDict):
    """One limit of the ledger that sessions share."""

    key: str
    name: str
    """The limit in words."""
    provider: str | None
    account: str | None
    """A digest that tells accounts apart; null: not known."""
    model: str | None
    agent: str | None
    """Instead of provider and model, where these are not known."""
    window: str
    state: str
    """`open`, `closed` (somebody was refused since the last answer), `asked` (by the canary)."""
    until: str | None
    """Before when it is not asked, if it is closed."""
    shown: str | None
    """The reset that the provider displays."""
    drift_s: float
    """How much later than displayed it is expected, as it came before."""
    canary: str | None
    """The session that is asked first."""
    waiting: int
    """How many sessions wait for it."""
    refusals: int
    """Since the last answer."""
    refused: str
    """When the newest refusal came."""
    answered: str | None


class NotificationStatus(TypedDict):
    """The outbox."""

    channels: Sequence[str]
    pending: int
    failed: int
    last: str | None
    """When something was delivered last."""


class RemovedStatus(TypedDict):
    """What the journal does not hold any more, because it keeps within its bounds."""

    entries: int
    through: int
    """Number of the newest one."""
    at: str
    """When some were removed last."""
    until: str
    """What happened before is there in part at most."""


class JournalStatus(TypedDict):
    """The memory."""

    seq: int
    ok: bool
    detail: str
    bytes: int
    """How much room it takes on the disk."""
    bytes_max: int
    waiting: int
    """Events that were not taken yet; many only while nothing can be written."""
    removed: RemovedStatus | None


class Status(TypedDict):
    """Everything at one glance."""

    schema_version: int
    running: bool
    at: str
    pid: int
    version: str
    since: str
    paused: bool
    safe_hold: SafeHoldStatus | None
    """Null: all is well."""
    rails: Sequence[RailStatus]
    """The ones that concern everything together; agents and sessions have their own."""
    policy: PolicyStatus
    agents: Sequence[AgentStatus]
    sessions: Sequence[SessionStatus]
    """Supervised ones only; `sessions()` lists all."""
    limits: Sequence[LimitStatus]
    """The ledger of limits that sessions share."""
    notifications: NotificationStatus
    journal: JournalStatus
    savings: NotRequired[SavingsStatus]
    """What it was worth so far; a daemon of an older version does not count."""
    warnings: Sequence[str]


class EventRow(TypedDict):
    """One entry of the journal, for reading."""

    seq: int
    at: str
    kind: str
    """The event's class name in kebab-case: `session-stopped`."""
    session: str | None
    agent: str | None
    summary: str
    """One line for people."""
    rule: str | None
    """Which rule decided, if a decision was made."""
    effects: Sequence[str]
    """What was ordered, in words."""
    data: Mapping[str, object]
    """The event itself."""


class Considered(TypedDict):
    """What became of one rule in a decision."""

    rule: str
    outcome: str
    """`won` · `limited` · `observes` · `shadow` · `false` · `unknown` · `other event` ·
    `not reached`."""
    why: str


class Step(TypedDict):
    """One step of a plan and what came of it."""

    what: str
    result: str | None
    detail: str


class Explanation(TypedDict):
    """Why one decision was made."""

    decision: int
    at: str
    session: str | None
    title: str
    kind: str
    event: str
    rule: str
    why: str
    policy: str
    limited: bool
    facts: Mapping[str, bool | int | float | str]
    considered: Sequence[Considered]
    told: NotRequired[Sequence[str]]
    """The telling rules with their values under the expressions, as lines for people."""
    plan: Sequence[Step]


class Answer(TypedDict):
    """What became of a command or a reload."""

    ok: bool
    message: str
    """One line for people."""
    problems: NotRequired[Sequence[str]]
    """Diagnostics, ready to print; only when `ok` is false."""


class Entrance(TypedDict):
    """How the person's own TUI gets in."""

    url: str
    username: str
    password: str
    session: str | None
    directory: str
    argv: Sequence[str]
    """What to run; the password is never in it."""
    env: Mapping[str, str]
    """What to add to the environment, the password among it."""


class PolicyText(TypedDict):
    """The policy in force, as it was written.

    `path` is the file that decides, though what it says now may have been refused. `file` is the
    one that the policy in force was read from; where it is missing it is the same. `source` is the
    text that is in force; "" when an earlier daemon read it. `resolved` is what it comes to, with
    what projects ask for. `alone` is the digest without that; where it is missing it is the same.
    """

    name: str
    digest: str
    alone: NotRequired[str]
    path: str
    file: NotRequired[str]
    origin: str
    source: str
    resolved: NotRequired[Mapping[str, object]]


class Door(CandidateDoor, Protocol):
    """The daemon as its surfaces see it. Operating errors are `PalingenesisError`s."""

    def status(self) -> Status:
        """Everything at one glance."""
        ...

    def sessions(self) -> Sequence[SessionStatus]:
        """All sessions: supervised, observed, and those that could be enrolled."""
        ...

    def events(
        self,
        *,
        after: int,
        since: datetime | None,
        session: str | None,
        kinds: Collection[str],
        limit: int,
    ) -> Sequence[EventRow]:
        """Journal entries with a number above `after`, oldest first; `kinds` empty: of all kinds.

        Of those that qualify, the newest `limit` when `after` is 0, else the oldest `limit`.
        """
        ...

    def changed(self, after: int) -> Awaitable[None]:
        """Return as soon as there is an entry with a number above `after`."""
        ...

    def explain(
        self, *, session: str | None, decision: int | None, limit: int
    ) -> Sequence[Explanation]:
        """One decision, or the newest `limit` of a session (None: of all), oldest first."""
        ...

    def command(self, name: CommandName, session: str | None, by: str) -> Awaitable[Answer]:
        """Give a command; returns once it is written down."""
        ...

    def answer(self, question: str, by: str, *, yes: bool) -> Awaitable[Answer]:
        """Answer a pending question; returns once it is written down.

        An answer that was given before is no error; one to a question that was settled otherwise,
        or that nobody asked, is.
        """
        ...

    def reload(self, by: str) -> Awaitable[Answer]:
        """Read configuration and policy again; a bad one is refused and the last good one stays."""
        ...

    def stop(self, by: str, *, agents: bool) -> None:
        """Begin to shut down; agents keep running unless they are meant too. Returns at once."""
        ...

    def open(self, session: str | None) -> Entrance:
        """How to attach a TUI to the managed server."""
        ...

    def admit(self, caller: "Caller") -> "Join":
        """How to live with a program that wants to stay connected; errors: it is not wanted."""
        ...

    def policy(self) -> PolicyText:
        """The policy in force."""
        ...

    def metrics(self, form: str) -> str:
        """All metrics, as text in one of `METRIC_FORMS`."""
        ...
