"""What a policy may refer to on this machine: its time zones, the home, other policies' files."""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from palingenesis.core.policy.outside import Loaded, Outside
from palingenesis.runtime.bounded_file import read_bounded, why_not
from palingenesis.runtime.trust import Distrust, owners_only
from palingenesis.runtime.zones import zone_names, zones_of

BUILTIN = "builtin:"
_BYTES_MAX = 256 * 1024 + 1
_PINNED = re.compile(r"[a-z][a-z0-9-]{0,63}@[1-9][0-9]{0,3}")


def no_distrust(_path: Path) -> str:
    """Every file may be read: nothing is steered by it."""
    return ""


def outside_of(
    policy: Path | None,
    *,
    presets: Path,
    environ: Mapping[str, str],
    distrust: Distrust = no_distrust,
    models: frozenset[str] | None = None,
    channels: frozenset[str] | None = None,
    hooks: frozenset[str] | None = None,
) -> "Neighbours":
    """What lies outside a policy in a file (None: one that was piped in).

    Args:
        policy: its file; what it extends is looked for beside it, links followed.
        presets: the folder of the shipped presets.
        environ: where TZ and HOME are.
        distrust: why a file must not steer us; "" when it may.
        models: names that are configured; None: not known.
        channels: likewise.
        hooks: likewise.
    """
    folder = Path(os.path.realpath(policy)).parent if policy is not None else Path.cwd()
    return Neighbours(
        folder,
        presets,
        environ=environ,
        distrust=distrust,
        names={"models": models, "channels": channels, "hooks": hooks},
    )


class Neighbours:
    """The files beside a policy, and what else lies outside it."""

    def __init__(
        self,
        folder: Path,
        presets: Path,
        *,
        environ: Mapping[str, str],
        distrust: Distrust,
        names: Mapping[str, frozenset[str] | None],
    ) -> None:
        self._folder = folder
        self._presets = presets
        self._distrust = distrust
        self.asked: list[Path] = []
        """Every file that was asked for, whether it was there or not."""
        self.contents: list[bytes] = []
        """What was in those that could be read."""
        self.outside = Outside(
            zones=zones_of(environ),
            zone_names=zone_names,
            home=_home(environ),
            load=self.load,
            presets=self.presets,
            **names,
        )

    def presets(self) -> Iterable[str]:
        """Every preset, as NAME@VERSION."""
        names = sorted(path.stem for path in self._presets.glob("*.yaml"))
        return [name for name in names if _PINNED.fullmatch(name)]

    def load(self, name: str, by: str) -> Loaded:
        """The `Load` of these files."""
        if name.startswith(BUILTIN):
            return self._preset(name)
        if by.startswith(BUILTIN):
            return Loaded(name=name, problem=f"a preset cannot extend the file '{name}'")
        folder = Path(by).parent if by else self._folder
        try:
            # Asked for by its own name: a link may be led elsewhere.
            path = (folder / Path(name).expanduser()).absolute()
            real = os.path.realpath(path)
        except (RuntimeError, ValueError):
            return Loaded(name=name, problem=f"'{name}' is no possible path")
        return self._read(path, name=real, shown=name, distrust=self._distrust)

    def _preset(self, name: str) -> Loaded:
        bare = name.removeprefix(BUILTIN)
        path = self._presets / f"{bare}.yaml"
        if not _PINNED.fullmatch(bare) or not path.is_file():
            return Loaded(name=name, problem=f"there is no preset '{bare[:80]}'")
        return self._read(path, name=name, shown=name, distrust=no_distrust)

    def _read(self, path: Path, *, name: str, shown: str, distrust: Distrust) -> Loaded:
        self.asked.append(path)
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                return Loaded(name=name, problem=f"'{shown}' is no regular file")
            text = read_bounded(path, _BYTES_MAX)
            why = distrust(path)
        except OSError as error:
            return Loaded(name=name, problem=f"cannot read '{shown}': {why_not(error)}")
        if why:
            return Loaded(name=name, problem=why, help=owners_only(path))
        self.contents.append(text)
        return Loaded(name=name, text=text)


def _home(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME", "")
    return os.path.normpath(home) if home.startswith("/") else ""
