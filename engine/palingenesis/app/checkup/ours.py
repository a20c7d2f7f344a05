"""Our own things: folders, configuration, policy, daemon, journal, channels, hooks."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from palingenesis import __version__, shipped
from palingenesis.app.checkup.finding import Finding, Level, good, note, problem, warning
from palingenesis.app.checkup.patient import Patient
from palingenesis.app.hooks import program_of, why_unsafe
from palingenesis.channels.configured import make_channels
from palingenesis.core.errors import NotRunningError, PalingenesisError
from palingenesis.core.policy.diagnostics import Grade
from palingenesis.core.policy.model import Mode
from palingenesis.journal import ReadOnlyJournal
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.config import ConfigProblemsError
from palingenesis.runtime.refusals import is_gone, refusal
from palingenesis.runtime.secret import Secret
from palingenesis.runtime.trust import way_out, why_untrusted

_OTHERS: Final = 0o077
_WRITABLE: Final = 0o022
_MEBIBYTE: Final = 1024 * 1024
_START: Final = "palingenesis daemon start"
_RESTART: Final = "palingenesis daemon restart"


def folders(patient: Patient) -> Iterator[Finding]:
    """Whether our folders and files are the person's own, and nobody else's to read or write."""
    paths = patient.paths
    if (unusable := _unusable(paths.state)) is not None:
        yield unusable
        return
    found = False
    for place in (paths.state, paths.backups, paths.runtime, paths.config):
        for finding in _private(place):
            found = True
            yield finding
    for file in (paths.config_file, paths.policy_file, paths.trusted_policies, paths.journal):
        for finding in _own(file, secret=file != paths.policy_file):
            found = True
            yield finding
    if not found:
        yield good(f"{paths.state} and {paths.config} are yours alone")


def _unusable(state: Path) -> Finding | None:
    """Why nothing can be kept there: the daemon makes the folder, and all above it that lack."""
    nearest = next(one for one in (state, *state.parents) if os.access(one, os.F_OK))
    other = "set PALINGENESIS_STATE_DIR to another folder"
    if not nearest.is_dir():
        return problem(f"{state} cannot be used: {nearest} is no folder", other)
    if not os.access(nearest, os.W_OK | os.X_OK):
        said = f"{state} cannot be used: {nearest} cannot be written to"
        return problem(said, f"make {nearest} writable, or {other}")
    return None


def _private(place: Path) -> Iterator[Finding]:
    try:
        status = place.stat()
    except FileNotFoundError:
        return
    if status.st_uid != os.getuid():
        yield problem(f"{place} belongs to another user", f"sudo chown -R $USER {place}")
    elif status.st_mode & _WRITABLE or (status.st_mode & _OTHERS and place.name != "palingenesis"):
        yield _closing(place, 0o700, "others can read or change what is in it")


def _own(file: Path, *, secret: bool) -> Iterator[Finding]:
    try:
        status = file.stat()
    except FileNotFoundError:
        return
    if status.st_uid == os.getuid() and status.st_mode & _WRITABLE:
        yield _closing(file, 0o600, "others can change it")
    elif why := why_untrusted(file):
        yield problem(why, way_out(file))
    elif secret and status.st_mode & _OTHERS:
        yield _closing(file, 0o600, "others can read it", Level.WARNING)


def _closing(place: Path, mode: int, why: str, level: Level = Level.PROBLEM) -> Finding:
    def close() -> str:
        place.chmod(mode)
        return f"{place} has mode {mode:o} now"

    is_now = stat.S_IMODE(place.stat().st_mode)
    said = f"{place} has mode {is_now:o}: {why}"
    return Finding(level=level, said=said, fix=f"chmod {mode:o} {place}", mend=close)


def configuration(patient: Patient) -> Iterator[Finding]:
    """Whether `config.toml` can be read, and what in it is odd."""
    try:
        config = patient.config
    except ConfigProblemsError as error:
        yield from _each_problem(error)
        return
    for said in config.warnings:
        yield warning(said, f"correct {config.source}")
    if config.source is None:
        yield good("no config.toml: the defaults hold")
    elif not config.warnings:
        yield good(f"{config.source} is valid")


def _each_problem(error: ConfigProblemsError) -> Iterator[Finding]:
    for said in error.problems:
        wrong, _, way_out_of_it = said.partition("\n  help: ")
        yield problem(wrong, way_out_of_it or error.hint or "")


def policy(patient: Patient) -> Iterator[Finding]:
    """Whether the policy that decides can be used, and whether it is the one in force."""
    path, compiled = patient.policy_path, patient.compiled
    later = patient.next_choice
    if (then := later.file(shipped.policy())) != path and patient.choice.path is not None:
        said = f"without options a restart would use {then} ({later.origin}), not this file"
        yield note(said)
    check = f"palingenesis policy validate {path}"
    if compiled.policy is None:
        first = next(one for one in compiled.diagnostics if one.severity is Grade.ERROR)
        yield problem(f"{path}:{first.line} {first.message}", check)
        return
    if patient.choice.path is not None and (why := why_untrusted(path)):
        yield problem(f"the daemon refuses the policy: {why}", way_out(path))
        return
    told = [one for one in compiled.diagnostics if one.severity is Grade.WARNING]
    if told:
        yield warning(f"{path}:{told[0].line} {told[0].message}", check)
    if compiled.policy.mode is not Mode.ENFORCE:
        said = f"{path} is in mode {compiled.policy.mode}: it decides, and nothing is done"
        yield warning(said, "write mode: enforce")
    running = patient.running
    if running is not None and is_gone(running["policy"]["stale"]):
        gone = refusal(running["policy"]["stale"])
        yield warning(f"{gone}: restore it, or begin anew", _RESTART)
    elif running is not None and running["policy"]["stale"]:
        stale = running["policy"]["stale"][0]
        yield problem(f"the daemon refused the newest policy: {stale}", check)
    elif not patient.goes_by(compiled.policy.digest):
        said = "the daemon goes by another policy than this file's"
        yield warning(said, "palingenesis policy reload")
    if not told:
        rules = len(compiled.policy.rules)
        yield good(f"{path} ({patient.choice.origin}): {rules} rules, valid")


def daemon(patient: Patient) -> Iterator[Finding]:
    """Whether the daemon runs, is this version's, and acts."""
    told = patient.status
    if isinstance(told, NotRunningError):
        yield from _stale_socket(patient.paths.socket)
        yield problem("the daemon is not running", _START)
        return
    if isinstance(told, PalingenesisError):
        yield problem(told.message, told.hint or _RESTART)
        return
    if told["version"] != __version__:
        said = f"the daemon is palingenesis {told['version']}, this is {__version__}"
        yield warning(said, _RESTART)
    if (held := told["safe_hold"]) is not None:
        said = f"palingenesis holds itself, nothing is done: {held['what']}"
        yield problem(said, "palingenesis daemon act-again")
    if told["paused"]:
        yield problem("everything is paused: nothing is done", "palingenesis resume")
    if not told["journal"]["ok"]:
        said = f"the journal cannot be written, so nothing is done: {told['journal']['detail']}"
        yield problem(said, "palingenesis doctor")
    for said in told["warnings"]:
        yield warning(said, _RESTART if _RESTART in said else "palingenesis status")
    for agent in told["agents"]:
        if not agent["up"] and agent["way"] != "observed":
            yield problem(f"{agent['id']} is down: {agent['detail']}", "palingenesis events")
    yield good(f"palingenesis {told['version']} runs (pid {told['pid']})")


