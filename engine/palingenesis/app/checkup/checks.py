"""Every check, in the order in which it is asked and told."""

from collections.abc import Iterator, Sequence
from typing import Final

from palingenesis.app.checkup import assistant, integration, machine, night, ours
from palingenesis.app.checkup.finding import Check, Finding, look, mend
from palingenesis.app.checkup.patient import Patient

CHECKS: Final[Sequence[Check]] = (
    Check(
        id="folders",
        about="The state directory can be written to. Our folders and files belong to you, and "
        "nobody else can read or change them: whoever can write the policy decides what is done "
        "in your name.",
        look=ours.folders,
        preflight=False,
    ),
    Check(
        id="configuration",
        about="`config.toml` can be read; what in it is odd is told with its line.",
        look=ours.configuration,
    ),
    Check(
        id="policy",
        about="The policy that decides can be used, and is the one that the daemon goes by.",
        look=ours.policy,
    ),
    Check(
        id="proof",
        about="The policy is proved: every stop is decided, every wait ends, nothing goes on for "
        "ever uncounted, no `never:` is broken. At most five seconds are spent on it.",
        look=night.proof,
        doctor=False,
    ),
    Check(
        id="daemon",
        about="The daemon runs, is of this version, is not paused, can write its journal, and its "
        "agent is up.",
        look=ours.daemon,
    ),
    Check(
        id="service",
        about="The daemon is started again after a crash, a reboot and a logout: it runs as a "
        "service of yours, and lingers.",
        look=night.service,
    ),
    Check(
        id="journal",
        about="The journal can be read, and every entry since the newest snapshot is intact.",
        look=ours.journal,
        preflight=False,
    ),
    Check(
        id="opencode",
        about="The program `opencode` is found, in a version that is acted on.",
        look=assistant.opencode,
    ),
    Check(
        id="integration",
        about="Our plugin in your own OpenCode, where you want it: it is of this version, as we "
        "wrote it, loaded once, for this daemon's socket, and nobody else can change it.",
        look=integration.plugin,
    ),
    Check(
        id="login",
        about="OpenCode can use models of a provider, and of the one that your configuration "
        "names: `opencode models` says so. Credentials are never read.",
        look=assistant.login,
    ),
    Check(
        id="quota",
        about="Which limits are used up now, until when, and how many sessions wait for them. How "
        "much is left no provider says before it refuses.",
        look=night.quota,
        doctor=False,
    ),
    Check(
        id="permissions",
        about="For what OpenCode would stop until a person says yes, beyond what it always asks "
        "(leaving the project, a loop, reading `.env`). palingenesis never says yes for you.",
        look=assistant.permissions,
    ),
    Check(
        id="servers",
        about="No OpenCode server of yours runs without a password: every program and every web "
        "page on this machine could drive it (CVE-2026-22812).",
        look=assistant.servers,
    ),
    Check(
        id="drivers",
        about="No plugin of OpenCode is named like one that resumes, retries or loops by itself: "
        "two drivers of one session prompt it twice. Its files are read, and nothing is run.",
        look=assistant.drivers,
    ),
    Check(
        id="sessions",
        about="Which sessions are supervised, and whether one of them waits for you already.",
        look=night.sessions,
        doctor=False,
    ),
    Check(
        id="trees",
        about="The projects have no uncommitted changes that a night's work would mix with.",
        look=night.trees,
        doctor=False,
    ),
    Check(
        id="notifications",
        about="A channel is configured, its secrets can be read, and nothing lies undelivered.",
        look=ours.notifications,
    ),
    Check(
        id="notice",
        about="A test notice is sent through every channel, and taken.",
        look=night.test_message,
        doctor=False,
    ),
    Check(
        id="hooks",
        about="The programs that `config.toml` lets policies run are there, and nobody else can "
        "change them.",
        look=ours.hooks,
        preflight=False,
    ),
    Check(
        id="disk",
        about="There is room for the journal: what cannot be written down is not done.",
        look=machine.disk,
    ),
    Check(
        id="memory",
        about="There is memory left for the assistant.",
        look=machine.memory,
    ),
    Check(
        id="clock",
        about="A time server keeps the clock right, and time zones are known to calendars.",
        look=machine.clock,
    ),
    Check(
        id="power",
        about="The machine does not run on its battery.",
        look=machine.power,
        doctor=False,
    ),
)


def examine(
    checks: Sequence[Check], patient: Patient, *, mending: bool = False
) -> Iterator[Finding]:
    """Everything that these checks find; `mending`: what can be mended is."""
    for check in checks:
        for finding in look(check, patient):
            yield mend(finding) if mending else finding
