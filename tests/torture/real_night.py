"""A real night, by the wall's clock.

    python -m tests.torture.real_night --minutes 120 --out real-night

Real OpenCode, the real daemon under `systemd --user`, and a provider that misbehaves all the time:
limits with and without a time, overload, server errors, cut and hanging answers, full contexts,
used-up quotas. A person opens sessions, prompts, aborts, holds and releases. Daemon and server are
killed now and then, the network fails, and the clock is set once, for the daemon and everything it
starts (libfaketime: the machine's own clock belongs to everybody on it).

At the end a judge reads OpenCode's transcripts, the provider's ledger, the notices that arrived and
the journal: nothing twice, nothing lost, everything explained. Everything is written to `--out` as
it happens, so that a night that was cut short can still be judged: `--judge real-night`.
"""

import argparse
import base64
import http.client
import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from signal import SIGKILL
from types import TracebackType
from typing import Any, Self

from palingenesis.core.errors import PalingenesisError
from tests.live.bench import SCRIPTED_BIG, SCRIPTED_CLAUDE, wait_until
from tests.live.executable import opencode_executable
from tests.live.night import default_policy
from tests.systemd_user import missing
from tests.torture.judging import judge
from tests.torture.kept import KeptNight
from tests.torture.misbehaviour import Misbehaviour
from tests.torture.night_files import NightFiles, past_of
from tests.torture.telling import commit

SETTLE_S_MAX = 420.0
ACTIVE_MAX = 6
_AT_FIRST = 4
"""So many sessions are begun before anything else is done."""
POLICY = (
    ("<= 5m", "<= 20s"),
    ("delegate: {until: 5m}", "delegate: {until: 20s}"),
    ("jitter: 1m", "jitter: 2s"),
    ("stall-after: 10m", "stall-after: 90s"),
)
"""The default policy with other numbers: a night of two hours has to see what a long one sees."""
_REST = frozenset({"completed", "stood_down", "attention", "paused"})
_OURS_TO_END = frozenset({"completed", "attention", "stood_down"})
_Failed = (PalingenesisError, OSError, http.client.HTTPException, ValueError, AssertionError)
"""How a call ends while somebody is dead: the person sees an error and goes on with her evening."""


class RealNight(KeptNight):
    """A night whose ledgers are files, and whose clock can be set."""

    def __init__(self, opencode: Path, out: Path, *, seed: int, clock: Path | None) -> None:
        super().__init__(opencode, policy=default_policy(*POLICY))
        self._files = NightFiles(out)
        self._clock = clock
        self.misbehaviour = Misbehaviour(seed)
        self._door: Mapping[str, Any] | None = None

    def __enter__(self) -> Self:
        super().__enter__()
        self.provider.respond(self.misbehaviour)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(*_Failed):
            self._files.keep_log(self.log_file)
        super().__exit__(kind, error, trace)

    @property
    def state(self) -> Path:
        return self._files.state

    @property
    def clock_file(self) -> Path:
        """Where libfaketime reads how far the clock is off."""
        return self.root / "clock"

    def start(
        self, *, until_agent_up: bool = True, environment: Mapping[str, str] | None = None
    ) -> None:
        """With a clock that can be set, for the daemon and all that it starts."""
        if self._clock is not None and not self.clock_file.exists():
            self.clock_file.write_text("+0\n")
            environment = {
                "LD_PRELOAD": str(self._clock),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock_file),
                "FAKETIME_CACHE_DURATION": "1",
                "DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1",
                **(environment or {}),
            }
        super().start(until_agent_up=until_agent_up, environment=environment)

    # ── OpenCode, past the daemon ─────────────────────────────────────────────────────────────

    def api(self, method: str, path: str, body: object = None) -> Any:
        """One call; raises OSError when nobody answers or the answer is a refusal."""
        if self._door is None:
            self._door = self.control.open(None)
        try:
            return self._call(self._door, method, path, body)
        except (OSError, http.client.HTTPException):
            self._door = None
            raise

    def _call(self, door: Mapping[str, Any], method: str, path: str, body: object) -> Any:
        host, _, port = door["url"].partition("://")[2].partition(":")
        secret = base64.b64encode(f"opencode:{door['password']}".encode()).decode()
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        headers = {
            "authorization": f"Basic {secret}",
            "content-type": "application/json",
            "x-opencode-directory": str(self.project),
        }
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise OSError(f"{method} {path}: {answer.status} {raw[:200]!r}")
        return json.loads(raw) if raw else None

    def live(self, id_: str) -> str:
        """OpenCode's own word for what the session does: `busy`, `retry` or `idle`."""
        return str((self.api("GET", "/session/status") or {}).get(id_, {}).get("type", "idle"))


