"""The **house**: an assistant with its provider, and the person, as plain data in true time.

It behaves as OpenCode does where that matters (docs of the adapters): a prompt has a key, and the
same key is the same prompt; a prompt to a session at work joins it; a key whose turn failed runs
again; a server that dies leaves its turns dangling; a session can be found by the key of the
effect that created it. It keeps a **ledger** of what truly happened, which only the checker reads.
"""

import heapq
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

REFUSED_AFTER_S: Final = 0.5
SIGN_AFTER_S: Final = 1.0
SIGNAL_S: Final = 0.02
READY_AFTER_S: Final = 2.5
OWN_RETRIES: Final = 3


class Mark(NamedTuple):
    """One line of the ledger: when (true time, seconds), what, about whom."""

    at: float
    what: str
    session: str
    key: str = ""
    more: str = ""


class Said(NamedTuple):
    """A message of a conversation; `wall` is what the machine's clock showed."""

    id: str
    who: str
    """`person`, `ours` or `assistant`."""
    parent: str
    wall: float


class Beat(NamedTuple):
    """What the next request of a session comes to.

    `kind`: `work` a turn of `span_s` · `pause` likewise, then it stops with open steps · `limit`
    refused for `span_s`, for `reason`; `shown` tells what the provider says about the end · `stop`
    refused once for `reason` · `retry` as `limit`, and the assistant waits by itself · `silent`
    it hangs · `ask` a person has to answer within `span_s` · `die` the server dies.
    """

    kind: str
    span_s: float = 20.0
    reason: str = ""
    shown: str = ""


class Stopped(NamedTuple):
    """Why a session is at rest, as its last message tells."""

    key: str
    reason: str
    retry_after_s: float | None
    reset_at: float | None
    """An instant that the provider named, in true time."""
    wall: float
    offset: float
    """How far the machine's clock was ahead then."""
    dated: bool = False
    """The instant came without the provider's own clock to hold it against."""
    retrying: bool = False
    attempt: int = 0


@dataclass(slots=True)
class Talk:
    """One conversation."""

    id: str
    script: list[Beat]
    total: int = 0
    done: int = 0
    title: str = ""
    origin: str = ""
    """Key of the effect that created it."""
    made_for: tuple[str, str] = ("", "")
    """The session and the stop that it continues."""
    doing: str = "rest"
    """`rest`, `work`, `retry` or `blocked`."""
    run: int = 0
    """Timers of an earlier run are void."""
    count: int = 0
    said: list[Said] = field(default_factory=list)
    stop: Stopped | None = None
    key: str = ""
    """Of the prompt that began the run; "" the person's."""
    keys: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """Our prompts: message id, and whether an answer began."""
    failed: set[str] = field(default_factory=set)
    """Keys whose turn came to nothing: sent again they run again."""
    attempt: int = 0
    block: str = ""
    person: str = ""
    progress: int = 0
    dangling: bool = False


@dataclass(slots=True)
class Server:
    """The agent's process."""

    pid: int = 0
    up: bool = False
    ready_at: float = 0.0
    started: float = 0.0
    """When it was started, by the machine's clock."""
    by_us: bool = False


