"""What should happen: a closed union of resolved orders to the shell.

Every effect is written to the journal before it is carried out. Its `id` is the idempotency key:
an adapter derives from it whatever key its assistant understands.
"""

from dataclasses import dataclass
from datetime import datetime

from palingenesis.core.values import AgentId, SessionId, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ordered:
    id: str
    """`<decision>.<step>`: unique in one journal, the same in every replay."""
    decision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnSession(_Ordered):
    session: SessionId
    agent: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnStoppedSession(_OnSession):
    """An effect that is only right while the stop it answers is still the latest thing."""

    stop: str
    """Key of the stop that was decided about; when the session has moved on, do nothing."""
    alive_at: datetime | None = None
    """Of a stop that the end of its server made: when that was last known to run. What was aborted
    before, the person has aborted. None: nobody knows, or an abort of ours may be the one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(_OnStoppedSession):
    """Make the session go on in the quietest way that is right.

    `words` False: silently re-run the unanswered turn. True: say `text`.
    """

    words: bool
    text: str
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(_OnStoppedSession):
    """Send the last prompt again."""

    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession(_OnStoppedSession):
    """Create a session that continues the work, from the handoff document.

    `snapshot` is the path of the backup that was made before, "" when none was needed.
    The outcome's data has `session`, the new id, and `handoff`, how the text came about.
    """

    source: str
    if_missing: str
    """`summary`: write the handoff ourselves · `attention`: fail · `empty`: start without one."""
    snapshot: str = ""
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compact(_OnStoppedSession):
    """Let the assistant summarise the conversation to make room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt(_OnSession):
    """Abort the running turn (also the assistant's own retry), and wait until it is idle.

    The outcome's data has `stop`, the key of where the session stands now. Where there was nothing
    to abort it has `idle_since`, `by_itself` if no abort has ended it, `cut_off` if it ended with
    its server, and `again` if a former run of ours may have ended it.
    """

    grace_s: float = 10.0
    why: str = ""
    stop: str = ""
    """Key of the assistant's own retry that it is to end: one that works again, has ended, or was
    refused once more, is left alone. "": whatever runs is ended."""
    ordered: datetime | None = None
    """When its plan was: a turn that a person has begun since is hers, and left alone.

    The plan, and not this step of it: she may have spoken in between, while nobody ran to hear it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(_OnSession):
    """Back the conversation up as a document. The outcome's data has `path`."""

    why: str = ""
    aside: bool = False
    """Ordered by a rule that only observes: no plan waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart(_Ordered):
    """Start the agent's server again; one restart serves all its sessions."""

    agent: AgentId
    grace_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(_Ordered):
    """End the agent's server, and leave it ended until a person (or our next start) runs it."""

    agent: AgentId
    grace_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(_Ordered):
    """Run a hook that the daemon's configuration defines; a policy only names it.

    A hook may do anything, so one whose outcome was not seen is never run again.
    """

    session: SessionId | None
    hook: str
    directory: str = ""
    """Where the session works, for the hook to know; it is not started there."""
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify(_Ordered):
    """Tell people, through every configured channel."""

    session: SessionId | None
    severity: Severity
    title: str
    message: str
    channels: tuple[str, ...] = ()
    """Names of channels; empty: all that are configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log(_Ordered):
    """Leave a line in the journal and in the log."""

    session: SessionId | None
    message: str


SessionEffect = Resume | Retry | NewSession | Compact | Interrupt | Snapshot
Effect = SessionEffect | Restart | Stop | Run | Notify | Log


def name_of(effect: Effect) -> str:
    """The action word of the policy language that an effect carries out: `new-session`."""
    word = "".join(f"-{c.lower()}" if c.isupper() else c for c in type(effect).__name__)
    return word.lstrip("-")