class Person:
    """Somebody who works with six sessions at once and changes her mind."""

    def __init__(self, night: RealNight, files: NightFiles, dice: Random) -> None:
        self._night = night
        self._files = files
        self._dice = dice
        self._held: dict[str, float] = {}
        self._count = 0
        self.done: Counter[str] = Counter()

    def act(self) -> None:
        """Do one thing; what fails because somebody is dead was not done."""
        choices: list[tuple[float, str, Callable[[], bool]]] = [
            (4.0, "begin", self._begin),
            (5.0, "prompt", self._prompt_again),
            (1.0, "interject", self._interject),
            (1.5, "abort", self._abort),
            (0.7, "abort by command", self._abort_by_command),
            (1.2, "hold", self._hold),
            (0.2, "hold all", self._hold_all),
        ]
        (chosen,) = self._dice.choices(choices, [weight for weight, _, _ in choices])
        _, name, do = choices[0] if self._count < _AT_FIRST else chosen
        try:
            self.done[name] += do()
        except _Failed as error:
            self.done["failed"] += 1
            self._note("failed", "", f"{name}: {type(error).__name__}: {error}"[:200])

    def attend(self, *, at_the_end: bool = False) -> None:
        """Answer questions, and release what was held long enough."""
        with suppress(*_Failed):
            for asked in self._night.api("GET", "/question") or []:
                self._night.api("POST", f"/question/{asked['id']}/reply", {"answers": [["Blue"]]})
                self._note("answer", asked["sessionID"])
        for id_, until in list(self._held.items()):
            if at_the_end or time.monotonic() > until:
                with suppress(*_Failed):
                    self._night.control.command("resume", id_ or None, "person")
                    self._note("resume", id_)
                    del self._held[id_]

    def _note(self, what: str, session: str, text: str = "") -> None:
        self._files.act(what, session, text)

    def _sessions(self, *statuses: str) -> list[str]:
        return [
            one["id"]
            for one in self._night.control.sessions()
            if one["supervised"] and one["status"] in statuses
        ]

    def _words(self) -> str:
        self._count += 1
        return f"Task {self._count} of the person: go on with the plan."

    def _begin(self) -> bool:
        busy = [s for s in self._night.control.sessions() if s["status"] not in _REST]
        if len(busy) >= ACTIVE_MAX:
            return False
        provider, _, model = self._dice.choice((SCRIPTED_BIG, SCRIPTED_CLAUDE)).partition("/")
        id_ = str(self._night.api("POST", "/session", {})["id"])
        return self._say(id_, model={"providerID": provider, "modelID": model})

    def _say(self, id_: str, **fields: object) -> bool:
        words = self._words()
        self._note("prompt", id_, words)  # before: it may arrive though we see no answer
        self._night.prompt(id_, words, **fields)
        return True

    def _prompt_again(self) -> bool:
        found = self._sessions(*_OURS_TO_END)
        return bool(found) and self._say(self._dice.choice(found[-12:]))

    def _interject(self) -> bool:
        found = self._sessions("waiting", "working")
        return bool(found) and self._say(self._dice.choice(found))

    def _abort(self) -> bool:
        """Abort a turn in OpenCode; it counts when there really was one that it ended."""
        found = [id_ for id_ in self._sessions("working") if self._night.live(id_) != "idle"]
        if not found:
            return False
        id_ = self._dice.choice(found)
        before = self._newest(id_)
        self._night.api("POST", f"/session/{id_}/abort")
        after = self._newest(id_)
        ended_it = after.get("error", {}).get("name") == "MessageAbortedError"
        if before.get("id") != after.get("id") or not ended_it:
            return False
        self._note("abort", id_)
        return True

    def _newest(self, id_: str) -> dict[str, Any]:
        """The last answer, begun or whole; a word of hers may already be behind it."""
        said = [m["info"] for m in self._night.messages(id_) if m["info"]["role"] == "assistant"]
        return dict(said[-1]) if said else {}

    def _abort_by_command(self) -> bool:
        found = self._sessions("working", "waiting", "verifying")
        if not found:
            return False
        id_ = self._dice.choice(found)
        if self._night.control.command("abort", id_, "person")["ok"]:
            self._note("abort", id_)
        return True

    def _hold(self) -> bool:
        found = [id_ for id_ in self._sessions("working", "waiting") if id_ not in self._held]
        return bool(found) and self._pause(self._dice.choice(found), self._dice.uniform(5, 60))

    def _hold_all(self) -> bool:
        return not self._held and self._pause("", self._dice.uniform(5, 20))

    def _pause(self, id_: str, for_s: float) -> bool:
        self._night.control.command("pause", id_ or None, "person")
        self._held[id_] = time.monotonic() + for_s
        self._note("pause", id_)
        return True


