"""What a saved config.toml changes while the daemon runs, and what `daemon reload` answers."""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from palingenesis.app.agents import Agents
from palingenesis.app.hooks import ConfiguredHooks
from palingenesis.app.keeping import Keeping
from palingenesis.app.observing import Observing
from palingenesis.app.own_policy import why_an_agents, working_in
from palingenesis.channels.configured import make_channels
from palingenesis.core.world import World
from palingenesis.runtime import door
from palingenesis.runtime.config import Config
from palingenesis.runtime.config_watch import ConfigWatch, Look
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.ports import Channel, Clock
from palingenesis.runtime.refusals import CONFIG_REFUSED, CONFIG_WAY_OUT, refusal
from palingenesis.runtime.reload import Answer, Verdict

RESTART = "after the next restart (palingenesis daemon restart)"
HELD = "nothing is done: [policy] mode in config.toml is shadow, so decisions are only written down"


@dataclass(frozen=True, kw_only=True)
class Adjustable:
    """Everything of a running daemon that goes by another configuration at once."""

    channels: list[Channel]
    """Shared by all who tell."""
    hooks: ConfiguredHooks
    keeping: Keeping
    agents: Agents
    observing: Observing
    environ: Mapping[str, str]
    clock: Clock
    keeps_level: bool
    """Whether a flag has said how much is logged."""
    choose: Callable[[Config], None]
    """Chooses the policy anew, as far as the short-hands choose it."""

    async def follow(self, config: Config) -> None:
        """Go by this configuration.

        Raises:
            PalingenesisError: it cannot be followed; nothing has changed.
        """
        # A secret may be what a program prints: it is waited for in a thread.
        channels = await asyncio.to_thread(
            make_channels, config, environ=self.environ, clock=self.clock
        )
        self.choose(config)
        self.channels[:] = channels
        self.hooks.follow(config.hooks)
        self.keeping.follow(config.journal)
        self.agents.pace.follow(config)
        self.observing.follow(config)
        if not self.keeps_level:
            logging.getLogger().setLevel(config.daemon.log_level.upper())


def why_an_agents_configuration(paths: Paths, world: World) -> str:
    """Why a change of config.toml may be an agent's work; "" when it is not."""
    home = os.path.realpath(paths.config)
    return why_an_agents((str(paths.config_file),), working_in(world), home, what="configuration")


def warnings_of(watch: ConfigWatch) -> tuple[str, ...]:
    """What `status` warns about: what stands in the file, and what of it does not hold yet."""
    refused = [
        f"{CONFIG_REFUSED}: {CONFIG_WAY_OUT}",
        *(problem.replace("\n", " ") for problem in watch.problems),
    ]
    later = [f"{one}: {RESTART}" for one in watch.later]
    held = [HELD] if watch.config.policy_mode == "shadow" else []
    return (*(refused if watch.problems else ()), *held, *later, *watch.config.warnings)


def answer(look: Look, verdict: Verdict, renamed: tuple[str, ...]) -> door.Answer:
    """What whoever asked for a reload is told."""
    if look.problems:
        return {"ok": False, "message": CONFIG_REFUSED, "problems": list(look.problems)}
    if look.busy:
        return {"ok": False, "message": "somebody is still writing config.toml"}
    said = [*renamed, *look.changed, *(f"{one}: {RESTART}" for one in look.later)]
    more = "".join(f"; {one}" for one in said)
    match verdict.answer:
        case Answer.ADOPTED:
            return {"ok": True, "message": f"policy {verdict.digest[:8]} is in force{more}"}
        case Answer.UNCHANGED if not verdict.problems:
            return {"ok": True, "message": f"policy {verdict.digest[:8]} stays in force{more}"}
        case Answer.BUSY:
            return {"ok": False, "message": "somebody is still writing the policy file"}
        case _:
            return {
                "ok": False,
                "message": refusal(verdict.problems),
                "problems": list(verdict.problems),
            }