def _stale_socket(socket: Path) -> Iterator[Finding]:
    if not socket.is_socket():
        return

    def remove() -> str:
        socket.unlink(missing_ok=True)
        return f"removed {socket}"

    said = f"{socket} was left behind by a daemon that was killed"
    yield Finding(level=Level.NOTE, said=said, fix=_START, mend=remove)


def journal(patient: Patient) -> Iterator[Finding]:
    """Whether the journal can be read and is sound."""
    path = patient.paths.journal
    if not path.exists():
        yield note("there is no journal yet: the daemon has not run")
        return
    with closing(ReadOnlyJournal.open(path)) as opened:
        snapshot = opened.latest_snapshot()
        problems = opened.problems(snapshot[0] if snapshot else 0)
        entries = opened.last_seq()
    for said in problems:
        yield problem(f"{path}: {said}", _RESTART)
    for aside in sorted(path.parent.glob(f"{path.stem}.damaged-*")):
        if not aside.name.endswith(("-wal", "-shm")):
            yield note(f"an earlier journal was damaged and is kept: {aside}", f"rm {aside}*")
    if not problems:
        size = path.stat().st_size / _MEBIBYTE
        yield good(f"{entries} entries, {size:.1f} MiB, sound")


def notifications(patient: Patient) -> Iterator[Finding]:
    """Whether somebody would be told: channels, their secrets, the outbox."""
    config, environ = patient.config.notifications, patient.environ
    if not config.channels:
        yield warning("nobody would be told: no channel is configured", _way_to_channels(patient))
        return
    try:
        make_channels(patient.config, environ=environ, clock=SystemClock())
    except ConfigProblemsError as error:
        yield from _each_problem(error)
        return
    for name, secret in (
        ("webhook_secret", config.webhook_secret),
        ("ntfy_token", config.ntfy_token),
    ):
        if isinstance(secret, Secret):
            yield from _readable_secret(name, secret)
    outbox = patient.running["notifications"] if patient.running is not None else None
    if outbox is not None and outbox["failed"]:
        said = f"{outbox['failed']} notices could not be delivered"
        yield warning(said, "palingenesis events --since 1d")
    yield good(f"channels: {', '.join(sorted(config.channels))}")


def _way_to_channels(patient: Patient) -> str:
    return f'write into {patient.paths.config_file}: [notifications] ntfy_topic = "…"'


def _readable_secret(name: str, secret: Secret) -> Iterator[Finding]:
    if secret.file is None:
        return
    file = Path(secret.file).expanduser()
    if file.stat().st_mode & _OTHERS:
        yield _closing(file, 0o600, f"others can read {name}", Level.WARNING)


def hooks(patient: Patient) -> Iterator[Finding]:
    """Whether the programs that policies may run are there, and are nobody else's to change."""
    configured = patient.config.hooks
    for name, hook in configured.items():
        correct = f"correct [hooks.{name}] in {patient.paths.config_file}"
        if program_of(hook.argv) is None:
            yield problem(f"hook {name}: there is no program {hook.argv[0]}", correct)
        elif why := why_unsafe(hook.argv):
            yield problem(f"hook {name}: {why}", correct)
    if not configured:
        yield good("none are defined, so no policy can run a program")
    else:
        yield good(f"defined: {', '.join(sorted(configured))}")