class Evening:
    """One run: what happens when, and how far it is."""

    def __init__(self, night: RealNight, files: NightFiles, *, minutes: float, seed: int) -> None:
        self._night = night
        self._files = files
        self._dice = Random(seed + 1)
        self._length_s = minutes * 60
        self.person = Person(night, files, Random(seed + 2))
        self.counts: Counter[str] = Counter()
        self.back_s: list[float] = []
        self._outage_until = 0.0

    def run(self, step_s: int) -> None:
        """Until the time is over; then calm down and let everything come to rest."""
        begin = time.monotonic()
        due = {
            "daemon killed": self._soon(12),
            "server killed": self._soon(8),
            "both killed": self._length_s * 0.7,
            "outage": self._soon(6),
            "clock": self._length_s * 0.45,
            "act": 0.0,
            "progress": 0.0,
        }
        while (now := time.monotonic() - begin) < self._length_s:
            for what in [what for what, at in due.items() if now >= at]:
                due[what] = now + self._happen(what, step_s)
            if self._outage_until and now + begin > self._outage_until:
                self._outage_until = 0.0
                self._night.provider.accept()
            self.person.attend()
            self._files.take(self._night.provider.all_requests, self._night.told.notices)
            time.sleep(0.5)
        self._come_to_rest()

    def replies(self) -> dict[str, int]:
        """How often the provider did what."""
        return dict(self._night.misbehaviour.counts)

    def _soon(self, times: int) -> float:
        """About so often in the whole run, but not more than once in 100 seconds."""
        return max(100.0, self._length_s / times) * self._dice.uniform(0.6, 1.4)

    def _happen(self, what: str, step_s: int) -> float:
        """Let it happen; returns in how many seconds it is due again."""
        never = self._length_s * 10
        if what not in {"act", "progress"}:
            self.counts[what] += 1
            self._files.act(what, "", f"{step_s:+d}" if what == "clock" else "")
        match what:
            case "act":
                self.person.act()
                return self._dice.uniform(2, 10)
            case "progress":
                self._progress()
                return 30.0
            case "daemon killed":
                self._kill_daemon()
                return self._soon(12)
            case "server killed":
                self._kill_server()
                return self._soon(8)
            case "both killed":
                self._kill_server()
                self._kill_daemon()
            case "outage":
                self._night.provider.refuse()
                self._outage_until = time.monotonic() + self._dice.uniform(5, 60)
                return self._soon(6)
            case _:
                self._night.clock_file.write_text(f"{step_s:+d}\n")
        return never

    def _kill_daemon(self) -> None:
        pid = self._night.daemon_pid()
        if not pid:
            return
        os.kill(pid, SIGKILL)
        since = time.monotonic()
        with suppress(AssertionError):
            wait_until(lambda: self._is_back(pid), 60.0, "the daemon")
            self.back_s.append(time.monotonic() - since)

    def _is_back(self, pid: int) -> bool:
        try:
            return int(self._night.control.status()["pid"]) != pid
        except PalingenesisError:
            return False

    def _kill_server(self) -> None:
        with suppress(*_Failed):
            pid = self._night.agent_pid(of_any=True)
            if pid is not None:
                os.kill(pid, SIGKILL)

    def _progress(self) -> None:
        with suppress(*_Failed):
            statuses = Counter(str(one["status"]) for one in self._night.control.sessions())
            self._files.progress(
                {
                    "sessions": dict(statuses),
                    "requests": len(self._night.provider.requests),
                    "told": len(self._night.told.notices),
                    "person": dict(self.person.done),
                    "happened": dict(self.counts),
                    "replies": dict(self._night.misbehaviour.counts),
                    "back_s": [round(one, 2) for one in self.back_s],
                }
            )

    def _come_to_rest(self) -> None:
        self._files.act("calm", "")
        self._night.misbehaviour.calm = True
        if self._outage_until:
            self._night.provider.accept()
        self._night.provider.release()
        deadline = time.monotonic() + SETTLE_S_MAX
        quiet_since = time.monotonic()
        before: object = None
        while time.monotonic() < deadline and time.monotonic() - quiet_since < 10:
            self.person.attend(at_the_end=True)
            seen = self._at_rest()
            if seen is None or seen != before:
                before, quiet_since = seen, time.monotonic()
            time.sleep(1)
        self._progress()
        self._files.take(self._night.provider.all_requests, self._night.told.notices)
        self._keep_the_end()

    def _at_rest(self) -> object:
        """What everybody does, when all are at rest; None: somebody is not."""
        with suppress(*_Failed):
            sessions = self._night.control.sessions()
            if all(s["status"] in _REST | {"waiting"} for s in sessions if s["supervised"]):
                return [(s["id"], s["status"]) for s in sessions], len(self._night.told.notices)
        return None

    def _keep_the_end(self) -> None:
        sessions = self._night.control.sessions()
        self._files.sessions([dict(one) for one in sessions])
        for one in self._night.api("GET", "/session?limit=1000") or []:
            self._files.transcript(one["id"], self._night.messages(one["id"]))


