"""The keys of a scenario file: what may be said in it, in one table with words about each."""

from typing import Final

from palingenesis.core.values import BlockKind, Status, StopReason, Way
from palingenesis.simulation.grammar import Facts, Key, Kind, Many, Named, Shape, Words
from palingenesis.simulation.invariants import INVARIANTS
from palingenesis.simulation.leaves import (
    AMOUNT,
    AMOUNTS,
    COUNT,
    FLAG,
    ID,
    INSTANT,
    MOMENT,
    MONEY,
    RATE,
    SHARE,
    SIGNED_SPAN,
    SPAN,
    SPANS,
    TEXT,
    TIME,
    WEEKDAYS,
    WINDOW,
    whole,
)

EFFECTS: Final = ("resume", "retry", "new-session", "compact", "restart", "interrupt", "snapshot")
"""Effects that may be told to go wrong."""
MOST_REPEATS: Final = 2_000
FAILURES: Final = (
    *(reason.value for reason in StopReason if reason is not StopReason.COMPLETED),
    "silence",
    "permission",
    "question",
)
"""What may go wrong in a session or a server."""


def _key(name: str, of: Kind, doc: str, *, required: bool = False) -> Key:
    return Key(name=name, of=of, doc=doc, required=required)


# ── the world ─────────────────────────────────────────────────────────────────────────────────

