"""The night ahead: what waits for a person, which quota is left, what could get lost, a proof."""

import subprocess
from asyncio import run
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from palingenesis.app.checkup.finding import Finding, good, note, problem, warning
from palingenesis.app.checkup.patient import Patient
from palingenesis.channels.configured import make_channels
from palingenesis.core.errors import PalingenesisError
from palingenesis.core.policy.analysis.budget import SpentError
from palingenesis.core.policy.analysis.prove import prove
from palingenesis.core.values import Result, Severity
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.door import SessionStatus
from palingenesis.runtime.ports import Channel, Notice, Outcome

_THINKS: Final = timedelta(seconds=5)
_GIT_WITHIN_S: Final = 10.0
_MANY: Final = 20
_HERS: Final = frozenset({"attention", "blocked", "asking"})


def sessions(patient: Patient) -> Iterator[Finding]:
    """Which sessions are watched over, and which of them wait for a person already."""
    if patient.running is None:
        yield note("not known: the daemon is not running")
        return
    if not patient.sessions:
        yield note("no session is supervised yet", "palingenesis open")
        return
    waiting = [one for one in patient.sessions if one["status"] in _HERS]
    for one in waiting:
        why = one["message"] or one["for"] or one["reason"] or "a person has to look"
        fix = f"palingenesis open {one['id']}"
        if one["question"]:
            fix = f"palingenesis answer {one['question']} yes"
        yield warning(f"{_named(one)} waits for you: {why}", fix)
    if not waiting:
        yield good(f"{len(patient.sessions)} supervised, none waits for you")


def quota(patient: Patient) -> Iterator[Finding]:
    """What is known about the limits: which are used up, until when, and who waits for them."""
    if patient.running is None:
        yield note("not known: the daemon is not running")
        return
    used_up = [one for one in patient.running["limits"] if one["state"] != "open"]
    for one in used_up:
        until = f" until {_local(one['until'])}" if one["until"] else ""
        yield note(f"{one['name']} is used up{until}; sessions that wait for it: {one['waiting']}")
    known = {one["provider"] for one in used_up}
    for session in patient.sessions:
        if session["reason"] == "billing" and not known:
            yield problem(f"{_named(session)} stopped for want of money", "top your account up")
    if not used_up:
        yield good("no limit is known to be used up; how much is left no provider says")


def service(patient: Patient) -> Iterator[Finding]:
    """Whether somebody starts the daemon again: after a crash, after a reboot, after a logout."""
    try:
        told = patient.service()
    except PalingenesisError as error:
        yield note(f"nobody is known to start the daemon again: {error.message}", error.hint or "")
        return
    if not told.runs:
        said = "the daemon does not run as a service: after a reboot nobody starts it again"
        yield warning(said, told.next)
    elif told.lingers is False:
        yield warning("the service ends when you log out", told.next)
    else:
        yield good("it is started again after a crash and a reboot")


def trees(patient: Patient) -> Iterator[Finding]:
    """Whether the projects have changes that are not committed: a night's work mixes with them."""
    for place in patient.projects:
        changed = _changed_files(place, patient.environ)
        if changed is None:
            yield note(f"{place} is no git work tree: what a night changes cannot be undone by git")
        elif changed:
            some = f"{changed}" if changed < _MANY else f"{_MANY} or more"
            said = f"{place} has {some} uncommitted changes: a night's work would mix with them"
            yield warning(said, f"commit or stash them: git -C {place} status")
        else:
            yield good(f"{place} is clean")


def _changed_files(place: Path, environ: Mapping[str, str]) -> int | None:
    """How many files differ from the last commit; None: there is no git, or it does not say."""
    command = ["git", "-c", "core.fsmonitor=false", "status", "--porcelain", "-z"]
    try:
        done = subprocess.run(
            command,
            cwd=place,
            env={**environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return min(done.stdout.count(b"\0"), _MANY) if done.returncode == 0 else None


def proof(patient: Patient) -> Iterator[Finding]:
    """Whether the policy is proved: every stop decided, every wait ends, nothing is endless."""
    policy = patient.compiled.policy
    command = f"palingenesis policy prove {patient.policy_path}"
    if policy is None:
        check = f"palingenesis policy validate {patient.policy_path}"
        yield problem(f"{patient.policy_path} cannot be used", check)
        return
    clock = SystemClock()
    end = clock.now() + _THINKS

    def tick() -> None:
        if clock.now() >= end:
            raise SpentError

    claims = prove(policy, tick=tick).claims
    open_ = [claim for claim in claims if not claim.holds]
    for claim in open_:
        told = problem if claim.verdict == "refuted" else warning
        yield told(f"{patient.policy_path.name} {claim.verdict}: {claim.text}", command)
    if not open_:
        yield good(f"{patient.policy_path.name}: proved, all {len(claims)}")


def test_message(patient: Patient) -> Iterator[Finding]:
    """Whether a notice really arrives: one is sent through every channel."""
    clock = SystemClock()
    channels = make_channels(patient.config, environ=patient.environ, clock=clock)
    if not channels:
        return
    notice = Notice(
        key=f"preflight-{clock.now():%Y%m%dT%H%M%S}",
        at=clock.now(),
        severity=Severity.INFO,
        title="palingenesis",
        message="A test before the night: this is how you would be told.",
    )
    for channel in channels:
        outcome = run(_sent(channel, notice))
        if outcome.result is Result.OK:
            yield good(f"{channel.name} took a test notice: look whether it arrived")
        else:
            fix = f"correct [notifications] in {patient.paths.config_file}"
            yield problem(f"{channel.name} did not take a test notice: {outcome.detail}", fix)


async def _sent(channel: Channel, notice: Notice) -> Outcome:
    return await channel.send(notice)


def _local(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone():%a %H:%M}"


def _named(session: SessionStatus) -> str:
    return session["title"] or session["id"]
