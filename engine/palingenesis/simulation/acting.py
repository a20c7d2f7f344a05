"""Acting: what becomes of an effect of ours on the stage, as an actuator would carry it out.

Whoever acts looks first: an effect that answers an older stop is superseded, nothing is typed into
a question, and the assistant's own retry is ended before a prompt.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from palingenesis.core import effects, events
from palingenesis.core.effects import Effect, name_of
from palingenesis.core.values import Result, SessionId
from palingenesis.simulation.conversation import Conversation, Doing
from palingenesis.simulation.rehearsal import Answers
from palingenesis.simulation.stage import Stage

_NOBODY_TELLS: Final = timedelta(seconds=30)
"""After so long an effect whose outcome got lost is given up: it may or may not have happened."""
_TOUCHING: Final = effects.SessionEffect | effects.Restart | effects.Stop


@dataclass(frozen=True, slots=True)
class Ending:
    """How an effect ended."""

    result: Result
    detail: str = ""
    data: dict[str, str] = field(default_factory=dict)


_DONE: Final = Ending(Result.OK)


@dataclass(eq=False)
class Acting:
    """Carries effects out on a stage."""

    stage: Stage
    answers: Answers
    _heirs: int = 0

    def perform(self, effect: Effect) -> None:
        """Begin to carry an effect out; its outcome is told later."""
        if not isinstance(effect, _TOUCHING):
            self._tell(effect, _DONE)
            return
        takes = self.answers.takes
        if isinstance(effect, effects.Restart):
            server = self.stage.servers[effect.agent]
            takes = server.part.starts_in
        self.stage.later(takes, lambda: self._carry_out(effect))

    def _carry_out(self, effect: "effects.SessionEffect | effects.Restart | effects.Stop") -> None:
        name = name_of(effect)
        if name in self.answers.fails:
            self._tell(effect, Ending(Result.FAILED, "the scenario says so"))
            return
        if isinstance(effect, effects.Restart):
            ending = self._restart(effect)
        elif isinstance(effect, effects.Stop):
            self.stage.kill(self.stage.servers[effect.agent], timedelta(0), by_us=True)
            ending = _DONE
        else:
            ending = self._on_session(effect, is_vain=name in self.answers.no_effect)
        faults = self.stage.setting.faults
        hit = not faults.lost_of or name in faults.lost_of
        if hit and self.stage.dice.chance(faults.lost, f"lost:{effect.id}"):
            lost = Ending(Result.UNKNOWN, "no answer came")
            self.stage.later(_NOBODY_TELLS, lambda: self._tell(effect, lost))
            return
        self._tell(effect, ending)

    def _tell(self, effect: Effect, ending: Ending) -> None:
        self.stage.tell(
            events.EffectEnded(
                at=self.stage.now,
                effect=effect.id,
                result=ending.result,
                detail=ending.detail,
                data=ending.data,
            )
        )

    def _restart(self, effect: effects.Restart) -> Ending:
        server = self.stage.servers[effect.agent]
        if not self.stage.start_up(server):
            return Ending(Result.FAILED, "the server does not come up")
        return Ending(Result.OK, "restarted")

    def _on_session(self, effect: effects.SessionEffect, *, is_vain: bool) -> Ending:
        talk = self.stage.talks[effect.session]
        if not self.stage.servers[talk.agent].up and effect.agent in self.stage.servers:
            talk.agent = effect.agent  # they share their sessions: it goes on where it was ordered
        if not self.stage.servers[talk.agent].up:
            return Ending(Result.FAILED, "the agent does not answer")
        match effect:
            case effects.Interrupt():
                return Ending(Result.OK, "interrupted" if talk.end_by_abort() else "it was idle")
            case effects.Snapshot():
                return Ending(Result.OK, data={"path": f"session-backup-{talk.id}.md"})
            case _:
                pass
        moved_on = why_superseded(talk, effect.stop)
        if moved_on:
            return Ending(Result.SUPERSEDED, moved_on)
        if isinstance(effect, effects.Compact):
            talk.context *= 0.2
            return Ending(Result.OK, "summarised")
        if talk.doing is Doing.RETRYING:
            talk.quietly_end()
        if is_vain:
            return _DONE
        if isinstance(effect, effects.NewSession):
            return self._new_session(talk)
        talk.model = effect.model or talk.model
        talk.begin(ours=True)
        return _DONE

    def _new_session(self, old: Conversation) -> Ending:
        """The work goes on in another conversation, with an empty context."""
        self._heirs += 1
        part = old.part
        heir = Conversation(
            house=self.stage,
            part=part,
            id=SessionId(f"ses_{part.id}_{self._heirs + 1}"),
            agent=old.agent,
            progress=old.progress,
            context=(part.context or 0.0) * part.context_used,
            model=old.model,
            retries=old.retries,
        )
        self.stage.talks[heir.id] = heir
        self.stage.lineage[part.id] = heir.id
        heir.begin(ours=True)
        return Ending(Result.OK, data={"session": heir.id})


def why_superseded(talk: Conversation, stop: str) -> str:
    """Why what was decided about a stop is void by now; "" while it stands."""
    if talk.doing is Doing.WORKING:
        return "the session works again"
    if talk.block is not None:
        return f"a {talk.block.kind} waits for a person"
    return "" if talk.stands(stop) else "it has answered since"
