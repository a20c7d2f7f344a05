"""A plan's steps, as a policy writes them and as the kernel walks through them: plain, frozen.

A step is still general ("wait as long as the provider says"); the kernel resolves it against the
facts of one stop into a deadline or an effect.
"""

from dataclasses import dataclass
from datetime import timedelta

from palingenesis.core.values import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """A ladder of waits: `min(longest, first * factor ** n)` for the n-th try of an episode."""

    first: timedelta
    factor: float = 2.0
    longest: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Let time pass.

    Exactly one of `span`, `until`, `backoff`, `condition` is set. `until` is `retry_after` or
    `reset`, both the instant the server named, or `calendar_end`, the end of `calendar`'s window.
    `otherwise` (`else:` in YAML) holds when there is no such instant: the server named none, the
    calendar's window is not open, or the condition is true already or cannot be told.
    """

    span: timedelta | None = None
    until: str | None = None
    backoff: Backoff | None = None
    condition: str | None = None
    """`for-condition:` in YAML: the wait ends as soon as this expression is true."""
    calendar: str | None = None
    """The calendar of `until: calendar_end`."""
    otherwise: "timedelta | Backoff | None" = None
    jitter: timedelta = timedelta(0)
    longest: timedelta | None = None
    """`max:` in YAML; waits beyond it, and beyond the rail of 8 days, are probed earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegate:
    """Leave a retry to the assistant itself, until it gives up or `until` has passed."""

    until: timedelta | None = None
    """Longest wait that is left to the assistant; a longer one is taken over at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Make the session go on."""

    message: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Send the last prompt again."""

    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """Continue the work in a new session."""

    source: str = "Next-step.md"
    if_missing: str = "summary"
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compact:
    """Let the assistant summarise the conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchModel:
    """Use the next model of the chain from the next prompt on."""

    chain: tuple[str, ...]
    return_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Have the agent's server run again; done already when a younger one runs."""

    grace: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt:
    """Abort the running turn."""

    grace: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Back the conversation up; when that fails the plan ends there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Tell people. `message` may hold `${fact}` placeholders."""

    message: str
    severity: Severity = Severity.INFO
    title: str = ""
    channels: tuple[str, ...] = ()
    quiet: str = "send"
    """In `calendar`'s window: `send` at once, `hold` until it ends, `drop`. Critical is sent."""
    calendar: str | None = None
    """The calendar that `quiet` asks; None only when `quiet` is `send`."""
    dedupe: timedelta | None = None
    """The same rule tells the same of the same session at most once in this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask a person yes or no; the steps after it are taken on yes only.

    `default` is the answer once `timeout` has passed; on no, a person has to look.
    """

    question: str
    timeout: timedelta
    default: str = "no"
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run a hook that the daemon's own configuration defines; a policy only names it."""

    hook: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the agent's server, and do not start it again; only a managed one."""

    grace: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Leave a line in the journal."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandDown:
    """Leave the session alone until the person starts it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The work is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """A person has to look; nothing is done until then."""

    reason: str = ""
    reopen_after: timedelta | None = None


Step = (
    Wait
    | Delegate
    | Resume
    | Retry
    | NewSession
    | Compact
    | SwitchModel
    | Restart
    | Interrupt
    | Snapshot
    | Notify
    | Log
    | Ask
    | Run
    | Stop
    | StandDown
    | Finish
    | Attention
)

EndStep = StandDown | Finish | Attention
"""A plan's last word; at most one, and last."""


def word_of(step: Step) -> str:
    """The word of the policy language for a step: `new-session`."""
    word = "".join(f"-{c.lower()}" if c.isupper() else c for c in type(step).__name__)
    return word.lstrip("-")