def result(files: NightFiles, evening: Evening | None, head: str) -> int:
    """Judge, and write down what came of it; returns the exit code."""
    past = past_of(files)
    wrong = judge(past)
    ends = dict(Counter(str(one["status"]) for one in past.sessions))
    did = dict(Counter(one.what for one in past.acts if one.session))
    lines = [
        head,
        f"requests to the provider: {len(past.asked)}",
        f"sessions: {len(past.sessions)}; at the end: {ends}",
        f"journal: {len(past.entries)} entries",
        f"the person: {did}",
        f"notices that arrived: {len(past.told)}",
        *files.figures(past),
    ]
    if evening is not None:
        lines.append(f"happened: {dict(evening.counts)}")
        lines.append(f"replies: {evening.replies()}")
        back = sorted(evening.back_s)
        lines.append(
            f"the daemon answers again after a SIGKILL in s: {[round(s, 2) for s in back]}"
        )
    lines.append(f"violations: {len(wrong)}")
    lines += [f"  {one}" for one in wrong]
    if evening is not None:
        files.result("\n".join(lines) + "\n")
    print("\n".join(lines))
    return 1 if wrong else 0


def main(words: list[str] | None = None) -> int:
    """Run, or judge a night that is over."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.real_night",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("real-night"))
    parser.add_argument("--step", type=int, default=1800, help="seconds that the clock jumps, once")
    parser.add_argument("--faketime", type=Path, help="libfaketime.so.1; without it no clock jumps")
    parser.add_argument("--judge", type=Path, help="only judge the night that is written there")
    asked = parser.parse_args(words)
    if asked.judge is not None:
        return result(NightFiles(asked.judge), None, f"judged again, {datetime.now(UTC):%F %T}Z")
    if problem := missing():
        parser.error(problem)
    out = asked.out.absolute()
    if out.exists():
        shutil.rmtree(out)
    files = NightFiles(out)
    begin = datetime.now(UTC)
    clock = asked.faketime.absolute() if asked.faketime is not None else None
    with RealNight(opencode_executable(), out, seed=asked.seed, clock=clock) as night:
        evening = Evening(night, files, minutes=asked.minutes, seed=asked.seed)
        evening.run(asked.step)
    took = (datetime.now(UTC) - begin).total_seconds() / 60
    head = (
        f"a real night: {begin:%F %T}Z, {asked.minutes:g} minutes ({took:.1f} with the ends),"
        f" seed {asked.seed}, commit {commit()}, clock step"
        f" {f'{asked.step:+d} s' if clock else 'none'}"
    )
    return result(files, evening, head)


if __name__ == "__main__":
    sys.exit(main())
