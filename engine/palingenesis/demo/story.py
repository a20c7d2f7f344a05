"""What the model of the demo says and writes, and the rule by which a night's end is judged.

Two sessions: a document of twelve steps, which has to survive the night, and a small job that the
person stops on purpose. The answers of the first are a script, so whatever is asked too often or
at the wrong moment upsets it and is seen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from palingenesis.core.savings import Savings
from palingenesis.core.values import Status
from palingenesis.demo.provider import ModelRequest
from palingenesis.demo.replies import Reply, Text, Tool, context_overflow, rate_limited
from palingenesis.demo.replies import Status as Refusal

WORK_TITLE = "Product requirements"
WORK_PROMPT = "Write the product requirements, step by step, and record each step in docs/prd.md."
ASIDE_TITLE = "Rename the helpers"
ASIDE_PROMPT = "Rename the helper functions."

RETRY_AFTER = timedelta(hours=2)
STEPS = 12
BEFORE_LIMIT, BEFORE_OVERFLOW, BEFORE_CRASH = 3, 6, 9
_WORD_S = 0.12
_BEGINS_HOUR = 23
NIGHT = timedelta(hours=8)

WORK_RULES = ("own-retry-long", "context-full", "crash", "finished")
ASIDE_RULES = ("respect-user",)
SAVES = 3
"""After the limit, with the full context, after the crash."""
OUR_PROMPTS = 2
"""In the new session, and after the crash; the limited turn is run again without a word."""


def evening(now: datetime) -> datetime:
    """When the night begins: 23:00 UTC of the day."""
    return now.replace(hour=_BEGINS_HOUR, minute=0, second=0, microsecond=0)


class Story:
    """The scripted model of one demo; `respond` is what the provider asks."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._script: list[Reply] = [
            self._document(BEFORE_LIMIT),
            _limited(),
            self._document(BEFORE_OVERFLOW),
            self._next_step(BEFORE_OVERFLOW + 1),
            context_overflow(),
            self._read(),
            self._document(BEFORE_CRASH),
            _long("Step 10 is about the risks."),
            self._read(),
            self._document(STEPS),
            Text(text=f"All {STEPS} of {STEPS} steps are done."),
        ]
        self.unexpected = 0

    def respond(self, request: ModelRequest) -> Reply:
        """The next answer for whoever asks."""
        if any(text == ASIDE_PROMPT for _, text in request.messages):
            return _long("First I look for every place where they are used.")
        if not self._script:
            self.unexpected += 1
            return Text(text="I have nothing more to say.")
        return self._script.pop(0)

    @property
    def crash_is_due(self) -> bool:
        """The answer in which the server is killed has begun."""
        return len(self._script) <= 3  # noqa: PLR2004 - what is left then

    def _document(self, done: int) -> Tool:
        steps = ", ".join(str(step) for step in range(1, done + 1))
        sections = "".join(f"\n## {step}. Section {step}\n" for step in range(1, done + 1))
        header = f"---\nworkflowType: prd\nstepsCompleted: [{steps}]\n---\n"
        content = f"{header}# Product requirements\n{sections}"
        return Tool(name="write", arguments={"filePath": self._path, "content": content})

    def _next_step(self, number: int) -> Tool:
        content = f"# Step {number}: Success criteria\n\nWrite section {number} of docs/prd.md.\n"
        path = str(self._project / "Next-step.md")
        return Tool(name="write", arguments={"filePath": path, "content": content})

    def _read(self) -> Tool:
        return Tool(name="read", arguments={"filePath": self._path})

    @property
    def _path(self) -> str:
        return str(self._project / "docs" / "prd.md")


