"""The policy that is meant where none is named: the one in use."""

from contextlib import suppress
from pathlib import Path

from palingenesis import shipped
from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.config import choose_policy
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.given_policy import GivenPolicy, read_policy

_ANSWERS_WITHIN_S = 2.0
_SHIPPED = "default"


def given_or_in_use(desk: Desk, word: str | None) -> GivenPolicy:
    """The policy that was named; without a name the file that the daemon uses, or would use.

    The shipped one is called by its name, every other one by its path.

    Raises:
        InvalidConfigError: it cannot be read.
    """
    if word is not None:
        return read_policy(word)
    path, hint = _in_use(desk)
    said = _SHIPPED if path == shipped.policy(_SHIPPED) else str(path)
    return GivenPolicy(said=said, name=path.stem, raw=read_given(path, hint=hint), path=path)


def _in_use(desk: Desk) -> tuple[Path, str]:
    """Where it is, and where to look when it is not there."""
    from palingenesis.runtime.config_file import load_config

    with suppress(PalingenesisError):
        told = desk.client(timeout_s=_ANSWERS_WITHIN_S).status()
        return Path(told["policy"]["path"]), "the daemon was started with this file"
    paths = desk.paths
    chosen = choose_policy(flag=None, environ=desk.environ, config=load_config(paths), paths=paths)
    return chosen.file(shipped.policy()), f"{chosen.origin} names this file"