_AGENT: Final = Shape(
    what="an agent",
    alone="id",
    keys=(
        _key("id", ID, "Its name.", required=True),
        _key("way", Words(words=tuple(Way)), "How we came to it: `managed` unless said."),
        _key("version", TEXT, "Its version; 1.18.33 unless said."),
        _key("supported", FLAG, "`false`: a version that is only observed."),
        _key("retries", FLAG, "Whether it tries again by itself, as OpenCode does: `true`."),
        _key("starts-in", SPAN, "How long a start takes; 3s unless said."),
    ),
)
_WORK: Final = Shape(
    what="'work'",
    alone="steps",
    keys=(
        _key("steps", whole(1, 10_000), "Steps of its work document.", required=True),
        _key("done", whole(0, 10_000), "Steps that are completed when the night begins."),
        _key("torn", FLAG, "`true`: the document cannot be read."),
    ),
)
_TURN: Final = Shape(
    what="'turn'",
    alone="takes",
    keys=(
        _key("takes", SPANS, "How long a turn takes; 2m..6m unless said."),
        _key("tokens", AMOUNTS, "Tokens of a turn; 20k..60k unless said."),
        _key("grows", AMOUNTS, "Tokens by which it fills the context; 4k..12k unless said."),
        _key("signs", FLAG, "Whether it shows signs of life while it runs: `true`."),
    ),
)
_SESSION: Final = Shape(
    what="a session",
    alone="id",
    keys=(
        _key("id", ID, "Its name in this file.", required=True),
        _key("agent", ID, "Its agent; the first one unless said."),
        _key("title", TEXT, "Its title; the name unless said."),
        _key("model", TEXT, "`provider/model`, for the limits."),
        _key("starts", MOMENT, "When the person sets it to work; at the start unless said."),
        _key("work", _WORK, "Its work document; without it the session has none."),
        _key("turns", whole(1, 100_000), "Turns until it is through; for ever unless said."),
        _key("turn", _TURN, "What a turn is like."),
        _key("turns-per-step", AMOUNTS, "Turns that a step takes; 2..4 unless said."),
        _key("pauses", SHARE, "Share of steps after which it ends its turn with open steps."),
        _key("price", MONEY, "Price of a million tokens; $3 unless said."),
        _key("context", AMOUNT, "Tokens of its window; unless said it never fills."),
        _key("context-used", SHARE, "Share of the window in use at the start of a session; 5%."),
        _key("given", Facts(), "Facts that it starts with."),
    ),
)
_RESETS: Final = Shape(
    what="'resets'",
    alone="at",
    keys=(
        _key("at", TIME, "Time of day, in the scenario's time zone.", required=True),
        _key("days", WEEKDAYS, "Days of the week; every day unless said."),
    ),
)
_LIMIT: Final = Shape(
    what="a limit",
    keys=(
        _key("models", TEXT, "Pattern of `provider/model`, as in `anthropic/*`; all unless said."),
        _key("tokens", AMOUNT, "Tokens that a window allows."),
        _key("requests", AMOUNT, "Turns that a window allows."),
        _key("per", SPAN, "Length of a window that opens with its first use; 5h unless said."),
        _key("resets", _RESETS, "The window ends by the calendar instead."),
        _key(
            "reason",
            Words(words=("rate_limit", "quota", "overloaded")),
            "What a refusal is read as; `quota` for windows of more than an hour.",
        ),
        _key("message", TEXT, "What the provider says."),
        _key("tells", FLAG, "Whether a refusal names the reset; `true` unless said."),
        _key("lies", SIGNED_SPAN, "How far the named reset is from the true one."),
        _key("late", SPAN, "How long it still refuses after its reset."),
        _key("used", SHARE, "Share that is used when the night begins."),
        _key("used-for", SPAN, "How long before the night that window opened."),
    ),
)
_FAILURE: Final = Shape(
    what="a failure",
    keys=(
        _key("what", Words(words=FAILURES), "What goes wrong.", required=True),
        _key("at", Many(of=MOMENT), "When: one moment, or several."),
        _key("per-hour", RATE, "How often in an hour, at random."),
        _key("lasts", SPANS, "How long whatever is tried meets it again; a moment unless said."),
        _key("session", ID, "Only this session."),
        _key("agent", ID, "Only this agent."),
        _key("message", TEXT, "What the provider says."),
        _key("http_status", whole(100, 599), "Status of its answer."),
        _key("retry_after", SPAN, "What it asks to wait."),
        _key("text", TEXT, "Text of a permission or question."),
        _key("tool", TEXT, "Tool of a permission."),
    ),
)
_PERSON: Final = Shape(
    what="'person'",
    keys=(
        _key("sleeps", WINDOW, "When she sleeps, as in 23:00..07:00; she is awake unless said."),
        _key("answers", SPAN, "How soon she answers when awake; never unless said."),
        _key("says", Words(words=("yes", "no")), "Her answer to a policy's `ask`: `yes`."),
    ),
)
WORLD: Final = Shape(
    what="'world'",
    keys=(
        _key("at", INSTANT, "When the night begins; 2026-02-05T02:00:00Z unless said."),
        _key("time-zone", TEXT, "IANA name of the zone of times of day; UTC unless said."),
        _key("until", MOMENT, "When the night ends; 10h after the start unless said."),
        _key("seed", TEXT, "Feeds all dice; the same seed tells the same night."),
        _key(
            "way",
            Words(words=tuple(Way)),
            "How we came to the one agent; beside a program of yours a managed server runs.",
        ),
        _key("given", Facts(), "Facts that every session starts with."),
        _key(
            "on",
            Shape(
                what="'on'",
                keys=tuple(
                    _key(name, Words(words=("fails", "no-effect")), f"What becomes of a {name}.")
                    for name in EFFECTS
                ),
            ),
            "Effects that go wrong: they fail, or are done and nothing moves.",
        ),
        _key("agents", Many(of=_AGENT), "Servers; one that is managed unless said."),
        _key("sessions", Many(of=_SESSION), "Conversations that work by themselves."),
        _key("limits", Many(of=_LIMIT), "What the providers allow."),
        _key("failures", Many(of=_FAILURE), "What goes wrong in the world."),
        _key("person", _PERSON, "The person and her hours."),
    ),
)
FAULTS: Final = Shape(
    what="'faults'",
    keys=(
        _key("duplicates", SHARE, "Share of events that come twice."),
        _key("late", SHARE, "Share of events that come too late, and so out of order."),
        _key("late-by", SPAN, "How late at most; 3s unless said."),
        _key("lost", SHARE, "Share of effects that happen while no outcome is told."),
        _key("lost-of", Many(of=Words(words=EFFECTS)), "The effects these are; all unless said."),
        _key(
            "suspend",
            Many(
                of=Shape(
                    what="a suspend",
                    keys=(
                        _key("at", MOMENT, "When the machine goes to sleep.", required=True),
                        _key("for", SPAN, "How long it sleeps.", required=True),
                    ),
                )
            ),
            "The machine sleeps; the world outside goes on.",
        ),
        _key(
            "clock",
            Many(
                of=Shape(
                    what="a clock step",
                    keys=(
                        _key("at", MOMENT, "When the machine's clock is set.", required=True),
                        _key("by", SIGNED_SPAN, "By how much; -10m sets it back.", required=True),
                    ),
                )
            ),
            "The machine's clock is set.",
        ),
    ),
)

# ── the story ─────────────────────────────────────────────────────────────────────────────────

