"""The ledgers of a real night as files, written as it goes on, and what they say in the end."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from palingenesis.core import effects, events
from palingenesis.demo.provider import ModelRequest
from palingenesis.demo.replies import Status
from palingenesis.journal.readonly import ReadOnlyJournal
from tests.torture.judging import Act, Asked, Past, Said, Told, unanswered

_SLACK = timedelta(seconds=1)


class NightFiles:
    """A directory with one file per ledger; each line is one JSON object."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.state = out / "state"
        out.mkdir(parents=True, exist_ok=True)
        self._requests = 0
        self._told = 0

    def act(self, what: str, session: str, text: str = "") -> None:
        """Something was done, now."""
        self._append("acts", {"at": _now(), "what": what, "session": session, "text": text})

    def take(self, requests: Sequence[ModelRequest], notices: Sequence[Mapping[str, Any]]) -> None:
        """Write down what is new in the provider's ledger, and what people were told."""
        for one in requests[self._requests :]:
            reply = one.reply
            self._append(
                "requests",
                {
                    "at": one.at.isoformat(),
                    "session": one.session,
                    "side": one.side,
                    "messages": one.message_count,
                    "words": one.last_user_text[:200],
                    "reply": type(reply).__name__,
                    "status": reply.status if isinstance(reply, Status) else None,
                    "retry_after": _retry_after(reply),
                },
            )
        self._requests = len(requests)
        for notice in notices[self._told :]:
            self._append("told", {"at": _now(), **notice["data"]})
        self._told = len(notices)

    def progress(self, figures: Mapping[str, Any]) -> None:
        """How far it is."""
        self._append("progress", {"at": _now(), **figures})

    def sessions(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """What the daemon says of each session at the end."""
        for row in rows:
            self._append("sessions", row)

    def transcript(self, session: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """What OpenCode remembers of a session."""
        for message in messages:
            info = message["info"]
            texts = [part.get("text", "") for part in message["parts"] if part["type"] == "text"]
            is_its_own = any(part.get("synthetic") for part in message["parts"])
            self._append(
                "said",
                {
                    "id": info["id"],
                    "session": session,
                    "role": info["role"],
                    "parent": info.get("parentID", ""),
                    "text": "" if is_its_own else " ".join(texts)[:500],
                },
            )

    def keep_log(self, log: Path) -> None:
        """Keep the daemon's own log."""
        shutil.copyfile(log, self.out / "daemon.log")

    def result(self, text: str) -> None:
        """What came of it."""
        (self.out / "result.txt").write_text(text, encoding="utf-8")

    def lines(self, name: str) -> list[dict[str, Any]]:
        """One ledger; a line that was cut off at the end of all is left out."""
        path = self.out / f"{name}.jsonl"
        found = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def figures(self, past: Past) -> list[str]:
        """What was counted, for the page about it."""
        prompts = [
            effect
            for entry in past.entries
            for effect in entry.effects
            if isinstance(effect, effects.Resume | effects.Retry | effects.NewSession)
        ]
        ids = {effect.id for effect in prompts}
        results: dict[str, int] = {}
        for entry in past.entries:
            if isinstance(entry.event, events.EffectEnded) and entry.event.effect in ids:
                results[entry.event.result] = results.get(entry.event.result, 0) + 1
        starts = sum(isinstance(entry.event, events.DaemonStarted) for entry in past.entries)
        early = self._too_early(past)
        whose = dict(Counter(who for _, who in early))
        return [
            f"prompts of ours: {len(prompts)} ordered; outcomes {results}",
            f"starts of the daemon: {starts}",
            f"sessions whose last prompt nobody ever answered: {self._silent(past)}",
            f"asked before the provider's own time was over: {whose}",
            *(f"  {told}: {who}" for told, who in early),
        ]

    def _silent(self, past: Past) -> dict[str, int]:
        """How those sessions end whose last prompt OpenCode let fall."""
        statuses = {one["id"]: str(one["status"]) for one in past.sessions}
        return dict(Counter(statuses.get(session, "gone") for session in unanswered(past)))

    def _too_early(self, past: Past) -> list[tuple[str, str]]:
        """Requests within a time that the provider had named, without a word of the person.

        And whose they are: OpenCode tries again by itself too, and by its own clock.
        """
        found, until = [], dict[str, tuple[datetime, datetime]]()
        hers = [(_at(one), one["session"]) for one in self.lines("acts") if one["what"] == "prompt"]
        ours = self._prompted(past)
        for one in self.lines("requests"):
            at, session = _at(one), one["session"]
            if one["side"]:
                continue
            since, floor = until.get(session, (at, at))
            if at < floor - _SLACK and (session not in _named(hers, since, at)):
                told = f"{at:%H:%M:%S} {session} {(floor - at).total_seconds():.0f} s early"
                is_ours = session in _named(ours, since, at)
                found.append((told, "ours" if is_ours else "OpenCode's own"))
            if one["retry_after"] is not None:
                until[session] = (at, at + timedelta(seconds=one["retry_after"]))
            else:
                until.pop(session, None)
        return found

    def _prompted(self, past: Past) -> list[tuple[datetime, str]]:
        """When we prompted whom, by the provider's clock: the daemon's may have been set."""
        steps = [
            (_at(one), timedelta(seconds=int(one["text"])))
            for one in self.lines("acts")
            if one["what"] == "clock" and one["text"]
        ]
        found = []
        for entry in past.entries:
            at = entry.event.at
            for set_at, by in steps:
                at -= by if at >= set_at + by - _SLACK else timedelta()
            found += [
                (at, effect.session)
                for effect in entry.effects
                if isinstance(effect, effects.Resume | effects.Retry | effects.NewSession)
            ]
        return found

    def _append(self, name: str, row: Mapping[str, Any]) -> None:
        with (self.out / f"{name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def past_of(files: NightFiles) -> Past:
    """Everything that the files say, for the judge."""
    with ReadOnlyJournal.open(files.state / "journal.db") as journal:
        problems = journal.problems()
        assert not problems, problems
        entries = tuple(journal.entries())
    acts = files.lines("acts")
    return Past(
        entries=entries,
        asked=tuple(
            Asked(at=_at(one), session=one["session"])
            for one in files.lines("requests")
            if not one["side"]
        ),
        acts=tuple(
            Act(at=_at(one), what=one["what"], session=one["session"], text=one["text"])
            for one in acts
        ),
        told=tuple(
            Told(key=one["key"], session=one["session"] or "", text=one["message"])
            for one in files.lines("told")
        ),
        said=tuple(
            Said(
                id=one["id"],
                session=one["session"],
                role=one["role"],
                parent=one["parent"],
                text=one["text"],
            )
            for one in files.lines("said")
        ),
        sessions=tuple(files.lines("sessions")),
        our_deaths=sum(one["what"] in {"daemon killed", "both killed"} for one in acts),
    )


def _named(told: Sequence[tuple[datetime, str]], since: datetime, until: datetime) -> set[str]:
    """The sessions that are named between two instants."""
    return {session for at, session in told if since <= at <= until}


def _retry_after(reply: object) -> float | None:
    if not isinstance(reply, Status):
        return None
    text = reply.headers.get("retry-after", "")
    number = text.removeprefix("{http_date+").removesuffix("}")
    return float(number) if number.isdigit() else None


def _at(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["at"])


def _now() -> str:
    return datetime.now(UTC).isoformat()
