"""For every command with `--json`: command lines that bring out what its output can hold.

`{here}` is a folder with a policy, a test of it, a scenario, a journal of a night, and a daemon
that only answers.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cli.test_commands import environment
from tests.control.doors import Served, StandInDoor, a_session, served

ROOT: Final = Path(__file__).parents[2]

SAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("", "DOWN"),
    "health": ("", "DOWN", "ILL"),
    "sessions": ("",),
    "events": ("", "--all", "--limit 1"),
    "logs": ("",),
    "explain": ("7", "--limit 3", "DOWN 1"),
    "inspect": ("Write",),
    "report": ("--since 2026-11-20T00:00Z",),
    "replay": ("", "--policy {here}/policy.yaml"),
    "open": ("ses_1abc", ""),
    "pause": ("", "ses_1abc", "--dry-run"),
    "resume": ("",),
    "abort": ("ses_1abc", "--all", "--all --dry-run"),
    "skip": ("ses_1abc",),
    "new-session": ("ses_1abc",),
    "answer": ("q17 yes",),
    "enrol": ("ses_3free",),
    "detach": ("ses_1abc",),
    "doctor": ("", "DOWN"),
    "preflight": ("--skip notice",),
    "daemon act-again": ("",),
    "daemon reload": ("", "REFUSED"),
    "daemon restart": (),
    "daemon start": ("",),
    "daemon status": ("", "DOWN"),
    "daemon stop": ("DOWN",),
    "service install": ("--dry-run",),
    "service uninstall": ("", "--dry-run"),
    "service status": (),
    "config show": ("", "--origin"),
    "config path": ("",),
    "config validate": ("",),
    "config init": ("",),
    "monitors list": ("",),
    "monitors add": ("opencode", "claude-code"),
    "monitors remove": ("opencode", "codex"),
    "integrate": (
        "",
        "opencode --dry-run",
        "opencode --yes",
        "opencode --remove",
    ),
    "config set": (
        "daemon.log_level debug",
        "opencode.serve_port 0",
        "opencode.auto_restart false",
        "monitoring.assistants opencode",
        "notifications.webhook_url https://example.org/hook",
    ),
    "config unset": ("daemon.log_level",),
    "config migrate": ("--dry-run",),
    "policy init": ("{here}/new.yaml",),
    "policy fmt": ("{here}/policy.yaml",),
    "policy migrate": ("{here}/policy.yaml",),
    "policy schema": ("{here}/policy.yaml", "{here}/policy.yaml --check"),
    "policy facts": ("", "stop.reason", "count"),
    "policy actions": ("", "wait"),
    "policy validate": ("default", "{here}/policy.yaml", "{here}/bad.yaml"),
    "policy trust": ("--list", "{here}/project", "--list"),
    "policy lint": ("default", "{here}/policy.yaml", "default --overlaps"),
    "policy prove": ("{here}/policy.yaml --budget 2s",),
    "policy test": ("{here}/policy.test.yaml", "{here}/policy.test.yaml --coverage"),
    "policy record": ("", "--last 8760h"),
    "policy coverage": ("{here}/policy.yaml",),
    "policy simulate": (
        "{here}/scenario.yaml --policy {here}/policy.yaml",
        "--reason rate_limit --policy {here}/policy.yaml",
        "--nights 2 --policy {here}/policy.yaml",
    ),
    "policy reload": ("", "--dry-run", "REFUSED"),
    "policy shadow promote": ("--yes",),
    "policy shadow report": ("",),
    "policy shadow start": ("{here}/policy.yaml",),
    "policy shadow stop": ("",),
    "policy diff": ("{here}/policy.yaml default", "{here}/policy.yaml {here}/policy.yaml"),
    "policy explain": (
        "--reason rate_limit --policy {here}/policy.yaml",
        "--reason rate_limit --policy {here}/policy.yaml --why finished",
        "--reason rate_limit --policy {here}/policy.yaml --what-if stop.reason=quota",
        "--decision 1",
    ),
    "policy graph": ("{here}/policy.yaml", "--states"),
    "policy show": ("{here}/policy.yaml", "{here}/policy.yaml --resolved"),
    "demo": (),
    "wait": ("",),
    "explain-code": ("E009", ""),
}
"""What `DOWN`, `ILL` and `REFUSED` say first is how the daemon is then."""


@contextmanager
def a_house(folder: Path) -> Iterator[tuple[dict[str, str], Served]]:
    """The folder of the samples, and the environment in which they are typed."""
    door = StandInDoor()
    door.listed.append(a_session(id="ses_3free", title="Free", supervised=False))
    named = {"name": "policy", "digest": "a1b2c3", "path": str(folder / "policy.yaml")}
    door.changes["policy"] = {**named, "origin": "--policy", "stale": []}
    examples = ROOT / "examples"
    (folder / "project" / ".palingenesis").mkdir(parents=True)
    policy = (examples / "policies" / "05-quiet-hours.yaml").read_text()
    (folder / "policy.yaml").write_text(policy)
    (folder / "project" / ".palingenesis" / "policy.yaml").write_text(
        "version: 1\nrules: [{id: mine, when: stop.reason == 'auth', do: [stand-down]}]\n"
    )
    (folder / "s").mkdir(mode=0o700, exist_ok=True)
    (folder / "s" / "daemon.log").write_text(
        "2026-11-21T03:00:00.123+00:00 INFO palingenesis.loop: watching\n"
    )
    (folder / "policy.test.yaml").write_text(
        (examples / "policies" / "05-quiet-hours.test.yaml")
        .read_text()
        .replace("05-quiet-hours.yaml", "policy.yaml")
    )
    (folder / "bad.yaml").write_text("version: 1\nrules: [{id: a, when: stop.resaon == 'x'}]\n")
    (folder / "scenario.yaml").write_text((examples / "scenarios" / "01-limits.yaml").read_text())
    program = folder / "opencode"
    program.write_text("#!/bin/sh\necho 1.18.33\n")
    program.chmod(0o755)
    with served(folder, door) as here:
        more = {"COLUMNS": "100", "PALINGENESIS_OPENCODE": str(program)}
        yield {**environment(folder), **more}, here


def typed(sample: str, folder: Path) -> tuple[list[str], str]:
    """The words of a sample, and how the daemon is then: `DOWN`, `ILL`, `REFUSED`, or as ever."""
    words = sample.format(here=folder).split()
    if words and words[0].isupper():
        return words[1:], words[0]
    return words, ""