_NOTHING: Final = ()
KINDS: Final = {
    "stopped": (
        Shape(
            what="'stopped'",
            keys=(
                _key("reason", Words(words=tuple(StopReason)), "Why; `unknown` unless said."),
                _key("retry_after", SPAN, "How long the server asks to wait."),
                _key("message", TEXT, "What was said."),
                _key("http_status", whole(100, 599), "Status of the provider's answer."),
                _key("retrying", FLAG, "`true`: the assistant waits by itself."),
                _key("words", FLAG, "Whether going on needs words."),
            ),
        ),
        "A session ceases to work.",
    ),
    "silent": (Shape(what="'silent'", keys=_NOTHING), "It gives no more sign of life."),
    "blocked": (
        Shape(
            what="'blocked'",
            keys=(
                _key("kind", Words(words=tuple(BlockKind)), "`permission` unless said."),
                _key("text", TEXT, "The question."),
                _key("tool", TEXT, "The tool that asks."),
            ),
        ),
        "It waits for the person's permission or answer.",
    ),
    "unblocked": (Shape(what="'unblocked'", keys=_NOTHING), "The person has answered."),
    "prompted": (Shape(what="'prompted'", keys=_NOTHING), "The person prompts it herself."),
    "died": (
        Shape(
            what="'died'",
            keys=(
                _key("signal", TEXT, "Signal that ended the server; SIGKILL unless said."),
                _key("exit_code", whole(0, 255), "Its exit code instead."),
                _key("for", SPAN, "How long no start succeeds."),
            ),
        ),
        "The server dies.",
    ),
    "up": (Shape(what="'up'", keys=_NOTHING), "The server is there again."),
    "paused": (Shape(what="'paused'", keys=_NOTHING), "The operator holds the session."),
    "resumed": (Shape(what="'resumed'", keys=_NOTHING), "The operator releases it."),
    "aborted": (
        Shape(what="'aborted'", keys=_NOTHING),
        "The operator ends the turn: `palingenesis abort`.",
    ),
}
"""What may happen in a line of the story: its options, and words about it."""

LINE: Final = Shape(
    what="a line of the story",
    bare=tuple(KINDS),
    either=tuple(KINDS),
    keys=(
        _key("after", SPAN, "Time since the line before."),
        _key("at", MOMENT, "When, instead of `after`."),
        _key("repeat", whole(1, MOST_REPEATS), "How often it happens."),
        _key("every", SPAN, "Time between two of them."),
        _key("set", Facts(), "Facts that change."),
        _key("session", ID, "The session it happens to; the first unless said."),
        _key("agent", ID, "The agent it happens to; the first unless said."),
        *(_key(name, shape, doc) for name, (shape, doc) in KINDS.items()),
    ),
)

# ── what is expected ──────────────────────────────────────────────────────────────────────────

_STATUSES: Final = Many(of=Words(words=tuple(Status)))
_TOLD: Final = Shape(
    what="a notification that is expected",
    alone="text",
    keys=(
        _key("text", TEXT, "What its title or message contains.", required=True),
        _key("times", COUNT, "How often; at least once unless said."),
        _key("within", SPAN, "How soon after `of`."),
        _key("of", Words(words=("blocked", "stopped")), "What it has to follow soon."),
    ),
)
EXPECT: Final = Shape(
    what="'expect'",
    keys=(
        _key("status", _STATUSES, "Status of every session in the morning: one, or one of these."),
        _key("sessions", Named(of=_STATUSES), "Status of single sessions, by name."),
        _key("rules", Named(of=COUNT), "How often rules decide, by id."),
        _key("stops", COUNT, "Stops that were decided about."),
        _key("reasons", Named(of=COUNT), "Stops by reason."),
        _key("prompts", COUNT, "Prompts and re-runs of ours, over all sessions."),
        _key("new-sessions", COUNT, "Sessions that were begun to go on."),
        _key("restarts", COUNT, "Restarts of servers."),
        _key("interrupts", COUNT, "Turns that we ended."),
        _key("snapshots", COUNT, "Backups."),
        _key("notifications", COUNT, "Notifications."),
        _key("told", Many(of=_TOLD), "Notifications with a text."),
        _key("saves", COUNT, "Stops that became verified work again without a person."),
        _key("handed-over", COUNT, "Stops that were given to a person."),
        _key("steps", COUNT, "Steps completed in this night, over all sessions."),
        _key("tokens", AMOUNT, "Tokens at most."),
        _key("cost", MONEY, "Dollars at most."),
        _key("rails", COUNT, "How often a rail spoke."),
        _key("done-by", MOMENT, "All work is completed by then."),
        _key("works-by", MOMENT, "Every session works (again) at that moment, or is completed."),
        _key(
            "spread", SPAN, "The first prompts after a wait of several sessions lie so far apart."
        ),
        _key(
            "broken",
            Many(of=Words(words=tuple(INVARIANTS))),
            "Invariants that a bad policy is expected to break; none unless said.",
        ),
    ),
)
SCENARIO: Final = Shape(
    what="a scenario",
    keys=(
        _key("version", whole(1, 1), "The version of this language: 1.", required=True),
        _key("about", TEXT, "What happens here, for people."),
        _key("world", WORLD, "Where the night takes place."),
        _key("faults", FAULTS, "What is injected between the world and us."),
        _key("story", Many(of=LINE, least=1), "What happens at fixed times, line by line."),
        _key("expect", EXPECT, "What the night has to come to."),
    ),
)
"""A whole file."""
