"""A conversation in the course of a night: it works turn after turn until something stops it.

It behaves as a session of OpenCode does (its own retries, one identity for every turn, questions
that hold a turn up), and tells what a sensor would tell. It knows nothing of policies.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from palingenesis.core import events
from palingenesis.core.events import Event
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    FactValue,
    SessionId,
    Stop,
    StopReason,
)
from palingenesis.simulation.house import Bill, House, Progress
from palingenesis.simulation.provider import Refusal
from palingenesis.simulation.rehearsal import WANT_WORDS
from palingenesis.simulation.setting import SessionPart

SIGN_EVERY: Final = timedelta(minutes=5)
"""How often a long turn shows a sign of life."""
_FIRST_SIGN: Final = timedelta(seconds=1)
_REFUSED_AFTER: Final = timedelta(milliseconds=500)
OWN_RETRIES: Final = 5
"""OpenCode tries so often by itself before it gives a turn up."""
_RETRIED: Final = frozenset(
    {
        StopReason.RATE_LIMIT,
        StopReason.QUOTA,
        StopReason.OVERLOADED,
        StopReason.SERVER_ERROR,
        StopReason.NETWORK,
    }
)


class Doing(StrEnum):
    """What a conversation is doing, in truth."""

    REST = "rest"
    WORKING = "working"
    RETRYING = "retrying"  # the assistant waits by itself
    BLOCKED = "blocked"  # a permission or question is pending


@dataclass(eq=False)
class Conversation:
    """One conversation."""

    house: House
    part: SessionPart
    id: SessionId
    agent: AgentId
    progress: Progress = field(default_factory=Progress)
    bill: Bill = field(default_factory=Bill)
    context: float = 0.0
    doing: Doing = Doing.REST
    silent: bool = False
    """It hangs: no turn ends and no sign comes until somebody ends the turn."""
    block: Block | None = None
    anchor: str = ""
    """What identifies its newest message."""
    model: str = ""
    retries: bool = True
    """Whether its assistant tries again by itself."""

    _run: int = 0
    _turns: int = 0
    _died_in: int = -1
    _attempt: int = 0
    _is_ours: bool = False
    _began: datetime | None = None
    _ends: datetime | None = None
    _tokens: float = 0.0
    _asked: int = 0

    @property
    def asks_for(self) -> str:
        """The model, as `provider/model`."""
        return self.model or self.part.model

    # ── what starts and ends it ───────────────────────────────────────────────────────────────

    def begin(self, *, ours: bool) -> None:
        """A prompt is taken up: a turn begins."""
        self._move(Doing.WORKING)
        self._say()
        self._attempt, self._is_ours, self.silent, self.block = 0, ours, False, None
        house = self.house
        house.tell(events.SessionWorking(at=house.now, session=self.id, agent=self.agent))
        self._after(_FIRST_SIGN, self._first_sign)
        self._request()

    def stop(self, refusal: Refusal, *, signal: str = "") -> None:
        """The turn ends for a reason, and the assistant will not go on by itself."""
        self._lose()
        self._move(Doing.REST)
        reason = refusal.reason
        self._tell_stop(refusal, key=f"{self.anchor}:{signal}" if signal else self.anchor)
        if reason is StopReason.COMPLETED:
            self._attempt = 0

    def strike(self, refusal: Refusal) -> None:
        """What is being tried fails; the assistant may try again by itself."""
        self._lose()
        retries = refusal.reason in _RETRIED and self.retries
        if not retries or self._attempt >= OWN_RETRIES:
            self.stop(refusal)
            return
        self._attempt += 1
        self._move(Doing.RETRYING)
        wait = refusal.retry_in or timedelta(seconds=2**self._attempt)
        again = Refusal(
            reason=refusal.reason,
            message=refusal.message,
            http_status=refusal.http_status,
            retry_in=wait,
        )
        self._tell_stop(again, key=f"{self.anchor}:retry-{self._attempt}", retrying=True)
        self._after(wait, self._retry)

    def end_by_abort(self) -> bool:
        """Somebody aborts it; False: there was nothing to abort."""
        if self.doing is Doing.REST:
            return False
        self.silent = False
        self.stop(Refusal(reason=StopReason.USER_ABORT), signal="abort")
        return True

    def quietly_end(self) -> None:
        """Its own retry is ended by the prompt that follows at once; nobody is told."""
        self._lose()
        self._move(Doing.REST)

    def die(self) -> bool:
        """Its server is gone; whether it was at work."""
        was_at_work = self.doing is not Doing.REST
        self._lose()
        self._move(Doing.REST)
        self.silent, self.block = False, None
        self._died_in = self._turns
        return was_at_work

    def stands(self, stop: str) -> bool:
        """Whether the stop with this key is still the newest thing that happened to it."""
        if stop.startswith("down:"):
            return self._died_in == self._turns
        return not stop or stop.partition(":")[0] == self.anchor

    def fall_silent(self) -> None:
        """It hangs."""
        if self.doing is Doing.WORKING:
            self._move(Doing.WORKING)
            self.silent = True

    def is_still(self, event: Event) -> bool:
        """Whether what was seen a moment ago is still so; a sensor tells nothing else."""
        match event:
            case events.SessionStopped():
                return self.doing is not Doing.WORKING and self.stands(event.stop.key)
            case events.SessionBlocked():
                return self.block is not None and self.block.id == event.block.id
            case _:
                return True

    # ── questions ─────────────────────────────────────────────────────────────────────────────

    def ask(self, kind: BlockKind, text: str, tool: str) -> Block | None:
        """It asks the person; None: it is not at work."""
        if self.doing is not Doing.WORKING:
            return None
        self._asked += 1
        now = self.house.now
        block = Block(id=f"ask_{self.id}_{self._asked}", kind=kind, text=text, tool=tool, since=now)
        self._move(Doing.BLOCKED)
        self.block = block
        self.house.tell(
            events.SessionBlocked(at=now, session=self.id, agent=self.agent, block=block)
        )
        return block

    def answered(self, block: str) -> None:
        """The person has answered; the turn goes on."""
        if self.block is None or self.block.id != block:
            return
        self.block = None
        left = (self._ends or self.house.clock) - self.house.clock
        self._move(Doing.WORKING)
        house = self.house
        house.tell(events.SessionUnblocked(at=house.now, session=self.id, block=block))
        self._go_on(max(left, timedelta(seconds=5)))

    # ── turns ─────────────────────────────────────────────────────────────────────────────────

    def _request(self) -> None:
        refusal = self.house.refusal(self)
        if refusal is not None:
            self._after(_REFUSED_AFTER, lambda: self.strike(refusal))
            return
        number = self.progress.turns
        takes = self.house.dice.span(self.part.takes, f"{self.part.id}:takes:{number}")
        self._tokens = self.house.dice.amount(self.part.tokens, f"{self.part.id}:tokens:{number}")
        self._began = self.house.clock
        self._go_on(takes)

    def _go_on(self, takes: timedelta) -> None:
        self._ends = self.house.clock + takes
        self._after(takes, self._end_turn)
        if takes > SIGN_EVERY:
            self._after(SIGN_EVERY, self._sign)

    def _end_turn(self) -> None:
        house, part = self.house, self.part
        number = self.progress.turns
        self.progress.turns += 1
        self._count(self._tokens)
        self.context += house.dice.amount(part.grows, f"{part.id}:grows:{number}")
        self._began, self._attempt = None, 0
        stepped = self._step(number)
        self._say()
        now = house.now
        house.tell(events.FactsObserved(at=now, session=self.id, facts=self.facts()))
        house.tell(
            events.SessionProgressed(at=now, session=self.id, what="work" if stepped else "turn")
        )
        if self.is_done:
            self.stop(Refusal(reason=StopReason.COMPLETED))
        elif part.context is not None and self.context >= part.context:
            self.stop(Refusal(reason=StopReason.CONTEXT_EXHAUSTED, message="prompt is too long"))
        elif stepped and house.dice.chance(part.pauses, f"{part.id}:pauses:{self.progress.steps}"):
            self.stop(Refusal(reason=StopReason.COMPLETED))
        else:
            self._move(Doing.WORKING)
            self._request()

    def _step(self, number: int) -> bool:
        """Whether this turn completes a step of the work."""
        work, part = self.part.work, self.part
        if work is None or work.torn:
            return False
        self.progress.since_step += 1
        purpose = f"{part.id}:step:{self.progress.steps}"
        if self.progress.since_step < round(self.house.dice.amount(part.turns_per_step, purpose)):
            return False
        self.progress.since_step = 0
        self.progress.steps += 1
        return True

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        part = self.part
        if part.work is not None:
            return not part.work.torn and self.progress.steps >= part.work.steps
        return part.turns is not None and self.progress.turns >= part.turns

    def facts(self) -> dict[str, FactValue | None]:
        """What a sensor reads of it."""
        part, work = self.part, self.part.work
        facts: dict[str, FactValue | None] = {
            "session.cost": round(self.bill.tokens * part.price / 1e6, 4),
            "session.messages": 2 * self.progress.turns,
            "session.model": self.asks_for,
        }
        if part.context is not None:
            facts["session.context_used"] = round(min(self.context / part.context, 1.0), 4)
        if work is None:
            facts["work.state"] = part.given.get("work.state", "absent")
        elif work.torn:
            facts |= {"work.state": "torn", "work.done": None}
        else:
            facts |= {
                "work.state": "valid",
                "work.done": self.progress.steps >= work.steps,
                "work.steps_completed": self.progress.steps,
                "work.steps_total": work.steps,
            }
        return facts

    # ── its own retry, and signs ──────────────────────────────────────────────────────────────

    def _retry(self) -> None:
        self._move(Doing.WORKING)
        house = self.house
        house.tell(events.SessionWorking(at=house.now, session=self.id, agent=self.agent))
        self._after(_FIRST_SIGN, self._first_sign)
        self._request()

    def _first_sign(self) -> None:
        house = self.house
        house.tell(events.SessionAlive(at=house.now, session=self.id, what="text"))

    def _sign(self) -> None:
        house = self.house
        if self.part.signs:
            house.tell(events.SessionAlive(at=house.now, session=self.id, what="tool"))
        if self._ends is not None and self._ends - house.clock > SIGN_EVERY:
            self._after(SIGN_EVERY, self._sign)

    # ── the small print ───────────────────────────────────────────────────────────────────────

    def _say(self) -> None:
        """A new message is begun: what was told of an earlier one is over."""
        self._turns += 1
        self.anchor = f"msg_{self.id}_{self._turns}"

    def _move(self, doing: Doing) -> None:
        """Whatever was planned for what it did before is void."""
        self._run += 1
        self.doing = doing

    def _after(self, span: timedelta, do: Callable[[], None]) -> None:
        run = self._run

        def still() -> None:
            if self._run == run:
                do()

        self.house.later(span, still)

    def _count(self, tokens: float) -> None:
        self.bill.tokens += tokens
        if self._is_ours:
            self.bill.ours += tokens
        self.house.spend(self.asks_for, tokens)

    def _lose(self) -> None:
        """A turn that ends in the middle has used a part of its tokens for nothing."""
        began, ends, clock = self._began, self._ends, self.house.clock
        self._began = None
        if began is None or ends is None or ends <= began:
            return
        share = min(max((clock - began) / (ends - began), 0.0), 1.0)
        self._count(self._tokens * share)
        self.bill.lost += self._tokens * share

    def _tell_stop(self, refusal: Refusal, *, key: str, retrying: bool = False) -> None:
        house = self.house
        now = house.now
        provider, _, model = self.asks_for.partition("/")
        stop = Stop(
            key=key,
            reason=refusal.reason,
            message=refusal.message,
            provider=provider,
            model=model,
            http_status=refusal.http_status,
            retry_at=now + refusal.retry_in if refusal.retry_in is not None else None,
            retrying=retrying,
            attempt=self._attempt if retrying else None,
            words=refusal.reason in WANT_WORDS,
        )
        house.tell(events.SessionStopped(at=now, session=self.id, agent=self.agent, stop=stop))
