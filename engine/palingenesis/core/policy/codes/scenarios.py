"""S1…: scenarios, the files that `policy simulate` plays."""

from typing import Final

from palingenesis.core.policy.codes.code import Code, Frame

CODES: Final = (
    Code(
        code="S101",
        title="An unknown or surplus key in a scenario",
        why="Scenarios have few keys, and in one line of the story one thing happens.",
        frame=Frame.SCENARIO,
        bad="version: 1\nstory:\n  - stoped: {reason: crash}\n",
        good="version: 1\nstory:\n  - stopped: {reason: crash}\n",
    ),
    Code(
        code="S102",
        title="Something that a scenario needs is missing",
        why="A scenario begins with `version: 1` and has a `story` in which something happens.",
        frame=Frame.SCENARIO,
        bad="version: 1\nstory: []\n",
        good="version: 1\nstory: [died]\n",
    ),
    Code(
        code="S103",
        title="A value in a scenario that cannot be used",
        why="A duration, an instant, a number or a word of a fixed set is expected there. "
        "Instants are written with their zone.",
        frame=Frame.SCENARIO,
        bad="version: 1\nworld: {at: tonight}\nstory: [died]\n",
        good="version: 1\nworld: {at: 2026-02-05T02:00:00Z}\nstory: [died]\n",
    ),
    Code(
        code="S104",
        title="A name in a scenario that nobody has, or two have",
        why="Sessions and agents are given once, in `world:`, and named elsewhere.",
        frame=Frame.SCENARIO,
        bad="version: 1\nworld: {sessions: [{id: api}]}\nstory:\n  - {session: apu, stopped: }\n",
        good="version: 1\nworld: {sessions: [{id: api}]}\nstory:\n  - {session: api, stopped: }\n",
    ),
    Code(
        code="S105",
        title="Parts of a scenario that do not fit together",
        why="A limit counts tokens or requests, a failure has times or a rate, a night ends after "
        "it begins, and no more steps are done than there are.",
        frame=Frame.SCENARIO,
        bad="version: 1\nworld: {sessions: [a], limits: [{per: 5h}]}\n",
        good="version: 1\nworld: {sessions: [a], limits: [{per: 5h, tokens: 2M}]}\n",
    ),
)
