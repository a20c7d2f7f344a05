"""A night: what the provider answers, what the person does, and what must come of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from palingenesis.demo.replies import Reply, Text, Tool

if TYPE_CHECKING:
    from tests.torture.killing.run import Run

Play = Callable[["Run"], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One kind of night."""

    name: str
    about: str
    policy: str
    replies: tuple[Reply, ...]
    play: Play
    asked: tuple[tuple[str, str], ...]
    """What the provider is asked for (words of it; `A|B` is either), and how each answer ends."""
    rules: tuple[str, ...] | None
    """The rules that decide; None: it depends on the moment of death how often they do."""
    told: tuple[str, ...] = ()
    in_any_order: bool = False
    person_ends_it: bool = False
    """What is asked beyond the expected is asked after the person said stop."""
    hooked: int = 0
    servers: int = 1
    new_sessions: int = 0
    """Sessions that we open."""
    opencode: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """What lies in the project, by name."""
    away_s: float = 0.0
    """How long the daemon stays away after its first death."""
    counts_from_the_start: bool = False
    """Boundaries count from the daemon's first one; else from the person's first word on."""


DONE = """
  - id: done
    when: stop.reason == 'completed'
    do: [{notify: {message: "Done."}}, finish]
default: {do: [attention]}
"""
TASK, GO_ON = "Build the house.", "Go on."


def policy_of(rules: str) -> str:
    return f"version: 1\nrules:\n{rules.strip(chr(10))}{DONE}"


async def is_taken_over(run: "Run") -> None:
    await ends_well(run)
    # Else the assistant went on by itself, before we took it over or in that very moment.
    is_cut_off = any(one.ended == "client gone" for one in run.asked())
    run.claim(was_in_time=run.journal.rules[0] != "done" and not is_cut_off)


async def ends_well(run: "Run") -> None:
    await run.begin(TASK)
    await run.until(lambda: "done" in run.journal.rules and not run.journal.open)


def decides(count: int) -> Play:
    async def play(run: "Run") -> None:
        await run.begin(TASK)
        await run.decided(count)

    return play


def document(*steps: int) -> Tool:
    text = f"---\nstepsCompleted: {list(steps)}\nworkflowType: architecture\n---\n\n# Plan\n"
    return Tool(name="write", arguments={"filePath": "docs/plan.md", "content": text})


CUT, OVER = Text(text="It st", finish="length"), Text(text="It stands.")
SOON = {"retry-after-ms": "300"}
HALF_S = 0.2
"""After so long an answer that stalls has said its first words."""
AT_ONCE = {"retry-after-ms": "1"}
