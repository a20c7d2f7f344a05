"""Whatever would refuse a start, found out beforehand: nothing that runs is given up for it."""

from collections.abc import Mapping

from palingenesis.channels.configured import make_channels
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.config import Config, choose_policy
from palingenesis.runtime.config_file import load_config
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.secret import Secret


def check_start(paths: Paths, environ: Mapping[str, str], *, as_service: bool) -> None:
    """Go through what a start goes through before it watches.

    Args:
        paths: where the daemon has its things.
        environ: the variables that it would be started with.
        as_service: whether a service manager starts it, with variables that nobody knows here.

    Raises:
        PalingenesisError: it would not start; why, as it would say.
    """
    config = load_config(paths, environ)
    paths.prepare()
    choose_policy(flag=None, environ=environ, config=config, paths=paths)
    is_unknown = _is_in_a_variable if as_service else None
    make_channels(config, environ=environ, clock=SystemClock(), is_unknown=is_unknown)


def check_secrets(config: Config, paths: Paths, environ: Mapping[str, str]) -> None:
    """Look up the secrets that a start would look up, and run no program for that.

    A variable that is not here and stands in the service's own file is taken to be good there.

    Raises:
        ConfigProblemsError: what is missing, or cannot be used.
    """
    served = variables_of_the_service(paths)

    def is_unknown(secret: Secret) -> bool:
        return secret.command is not None or (secret.env in served and secret.env not in environ)

    make_channels(config, environ=environ, clock=SystemClock(), is_unknown=is_unknown)


def variables_of_the_service(paths: Paths) -> frozenset[str]:
    """The names of the variables that the person has written down for the service alone."""
    try:
        lines = (paths.config / "environment").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return frozenset()
    return frozenset(line.partition("=")[0].strip() for line in lines)


def _is_in_a_variable(secret: Secret) -> bool:
    return secret.env is not None
