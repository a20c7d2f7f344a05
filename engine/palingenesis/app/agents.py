"""Which agents are watched and acted upon: our own or somebody's server, and observed ones."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from palingenesis.assistants.opencode.actuator import OpenCodeActuator
from palingenesis.assistants.opencode.attached import AttachedServer
from palingenesis.assistants.opencode.executable import database, find_executable
from palingenesis.assistants.opencode.missing import MissingPrograms, Remembered
from palingenesis.assistants.opencode.observed import ObservedSensor, never, nobodys
from palingenesis.assistants.opencode.pacing import Pace, PacedServer
from palingenesis.assistants.opencode.plugin_place import is_in_place
from palingenesis.assistants.opencode.programs import IntegratedPrograms, Known
from palingenesis.assistants.opencode.prompts import Prompts
from palingenesis.assistants.opencode.running import Server
from palingenesis.assistants.opencode.sensor import OpenCodeSensor, nobody
from palingenesis.assistants.opencode.server import Launch, ManagedServer
from palingenesis.core.errors import PalingenesisError
from palingenesis.core.values import AgentId, SessionId, Way
from palingenesis.processes.finding import Found
from palingenesis.processes.identity import Identity
from palingenesis.runtime import door
from palingenesis.runtime.config import Config
from palingenesis.runtime.linking import Caller, Join
from palingenesis.runtime.ports import Actuator, Clock, Dice, Sensor, Void, Work, stands
from palingenesis.telemetry.sending import HEADERS_VARIABLE

PASSWORD_VARIABLE = "OPENCODE_SERVER_PASSWORD"  # noqa: S105 - a name, not a secret
MANAGED = AgentId("opencode")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """What the daemon watches and acts through."""

    sensors: tuple[Sensor, ...]
    actuators: Mapping[AgentId, Actuator]
    managed: ManagedServer | None
    server: Server | None
    executable: str | None
    integrated: IntegratedPrograms | None = None
    """The person's own programs that let us in; None: none is let in."""
    pace: Pace = field(default_factory=Pace)
    """How often is looked, and how long is waited; it may change meanwhile."""

    def actuator_of(self, agent: AgentId) -> Actuator | None:
        """Through what an agent is acted upon."""
        found = self.actuators.get(agent)
        if found is None and self.integrated is not None:
            found = self.integrated.actuator_of(agent)
        return found

    def admit(self, caller: Caller) -> Join:
        """How to live with a program of the person's own that wants to let us in.

        Raises:
            PalingenesisError: it is none that we take.
        """
        if self.integrated is None:
            raise PalingenesisError(
                "here programs are only watched", '[opencode] mode = "managed" lets them in'
            )
        return self.integrated.admit(caller)

    def entrance(self, session: str | None, directory: str) -> door.Entrance:
        """How the person's own TUI gets into the server.

        Raises:
            PalingenesisError: no server runs.
        """
        running = self.server.running if self.server is not None else None
        if running is None:
            raise PalingenesisError(
                "no OpenCode server runs that could be opened", "palingenesis status"
            )
        argv = [self.executable or "opencode", "attach", running.origin]
        argv += ["--dir", directory] if directory else []
        argv += ["--session", session] if session else []
        secret = {PASSWORD_VARIABLE: running.password} if running.password else {}
        return {
            "url": running.origin,
            "username": "opencode",
            "password": running.password or "",
            "session": session,
            "directory": directory,
            "argv": argv,
            "env": secret,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the agents of one daemon live in."""

    config: Config
    state: Path
    environ: Mapping[str, str]
    work: Work
    clock: Clock
    dice: Dice
    server_url: str | None = None
    """Somebody's server to attach to, instead of running one."""
    at_work: Callable[[AgentId], Collection[SessionId]] = nobody
    """Sessions of an agent that were under way when we last ran."""
    remembered: Callable[[], Collection[Remembered]] = tuple
    """Programs of hers that live, as far as we know."""
    under_way: Callable[[AgentId], Collection[SessionId]] = nobody
    """Sessions of an agent in which something may be under way."""
    believed: Callable[[AgentId], Collection[SessionId]] = nobody
    """Sessions of an agent that we take to be at work now."""
    owned: Callable[[], Collection[SessionId]] = tuple
    """Sessions of our own servers, which the person's programs may list too."""
    void: Void = stands
    """Why an effect must not be carried out any more; "" while it stands."""
    launch: Launch | None = None
    """Starts the managed server in another way than the configuration says."""
    observes: bool = True
    """Whether the person's own programs are looked for."""


def make_agents(around: Surroundings) -> Agents:
    """Make what watches and acts, as the configuration says. Nothing is started yet."""
    config, environ, clock = around.config, around.environ, around.clock
    pace, prompts = Pace(), Prompts()
    pace.follow(config)
    executable = _executable(config, environ)
    server: Server | None = None
    managed: ManagedServer | None = None
    agent, way = MANAGED, Way.MANAGED
    watches = config.monitoring.has_somebody
    url = around.server_url
    if watches and url is not None:
        server = AttachedServer(url, environ.get(PASSWORD_VARIABLE), clock)
        way = Way.ATTACHED
        agent = AgentId(f"opencode@{url.partition('://')[2].rstrip('/') or url}")
    elif watches and config.opencode.mode == "managed":
        launch = around.launch or _launch(config, around.state, environ)
        managed = ManagedServer(launch, clock, around.dice)
        server = PacedServer(managed, pace, clock)
    sensors: list[Sensor] = []
    actuators: dict[AgentId, Actuator] = {}
    if server is not None:
        quiet: set[str] = set()
        sensor = OpenCodeSensor(
            agent,
            server,
            around.work,
            clock,
            pace=pace,
            supervised=lambda: around.at_work(agent),
            believed=around.believed,
            quiet=quiet,
            zones=zone,
        ).share(prompts)
        sensors.append(sensor)
        actuators[agent] = OpenCodeActuator(
            server, around.work, clock, way=way, quiet=quiet, void=around.void
        )
    lets_in = watches and around.observes and config.opencode.mode == "managed"
    integrated = _integrated(around, pace, prompts, server) if lets_in else None
    if watches and around.observes:
        sensors += _watching_hers(around, pace, integrated)
    return Agents(
        sensors=tuple(sensors),
        integrated=integrated,
        actuators=actuators,
        managed=managed,
        server=server,
        executable=executable,
        pace=pace,
    )


def _watching_hers(
    around: Surroundings, pace: Pace, integrated: IntegratedPrograms | None
) -> list[Sensor]:
    """What watches the person's own programs."""
    outside = [_missing(around, pace), _observed(around, pace, integrated)]
    return [*outside, integrated] if integrated is not None else outside


def _missing(around: Surroundings, pace: Pace) -> Sensor:
    """What tells the ends of the person's own programs that nobody saw."""
    return MissingPrograms(
        around.clock,
        around.work,
        data=database(around.environ),
        known=around.remembered,
        under_way=around.under_way,
        pace=pace,
        zones=zone,
    )


def _observed(around: Surroundings, pace: Pace, integrated: IntegratedPrograms | None) -> Sensor:
    """What sees the person's own programs that do not let us in."""
    return ObservedSensor(
        around.clock,
        pace=pace,
        owned=around.owned,
        under_way=around.under_way,
        data=database(around.environ),
        zones=zone,
        claimed=integrated.claims if integrated is not None else nobodys,
        may_let_in=_may_let_in if integrated is not None else never,
    )


def _may_let_in(found: Found) -> bool:
    return is_in_place(found.environment)


def _integrated(
    around: Surroundings, pace: Pace, prompts: Prompts, server: Server | None
) -> IntegratedPrograms:
    """What looks after the person's own programs that let us in."""

    def served() -> Collection[Identity]:
        running = server.running if server is not None else None
        return (running.identity,) if running is not None and running.identity else ()

    return IntegratedPrograms(
        around.clock,
        around.work,
        known=Known(
            supervised=around.at_work,
            believed=around.believed,
            void=around.void,
            served=served,
            remembered=around.remembered(),
        ),
        prompts=prompts,
        pace=pace,
        zones=zone,
    )


def zone(name: str) -> ZoneInfo | None:
    """A time zone by its name; None when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _executable(config: Config, environ: Mapping[str, str]) -> str | None:
    try:
        return str(find_executable(config.opencode.executable, environ))
    except PalingenesisError:
        return None


def _launch(config: Config, state: Path, environ: Mapping[str, str]) -> Launch:
    # A collector's key is ours once we send; without [otel] it is the agent's own.
    key = {HEADERS_VARIABLE} if config.otel.enabled else frozenset[str]()
    ours = config.notifications.secret_variables | key
    return Launch(
        state=state,
        directory=Path(environ.get("HOME") or Path.home()),
        environ={name: value for name, value in environ.items() if name not in ours},
        executable=config.opencode.executable,
        hostname=config.opencode.serve_hostname,
        port=config.opencode.serve_port,
    )