@dataclass(slots=True)
class House:
    """Everything that is not the daemon."""

    begins: datetime = datetime(2026, 3, 28, 21, 0, tzinfo=UTC)
    """True time 0."""
    now: float = 0.0
    wall_offset: float = 0.0
    boot: int = 1
    """The machine's boot, and when it was: counts from there what a suspend does not stop."""
    booted: float = -600.0
    slept: float = 0.0
    policy: str = "default"
    """What the policy file holds."""
    commands: dict[int, tuple[str, str]] = field(default_factory=dict)
    """What the person asked of the daemon and was not acknowledged yet."""
    talks: dict[str, Talk] = field(default_factory=dict)
    server: Server = field(default_factory=Server)
    pids: int = 100
    asks: int = 0
    heirs: int = 0
    windows: dict[str, tuple[float, str, str]] = field(default_factory=dict)
    """Until when the provider refuses a session, for which reason, and what it shows."""
    broken_until: float = 0.0
    """The server does not come up before."""
    heap: list[tuple[float, int, bool, str, tuple[Any, ...]]] = field(default_factory=list)
    serial: int = 0
    ledger: list[Mark] = field(default_factory=list)
    fates: dict[int, str] = field(default_factory=dict)
    """What happens to the n-th exchange: `lost` or `unanswered`."""
    exchanges: int = 0
    unanswered: int = 0
    signals: int = 0
    signal_fates: dict[int, str] = field(default_factory=dict)
    """What happens to the n-th signal: `lost`, `twice` or `late`."""

    # ── time ──────────────────────────────────────────────────────────────────────────────────

    @property
    def wall(self) -> float:
        """What the machine's clock shows, in seconds since the night began."""
        return self.now + self.wall_offset

    def instant(self, wall_s: float) -> datetime:
        """An instant, from seconds since the night began."""
        return self.begins + timedelta(seconds=round(wall_s, 6))

    def later(self, after_s: float, name: str, *args: Any, local: bool = True) -> None:
        """Have something happen. What is `local` stands still while the machine sleeps."""
        self.serial += 1
        heapq.heappush(self.heap, (self.now + after_s, self.serial, local, name, args))

    def suspend(self, span_s: float) -> None:
        """The machine sleeps; what is not on it goes on."""
        self.mark("suspend", "", more=f"{span_s:g}")
        self.now += span_s
        self.slept += span_s
        self.heap = [
            (at + span_s if local else max(at, self.now), serial, local, name, args)
            for at, serial, local, name, args in self.heap
        ]
        heapq.heapify(self.heap)

    def mark(self, what: str, session: str, key: str = "", more: str = "") -> None:
        """Write a line of the ledger."""
        self.ledger.append(Mark(self.now, what, session, key, more))

    # ── signals to whoever listens ────────────────────────────────────────────────────────────

    def signal(self, kind: str, session: str, data: str = "") -> None:
        """Tell the listener, in a moment; some get lost, come twice, or come late."""
        self.signals += 1
        fate = self.signal_fates.get(self.signals, "")
        if fate != "lost":
            self.later(SIGNAL_S, "signal", kind, session, data)
        if fate == "twice":
            self.later(SIGNAL_S * 3, "signal", kind, session, data)
        elif fate == "late":
            at, serial, local, name, args = self.heap.pop(self._place_of(self.serial))
            heapq.heapify(self.heap)
            heapq.heappush(self.heap, (at + 1.5, serial, local, name, args))
        if fate:
            self.later(5.0, "poll")

    def _place_of(self, serial: int) -> int:
        return next(i for i, entry in enumerate(self.heap) if entry[1] == serial)

    # ── a run ─────────────────────────────────────────────────────────────────────────────────

    def begin(self, talk: Talk, *, key: str, meant: str, again: bool = False) -> None:
        """A prompt is taken up."""
        before = talk.stop.key if talk.stop is not None else ""
        talk.run += 1
        talk.doing, talk.stop, talk.key, talk.dangling = "work", None, key, False
        talk.attempt, talk.block = 0, ""
        talk.failed.discard(key)
        who = "run" if key else "person-run"
        self.mark(who, talk.id, key, f"{meant}|{before}|{'again' if again else ''}")
        self.signal("busy", talk.id)
        self._request(talk)

    def say(self, talk: Talk, who: str, parent: str = "") -> str:
        """Add a message; returns its id."""
        talk.count += 1
        id_ = f"msg_{talk.id[4:]}x{talk.count}"
        talk.said.append(Said(id_, who, parent, self.wall))
        return id_

    def _request(self, talk: Talk) -> None:
        window = self.windows.get(talk.id)
        if window is not None and self.now < window[0]:
            self.later(REFUSED_AFTER_S, "refuse", talk.id, talk.run)
            return
        if not talk.script:
            self.later(SIGN_AFTER_S, "sign", talk.id, talk.run)
            self.later(SIGN_AFTER_S + 1, "rest", talk.id, talk.run)
            return
        beat = talk.script[0]
        if beat.kind in {"limit", "retry", "stop"}:
            self.later(REFUSED_AFTER_S, "refuse", talk.id, talk.run)
            return
        self.later(SIGN_AFTER_S, "sign", talk.id, talk.run)
        if beat.kind != "silent":
            self.later(max(beat.span_s, SIGN_AFTER_S + 0.5), "beat", talk.id, talk.run)
        elif beat.span_s:
            self.later(beat.span_s, "beat", talk.id, talk.run)

    def on_sign(self, id_: str, run: int) -> None:
        talk = self.talks[id_]
        if talk.run != run or talk.doing != "work":
            return
        self._answer(talk)
        self.mark("alive", id_, talk.key)
        self.signal("alive", id_)

    def _answer(self, talk: Talk) -> str:
        """The assistant's message of this run begins: whatever was said by then, is answered."""
        parent = next((s.id for s in reversed(talk.said) if s.who != "assistant"), "")
        if talk.key and talk.key in talk.keys:
            talk.keys[talk.key] = (talk.keys[talk.key][0], True)
        return self.say(talk, "assistant", parent)

    def on_beat(self, id_: str, run: int) -> None:
        talk = self.talks[id_]
        if talk.run != run or talk.doing != "work" or not talk.script:
            return
        beat = talk.script.pop(0)
        match beat.kind:
            case "work" | "pause":
                talk.done += 1
                talk.progress += 1
                self.mark("progress", id_, talk.key)
                self.signal("turn", id_)
                if beat.kind == "pause" or not talk.script:
                    self.on_rest(id_, run)
                else:
                    self._request(talk)
            case "die":
                self.die("SIGKILL")
            case "ask":
                self.asks += 1
                talk.doing, talk.block = "blocked", f"per_{self.asks}"
                self.mark("asked", id_, talk.block)
                self.signal("asked", id_, talk.block)
                if beat.span_s:
                    self.later(beat.span_s, "answer", id_, talk.block, local=False)
            case _:
                self._request(talk)

    def on_rest(self, id_: str, run: int) -> None:
        """The run ends well."""
        talk = self.talks[id_]
        if talk.run == run and talk.doing == "work":
            self._come_to_rest(talk, "completed")

    def on_refuse(self, id_: str, run: int) -> None:
        """The provider says no."""
        talk = self.talks[id_]
        if talk.run != run or talk.doing != "work":
            return
        window = self.windows.get(id_)
        if window is not None and self.now < window[0]:
            _, reason, shown = window
        elif not talk.script or talk.script[0].kind not in {"limit", "retry", "stop"}:
            self._request(talk)  # the refusal has ended while it was asked
            return
        else:
            beat = talk.script.pop(0)
            reason, shown = beat.reason, beat.shown
            if beat.kind != "stop":
                self.windows[id_] = (self.now + beat.span_s, reason, shown)
            if beat.kind == "retry":
                shown = f"own:{shown}"
                self.windows[id_] = (self.now + beat.span_s, reason, shown)
        if shown.startswith("own:") and talk.attempt < OWN_RETRIES:
            self._retry_by_itself(talk, reason, shown)
            return
        talk.failed.add(talk.key)
        self._answer(talk)
        self._come_to_rest(talk, reason, shown.removeprefix("own:"))

    def _retry_by_itself(self, talk: Talk, reason: str, shown: str) -> None:
        talk.attempt += 1
        talk.doing = "retry"
        after, reset = self._shown(talk.id, shown.removeprefix("own:"))
        wait = after if after is not None else 2.0**talk.attempt
        last = talk.said[-1].id if talk.said else "msg_0"
        key = f"{last}:retry-{talk.attempt}"
        talk.stop = Stopped(
            key,
            reason,
            wait,
            reset,
            self.wall,
            self.wall_offset,
            dated=shown.endswith("dated"),
            retrying=True,
            attempt=talk.attempt,
        )
        self.mark("retrying", talk.id, key, reason)
        self.signal("retry", talk.id)
        self.later(wait, "retried", talk.id, talk.run)

    def on_retried(self, id_: str, run: int) -> None:
        talk = self.talks[id_]
        if talk.run != run or talk.doing != "retry":
            return
        talk.doing, talk.stop = "work", None
        self.mark("own-run", id_, talk.key)
        self.signal("busy", id_)
        self._request(talk)

    def _shown(self, id_: str, shown: str) -> tuple[float | None, float | None]:
        """What the provider says about the end of its refusal: seconds, or an instant."""
        until = self.windows.get(id_, (self.now, "", ""))[0]
        left = max(until - self.now, 0.0)
        match shown:
            case "after":
                return left + 0.2, None
            case "reset" | "dated":
                return None, until + 0.2
            case "early":
                return max(left - 120.0, 1.0), None
            case _:
                return None, None

    def _come_to_rest(
        self, talk: Talk, reason: str, shown: str = "", suffix: str = "", *, quietly: bool = False
    ) -> None:
        if not talk.said or talk.said[-1].who != "assistant":
            self._answer(talk)
        after, reset = self._shown(talk.id, shown)
        talk.run += 1
        talk.doing, talk.block = "rest", ""
        key = talk.said[-1].id + suffix
        talk.stop = Stopped(
            key, reason, after, reset, self.wall, self.wall_offset, dated=shown == "dated"
        )
        self.mark("quiet-stop" if quietly else "stop", talk.id, key, reason)
        if not quietly:
            self.signal("idle", talk.id)

    # ── the person ────────────────────────────────────────────────────────────────────────────

    def on_person(self, deed: str, id_: str) -> None:
        """She prompts it, or ends its turn."""
        talk = self.talks.get(id_)
        if talk is None or not self.server.up or self.now < self.server.ready_at:
            return
        if deed == "prompt" and talk.doing != "blocked":
            talk.person = self.say(talk, "person")
            self.mark("person-prompt", id_)
            self.signal("person", id_, talk.person)
            if talk.doing == "rest":
                self.begin(talk, key="", meant="")
        elif deed == "abort" and talk.doing in {"work", "retry"}:
            self.mark("person-abort", id_)
            talk.failed.add(talk.key)
            self._come_to_rest(talk, "user_abort", suffix=":abort")

    def on_answer(self, id_: str, block: str) -> None:
        """She answers a question; the run goes on."""
        talk = self.talks[id_]
        if talk.block != block or talk.doing != "blocked":
            return
        talk.doing, talk.block = "work", ""
        self.mark("answered", id_, block)
        self.signal("answered", id_, block)
        self._request(talk)

    # ── the process ───────────────────────────────────────────────────────────────────────────

    def spawn(self) -> None:
        """A server is started."""
        if self.server.up:
            self.mark("second-server", "", str(self.server.pid))
        self.pids += 1
        self.server = Server(self.pids, True, self.now + READY_AFTER_S, self.wall)
        self.mark("spawn", "", str(self.pids))
        if self.now < self.broken_until:
            self.later(0.5, "failed_start", self.pids)

    def on_failed_start(self, pid: int) -> None:
        if self.server.pid == pid and self.server.up:
            self.die("SIGSEGV")

    def die(self, how: str, *, by_us: bool = False) -> None:
        """The server ends; what was at work there is left as it is."""
        if not self.server.up:
            return
        self.server.up, self.server.by_us = False, by_us
        self.mark("died", "", str(self.server.pid), how)
        for talk in self.talks.values():
            if talk.doing == "rest":
                continue
            talk.run += 1
            talk.dangling, talk.doing, talk.block = True, "rest", ""
            talk.failed.add(talk.key)
            last = talk.said[-1].id if talk.said else "msg_0"
            reason = "user_abort_by_us" if by_us else "crash"
            talk.stop = Stopped(last, "crash", None, None, self.wall, self.wall_offset)
            self.mark("stop", talk.id, last, reason)
        self.later(SIGNAL_S, "gone", self.server.pid, how)

    def reboot(self) -> None:
        """The machine is started anew: every process on it has ended."""
        self.die("SIGKILL")
        self.boot += 1
        self.booted, self.slept = self.now, 0.0
        self.mark("reboot", "")

    def on_kill(self) -> None:
        """Something ends the server."""
        self.die("SIGKILL")
