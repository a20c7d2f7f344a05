"""The assistant: the program, its logins, what it would stop to ask, and who else drives it."""

from collections.abc import Iterator, Mapping
from typing import Final

from palingenesis.app.checkup.finding import Finding, good, note, problem, warning
from palingenesis.app.checkup.patient import Patient
from palingenesis.assistants.opencode.competitors import (
    competing_drivers,
    configuration_folders,
)
from palingenesis.assistants.opencode.inquiry import Inquiry, Settings
from palingenesis.assistants.opencode.observed import NAMES
from palingenesis.assistants.opencode.versions import is_supported, what_is_wrong
from palingenesis.processes.finding import of_this_user

_SERVERS: Final = frozenset({"serve", "web"})
_PASSWORD: Final = "OPENCODE_SERVER_PASSWORD"  # noqa: S105 - a name, not a secret
_LOGIN: Final = "opencode auth login"
_OURS_OF_IT: Final = frozenset({"opencode"})
"""Providers that everybody can use without an account."""


def opencode(patient: Patient) -> Iterator[Finding]:
    """Whether OpenCode is there, in a version that is acted on."""
    inquiry = patient.inquiry
    if is_supported(inquiry.version):
        yield good(f"OpenCode {inquiry.version} at {patient.executable}")
    elif not inquiry.version:
        yield problem(f"{patient.executable} does not say its version", "opencode --version")
    else:
        yield problem(what_is_wrong(inquiry.version), "npm install -g opencode-ai@1.18")


def servers(patient: Patient) -> Iterator[Finding]:
    """Whether a server of the person's own runs without a password: any web page can drive it."""
    running = patient.running
    ours = {agent["pid"] for agent in running["agents"]} if running is not None else set()
    found = False
    for one in of_this_user(NAMES):
        is_server = bool(_SERVERS & set(one.command[1:3]))
        if not is_server or one.identity.pid in ours or one.environment.get(_PASSWORD):
            continue
        found = True
        said = (
            f"an OpenCode server (pid {one.identity.pid}, in {one.directory}) runs without a"
            " password: whatever runs on this machine, web pages included, can drive it"
        )
        yield warning(said, f"{_PASSWORD}=… opencode serve")
    if not found:
        yield good("no server runs without a password")


def login(patient: Patient) -> Iterator[Finding]:
    """Whether the models that are used can be used: somebody is logged in."""
    inquiry = patient.agent
    if inquiry is None:
        yield note("not known: there is no OpenCode to be asked")
        return
    if not inquiry.providers:
        yield warning("OpenCode does not say which models it can use", "opencode models")
        return
    yield from _configured_models(inquiry)
    own = sorted(inquiry.providers - _OURS_OF_IT)
    if own:
        yield good(f"OpenCode can use models of {', '.join(own)}")
    else:
        yield warning("nobody is logged in: only OpenCode's own free models can be used", _LOGIN)


def _configured_models(inquiry: Inquiry) -> Iterator[Finding]:
    wanted: Mapping[str, Settings] = {one.model: one for one in inquiry.projects if one.model}
    for model, one in wanted.items():
        provider = model.partition("/")[0]
        if provider not in inquiry.providers:
            said = f"{one.directory} wants {model}, and nobody is logged in at {provider}"
            yield problem(said, _LOGIN)


def drivers(patient: Patient) -> Iterator[Finding]:
    """Whether a plugin prompts the same sessions: two drivers prompt twice."""
    folders = configuration_folders(patient.environ, patient.projects)
    found = competing_drivers(folders)
    for one in found:
        said = (
            f"the plugin {one.name} seems to go on with sessions by itself ({one.place}): two"
            " drivers prompt twice; palingenesis lets it go first"
        )
        yield warning(said, "take it out for the night, or leave those sessions to it")
    if not found:
        yield good("no plugin of OpenCode is named like one that goes on with sessions by itself")


def permissions(patient: Patient) -> Iterator[Finding]:
    """What the assistant would stop for until a person has said yes."""
    inquiry = patient.agent
    if inquiry is None:
        yield note("not known: there is no OpenCode to be asked")
        return
    for one in inquiry.projects:
        if not one.known:
            yield note(f"OpenCode does not say what it asks for in {one.directory}")
            continue
        asked = sorted(
            {_gate(gate.permission, gate.pattern) for gate in one.gates if not gate.usual}
        )
        if asked:
            said = f"in {one.directory} it waits for your yes before: {', '.join(asked)}"
            yield warning(said, f'allow them in {one.directory}/opencode.json, "permission"')
        else:
            usual = sorted({gate.permission for gate in one.gates})
            said = f"in {one.directory} it asks only what it always asks: {', '.join(usual)}"
            yield good(said)


def _gate(permission: str, pattern: str) -> str:
    return permission if pattern == "*" else f"{permission} {pattern}"