def _limited() -> Refusal:
    error = {
        "message": "Usage limit reached. Your limit resets in 2 hours.",
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    return replace(rate_limited(int(RETRY_AFTER.total_seconds())), body={"error": error})


def _long(opening: str) -> Text:
    return Text(text=f"{opening} {'And so on, and so forth. ' * 40}", chunk_delay_s=_WORD_S)


# ── at the provider ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Something that was said to a session, as the provider saw it arrive."""

    session: str
    at: datetime
    """In real time."""
    text: str

    @property
    def is_ours(self) -> bool:
        """Whether no person said it."""
        return self.text not in {WORK_PROMPT, ASIDE_PROMPT}


def prompts_in(requests: Iterable[ModelRequest]) -> tuple[Prompt, ...]:
    """What was said to the sessions; a request brings a prompt if it holds more of them."""
    known: dict[str, int] = {}
    found: list[Prompt] = []
    for request in requests:
        said = [text for role, text in request.messages if role == "user"]
        fresh = said[known.get(request.session, 0) :]
        found += [Prompt(session=request.session, at=request.at, text=text) for text in fresh]
        known[request.session] = max(len(said), known.get(request.session, 0))
    return tuple(found)


# ── in the morning ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Something that a good night shows, and what there was instead if it did not."""

    what: str
    holds: bool
    instead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Everything that the night is judged by."""

    savings: Savings
    rules: Sequence[tuple[str, str]]
    """(session, rule) of every decision of the policy, in order."""
    statuses: dict[str, Status]
    work: Sequence[str]
    """The sessions in which the work was done, in order."""
    aside: str
    steps: tuple[int | None, int | None]
    requests: Sequence[ModelRequest]
    unexpected: int
    aside_stopped_at: datetime | None
    """In real time."""


def judged(end: Ending) -> tuple[Expectation, ...]:
    """Every expectation of the story."""
    prompts = [prompt for prompt in prompts_in(end.requests) if prompt.is_ours]
    return (*_at_work(end, prompts), *_kept(end), *_aside(end))


def _expected(what: str, holds: bool, instead: object) -> Expectation:  # noqa: FBT001 - the verdict
    return Expectation(what=what, holds=holds, instead="" if holds else str(instead))


def _at_work(end: Ending, ours: Sequence[Prompt]) -> tuple[Expectation, ...]:
    """What was decided about the work, and what the provider saw of it."""
    rules = tuple(rule for session, rule in end.rules if session in end.work)
    heir = [prompt.text for prompt in ours if end.work[1:] and prompt.session == end.work[1]]
    next_step = f"step {BEFORE_OVERFLOW + 1}"
    counted = (end.savings.prompts, end.savings.reruns)
    return (
        _expected(
            f"the rules of the work were {', '.join(WORK_RULES)}",
            rules == WORK_RULES,
            ", ".join(rules) or "none",
        ),
        _expected(
            f"the provider saw {OUR_PROMPTS} prompts of ours",
            len(ours) == OUR_PROMPTS,
            f"{len(ours)}: {[prompt.text[:40] for prompt in ours]}",
        ),
        _expected(
            "the journal counts as many, and one turn run again without a word",
            counted == (len(ours), 1),
            counted,
        ),
        _expected(
            "the provider was asked for exactly what the story has",
            end.unexpected == 0,
            f"{end.unexpected} more",
        ),
        _expected(
            f"the new session was told to begin with {next_step}",
            bool(heir) and next_step in heir[0].lower(),
            heir[0][:200] if heir else "it was told nothing",
        ),
    )


def _kept(end: Ending) -> tuple[Expectation, ...]:
    """That nothing was lost, and that all of it came to its end."""
    lost = [path for path in end.savings.backups if not Path(path).is_file()]
    completed = [end.statuses.get(session) for session in end.work]
    return (
        _expected(
            "the full conversation was backed up first",
            bool(end.savings.backups) and not lost,
            f"missing: {lost}" if lost else "there is none",
        ),
        _expected(
            "every trouble became work again",
            end.savings.saves == SAVES,
            f"{end.savings.saves} did",
        ),
        _expected("one crash, one restart", end.savings.restarts == 1, end.savings.restarts),
        _expected(
            f"the work is done, {STEPS} of {STEPS}",
            end.steps == (STEPS, STEPS) and all(s is Status.COMPLETED for s in completed),
            f"{end.steps}, {[str(status) for status in completed]}",
        ),
    )


def _aside(end: Ending) -> tuple[Expectation, ...]:
    """That the session which the person stopped was left alone."""
    rules = tuple(rule for session, rule in end.rules if session == end.aside)
    last = end.aside_stopped_at
    late = [r for r in end.requests if r.session == end.aside and last is not None and r.at > last]
    status = end.statuses.get(end.aside)
    return (
        _expected(
            "the person's stop was respected",
            rules == ASIDE_RULES and status is Status.STOOD_DOWN,
            f"{rules}, {status}",
        ),
        _expected(
            "nothing was asked of that session after the stop",
            last is not None and not late,
            f"{len(late)} requests" if last is not None else "it was never stopped",
        ),
    )
