"""The nights of the kills, with policies that answer an action that failed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.torture.killing.night import DONE, TASK, Night, Play, ends_well
from tests.torture.killing.nights_alone import CRASH, CUT_OFF, HOOK, NEW_SESSION
from tests.torture.killing.nights_with_people import EXIT_IN_WAIT, NOTIFIED

if TYPE_CHECKING:
    from tests.torture.killing.run import Run

_FAILED = """
  - id: failed
    event: action_failed
    do: [{wait: {for: 2s}}, %s]"""


def _answering(night: Night, *steps: str, play: Play = ends_well) -> Night:
    """The night with a rule that tries once more, a little later, what failed."""
    assert night.policy.endswith(DONE)
    policy = night.policy.removesuffix(DONE) + _FAILED % ", ".join(steps) + DONE
    return replace(night, policy=policy, play=play)


async def _tells(run: "Run") -> None:
    await run.begin(TASK)
    await run.until(lambda: run.stage.told.notices and not run.journal.open)


_RESUME = '{resume: {message: "Go on."}}'
NIGHTS: Mapping[str, Night] = {
    night.name: night
    for night in (
        _answering(CUT_OFF, _RESUME),
        _answering(
            NEW_SESSION, "snapshot", "{new-session: {from: Next-step.md, if-missing: summary}}"
        ),
        _answering(CRASH, "restart", _RESUME, play=CRASH.play),
        _answering(
            NOTIFIED,
            '{notify: {severity: critical, message: "Key!"}}',
            '{attention: {reason: "key"}}',
            play=_tells,
        ),
        HOOK,
        EXIT_IN_WAIT,
    )
}


def nights_named(names: str) -> list[Night]:
    """The nights of these names, with commas between; all of them for "".

    Raises:
        KeyError: there is no such night.
    """
    return [NIGHTS[name] for name in names.split(",")] if names else list(NIGHTS.values())
