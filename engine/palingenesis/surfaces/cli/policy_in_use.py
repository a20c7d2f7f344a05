"""The policy that is meant where none is named: the one in use.

A daemon that runs knows it, and is asked; nobody waits long for one that does not answer. Where
none runs, that is known at once.
"""

from contextlib import suppress
from pathlib import Path

from palingenesis import shipped
from palingenesis.core.errors import PalingenesisError
from palingenesis.core.policy.model import Policy
from palingenesis.runtime.config import FLAG_ORIGIN, PolicyChoice, choice_told, choose_policy
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.given_policy import GivenPolicy, read_policy, shipped_or_file

_ANSWERS_WITHIN_S = 2.0
_SHIPPED = "default"


def in_use(desk: Desk, *, within_s: float = _ANSWERS_WITHIN_S) -> PolicyChoice:
    """Which policy the daemon uses, or without one would use, and who says so.

    A daemon that has not answered within so many seconds is not waited for.
    """
    from palingenesis.runtime.config_file import load_config

    with suppress(PalingenesisError):
        return choice_told(desk.client(timeout_s=within_s).status()["policy"])
    paths = desk.paths
    return choose_policy(flag=None, environ=desk.environ, config=load_config(paths), paths=paths)


def given_or_in_use(
    desk: Desk, word: str | None, *, within_s: float = _ANSWERS_WITHIN_S
) -> GivenPolicy:
    """The policy that was named; without a name the file that the daemon uses, or would use.

    The shipped one is called by its name, every other one by its path.

    Raises:
        InvalidConfigError: it cannot be read.
    """
    if word is not None:
        return read_policy(word)
    chosen = in_use(desk, within_s=within_s)
    path = chosen.file(shipped.policy())
    said = _SHIPPED if path == shipped.policy(_SHIPPED) else str(path)
    raw = read_given(path, hint=f"{chosen.origin} names this file")
    return GivenPolicy(said=said, name=path.stem, raw=raw, path=path)


def usable_or_in_use(desk: Desk, file: Path | None) -> Policy:
    """What `--policy FILE` means, where FILE may be the name of a shipped one; else the one in use.

    Raises:
        InvalidConfigError: it cannot be read, or cannot be used; why is on stderr.
    """
    from palingenesis.runtime.paths import expanded
    from palingenesis.surfaces.cli.policy_text import usable
    from palingenesis.surfaces.cli.usable_policy import usable_given

    if file is None:
        return usable_given(given_or_in_use(desk, None))
    if str(file) in shipped.policy_names() and not file.exists():
        return usable(shipped.policy(str(file)), hint="")
    path = expanded(str(file), FLAG_ORIGIN).absolute()
    return usable(path, hint=shipped_or_file())
