"""The configuration while the daemon runs: a saved file is taken up, a bad one is refused whole.

Theory of operation. As with the policy (reload.py) a hint only leads to a look, and new content has
to settle first. What can change while we run does so at once; what cannot is named, and holds after
the next start. A refusal is told once per content, and what held before holds on. Who asks for it
has the same content read again, with the secrets that it names.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from palingenesis.core.errors import PalingenesisError, PassingError
from palingenesis.core.events import ConfigurationChanged, ConfigurationRefused
from palingenesis.runtime.bounded_file import read_bounded, why_not
from palingenesis.runtime.config import Config
from palingenesis.runtime.config_changes import differences
from palingenesis.runtime.config_file import CONFIG_BYTES_MAX, load_config
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.ports import Clock, Emit
from palingenesis.runtime.reload import Reading, settle

log = logging.getLogger("palingenesis.config")

Apply = Callable[[Config], Awaitable[None]]
"""Goes by a configuration from now on; raises PalingenesisError before anything has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What came of looking at the file."""

    changed: tuple[str, ...] = ()
    """What holds from now on."""
    later: tuple[str, ...] = ()
    """Everything that holds only after the next start."""
    problems: tuple[str, ...] = ()
    """Why the file cannot be used."""
    busy: bool = False
    """Somebody is still writing it."""


class ConfigSource:
    """The file as a `Source`; one that is not there is an empty one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def attend(self, files: object) -> None:
        """See `Source`: there are no other files."""

    def read(self) -> Reading:
        """See `Source`."""
        try:
            return Reading(content=read_bounded(self._path, CONFIG_BYTES_MAX + 1, silence_s=0))
        except FileNotFoundError:
            return Reading(content=b"")
        except OSError as error:
            return Reading(trouble=why_not(error))

    def is_being_written(self) -> bool | None:
        """See `Source`: nobody can tell."""
        return None


class ConfigWatch:
    """Holds which configuration is in force, and takes up what is saved."""

    def __init__(
        self,
        *,
        config: Config,
        paths: Paths,
        environ: Mapping[str, str],
        clock: Clock,
        emit: Emit,
        apply: Apply,
        why_not: Callable[[], str] = str,
    ) -> None:
        """Begin with the configuration that the daemon was started with.

        Args:
            config: that one.
            paths: where the file is.
            environ: the variables, which do not change.
            clock: for the pauses, and the time on the events.
            emit: takes what there is to say.
            apply: goes by a new one.
            why_not: why a change may be somebody else's and is not taken up; "" when it may be.
        """
        self.path = paths.config_file
        self.problems: tuple[str, ...] = ()
        self.config = config
        self._at_start = config
        self._paths = paths
        self._environ = environ
        self._clock = clock
        self._emit = emit
        self._apply = apply
        self._why_not = why_not
        self._source = ConfigSource(self.path)
        self._seen = _key(self._source.read())
        self._turn = asyncio.Lock()

    @property
    def later(self) -> tuple[str, ...]:
        """Everything that differs from what the daemon was started with and needs a restart."""
        found = differences(self._at_start, self.config)
        return tuple(change.said for change in found if not change.live)

    async def look(self, *, asked: bool = False) -> Look:
        """Look at the file, and go by it if it is another one and good; never raises.

        Who `asked` has it read again although it is the same: a secret that it names may not be.
        """
        async with self._turn:
            reading = self._source.read()
            if _key(reading) != self._seen:
                settled = await settle(self._source, reading, self._clock)
                if settled is None:
                    return Look(later=self.later, busy=True)
                reading = settled
            key = _key(reading)
            if key == self._seen and not asked:
                return Look(later=self.later, problems=self.problems)
            if key != self._seen and (why := self._why_not()):
                return self._refused((why,), seen=self._seen)
            try:
                config = load_config(self._paths, self._environ)
                await self._apply(config)
            except PassingError as error:  # nothing is known of the file: it is looked at again
                return self._refused(_problems_of(error), seen=self._seen)
            except PalingenesisError as error:
                return self._refused(_problems_of(error), seen=key)
            return self._taken(config, seen=key)

    def _taken(self, config: Config, *, seen: str) -> Look:
        news = differences(self.config, config)
        again = bool(self.problems)
        self.config, self._seen, self.problems = config, seen, ()
        # What is set back to what the daemon was started with holds, too.
        later = tuple(change.said for change in news if change.said in self.later)
        changed = tuple(change.said for change in news if change.said not in self.later)
        if news or again:
            at = self._clock.now()
            self._emit(ConfigurationChanged(at=at, changed=changed, later=later))
            for said in changed:
                log.info("config.toml: %s", said)
            for said in later:
                log.warning("config.toml: %s: after the next restart", said)
            for warning in config.warnings:
                log.warning("%s", warning)
        return Look(changed=changed, later=self.later)

    def _refused(self, problems: tuple[str, ...], *, seen: str) -> Look:
        if problems != self.problems:
            log.error("config.toml cannot be used; what held before holds on")
            for problem in problems:
                log.error("%s", problem.replace("\n", " "))
            self._emit(ConfigurationRefused(at=self._clock.now(), problems=problems))
        self._seen, self.problems = seen, problems
        return Look(later=self.later, problems=problems)


def _problems_of(error: PalingenesisError) -> tuple[str, ...]:
    told: tuple[str, ...] = tuple(getattr(error, "problems", ()))
    hint = f" ({error.hint})" if error.hint else ""
    return told or (f"{error.message}{hint}",)


def _key(reading: Reading) -> str:
    if reading.content is None:
        return f"trouble: {reading.trouble}"
    return hashlib.sha256(reading.content).hexdigest()
